"""A deterministic world: its state, requests, queries and journal."""
