"""Your own environment: what was recorded, the run model fitted to that, and what to decide."""

from session_lab.replays.environment.calibration import Calibration, calibrate
from session_lab.replays.environment.deciding import Decision, decide
from session_lab.replays.environment.fitting import Fit, fit
from session_lab.replays.environment.record import record
from session_lab.replays.environment.recording import Recording, read_recording

__all__ = [
    "Calibration",
    "Decision",
    "Fit",
    "Recording",
    "calibrate",
    "decide",
    "fit",
    "read_recording",
    "record",
]


def __dir__() -> list[str]:
    return __all__
