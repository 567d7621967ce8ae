"""Files and streams: where they lie, how they are cut into blocks, read and written."""

__all__: list[str] = []
