"""Your own environment: what was recorded in it, and the run model fitted to that."""

from session_lab.replays.environment.fitting import Fit, fit
from session_lab.replays.environment.record import record
from session_lab.replays.environment.recording import Recording, read_recording

__all__ = ["Fit", "Recording", "fit", "read_recording", "record"]


def __dir__() -> list[str]:
    return __all__
