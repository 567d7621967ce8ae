"""Plots: a result in, matplotlib Axes out. Nothing is computed here."""

from session_lab.plots.lifetimes import (
    comparison,
    cumulative_hazard,
    hazard,
    incidence,
    incidences,
    survival,
)
from session_lab.plots.replays import concurrency, cost, start_kinds

__all__ = [
    "comparison",
    "concurrency",
    "cost",
    "cumulative_hazard",
    "hazard",
    "incidence",
    "incidences",
    "start_kinds",
    "survival",
]
