"""What stands in a report, and in which order: chapters of questions, each with its analysis."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from session_lab.analysis import churn, conflicts, lifetimes, tags
from session_lab.analysis.churn.prices import prices
from session_lab.frames import column_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from session_lab.analysis.results import Result

__all__ = ["Chapter", "Question", "ReportInput", "chapters"]

_DAYS_OF_DRIFT = 3
"""From so many days on, tags are counted by day; before that, by hour."""


class Question(NamedTuple):
    """What is asked of the data, and how the answer is computed."""

    text: str
    answer: Callable[[], Result]


class Chapter(NamedTuple):
    """Questions of one kind.

    Attributes
    ----------
    name, title : str
        The anchor and the heading.
    questions : tuple of Question
        In their order; none where the frame they are about was not given.
    lacking : str
        What is to be read in their place then.
    """

    name: str
    title: str
    questions: tuple[Question, ...]
    lacking: str = ""


@dataclass(frozen=True, eq=False)
class ReportInput:
    """The frames that a report is about."""

    sessions: pd.DataFrame
    runs: pd.DataFrame | None = None
    operations: pd.DataFrame | None = None


def chapters(given: ReportInput) -> tuple[Chapter, ...]:
    """Return the chapters of a report on these frames."""
    return (
        Chapter("tags", "Tags", _about_tags(given.sessions)),
        Chapter("lifetimes", "Lifetimes", _about_lifetimes(given.sessions)),
        Chapter(
            "churn",
            "Run churn",
            () if given.runs is None else _about_churn(given.runs, given.sessions),
            "The report was made without runs. With a file of runs (--runs) it tells how they "
            "follow one another.",
        ),
        Chapter(
            "requests",
            "Requests and people",
            () if given.operations is None else _about_operations(given.operations, given.sessions),
            "The report was made without operations. With those of a replay (--operations) it "
            "tells which requests were refused, how turns started, and who came back.",
        ),
    )


def _about_tags(sessions: pd.DataFrame) -> tuple[Question, ...]:
    return (
        Question("How often does each tag occur?", partial(tags.distribution, sessions)),
        Question("Which kinds of tags are there?", partial(tags.namespaces, sessions)),
        Question("Which tags occur together?", partial(tags.cooccurrence, sessions)),
        Question("In which status are sessions, by tag?", partial(tags.by_status, sessions)),
        Question("Does the mix change?", partial(_drift, sessions)),
    )


def _about_lifetimes(sessions: pd.DataFrame) -> tuple[Question, ...]:
    return (
        Question("How long do sessions live?", partial(lifetimes.survival, sessions)),
        Question("What ends them?", partial(lifetimes.incidence, sessions)),
    )


def _about_churn(runs: pd.DataFrame, sessions: pd.DataFrame) -> tuple[Question, ...]:
    return (
        Question("Why do runs begin, and how do they end?", partial(churn.reasons, runs)),
        Question(
            "How many runs does a session use?", partial(churn.runs_per_session, runs, sessions)
        ),
        Question("How long is it until the next run?", partial(churn.gaps, runs)),
        Question("What follows what?", partial(churn.transitions, runs)),
        Question("How often are runs handed over?", partial(churn.rate, runs, sessions)),
        Question("What did the runs cost?", partial(_cost, runs)),
    )


def _about_operations(operations: pd.DataFrame, sessions: pd.DataFrame) -> tuple[Question, ...]:
    return (
        Question("What was refused, and why?", partial(conflicts.summary, operations, sessions)),
        Question("How did turns start?", partial(churn.start_kinds, operations)),
        Question("Who comes back?", partial(churn.cohorts, operations)),
    )


def _cost(runs: pd.DataFrame) -> Result:
    return churn.cost(runs, prices(runs=runs))


def _drift(sessions: pd.DataFrame) -> Result:
    created = column_of(sessions, "created_at", source="sessions")
    is_long = created.max() - created.min() >= pd.Timedelta(days=_DAYS_OF_DRIFT)
    return tags.drift(sessions, "1d" if is_long else "1h")
