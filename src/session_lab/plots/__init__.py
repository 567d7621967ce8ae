"""Plots: a result in, matplotlib Axes out. Nothing is computed here."""

from session_lab.plots.churn import (
    churn_rate,
    gaps,
    handovers,
    reasons,
    runs_per_session,
    transitions,
    turn_starts,
)
from session_lab.plots.cohorts import cohorts, identities, retention
from session_lab.plots.comparing import agreement, lateness, replay_comparison
from session_lab.plots.conflicts import conflict_bars, reused_ids
from session_lab.plots.drawing import draw
from session_lab.plots.environment import calibration, fitted
from session_lab.plots.lifetimes import (
    comparison,
    cumulative_hazard,
    hazard,
    hazard_ratios,
    incidence,
    incidences,
    interval_survival,
    survival,
)
from session_lab.plots.replays import concurrency, cost, price_list, slot_waits, start_kinds
from session_lab.plots.sweeps import decision, sweep_front
from session_lab.plots.tags import namespace_bars, tag_bars, tag_drift, tag_pairs, tag_statuses

__all__ = [
    "agreement",
    "calibration",
    "churn_rate",
    "cohorts",
    "comparison",
    "concurrency",
    "conflict_bars",
    "cost",
    "cumulative_hazard",
    "decision",
    "draw",
    "fitted",
    "gaps",
    "handovers",
    "hazard",
    "hazard_ratios",
    "identities",
    "incidence",
    "incidences",
    "interval_survival",
    "lateness",
    "namespace_bars",
    "price_list",
    "reasons",
    "replay_comparison",
    "retention",
    "reused_ids",
    "runs_per_session",
    "slot_waits",
    "start_kinds",
    "survival",
    "sweep_front",
    "tag_bars",
    "tag_drift",
    "tag_pairs",
    "tag_statuses",
    "transitions",
    "turn_starts",
]


def __dir__() -> list[str]:
    return __all__
