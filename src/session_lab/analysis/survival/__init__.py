"""Survival analysis on arrays: estimators in, frozen results out."""

from session_lab.analysis.survival.aalen_johansen import Incidence, aalen_johansen
from session_lab.analysis.survival.cox import CoxModel
from session_lab.analysis.survival.hazard import Hazard
from session_lab.analysis.survival.kaplan_meier import Survival, kaplan_meier
from session_lab.analysis.survival.logrank import GroupComparison, LogRank, logrank
from session_lab.analysis.survival.nelson_aalen import CumulativeHazard, nelson_aalen
from session_lab.analysis.survival.tables.step_function import Estimate
from session_lab.analysis.survival.turnbull import IntervalSurvival, turnbull

__all__ = [
    "CoxModel",
    "CumulativeHazard",
    "Estimate",
    "GroupComparison",
    "Hazard",
    "Incidence",
    "IntervalSurvival",
    "LogRank",
    "Survival",
    "aalen_johansen",
    "kaplan_meier",
    "logrank",
    "nelson_aalen",
    "turnbull",
]
