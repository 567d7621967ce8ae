"""What explorers count with: sessions indexed once, and the rows that belong to a choice."""

__all__: list[str] = []
