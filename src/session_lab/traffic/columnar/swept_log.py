"""A log laid out session by session, to be added up under as many policies as one likes."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from session_lab.traffic.columnar.grouping import add_missing
from session_lab.traffic.columnar.layout import rulebook
from session_lab.traffic.columnar.log import PROFILE
from session_lab.traffic.columnar.outcome import Outcome, add_up
from session_lab.traffic.columnar.sums import OutcomeSums

if TYPE_CHECKING:
    from collections.abc import Sequence

    from session_lab.simulator import Profile, Timings
    from session_lab.traffic.columnar.log import GroupedLog

__all__ = ["SweptLog"]


class SweptLog:
    """Events laid out session by session, so that they are read one behind the other.

    That takes a copy of their columns, and half the time of every play. What came of single events
    cannot be told, since their places are not kept.

    Parameters
    ----------
    log : GroupedLog
        The log; nothing of it is kept but what belongs to its sessions.

    Examples
    --------
    >>> import numpy as np
    >>> from session_lab import RunPolicy
    >>> at, chat = np.array([0, 20_000, 400_000]), np.array([0, 0, 0])
    >>> from session_lab.traffic.columnar import GroupedLog
    >>> log = SweptLog(GroupedLog(at, np.array([0, 1, 1], np.int8), chat))
    >>> for idle_timeout in ("10s", "1m"):
    ...     print(log.outcome([RunPolicy(idle_timeout=idle_timeout).timings()]).billed)
    30000
    140000
    """

    def __init__(self, log: GroupedLog) -> None:
        columns, self._ids = log.columns, log.ids
        self._n_events = len(columns.at)
        self._missing = OutcomeSums.empty()
        add_missing(self._missing, columns.op, log.session)
        order, durations = columns.order, columns.turn_duration
        self.columns = columns._replace(
            order=order[:0].copy(),
            at=columns.at[order],
            op=columns.op[order],
            turn_duration=durations[order] if len(durations) else durations,
        )

    def expiring(self, after: int) -> SweptLog:
        """Return the log with sessions that expire so many ms after they begin; NAT for never.

        It shares all else with this one.
        """
        created_at = self.columns.at[self.columns.bounds[:-1]]
        other = copy.copy(self)
        other.columns = self.columns.expiring(created_at, after)
        return other

    def outcome(
        self,
        policies: Sequence[Timings],
        *,
        profile: Profile = PROFILE,
        until: int | None = None,
        workers: int | None = 1,
        keep_waits: bool = True,
    ) -> Outcome:
        """Return what :meth:`GroupedLog.outcome` returns, which see."""
        book = rulebook(policies, profile, until)
        columns = self._ids.hashed_for(book, self.columns)
        sums, waits = add_up(columns, book, workers=workers, keep_waits=keep_waits)
        sums.add(self._missing)
        return Outcome(self._n_events, len(columns.bounds) - 1, profile, sums, waits)
