"""Adding up what kernels play, in compiled code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from session_lab.traffic.columnar.compiling import compiled, inlined
from session_lab.traffic.columnar.layout import VERDICTS, Int64, RunColumns
from session_lab.traffic.engine.engine_result import CAUSES, NAT, REASONS

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "EXACT",
    "SHARE",
    "OutcomeSums",
    "add_answer",
    "add_run",
    "add_runs",
    "add_wait",
    "bin_ends",
]

EXACT = 1 << 16
"""Waits below this many milliseconds (a minute) are counted one by one."""
SHARE = 1 << 10
"""Longer waits are counted in bins; so many of them lie between a power of two and the next."""

_BINS = EXACT + (63 - 16) * SHARE
_REASON, _END_CAUSE, _TURNS = map(RunColumns._fields.index, ("reason", "end_cause", "turns"))
_NAT = np.int64(NAT)


class OutcomeSums(NamedTuple):
    """Counts of verdicts, of waits, of the runs' reasons and causes, and the runs' totals.

    ``totals`` are turns, resumes, active, idle and suspended time, then the sum of the waits.
    """

    verdicts: NDArray[np.int64]
    waits: NDArray[np.int64]
    reasons: NDArray[np.int64]
    end_causes: NDArray[np.int64]
    totals: NDArray[np.int64]

    @classmethod
    def empty(cls) -> OutcomeSums:
        """Begin with nothing counted."""
        sizes = (VERDICTS, _BINS, len(REASONS), len(CAUSES), 6)
        return cls(*(np.zeros(size, np.int64) for size in sizes))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the bins that count anything: few of nearly a megabyte do."""
        places = np.flatnonzero(self.waits != 0)  # Five times as fast as without the comparison.
        return _unpickled, (self._replace(waits=self.waits[places])[:], places)

    def add(self, other: OutcomeSums) -> None:
        """Add what another has counted."""
        for mine, others in zip(self, other, strict=True):
            np.add(mine, others, out=mine)


def _unpickled(columns: tuple[NDArray[np.int64], ...], places: NDArray[np.int64]) -> OutcomeSums:
    sums = OutcomeSums(*columns)
    waits = np.zeros(_BINS, np.int64)
    waits[places] = sums.waits
    return sums._replace(waits=waits)


@inlined
def add_answer(  # noqa: PLR0917
    sums: OutcomeSums,
    verdict: Int64,
    waited: Int64,
    long: NDArray[np.int64],
    n_long: int,
    long_from: int,
) -> int:
    """Count an answer; keep its wait behind ``n_long`` others if it is long and there is room.

    Returns how many waits are kept.
    """
    sums.verdicts[np.uint64(verdict)] += 1
    add_wait(sums, waited)
    if waited < long_from or n_long == len(long):
        return n_long
    long[n_long] = waited
    return n_long + 1


@inlined
def add_run(  # noqa: PLR0917
    sums: OutcomeSums,
    reason: Int64,
    end_cause: Int64,
    turns: Int64,
    resumes: Int64,
    active: Int64,
    idle: Int64,
    suspended: Int64,
) -> None:
    """Count a run."""
    sums.reasons[np.uint64(reason)] += 1
    sums.end_causes[np.uint64(end_cause)] += 1
    totals = sums.totals
    totals[0] += turns
    totals[1] += resumes
    totals[2] += active
    totals[3] += idle
    totals[4] += suspended


@inlined
def add_wait(sums: OutcomeSums, waited: Int64) -> None:
    """Count a wait, unless it is NAT."""
    if waited != _NAT:
        sums.waits[np.uint64(_bin(waited))] += 1
        sums.totals[5] += waited


@compiled
def add_runs(sums: OutcomeSums, runs: NDArray[np.int64]) -> None:
    """Count runs that were written as rows."""
    for row in range(len(runs)):
        add_run(
            sums,
            runs[row, _REASON],
            runs[row, _END_CAUSE],
            runs[row, _TURNS],
            runs[row, _TURNS + 1],
            runs[row, _TURNS + 2],
            runs[row, _TURNS + 3],
            runs[row, _TURNS + 4],
        )


@inlined
def _bin(waited: Int64) -> Int64:
    if waited < EXACT:
        return waited
    octave = 0
    while waited >> octave >= 2 * EXACT:
        octave += 1
    part = (waited >> octave) - EXACT
    return EXACT + octave * SHARE + part // (EXACT // SHARE)


def bin_ends() -> NDArray[np.int64]:
    """Return the longest wait that each bin counts."""
    octaves, parts = np.divmod(np.arange(_BINS - EXACT, dtype=np.int64), SHARE)
    # Beyond the largest int64 nothing is counted, and overflow does no harm.
    longer = np.left_shift((SHARE + parts + 1) * (EXACT // SHARE), octaves) - 1
    return np.concatenate([np.arange(EXACT, dtype=np.int64), longer])
