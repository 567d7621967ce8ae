"""The rules of sessions and runs as pure functions, and what they are given."""

__all__: list[str] = []
