"""How sessions, runs, records and traces are written."""

__all__: list[str] = []
