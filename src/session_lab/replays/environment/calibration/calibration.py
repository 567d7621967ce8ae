"""What a replay says beside what was recorded, and whether that will do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from session_lab.analysis.results import Result

if TYPE_CHECKING:
    from session_lab.analysis.replays.concurrency import Concurrency
    from session_lab.replays.replay import Replay

__all__ = ["DECISIVE", "FEW_POINTS", "Calibration", "verdict"]

DECISIVE = ("runs_per_session", "wait_mean", "billed_per_session", "cost_per_session")
"""What a decision rests on; a model that may be far off in these is not fit for one."""
_FLOORS = {"wait": 0.1, "executing": 0.1}
"""Seconds by which a wait may differ in any case: nobody notices them."""
_UNJUDGED = ("wait_p50", "wait_p90", "wait_p99")
"""Quantiles that jump where many turns wait for nothing or few wait long."""
_TOGETHER = 1.5
"""One of some twenty measures differs by so many half widths of its interval in 1 of 20 cases."""
FEW_POINTS = 0.5
"""Shares may differ by this part of the tolerance, in points."""
_WORDS = {
    "runs_per_session": "runs per session",
    "wait_mean": "the mean wait",
    "wait_p50": "the median wait",
    "wait_p90": "the 90 % quantile of waits",
    "wait_p95": "the 95 % quantile of waits",
    "wait_p99": "the 99 % quantile of waits",
    "billed_per_session": "billed time",
    "cost_per_session": "cost",
    "executing_per_session": "executing time",
    "executing_peak": "the peak of executing runs",
}


@dataclass(frozen=True, repr=False, eq=False)
class Calibration(Result):
    """The recorded beside the replayed.

    Attributes
    ----------
    measures : DataFrame
        ``measure, unit, recorded, replayed, difference, lower, upper, verdict``: the difference is
        replayed - recorded, with its interval; the verdict is ``ok`` where the interval lies within
        the tolerance, ``off`` where the difference is beyond it and more than chance would make of
        one of so many measures, ``open`` where
        too little was recorded to say, and NA where it is not judged.
    days : DataFrame
        ``day`` and the same, for runs per session, waits, billed time and cost, by the day (UTC) on
        which a run was triggered or a turn arrived, over the sessions seen on it.
    distances : dict of str to float
        Between the distributions of waits: ``kolmogorov_smirnov``, what of it is to be expected
        ``by_chance``, and ``wasserstein`` in seconds.
    concurrency : tuple of Concurrency, or None
        Runs alive and executing over time, recorded and replayed.
    replay : Replay
        The replay of the recorded events.
    promises : DataFrame or None
        ``measure, unit, promised, lower, upper, recorded, kept``, where a decision had promised
        something.
    tolerance : float
        By how much, relatively, the replayed may differ.
    level : float
        Of the intervals.
    sessions : int
        How many were compared.
    caveats : tuple of str
        What was left out, and what else to bear in mind.
    """

    measures: pd.DataFrame
    days: pd.DataFrame
    distances: dict[str, float]
    concurrency: tuple[Concurrency, Concurrency] | None
    replay: Replay
    promises: pd.DataFrame | None
    tolerance: float
    level: float
    sessions: int
    caveats: tuple[str, ...]

    title: ClassVar[str] = "Replayed beside recorded"
    formula: ClassVar[str] = (
        "difference = replayed - recorded, of ratios of sums over sessions; percentile intervals "
        "of a bootstrap of whole sessions, both sides of a session kept together"
    )

    @property
    def is_fit(self) -> bool | None:
        """Whether the model will do for decisions; None where too little was recorded to say.

        It will where nothing is off and all that a decision rests on is within the tolerance.
        """
        verdicts = self.measures.set_index("measure")["verdict"]
        if (verdicts == "off").any():
            return False
        decisive = verdicts[verdicts.index.isin(DECISIVE)].dropna()
        return True if len(decisive) and (decisive == "ok").all() else None

    @property
    def sentence(self) -> str:
        """Whether the model will do for decisions, and what is off."""
        found, kept = self.is_fit, self.measures
        if found:
            return (
                "fit for decisions: runs, waits, billed time and how turns start and runs end are "
                f"within {self.tolerance:.0%} of what was recorded"
            )
        wanted = "off" if found is False else "open"
        rows = kept[kept["verdict"] == wanted]
        if wanted == "open":
            rows = rows[rows["measure"].isin(DECISIVE)]
        listed = "; ".join(_told(row) for _, row in rows.iterrows())
        if found is False:
            return f"not fit for decisions: {listed}"
        nothing = "nothing that was recorded can be compared"
        return f"too little was recorded to say whether the model is fit: {listed or nothing}"

    @property
    def is_kept(self) -> bool | None:
        """Whether all that was promised happened; None where nothing was promised."""
        if self.promises is None:
            return None
        return bool(self.promises["kept"].fillna(value=False).all())

    @property
    def notes(self) -> tuple[str, ...]:
        """The sentence, what became of promises, and what to bear in mind."""
        promised = [] if self.promises is None else [_promised(self.promises)]
        return (self.sentence, *promised, *self._distance(), *self.caveats)

    def _distance(self) -> tuple[str, ...]:
        if not self.distances:
            return ()
        found = self.distances
        told = (
            f"waits: distributions differ by at most {found['kolmogorov_smirnov']:.1%} at any time "
            f"({found['by_chance']:.1%} by chance), and by "
            f"{found['wasserstein']:.3g} s on average"
        )
        return (told,)

    def to_frame(self) -> pd.DataFrame:
        """Return :attr:`measures`."""
        return self.measures.copy()

    def summary(self) -> dict[str, object]:
        """Return the sentence, what it is about, and the distances of waits."""
        verdicts = self.measures.set_index("measure")["verdict"].dropna()
        return {
            "sentence": self.sentence,
            "fit": self.is_fit,
            "kept": self.is_kept,
            "sessions": self.sessions,
            "off": list(verdicts.index[verdicts == "off"]),
            "open": list(verdicts.index[verdicts == "open"]),
            **self.distances,
        }

    def overview(self) -> pd.DataFrame:
        """Return the measures that occur, each number with digits of its own."""
        known = self.measures
        some = (known["recorded"].fillna(0) != 0) | (known["replayed"].fillna(0) != 0)
        return known[some].astype(object).where(known[some].notna(), None)

    def relative(self) -> pd.DataFrame:
        """Return ``measure, difference, lower, upper`` in percent of the recorded.

        Of shares they are in points. What is 0 in the recording is left out, but for shares.
        """
        kept = self.measures
        is_share = kept["unit"] == "share"
        kept = kept[is_share | (kept["recorded"] > 0)]
        base = kept["recorded"].where(kept["unit"] != "share", 1.0)
        columns = {name: 100 * kept[name] / base for name in ("difference", "lower", "upper")}
        return pd.DataFrame({"measure": kept["measure"], **columns}).reset_index(drop=True)


def verdict(row: pd.Series, tolerance: float) -> str | None:
    """Judge the difference of a measure by its interval; None where there is nothing to judge."""
    recorded, difference, lower, upper = (
        float(row[name]) for name in ("recorded", "difference", "lower", "upper")
    )
    measure = str(row["measure"])
    if np.isnan([recorded, difference, lower, upper]).any() or measure in _UNJUDGED:
        return None
    allowed = tolerance * FEW_POINTS if row["unit"] == "share" else tolerance * recorded
    allowed = max(allowed, _FLOORS.get(measure.partition("_")[0], 0.0))
    if -allowed <= lower and upper <= allowed:
        return "ok"
    by_chance = abs(difference) <= _TOGETHER * (upper - lower) / 2
    return "open" if by_chance or abs(difference) <= allowed else "off"


def _name(measure: str) -> str:
    kind, _, rest = measure.partition("_")
    if kind == "start":
        return f"the share of {rest} turns"
    if kind == "end":
        return f"the share of runs that end by {rest}"
    return _WORDS.get(measure, measure)


def _told(row: pd.Series) -> str:
    """Describe by how much one measure is off."""
    recorded, *numbers = (float(row[name]) for name in ("recorded", "difference", "lower", "upper"))
    unit = "%"
    if row["unit"] == "share":
        unit, numbers = "points", [100 * number for number in numbers]
    elif recorded > 0:
        numbers = [100 * number / recorded for number in numbers]
    else:
        unit = str(row["unit"])
    difference, lower, upper = numbers
    way = "high" if difference > 0 else "low"
    if row["verdict"] == "open":
        found = f"{difference:+.1f} {unit}"
        return f"{_name(str(row['measure']))} {found} ({lower:+.1f} to {upper:+.1f})"
    ends = sorted((abs(lower), abs(upper))) if lower * upper > 0 else [lower, upper]
    how = f"{abs(difference):.1f} {unit} too {way}"
    return f"{_name(str(row['measure']))} is {how} ({ends[0]:.1f} to {ends[1]:.1f})"


def _promised(promises: pd.DataFrame) -> str:
    known = promises.dropna(subset=["kept"])
    broken = known[~known["kept"].astype(bool)]
    silent = len(promises) - len(known)
    rest = f"; {silent} cannot be told from this recording" if silent else ""
    if broken.empty:
        return (
            f"what was promised happened: {len(known)} of {len(known)} within what was said{rest}"
        )
    listed = "; ".join(
        f"{_name(str(row['measure']))} was {row['recorded']:.4g} {row['unit']} "
        f"where {row['lower']:.4g} to {row['upper']:.4g} was promised"
        for _, row in broken.iterrows()
    )
    return f"what was promised did not all happen: {listed}{rest}"
