"""Run two sides of a benchmark in turns, and say how their times compare."""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass
from reprlib import repr as short
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

__all__ = [
    "Benchmark",
    "DifferentOutcomesError",
    "MissingProgramError",
    "Result",
    "Side",
    "measure",
    "table",
]

COLUMNS = ("benchmark", "A median", "B median", "ratio", "min-max", "required", "met?")


class DifferentOutcomesError(Exception):
    """The two sides did not do the same job, so their times cannot be compared."""


class MissingProgramError(Exception):
    """A benchmark needs a program that is not installed here; the message says how to get it."""


@dataclass(frozen=True)
class Side:
    """One of the two: what it is, one run of it, and how to read what the run made.

    `run` is what is timed. `outcome` is applied to what it returned, outside the measurement, and
    must give the same mapping on both sides. A job that goes on until it is stopped, as load on a
    server does, is not timed but asked: `seconds` reads from what it made how long a piece took.
    """

    label: str
    run: Callable[[], Any]
    outcome: Callable[[Any], Mapping[str, object]]
    seconds: Callable[[Any], float] | None = None


@dataclass(frozen=True)
class Benchmark:
    """A name, how to prepare the two sides, and the ratio that is required.

    The ratio ``B/A``, how many times faster A is, must reach the limit; the ratio ``A/B``, how much
    of B's time A takes, must not exceed it. Without a limit the ratio is for information.
    """

    name: str
    sides: Callable[[], AbstractContextManager[tuple[Side, Side]]]
    ratio: Literal["B/A", "A/B"]
    limit: float | None

    @property
    def required(self) -> str:
        if self.limit is None:
            return f"{self.ratio}, any"
        return f"{self.ratio} {'>=' if self.ratio == 'B/A' else '<='} {self.limit:g}"


@dataclass(frozen=True)
class Result:
    """The seconds of every turn of a benchmark."""

    benchmark: Benchmark
    labels: tuple[str, str]
    seconds_a: tuple[float, ...]
    seconds_b: tuple[float, ...]

    @property
    def ratios(self) -> list[float]:
        """The ratio of each pair."""
        pairs = zip(self.seconds_a, self.seconds_b, strict=True)
        return [b / a if self.benchmark.ratio == "B/A" else a / b for a, b in pairs]

    @property
    def met(self) -> bool:
        ratio, limit = median(self.ratios), self.benchmark.limit
        if limit is None:
            return True
        return ratio >= limit if self.benchmark.ratio == "B/A" else ratio <= limit

    def to_dict(self) -> dict[str, Any]:
        return {
            "benchmark": self.benchmark.name,
            "a": self.labels[0],
            "b": self.labels[1],
            "median_a": median(self.seconds_a),
            "median_b": median(self.seconds_b),
            "ratio": median(self.ratios),
            "ratio_min": min(self.ratios),
            "ratio_max": max(self.ratios),
            "required": self.benchmark.required,
            "met": self.met,
            "seconds_a": list(self.seconds_a),
            "seconds_b": list(self.seconds_b),
        }

    def row(self) -> tuple[str, ...]:
        return (
            self.benchmark.name,
            _readable(median(self.seconds_a)),
            _readable(median(self.seconds_b)),
            f"{median(self.ratios):.2f}",
            f"{min(self.ratios):.2f}-{max(self.ratios):.2f}",
            self.benchmark.required,
            "-" if self.benchmark.limit is None else "yes" if self.met else "NO",
        )


def measure(
    benchmark: Benchmark, rounds: int, *, clock: Callable[[], float] = time.perf_counter
) -> Result:
    """Warm both sides up, see that they agree, and let them take turns."""
    with benchmark.sides() as (a, b):
        _agree(benchmark.name, a.outcome(a.run()), b.outcome(b.run()))
        pairs = [(_turn(a, clock), _turn(b, clock)) for _ in range(rounds)]
    seconds_a, seconds_b = zip(*pairs, strict=True)
    return Result(benchmark, (a.label, b.label), seconds_a, seconds_b)


def table(results: Sequence[Result]) -> str:
    """Lay the results out: a row for each, and below it what A and B are."""
    rows = [COLUMNS, *(result.row() for result in results)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    legend = [f"{result.benchmark.name}: A = %s; B = %s" % result.labels for result in results]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:], "", *legend])


def _turn(side: Side, clock: Callable[[], float]) -> float:
    gc.collect()
    start = clock()
    # Held until the clock has been read: to clear it away is not part of the job.
    made = side.run()
    seconds = clock() - start
    if side.seconds is not None:
        seconds = side.seconds(made)
    del made
    return seconds


def _agree(name: str, a: Mapping[str, object], b: Mapping[str, object]) -> None:
    for key in {**a, **b}:
        if key not in a or key not in b or a[key] != b[key]:
            made = f"A made {short(a.get(key))}, B made {short(b.get(key))}"
            message = f"{name}: A and B differ in {key}, so their times say nothing; {made}"
            raise DifferentOutcomesError(message)


def _readable(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"
