"""The commands about a team's own environment: fit, calibrate, decide."""

__all__: list[str] = []
