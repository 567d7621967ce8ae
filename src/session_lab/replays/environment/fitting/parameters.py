"""One row of a fit: a parameter, what was found, and where it came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from session_lab.analysis.display import read_duration, short_text
from session_lab.frames import NAT, to_instants
from session_lab.replays.environment.fitting.constants import SPARE
from session_lab.replays.environment.fitting.samples import LEAST_SESSIONS
from session_lab.timing import instant_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from session_lab.replays.environment.fitting.constants import Constant
    from session_lab.replays.environment.fitting.samples import Estimate, Sample

__all__ = ["OWN", "Parameter", "of_constants", "of_sample", "table", "unknown", "with_texts"]

OWN = "sessions may have their own (triggerConfig.{}, which no list tells)"
STATISTICS = {"p50": 0.5, "p95": 0.95}
"""The quantiles that a fit tells beside the mean of times that differ."""


class Parameter(NamedTuple):
    """What a recording says of one parameter.

    Attributes
    ----------
    parameter : str
        Its name, that of the field of the policy or platform.
    task : str or None
        The agent for which it holds; None for all.
    statistic : str or None
        Of times that differ, what of them: mean, p50, p95; of several of a kind, which.
    since : int or None
        From when on it held, where it was changed; None from the first.
    value, lower, upper : float or None
        What was found, and its interval; None where the data do not tell.
    unit : str
        ``ms``, ``ms since 1970``, ``turns``, ``share``, ``$/s`` or ``$/run``.
    observations, at_least : int
        How many tell it, and how many tell only what it is at least.
    source : str
        The columns that it came from.
    note : str
        Why it is not identified, or what to bear in mind.
    is_own : bool
        Whether single sessions seem to have values of their own; no column of a table.
    """

    parameter: str
    task: str | None
    statistic: str | None
    since: int | None
    value: float | None
    lower: float | None
    upper: float | None
    unit: str
    observations: int
    at_least: int
    source: str
    note: str = ""
    is_own: bool = False


def unknown(
    parameter: str,
    why: str,
    *,
    task: str | None = None,
    unit: str = "ms",
    source: str,
    observations: int = 0,
    at_least: int = 0,
    lower: float | None = None,
    upper: float | None = None,
) -> Parameter:
    """Return the row of a parameter that the data do not identify."""
    return Parameter(
        parameter=parameter,
        task=task,
        statistic=None,
        since=None,
        value=None,
        lower=lower,
        upper=upper,
        unit=unit,
        observations=observations,
        at_least=at_least,
        source=source,
        note=f"not identified: {why}",
    )


def of_sample(
    parameter: str,
    sample: Sample,
    *,
    task: str | None,
    source: str,
    nothing: str,
    seed: int,
    level: float,
) -> list[Parameter]:
    """Return mean and quantiles of times that differ, or why they are not identified."""
    if sample.sessions < LEAST_SESSIONS:
        n = sample.observations
        why = (
            f"{n:,} observation{'s' * (n != 1)} from {sample.sessions} "
            f"session{'s' * (sample.sessions != 1)}; it takes {LEAST_SESSIONS} sessions"
        )
        return [
            unknown(
                parameter,
                why if n else nothing,
                task=task,
                source=source,
                observations=n,
                at_least=sample.censored,
            )
        ]
    estimates: dict[str, Estimate] = {"mean": sample.mean(seed=seed, level=level)}
    for name, p in STATISTICS.items():
        estimates[name] = sample.quantile(p, level=level)
    return [
        Parameter(
            parameter,
            task,
            name,
            None,
            *found,
            unit="ms",
            observations=sample.observations,
            at_least=sample.censored,
            source=source,
            note="" if found.value is not None else f"not identified: {_unseen(sample)}",
        )
        for name, found in estimates.items()
    ]


def _unseen(sample: Sample) -> str:
    return f"the longest {sample.unseen:.0%} were not seen to their end"


def of_constants(
    parameter: str,
    found: list[Constant],
    *,
    task: str | None,
    source: str,
    nothing: str,
    unit: str = "ms",
    own: str | None = None,
) -> list[Parameter]:
    """Return the values of what a team has set, one for each period, or why there is none.

    ``own`` is the field by which a single session may have its own.
    """
    if not found:
        return [unknown(parameter, nothing, task=task, unit=unit, source=source)]
    rows: list[Parameter] = []
    for place, one in enumerate(found):
        notes: list[str] = []
        if one.value is None:
            notes.append(f"not identified: {_bounded(one, nothing, unit)}")
        if one.since is not None:
            notes.append(
                f"it was changed, at the latest for runs from {instant_text(one.since)} on"
            )
        elif len(found) > 1:
            notes.append(f"until it was changed, {instant_text(found[place + 1].since or 0)}")
        is_own = own is not None and one.contradicting > SPARE * one.observations
        if is_own:
            notes.append(OWN.format(own))
        if one.contradicting:
            notes.append(f"{one.contradicting:,} observations do not allow this value")
        exact = one.measured
        rows.append(
            Parameter(
                parameter,
                task,
                None,
                one.since,
                one.value,
                one.lower,
                one.upper,
                unit=unit,
                observations=exact,
                at_least=one.observations - exact,
                source=source,
                note="; ".join(notes),
                is_own=is_own,
            )
        )
    return rows


def _bounded(one: Constant, nothing: str, unit: str) -> str:
    if one.lower is None and one.upper is None:
        return nothing
    least, most = (None if end is None else _text(end, unit) for end in (one.lower, one.upper))
    if most is None:
        return f"{nothing}; it is at least {least}"
    return f"it lies between {least or 0} and {most}, which are too far apart to choose"


def table(rows: Iterable[Parameter]) -> pd.DataFrame:
    """Return rows as a frame."""
    listed = list(rows)
    frame = pd.DataFrame(listed, columns=list(Parameter._fields)).drop(columns="is_own")
    for name in ("parameter", "task", "statistic", "unit", "source", "note"):
        frame[name] = frame[name].astype("string[pyarrow]")
    for name in ("value", "lower", "upper"):
        frame[name] = frame[name].astype("Float64")
    since = [NAT if row.since is None else row.since for row in listed]
    frame["since"] = to_instants(np.array(since, dtype=np.int64))
    counts = ["observations", "at_least"]
    frame[counts] = frame[counts].astype("int64")
    return frame


def with_texts(rows: Sequence[Parameter]) -> pd.DataFrame:
    """Return rows as they are read: values with their units, intervals as text."""
    told = pd.DataFrame({"parameter": [_name(row) for row in rows]}, dtype="string[pyarrow]")
    if any(row.task is not None for row in rows):
        told["task"] = ["" if row.task is None else short_text(row.task) for row in rows]
    if any(row.since is not None for row in rows):
        since = [NAT if row.since is None else row.since for row in rows]
        told["since"] = to_instants(np.array(since, dtype=np.int64))
    told["value"] = [
        "not identified" if row.value is None else _text(row.value, row.unit) for row in rows
    ]
    told["interval"] = [_interval(row) for row in rows]
    told["observations"] = [row.observations for row in rows]
    told["at least"] = [row.at_least for row in rows]
    told["from"] = [row.source for row in rows]
    return told


def _name(row: Parameter) -> str:
    return row.parameter if row.statistic is None else f"{row.parameter} {row.statistic}"


def _interval(row: Parameter) -> str:
    lower, upper = (None if end is None else _text(end, row.unit) for end in (row.lower, row.upper))
    if lower is None:
        return "" if upper is None else f"at most {upper}"
    if upper is None:
        return f"at least {lower}"
    return lower if lower == upper else f"{lower} to {upper}"


def _text(value: float, unit: str) -> str:
    if unit == "ms":
        return read_duration(round(value))
    if unit == "ms since 1970":
        return instant_text(round(value))
    if unit == "turns":
        return f"{value:,.0f}"
    if unit == "share":
        return f"{value:.3g}"
    return f"{value:.4g} {unit}"
