"""A whole world as a value: written, checked, restored."""

__all__: list[str] = []
