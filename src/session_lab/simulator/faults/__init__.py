"""Faults that strike requests, and the rate limit."""

__all__: list[str] = []
