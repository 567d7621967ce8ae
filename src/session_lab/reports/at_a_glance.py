"""What matters first: a few numbers of the latest period, beside those of the period before."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from session_lab.analysis import lifetimes
from session_lab.analysis.churn.prices import charged_dollars
from session_lab.analysis.display import read_duration
from session_lab.errors import SessionLabError, SessionLabWarning

if TYPE_CHECKING:
    from collections.abc import Callable

    from session_lab.reports.contents import ReportInput

__all__ = ["TIMES", "Fact", "Glance", "at_a_glance"]

_PERIODS = {"7 days": pd.Timedelta(days=7), "day": pd.Timedelta(days=1), "hour": pd.Timedelta("1h")}
TIMES = {"sessions": "created_at", "runs": "triggered_at", "operations": "at"}
"""When each row of a frame began."""
_NOTHING = "not known"


class Fact(NamedTuple):
    """A number of the latest period, of the one before, and how they differ, as texts."""

    name: str
    now: str
    before: str
    change: str


class Glance(NamedTuple):
    """The numbers that matter first.

    Attributes
    ----------
    now, before : str
        What the columns are about; the second is empty where there is no period before.
    facts : tuple of Fact
        The numbers; those of frames that were not given are left out.
    """

    now: str
    before: str
    facts: tuple[Fact, ...]


def at_a_glance(given: ReportInput) -> Glance:
    """Count the latest week, day or hour, whichever fits in twice, and the one before it.

    Where not even two hours are known, the numbers are those of all rows.
    """
    end, first = _observed(given), _earliest(given)
    name, length = next(
        (
            (name, length)
            for name, length in _PERIODS.items()
            if end is not None and first is not None and end - first >= 2 * length
        ),
        ("", pd.Timedelta(0)),
    )
    if not name or end is None:
        return Glance("all that is known", "", tuple(_facts(_Numbers(given), None)))
    middle = end - length
    now, before = _between(given, middle, end), _between(given, middle - length, middle)
    facts = tuple(_facts(_Numbers(now), _Numbers(before)))
    return Glance(f"the last {name}", f"the {name} before", facts)


def _duration(value: float) -> str:
    """Write a duration to be read."""
    return read_duration(round(value))


class _Numbers:
    """The numbers of a period; None where nothing is known."""

    def __init__(self, given: ReportInput) -> None:
        self._given = given

    def sessions(self) -> float | None:
        return len(self._given.sessions)

    def lifetime(self) -> float | None:
        """Return the median lifetime of the sessions created, open ones censored."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SessionLabWarning)
                median = lifetimes.survival(self._given.sessions).median.value
        except SessionLabError:
            return None
        return _milliseconds(median)

    def conflicts(self) -> float | None:
        operations = self._given.operations
        if operations is None or "status_code" not in operations or not len(operations):
            return None
        return float((operations["status_code"] >= 400).mean())

    def wait(self) -> float | None:
        operations = self._given.operations
        if operations is None or "waited" not in operations:
            return None
        return _milliseconds(operations["waited"].mean())

    def billed(self) -> float | None:
        runs = self._given.runs
        names = () if runs is None else ("billed",) if "billed" in runs else ("active", "idle")
        if runs is None or not set(names) <= set(runs.columns):
            return None
        return _milliseconds(sum((runs[name].sum() for name in names), pd.Timedelta(0)))

    def cost(self) -> float | None:
        """Return what the platform charged for the runs, as the chapter on their cost has it."""
        runs = self._given.runs
        try:
            return None if runs is None else charged_dollars(runs)[0]
        except SessionLabError:
            return None


_FACTS: tuple[tuple[str, Callable[[_Numbers], float | None], Callable[[float], str]], ...] = (
    ("sessions created", _Numbers.sessions, lambda value: f"{value:,.0f}"),
    ("requests refused", _Numbers.conflicts, lambda value: f"{value:.1%}"),
    ("half of the sessions have ended after", _Numbers.lifetime, _duration),
    ("mean wait of a turn", _Numbers.wait, _duration),
    ("billed time of the runs triggered", _Numbers.billed, _duration),
    ("cost of the runs triggered", _Numbers.cost, lambda value: f"{value:,.2f}"),
)
"""What is counted, and how it is written."""


def _facts(now: _Numbers, before: _Numbers | None) -> list[Fact]:
    facts = []
    for name, count, write in _FACTS:
        value = count(now)
        earlier = None if before is None else count(before)
        if value is None and earlier is None:
            continue
        shown, shown_before = (_NOTHING if one is None else write(one) for one in (value, earlier))
        facts.append(Fact(name, shown, shown_before, _change(value, earlier)))
    return facts


def _change(now: float | None, before: float | None) -> str:
    if now is None or before is None:
        return ""
    if abs(now - before) < 0.005 * before or now == before:
        return "the same"
    return f"{now / before - 1:+.0%}" if before else ""


def _between(given: ReportInput, start: pd.Timestamp, end: pd.Timestamp) -> ReportInput:
    """Return the rows whose time lies in a period; those observed at its very end too."""
    frames = {}
    for name, column in TIMES.items():
        frame = getattr(given, name)
        if frame is not None:
            at = frame[column] if column in frame else pd.Series(pd.NaT, index=frame.index)
            frame = frame[(at > start) & (at <= end)]
        frames[name] = frame
    return type(given)(**frames)


def _observed(given: ReportInput) -> pd.Timestamp | None:
    """Return until when the frames tell what happened: what they say, else the latest time."""
    told = [
        frame.attrs["observed_at"]
        for frame in vars(given).values()
        if frame is not None and frame.attrs.get("observed_at") is not None
    ]
    if told:
        return max(pd.Timestamp(one) for one in told)
    latest = [at.max() for at in _times(given)]
    return max(latest, default=None)


def _earliest(given: ReportInput) -> pd.Timestamp | None:
    return min((at.min() for at in _times(given)), default=None)


def _times(given: ReportInput) -> list[pd.Series]:
    columns = [
        getattr(given, name)[column]
        for name, column in TIMES.items()
        if getattr(given, name) is not None and column in getattr(given, name)
    ]
    return [known for column in columns if len(known := column.dropna())]


def _milliseconds(value: object) -> float | None:
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    milliseconds = pd.Timedelta(value) / pd.Timedelta(1, "ms")  # type: ignore[arg-type]
    return None if np.isnan(milliseconds) else float(milliseconds)
