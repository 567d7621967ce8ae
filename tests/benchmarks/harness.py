"""Run two sides of a benchmark in turns, and say how their times compare."""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass
from reprlib import repr as short
from statistics import median
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

Clock: TypeAlias = Literal["wall", "processor"]

__all__ = [
    "Benchmark",
    "DifferentOutcomesError",
    "MissingProgramError",
    "Result",
    "Side",
    "measure",
    "table",
]

COLUMNS = (
    *("benchmark", "A median", "B median", "ratio", "min-max"),
    *("A processor", "B processor", "ratio", "min-max", "required", "met?"),
)


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
    of B's time A takes, must not exceed it. Without a limit the ratio is for information. Where the
    requirement is of processor time, of all threads of this process, that is told beside the wall
    time, and judged.
    """

    name: str
    sides: Callable[[], AbstractContextManager[tuple[Side, Side]]]
    ratio: Literal["B/A", "A/B"]
    limit: float | None
    clock: Clock = "wall"

    @property
    def required(self) -> str:
        of = "" if self.clock == "wall" else " (processor)"
        if self.limit is None:
            return f"{self.ratio}, any{of}"
        return f"{self.ratio} {'>=' if self.ratio == 'B/A' else '<='} {self.limit:g}{of}"


class Turn(NamedTuple):
    """How long one turn took, in seconds."""

    wall: float
    processor: float


@dataclass(frozen=True)
class Result:
    """The seconds of every turn of a benchmark."""

    benchmark: Benchmark
    labels: tuple[str, str]
    turns_a: tuple[Turn, ...]
    turns_b: tuple[Turn, ...]

    def seconds(self, clock: Clock) -> tuple[list[float], list[float]]:
        """The seconds of A's turns and of B's, by one of the clocks."""
        a, b = ([getattr(turn, clock) for turn in turns] for turns in (self.turns_a, self.turns_b))
        return a, b

    def ratios(self, clock: Clock) -> list[float]:
        """The ratio of each pair."""
        pairs = zip(*self.seconds(clock), strict=True)
        return [b / a if self.benchmark.ratio == "B/A" else a / b for a, b in pairs]

    @property
    def met(self) -> bool:
        ratio, limit = median(self.ratios(self.benchmark.clock)), self.benchmark.limit
        if limit is None:
            return True
        return ratio >= limit if self.benchmark.ratio == "B/A" else ratio <= limit

    def to_dict(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            "benchmark": self.benchmark.name,
            "a": self.labels[0],
            "b": self.labels[1],
            **self._times("wall"),
            "required": self.benchmark.required,
            "met": self.met,
        }
        if self.benchmark.clock == "processor":
            told["processor"] = self._times("processor")
        return told

    def _times(self, clock: Clock) -> dict[str, Any]:
        (a, b), ratios = self.seconds(clock), self.ratios(clock)
        return {
            "median_a": median(a),
            "median_b": median(b),
            "ratio": median(ratios),
            "ratio_min": min(ratios),
            "ratio_max": max(ratios),
            "seconds_a": a,
            "seconds_b": b,
        }

    def row(self) -> tuple[str, ...]:
        is_by_wall = self.benchmark.clock == "wall"
        return (
            self.benchmark.name,
            *self._cells("wall"),
            *(("-",) * 4 if is_by_wall else self._cells("processor")),
            self.benchmark.required,
            "-" if self.benchmark.limit is None else "yes" if self.met else "NO",
        )

    def _cells(self, clock: Clock) -> tuple[str, ...]:
        (a, b), ratios = self.seconds(clock), self.ratios(clock)
        return (
            _readable(median(a)),
            _readable(median(b)),
            f"{median(ratios):.2f}",
            f"{min(ratios):.2f}-{max(ratios):.2f}",
        )


def measure(
    benchmark: Benchmark,
    rounds: int,
    *,
    clock: Callable[[], float] = time.perf_counter,
    processor: Callable[[], float] = time.process_time,
) -> Result:
    """Warm both sides up, see that they agree, and let them take turns."""
    with benchmark.sides() as (a, b):
        _agree(benchmark.name, a.outcome(a.run()), b.outcome(b.run()))
        pairs = [tuple(_turn(side, clock, processor) for side in (a, b)) for _ in range(rounds)]
    turns_a, turns_b = zip(*pairs, strict=True)
    return Result(benchmark, (a.label, b.label), turns_a, turns_b)


def table(results: Sequence[Result]) -> str:
    """Lay the results out: a row for each, and below it what A and B are."""
    rows = [COLUMNS, *(result.row() for result in results)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    legend = [f"{result.benchmark.name}: A = %s; B = %s" % result.labels for result in results]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:], "", *legend])


def _turn(side: Side, clock: Callable[[], float], processor: Callable[[], float]) -> Turn:
    gc.collect()
    start, busy = clock(), processor()
    # Held until the clocks have been read: to clear it away is not part of the job.
    made = side.run()
    turn = Turn(clock() - start, processor() - busy)
    if side.seconds is not None:
        turn = turn._replace(wall=side.seconds(made))
    del made
    return turn


def _agree(name: str, a: Mapping[str, object], b: Mapping[str, object]) -> None:
    for key in {**a, **b}:
        if key not in a or key not in b or a[key] != b[key]:
            made = f"A made {short(a.get(key))}, B made {short(b.get(key))}"
            message = f"{name}: A and B differ in {key}, so their times say nothing; {made}"
            raise DifferentOutcomesError(message)


def _readable(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"
