"""Fitting the run model to a recording."""

from session_lab.replays.environment.fitting.fit import Fit, fit

__all__ = ["Fit", "fit"]
