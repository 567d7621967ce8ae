"""What each session cost and how long it waited, added up from a recording."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from session_lab.analysis.replays.concurrency import Concurrency, concurrency
from session_lab.analysis.replays.slots import SlotChanges
from session_lab.frames import NAT
from session_lab.replays.environment.fitting.evidence import places_of, session_names, text_of
from session_lab.simulator.model.run_rules import END_CAUSES, START_KINDS

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from session_lab.replays.environment.fitting.evidence import Evidence
    from session_lab.replays.environment.recording import Recording

__all__ = ["MEASURES", "NANO", "Accounts", "Measure", "Prices", "executing"]

Integers = Any

NANO = 1_000_000_000
"""Money is added up in whole billionths of a dollar, so that machines agree on sums."""
_DAY = 86_400_000


class Measure(NamedTuple):
    """A ratio of sums over sessions: its unit, what is divided by what, and what a unit is."""

    unit: str
    above: str
    below: str
    scale: float = 1.0


MEASURES = {
    "runs_per_session": Measure("runs", "runs", "sessions"),
    "wait_mean": Measure("s", "waited", "turns", 1_000),
    "billed_per_session": Measure("s", "billed", "priced_sessions", 1_000),
    "cost_per_session": Measure("$", "cost", "priced_sessions", NANO),
    "executing_per_session": Measure("s", "executing", "sessions", 1_000),
    **{f"start_{kind}": Measure("share", f"start_{kind}", "turns") for kind in START_KINDS},
    **{f"end_{cause}": Measure("share", f"end_{cause}", "runs") for cause in END_CAUSES},
}
"""What a replay is held against a recording by."""


class Prices(NamedTuple):
    """What a session's billed second and run cost, in billionths of a dollar."""

    per_second: NDArray[np.float64]
    per_run: float


class Accounts:
    """The sums of each session, overall or by day, and the waits of its turns.

    Parameters
    ----------
    recording : Recording
        What was recorded.
    evidence : Evidence
        The same, as arrays.
    names : pyarrow Array
        What the sessions go by, those of the recording and of the replay alike.
    """

    def __init__(self, recording: Recording, evidence: Evidence, names: pa.Array) -> None:
        self._evidence, self.n = evidence, len(names)
        sessions = recording.sessions
        ids = text_of(recording.runs, "session_id")
        place = places_of(ids, text_of(sessions, "session_id"))
        of_session = places_of(session_names(sessions), names)
        none = np.full(len(place), -1)
        self.session = np.where(place >= 0, of_session[place], -1) if len(of_session) else none
        turns = evidence.turns
        waited = np.maximum(turns.started - turns.arrived, 0)
        known = (turns.started != NAT) & (turns.arrived != NAT) & (turns.kind >= 0)
        self._turns = known & (self.session[turns.run] >= 0)
        self._runs = (self.session >= 0) & (evidence.runs.triggered != NAT)
        self.waits = waited[self._turns]
        self.waiting = self.session[turns.run[self._turns]]

    @property
    def unpriced(self) -> NDArray[np.bool_]:
        """The sessions with a run of which it is not known how long it was billed."""
        missing = self._runs & (self._evidence.runs.billed == NAT)
        return np.bincount(self.session[missing], minlength=self.n) > 0

    def prices(self) -> Prices | None:
        """Return what the platform charged each session, or on average; None where it says nothing."""
        runs = self._evidence.runs
        charged = self._runs & np.isfinite(runs.cents) & (runs.billed != NAT) & (runs.billed > 0)
        if not charged.any():
            return None
        cents = np.bincount(self.session[charged], weights=runs.cents[charged], minlength=self.n)
        billed = np.bincount(self.session[charged], weights=runs.billed[charged], minlength=self.n)
        usual = cents.sum() / billed.sum()
        each = np.divide(cents, billed, out=np.full(self.n, usual), where=billed > 0)
        base = runs.base_cents[np.isfinite(runs.base_cents)]
        cent = NANO / 100
        return Prices(each * 1_000 * cent, float(base.mean()) * cent if len(base) else 0.0)

    def sums(
        self, prices: Prices | None, unpriced: NDArray[np.bool_], *, by_day: bool = False
    ) -> dict[str, tuple[Integers, Integers]]:
        """Add up by session, and by the day on which a run was triggered or a turn arrived.

        Returns
        -------
        dict
            By name: cells ``(session, day)`` coded as one number, and what there was; days are
            numbered from 1970, and 0 where they are not told apart.
        """
        evidence, runs, turns = self._evidence, self._evidence.runs, self._evidence.turns
        run_day = runs.triggered[self._runs] // _DAY if by_day else 0
        turn_day = turns.arrived[self._turns] // _DAY if by_day else 0
        of_run = cell(self.session[self._runs], run_day)
        of_turn = cell(self.waiting, turn_day)
        kinds, causes = turns.kind[self._turns], runs.cause[self._runs]
        one = np.ones(len(of_run), dtype=np.int64)
        billed = np.where(runs.billed == NAT, 0, runs.billed)[self._runs]
        billed = np.where(unpriced[self.session[self._runs]], 0, billed)
        found = {
            "runs": (of_run, one),
            "waited": (of_turn, self.waits),
            "turns": (of_turn, np.ones(len(of_turn), dtype=np.int64)),
            "billed": (of_run, billed),
            "executing": (of_run, _executed(evidence)[self._runs]),
        }
        if prices is not None:
            priced = ~unpriced[self.session[self._runs]]
            each = billed / 1_000 * prices.per_second[self.session[self._runs]]
            found["cost"] = of_run, np.rint((each + prices.per_run) * priced).astype(np.int64)
        for code, kind in enumerate(START_KINDS):
            found[f"start_{kind}"] = of_turn, (kinds == code).astype(np.int64)
        for code, cause in enumerate(END_CAUSES):
            found[f"end_{cause}"] = of_run, (causes == code).astype(np.int64)
        return found


