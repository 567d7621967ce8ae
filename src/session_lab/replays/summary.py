"""A replay in one page of numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
import pandas as pd

from session_lab.analysis.display import money, read_duration
from session_lab.analysis.replays.slot_waits import QUANTILES
from session_lab.analysis.results import Result, result_html
from session_lab.frames import NAT, milliseconds
from session_lab.timing import instant_text, to_instant

if TYPE_CHECKING:
    from collections.abc import Mapping

    from session_lab.analysis.churn import Cost
    from session_lab.analysis.replays.concurrency import Concurrency
    from session_lab.analysis.replays.slot_waits import SlotWaits
    from session_lab.traffic.engine.engine_frames import Frames

__all__ = ["ReplaySummary", "summarise"]

_HOW = ".plot() draws how turns started; .to_dict() returns exact numbers, times in milliseconds"
_MANY = 5
"""More than one event in so many that is answered 404 is worth a word."""
_QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "max": 1.0}


_UNITS = {"waits": "waits_ms", "time": "time_ms", "cost": "cost_dollars"}
"""What sections are called where their numbers stand without units."""


@dataclass(frozen=True, repr=False)
class ReplaySummary(Result):
    """What came of a replay.

    Attributes
    ----------
    totals : mapping of str to int
        Events played and left out, sessions, runs, and turns served.
    outcomes : mapping of str to int
        Events by operation and answer, as in ``"start 409 Session is closed; ..."``.
    start_kinds : mapping of str to int
        Served turns by how they started.
    waits : mapping of str to int
        Quantiles of the wait of served turns, in milliseconds (nearest rank, so each is a wait
        that occurred), and their mean, rounded.
    reasons, end_causes : mapping of str to int
        Runs by why they were triggered and by why they ended.
    time : mapping of str to int
        Milliseconds of all runs together: active, idle, billed (active + idle), suspended.
    concurrency : mapping of str to object
        The most runs alive at once, when that was first so, and the mean; and the same of the runs
        that execute, which hold a slot of the plan's limit.
    cost : mapping of str to float
        What the runs cost, by machine preset; ``prices`` says by which prices.
    slots : mapping of str to object
        Under limits alone: the limit, the slots held at most, on average, and for how long all
        were; how many turns waited for one and for how long, in milliseconds; the longest line, and
        whether nobody was in it when the last event had come.
    slot_notes : tuple of str
        How those are to be taken.
    prices : str
        Where the prices come from.
    assumptions : tuple of str
        What is zero only because nothing else was said.
    """

    totals: Mapping[str, int]
    outcomes: Mapping[str, int]
    start_kinds: Mapping[str, int]
    waits: Mapping[str, int]
    reasons: Mapping[str, int]
    end_causes: Mapping[str, int]
    time: Mapping[str, int]
    concurrency: Mapping[str, Any]
    cost: Mapping[str, float]
    prices: str = ""
    assumptions: tuple[str, ...] = ()
    slots: Mapping[str, Any] = field(default_factory=dict)
    slot_notes: tuple[str, ...] = ()

    title: ClassVar[str] = "Replay"
    formula: ClassVar[str] = (
        "billed = active + idle; waits by nearest rank over served turns; "
        "neither boot time (fact) nor resume time (assumption) is billed"
    )

    @property
    def notes(self) -> tuple[str, ...]:
        """What is zero by assumption, and whether many chats have no start in the log."""
        events = self.totals["events"]
        missing = sum(n for answer, n in self.outcomes.items() if answer.split()[1] == "404")
        notes = (*self.assumptions, *self.slot_notes)
        if missing * _MANY <= events:
            return notes
        share = f"{missing:,} of {events:,} events ({missing / events:.0%}) are answered 404"
        return (*notes, f"{share}: the log holds no start of their chats")

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as plain dictionaries; names of times and sums of money end in units."""
        sections = {
            _UNITS.get(section, section): {
                f"{name} (ms)" if section == "slots" and _is_time(section, name) else name: value
                for name, value in numbers.items()
            }
            for section, numbers in self._sections().items()
        }
        return {**sections, "prices": self.prices, "notes": list(self.notes)}

    def _sections(self) -> dict[str, dict[str, Any]]:
        sections = ("totals", "outcomes", "start_kinds", "waits", "reasons", "end_causes", "time")
        plain: dict[str, dict[str, Any]] = {name: dict(getattr(self, name)) for name in sections}
        plain |= {"cost": dict(self.cost), "concurrency": dict(self.concurrency)}
        return plain | ({"slots": dict(self.slots)} if self.slots else {})

    def to_frame(self) -> pd.DataFrame:
        """Return the columns ``section``, ``name`` and ``value``, as text to be read."""
        rows = [
            (section.replace("_", " "), name, _shown(section, name, value))
            for section, numbers in self._sections().items()
            for name, value in numbers.items()
        ]
        return pd.DataFrame(rows, columns=["section", "name", "value"])

    def overview(self) -> pd.DataFrame:
        """Return the table as it is read: a section is named where it begins."""
        frame = self.to_frame()
        return frame.assign(section=frame["section"].where(~frame["section"].duplicated(), ""))

    def to_text(self) -> str:
        """Return the sections as text, one number a line, and how billed time is counted."""
        width = max(len(name) for numbers in self._sections().values() for name in numbers)
        lines: list[str] = []
        for section, numbers in self._sections().items():
            lines.append(section.replace("_", " "))
            lines += [
                f"  {name:<{width}}  {_shown(section, name, v):>12}" for name, v in numbers.items()
            ]
        return "\n".join([*lines, *self.sentences])

    @property
    def sentences(self) -> tuple[str, ...]:
        """How billed time is counted, where the prices come from, and the notes."""
        priced = (f"cost: {self.prices}",) if self.prices else ()
        return (self.formula, *priced, *self.notes)

    def __repr__(self) -> str:
        """Show every section, and what to call next."""
        return f"{self.to_text()}\n{_HOW}"

    def to_html(self) -> str:
        """Return the sections as one HTML table."""
        table = self.overview().to_html(index=False, border=0)
        return result_html(self.title, table, (*self.sentences, _HOW))


