"""Holding the run model against a recording."""

from session_lab.replays.environment.calibration.calibrate import calibrate
from session_lab.replays.environment.calibration.calibration import Calibration

__all__ = ["Calibration", "calibrate"]
