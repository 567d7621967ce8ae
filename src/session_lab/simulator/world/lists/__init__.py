"""Sessions and runs in the order of lists, and by what lists are filtered by."""

__all__: list[str] = []
