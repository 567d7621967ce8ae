"""What travels of runs."""

__all__: list[str] = []
