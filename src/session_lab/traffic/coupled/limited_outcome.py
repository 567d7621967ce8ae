"""The outcome under a limit in numbers: what comparisons of limits are made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from session_lab.traffic.columnar.compiling import compiled
from session_lab.traffic.columnar.grouping import add_missing
from session_lab.traffic.columnar.log import PROFILE
from session_lab.traffic.columnar.outcome import Outcome
from session_lab.traffic.columnar.sums import EXACT, OutcomeSums, add_runs, add_wait
from session_lab.traffic.coupled.play import Play
from session_lab.traffic.coupled.state import AT_ONCE, PEAK, UNDRAINED
from session_lab.traffic.engine.engine_result import NAT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from session_lab.simulator import Profile, Timings
    from session_lab.traffic.columnar.layout import Answers
    from session_lab.traffic.columnar.log import GroupedLog
    from session_lab.traffic.engine.slots import SlotLimits

__all__ = ["LimitedOutcome", "play_outcome"]


@dataclass(frozen=True)
class LimitedOutcome:
    """What came of a log under a policy and a limit, added up.

    Attributes
    ----------
    outcome : Outcome
        What any log has.
    peak : int
        The most slots held at one time.
    at_once : int
        The same, counting those that are held for no time: under this limit and any above it the
        outcome is the same as without one.
    drained : bool
        Whether nobody was in line when the last event had come.
    queued : ndarray of int64
        The waits for slots of served turns that waited, in milliseconds, in no order.
    """

    outcome: Outcome
    peak: int
    at_once: int
    drained: bool
    queued: NDArray[np.int64]

    @property
    def waited_share(self) -> float:
        """The share of served turns that waited for a slot; 0 without any."""
        turns = self.outcome.turns
        return len(self.queued) / turns if turns else 0.0

    def wait_for_slot(self, q: float) -> int:
        """Return a quantile of what served turns waited for slots (nearest rank); 0 without any."""
        turns = self.outcome.turns
        rank = max(0, int(np.ceil(q * turns)) - 1) - (turns - len(self.queued))
        return int(np.partition(self.queued, rank)[rank]) if rank >= 0 and turns else 0


def play_outcome(
    log: GroupedLog,
    policies: Sequence[Timings],
    limits: SlotLimits,
    *,
    profile: Profile = PROFILE,
    until: int | None = None,
) -> LimitedOutcome:
    """Play a log whose runs wait for slots, and add up what comes of it.

    Parameters
    ----------
    log, policies, limits, profile, until
        As in :func:`session_lab.traffic.coupled.play_coupled`.
    """
    columns, book = log.prepared(policies, profile, until)
    play = Play(log, columns, book, limits, tells=False)
    sums = OutcomeSums.empty()
    play.run(lambda rows: add_runs(sums, rows))
    answers, queued = play.written.answers, play.written.queued
    _add_answers(sums, answers, log.session)
    add_missing(sums.verdicts, columns.op, log.session)
    is_served = (answers.waited != NAT) & (log.session >= 0)
    long_waits = answers.waited[is_served & (answers.waited >= EXACT)]
    n, n_sessions, clock = len(columns.at), len(log.created_by), play.room.clock
    return LimitedOutcome(
        Outcome(n, n_sessions, profile, sums, long_waits),
        peak=int(clock[PEAK]),
        at_once=int(clock[AT_ONCE]),
        drained=clock[UNDRAINED] <= 0,
        queued=queued[is_served & (queued > 0)],
    )


@compiled
def _add_answers(sums: OutcomeSums, answers: Answers, session: NDArray[np.int32]) -> None:
    """Count the answers of the events that have a session."""
    for event in range(len(session)):
        if session[event] >= 0:
            sums.verdicts[answers.verdict[event]] += 1
            add_wait(sums, answers.waited[event])
