"""The check of events, value by value and column by column."""

__all__: list[str] = []
