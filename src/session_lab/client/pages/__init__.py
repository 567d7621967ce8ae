"""Lists, page by page."""

__all__: list[str] = []
