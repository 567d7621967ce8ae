"""What explorers are put together from: controls, views, panels, files."""

__all__: list[str] = []
