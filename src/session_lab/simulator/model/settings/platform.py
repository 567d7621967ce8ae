"""Platforms: what the environment does to runs, whatever a team chooses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from session_lab.errors import DataError
from session_lab.mistyped import answer_mistyped_fields
from session_lab.numbers import is_number
from session_lab.simulator.model.run_rules import LONGEST_DRAW
from session_lab.simulator.model.settings.checks import Checks
from session_lab.timing import duration_text, to_milliseconds

if TYPE_CHECKING:
    from session_lab.timing import Duration, Instant

__all__ = ["Distribution", "Platform"]

_INTERVALS = 1 << 10
"""A table of quantiles has one more entry."""
_SHOWN = 12
"""A repr lists no more quantiles than these; the text of a longer table would fill pages."""


@answer_mistyped_fields
@dataclass(frozen=True, init=False, repr=False)
class Distribution:
    """Times that differ from one boot, resume or turn to the next, as a table of quantiles.

    Between two quantiles a time is as likely as any other. A time is drawn by a number that is made
    from the seed, the session and the turn, so that the same turn meets the same time under every
    policy.

    Parameters
    ----------
    quantiles : mapping of float to str or timedelta
        Durations by their probability, from 0 (the shortest) to 1 (the longest), not decreasing;
        the longest may be 24 days.

    Raises
    ------
    DataError
        The shortest or the longest is missing, a probability is out of range, or a duration is
        shorter than one of a lower probability.

    Examples
    --------
    >>> boots = Distribution({0: "1s", 0.5: "2s", 1: "6s"})
    >>> boots.quantile(0.75)
    datetime.timedelta(seconds=4)
    >>> boots.mean
    datetime.timedelta(seconds=2, microseconds=750000)
    """

    quantiles: tuple[tuple[float, int], ...]

    def __init__(self, quantiles: Mapping[float, Duration]) -> None:
        given: object = quantiles
        if not isinstance(given, Mapping) or not given:
            message = f'{given!r} is not a mapping such as {{0: "1s", 0.5: "2s", 1: "6s"}}'
            raise _refusal(message)
        kept = [(_probability(p), _milliseconds(duration)) for p, duration in given.items()]
        object.__setattr__(self, "quantiles", _checked(sorted(kept)))

    @classmethod
    def of(cls, sample: Iterable[Duration]) -> Distribution:
        """Return the distribution of a sample: 1,025 quantiles by linear interpolation.

        Parameters
        ----------
        sample : iterable of str or timedelta, Series or array of timedelta64
            What was measured; parts of a millisecond are cut off in arrays.

        Raises
        ------
        DataError
            There is nothing in it, or a value is missing or out of range.
        """
        ordered = np.sort(_sample(sample))
        if not len(ordered):
            raise _refusal("the sample is empty")
        values: list[int] = ordered.tolist()
        last, kept = len(values) - 1, []
        for place in range(_INTERVALS + 1):
            low, part = divmod(place * last, _INTERVALS)
            step = values[min(low + 1, last)] - values[low]
            kept.append((place / _INTERVALS, values[low] + (step * part + 512) // _INTERVALS))
        made = cls.__new__(cls)
        object.__setattr__(made, "quantiles", _checked(kept))
        return made

    @cached_property
    def table(self) -> tuple[int, ...]:
        """The 1,025 quantiles from 0 to 1 at equal distances, in milliseconds."""
        values: list[int] = []
        for (low, first), (high, last) in pairwise(self.quantiles):
            while len(values) <= high * _INTERVALS:
                part = (len(values) / _INTERVALS - low) / (high - low)
                values.append(round(first + (last - first) * part))
        return tuple(values)

    @property
    def mean(self) -> timedelta:
        """The mean of what is drawn."""
        doubled = sum(low + high for low, high in pairwise(self.table))
        return timedelta(milliseconds=doubled / (2 * _INTERVALS))

    def quantile(self, q: float) -> timedelta:
        """Return a quantile, of a probability from 0 to 1."""
        low, part = divmod(_probability(q) * _INTERVALS, 1)
        first, last = self.table[int(low)], self.table[min(int(low) + 1, _INTERVALS)]
        return timedelta(milliseconds=round(first + (last - first) * part))

    def to_dict(self) -> dict[str, str]:
        """Return the quantiles as JSON takes them: durations by the text of their probability."""
        return {repr(p): duration_text(value) for p, value in self.quantiles}

    def __repr__(self) -> str:
        """Show the quantiles, or of many just a few."""
        if len(self.quantiles) <= _SHOWN:
            inside = ", ".join(f"{p:g}: {duration_text(ms)!r}" for p, ms in self.quantiles)
            return f"Distribution({{{inside}}})"
        shown = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
        texts = (f"{name}={_text(self.quantile(q))}" for name, q in shown.items())
        return f"<Distribution of {len(self.quantiles):,} quantiles: {', '.join(texts)}>"


@answer_mistyped_fields
@dataclass(frozen=True, kw_only=True)
class Platform(Checks):
    """What the environment does to runs.

    Times are durations with a unit (``"2s"``, ``timedelta(seconds=2)``), which are kept as text, or
    a :class:`Distribution`, or a mapping of quantiles, which becomes one.

    Parameters
    ----------
    boot_time : str, timedelta or Distribution
        From the trigger of a run to its being ready.
    resume_time : str, timedelta or Distribution
        From a message to a suspended run until its turn starts.
    turn_duration : str, timedelta or Distribution
        How long a turn lasts whose event does not say.
    crash_rate : float
        Probability that a turn crashes its run at its end.
    deploys : iterable of str or datetime
        When new versions went live.

    Raises
    ------
    DataError
        A value out of range, or a duration without a unit.

    Examples
    --------
    >>> Platform(boot_time="2500ms", crash_rate=0.01)
    Platform(boot_time='2.5 s', crash_rate=0.01)
    """

    boot_time: Duration | Distribution = "0 s"
    resume_time: Duration | Distribution = "0 s"
    turn_duration: Duration | Distribution = "0 s"
    crash_rate: float = 0.0
    deploys: Iterable[Instant] = ()

    def __post_init__(self) -> None:
        """Check every value and keep it in one canonical form."""
        for name in ("boot_time", "resume_time", "turn_duration"):
            value = getattr(self, name)
            if isinstance(value, Mapping):
                self._keep(name, self._as(name, Distribution, _with_numbers(value)))
            elif not isinstance(value, Distribution):
                self._keep_duration(name)
        if not is_number(self.crash_rate) or not 0 <= self.crash_rate <= 1:
            message = f"{self.crash_rate!r} is not a probability from 0 to 1"
            raise self._refusal("crash_rate", message)
        self._keep("crash_rate", float(self.crash_rate))
        self._keep_instants("deploys")

    def __repr__(self) -> str:
        """Show what differs from the defaults."""
        return self._shown()

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON takes them; ``Platform(**fields)`` makes the platform again."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        for name, value in plain.items():
            if isinstance(value, Distribution):
                plain[name] = value.to_dict()
        return plain | {"deploys": list(plain["deploys"])}


def _probability(value: object) -> float:
    if not is_number(value) or not 0 <= value <= 1:
        raise _refusal(f"{value!r} is not a probability from 0 to 1")
    return float(value)


def _milliseconds(value: object) -> int:
    try:
        return to_milliseconds(value)
    except DataError as error:
        raise _refusal(str(error.args[0])) from None


def _sample(sample: Iterable[Duration]) -> Any:  # noqa: ANN401 (an array of int64)
    kind = getattr(getattr(sample, "dtype", None), "kind", "O")
    if kind != "m":
        return np.array([_milliseconds(value) for value in sample], dtype=np.int64)
    spans = np.asarray(sample)
    if np.isnat(spans).any():
        raise _refusal("a duration of the sample is missing")
    milliseconds = spans.astype("timedelta64[ms]").astype(np.int64)
    if (milliseconds < 0).any():
        raise _refusal("a duration of the sample is negative")
    return milliseconds


def _checked(quantiles: list[tuple[float, int]]) -> tuple[tuple[float, int], ...]:
    """Check quantiles in order of their probability."""
    probabilities = [p for p, _ in quantiles]
    if (probabilities[0], probabilities[-1]) != (0, 1):
        raise _refusal("the quantiles must begin at 0, the shortest, and end at 1, the longest")
    for (low, first), (high, last) in pairwise(quantiles):
        if first > last or low == high:
            message = f"the quantile at {high:g} is shorter than the one at {low:g}, or given twice"
            raise _refusal(message)
    if quantiles[-1][1] > LONGEST_DRAW:
        raise _refusal(f"{duration_text(quantiles[-1][1])!r} is longer than 24 days")
    return tuple(quantiles)


def _with_numbers(quantiles: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return quantiles with probabilities as numbers, which JSON has as text."""
    numbers: dict[Any, Any] = {}
    for probability, duration in quantiles.items():
        try:
            numbers[float(probability)] = duration
        except (TypeError, ValueError):
            numbers[probability] = duration
    return numbers


def _refusal(message: str) -> DataError:
    return DataError(message, source="Distribution")


def _text(span: timedelta) -> str:
    return duration_text(round(span / timedelta(milliseconds=1)))
