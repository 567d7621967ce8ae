"""Plots: a result in, matplotlib Axes out. Nothing is computed here."""

from session_lab.plots.replays import concurrency, cost, start_kinds

__all__ = ["concurrency", "cost", "start_kinds"]
