"""Scripted agents: what serves the turns of a simulated world instead of a model and a worker."""

__all__: list[str] = []
