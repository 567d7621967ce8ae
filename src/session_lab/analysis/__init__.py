"""Analysis: pure functions from frames to frozen results."""

__all__: list[str] = []
