"""The engine that is read first, and what both engines are given and give back."""

__all__: list[str] = []
