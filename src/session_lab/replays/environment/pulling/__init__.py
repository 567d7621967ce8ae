"""What is asked of an environment, in which order, and how fast."""

__all__: list[str] = []
