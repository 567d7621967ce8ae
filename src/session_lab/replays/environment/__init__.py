"""Your own environment: what was recorded in it."""

from session_lab.replays.environment.recording import Recording, read_recording

__all__ = ["Recording", "read_recording"]


def __dir__() -> list[str]:
    return __all__
