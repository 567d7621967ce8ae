"""A deterministic world: its state, requests, queries and journal."""

__all__: list[str] = []
