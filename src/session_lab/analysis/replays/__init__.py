"""What is asked of replays: comparison, fidelity, lateness, concurrency, a recommendation."""

__all__: list[str] = []