def summarise(
    frames: Frames,
    concurrency: Concurrency,
    cost: Cost,
    *,
    slots: SlotWaits | None = None,
    left_out: int,
    assumptions: tuple[str, ...] = (),
) -> ReplaySummary:
    """Summarise the frames of a replay; ``left_out`` events lay after its horizon."""
    operations, sessions, runs = frames
    waits = milliseconds(operations["waited"])
    waits = np.sort(waits[waits != NAT])
    active, idle = (int(milliseconds(runs[name]).sum()) for name in ("active", "idle"))
    return ReplaySummary(
        totals={
            "events": len(operations),
            "left out": left_out,
            "sessions": len(sessions),
            "runs": len(runs),
            "turns served": len(waits),
        },
        outcomes=_outcomes(operations),
        start_kinds=_counts(operations["start_kind"]),
        waits=_quantiles(waits),
        reasons=_counts(runs["reason"]),
        end_causes=_counts(runs["end_cause"]),
        time={
            "active": active,
            "idle": idle,
            "billed": active + idle,
            "suspended": int(milliseconds(runs["suspended"]).sum()),
        },
        concurrency={
            "peak alive": concurrency.peak,
            "peak alive at": _text(concurrency.peak_at),
            "mean alive": round(concurrency.mean, 3),
            "peak executing": concurrency.peak_executing,
            "peak executing at": _text(concurrency.peak_executing_at),
            "mean executing": round(concurrency.mean_executing, 3),
        },
        cost={machine: cost.total(machine) for machine in cost.prices},
        prices=cost.source,
        assumptions=assumptions,
        slots={} if slots is None else _slots(slots),
        slot_notes=() if slots is None else slots.notes,
    )


def _slots(slots: SlotWaits) -> dict[str, Any]:
    waited = {f"queued {name}": _ms(slots.quantile(q)) for name, q in QUANTILES.items()}
    mean = round(float(slots.queued.mean())) if len(slots.queued) else 0
    return {
        "limit": slots.limit,
        "peak executing": slots.peak,
        "mean executing": round(slots.mean, 3),
        "at the limit": _ms(slots.at_limit),
        "turns that waited": int((slots.queued > 0).sum()),
        "queued mean": mean,
        **waited,
        "longest line": slots.longest_line,
        "drained": slots.drained,
    }


def _ms(span: timedelta) -> int:
    return round(span / timedelta(milliseconds=1))


def _outcomes(operations: pd.DataFrame) -> dict[str, int]:
    columns = ["op", "status_code", "error"]
    counts = operations.groupby(columns, observed=True, dropna=False).size()
    outcomes = {}
    for key, n in counts.items():
        op, status, error = cast("tuple[str, int, object]", key)
        outcomes[f"{op} {status} {error}" if isinstance(error, str) else f"{op} {status}"] = int(n)
    return outcomes


def _counts(column: pd.Series) -> dict[str, int]:
    counts = column.value_counts(sort=False)
    return {str(name): int(n) for name, n in counts.items() if n}


def _quantiles(ordered: np.ndarray) -> dict[str, int]:
    if not len(ordered):
        return {}
    ranks = {name: int(np.ceil(q * len(ordered))) - 1 for name, q in _QUANTILES.items()}
    found = {name: int(ordered[rank]) for name, rank in ranks.items()}
    return {"mean": round(float(ordered.mean())), **found}


def _is_time(section: str, name: str) -> bool:
    return section in {"waits", "time"} or name.startswith(("queued ", "at the limit"))


def _shown(section: str, name: str, value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if _is_time(section, name) and isinstance(value, int):
        return read_duration(value)
    if section == "cost" and isinstance(value, float):
        return money(value)
    return f"{value:,}" if isinstance(value, (int, float)) else str(value)


def _text(instant: pd.Timestamp | None) -> str | None:
    return None if instant is None else instant_text(to_instant(instant))
