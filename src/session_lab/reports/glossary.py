"""The words of a report, for readers who have not met them."""

from __future__ import annotations

__all__ = ["GLOSSARY"]

GLOSSARY = {
    "session": "A conversation that outlives its runs: one row of the platform's sessions.",
    "run": "One execution of the task behind a session; a session has many, one after the other.",
    "turn": "A message and the answer to it.",
    "wait": "The time from a message to the start of its turn.",
    "hand-over": "A run that takes over from an earlier run of its session.",
    "billed": "The time a run is active or idle; a suspended run costs nothing.",
    "idle, suspended": "A run that waits for the next message, first held ready, then put away.",
    "refused": "A request that was answered with an error, a status of 400 or more.",
    "conflict": "A request that was refused for what had happened to its session before (409).",
    "still open, censored": "A session that had not ended when the data were read: it lived at "
    "least so long.",
    "interval": "Where the true value lies in 95 of 100 such studies; wide where data are few.",
    "at risk": "How many sessions were still open at an age, and so could end there.",
}
"""Words in the order in which they build on one another."""