def cell(session: Integers, day: Any) -> Integers:  # noqa: ANN401  an array, or 0
    """Return session and day as one number."""
    return session * (1 << 20) + day


def executing(recording: Recording, evidence: Evidence) -> Concurrency | None:
    """Return the runs that hold a slot over time; None where no wait is recorded."""
    runs, waits = evidence.runs, evidence.waits
    if not len(waits.run):
        return None
    _, woken = _awake(evidence)
    asleep = waits.suspended != NAT
    slept_out = np.zeros(len(runs.session), dtype=bool)
    slept_out[waits.run[asleep & (woken == NAT)]] = True
    ended = runs.ended[(runs.ended != NAT) & ~slept_out]
    taken = np.concatenate([runs.triggered[runs.triggered != NAT], woken[woken != NAT]])
    freed = np.concatenate([waits.suspended[asleep], ended])
    return concurrency(
        recording.runs,
        slots=SlotChanges(taken, freed),
        until=pd.Timestamp(evidence.observed_at, unit="ms", tz="UTC"),
    )


def _awake(evidence: Evidence) -> tuple[Integers, Integers]:
    """Return until when each sleep lasted, and when a message ended it; NAT where none did."""
    runs, waits, turns = evidence.runs, evidence.waits, evidence.turns
    turn = evidence.of_turn(waits.run, waits.number + 1)
    asleep = waits.suspended != NAT
    arrived: Integers = np.where(turns.arrived == NAT, turns.started, turns.arrived)
    arrived = arrived[turn] if len(turns.run) else np.full(len(waits.run), NAT)
    woken = np.where(asleep & (turn >= 0), arrived, NAT)
    # Clocks may differ by some milliseconds.
    woken = np.where(woken == NAT, NAT, np.maximum(woken, waits.suspended))
    ended = runs.ended[waits.run]
    end = np.where(woken != NAT, woken, np.where(ended != NAT, ended, evidence.observed_at))
    return end, woken


def _executed(evidence: Evidence) -> Integers:
    """Return how long each run held a slot: its life but for its sleeps."""
    runs, waits = evidence.runs, evidence.waits
    end = np.where(runs.ended == NAT, evidence.observed_at, runs.ended)
    life = np.maximum(end - runs.triggered, 0)
    asleep = waits.suspended != NAT
    until, _ = _awake(evidence)
    slept = np.bincount(
        waits.run[asleep],
        weights=np.maximum(until - waits.suspended, 0)[asleep],
        minlength=len(runs.session),
    )
    return np.maximum(life - slept.astype(np.int64), 0)
