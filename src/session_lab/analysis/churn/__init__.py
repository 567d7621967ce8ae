"""Churn: how runs follow one another in sessions, what they cost, and who comes back.

On runs frames: :func:`runs_per_session`, :func:`gaps`, :func:`reasons`, :func:`transitions`,
:func:`rate`, :func:`cost`. On operations: :func:`start_kinds`. On polled
``currentRunId`` histories: :func:`handovers`. On anything with an id and a time: :func:`cohorts`
and :func:`identities`.

A session's runs are taken in order of their trigger, ties in the order of rows; every run but the
first takes over from the one before it.
"""

from typing import TYPE_CHECKING

from session_lab.analysis.churn.cohorts import Cohorts, cohorts
from session_lab.analysis.churn.cost import Cost, cost
from session_lab.analysis.churn.gaps import Gaps, gaps
from session_lab.analysis.churn.handovers import Handovers, handovers
from session_lab.analysis.churn.identities import Identities, identities
from session_lab.analysis.churn.rates import Rate, rate
from session_lab.analysis.churn.reasons import Reasons, StartKinds, reasons, start_kinds
from session_lab.analysis.churn.runs import RunsPerSession, runs_per_session
from session_lab.analysis.churn.transitions import Transitions, transitions
from session_lab.mistyped import no_attribute

__all__ = [
    "Cohorts",
    "Cost",
    "Gaps",
    "Handovers",
    "Identities",
    "Rate",
    "Reasons",
    "RunsPerSession",
    "StartKinds",
    "Transitions",
    "cohorts",
    "cost",
    "gaps",
    "handovers",
    "identities",
    "rate",
    "reasons",
    "runs_per_session",
    "start_kinds",
    "transitions",
]


def __dir__() -> list[str]:
    return __all__


if not TYPE_CHECKING:  # To a type checker it would stand for every name.

    def __getattr__(name: str) -> object:
        raise no_attribute(__name__, name, __all__)
