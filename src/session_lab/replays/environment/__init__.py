"""Your own environment: what was recorded, the run model fitted to that, and held against it."""

from session_lab.replays.environment.calibration import Calibration, calibrate
from session_lab.replays.environment.fitting import Fit, fit
from session_lab.replays.environment.record import record
from session_lab.replays.environment.recording import Recording, read_recording

__all__ = ["Calibration", "Fit", "Recording", "calibrate", "fit", "read_recording", "record"]


def __dir__() -> list[str]:
    return __all__
