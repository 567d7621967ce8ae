"""Lists of sessions and runs: filters, pages, cursors, and questions in SQL."""

__all__: list[str] = []
