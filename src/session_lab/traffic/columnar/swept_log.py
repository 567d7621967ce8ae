"""A log laid out session by session, to be added up under as many policies as one likes."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np

from session_lab.traffic.columnar.draws import SessionIds
from session_lab.traffic.columnar.grouping import add_missing
from session_lab.traffic.columnar.layout import VERDICTS, rulebook
from session_lab.traffic.columnar.log import PROFILE
from session_lab.traffic.columnar.outcome import Outcome, add_up, add_up_groups

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from session_lab.simulator import Profile, Timings
    from session_lab.traffic.columnar.log import GroupedLog
    from session_lab.traffic.columnar.outcome import GroupSums

__all__ = ["SweptLog"]

_BY_EVENT = ("at", "op", "turn_duration")


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
        self._missing = np.zeros(VERDICTS, np.int64)
        add_missing(self._missing, columns.op, log.session)
        order, durations = columns.order, columns.turn_duration
        self.columns = columns._replace(
            order=order[:0].copy(),
            at=columns.at[order],
            op=columns.op[order],
            turn_duration=durations[order] if len(durations) else durations,
        )

    @property
    def created_at(self) -> NDArray[np.int64]:
        """When each session was created, in milliseconds since 1970."""
        return self.columns.at[self.columns.bounds[:-1]]

    def expiring(self, after: int) -> SweptLog:
        """Return the log with sessions that expire so many ms after they begin; NAT for never.

        It shares all else with this one.
        """
        other = copy.copy(self)
        other.columns = self.columns.expiring(self.created_at, after)
        return other

    def split(self, chosen: NDArray[np.bool_]) -> tuple[SweptLog, SweptLog]:
        """Return the log of some of the sessions, and that of the others.

        Events that belong to no session are with the others, so that the outcomes of both add up to
        that of this one.
        """
        some, others = (self.arranged(np.flatnonzero(each)) for each in (chosen, ~chosen))
        others._missing = self._missing  # noqa: SLF001  one of its own
        others._n_events = self._n_events - some._n_events  # noqa: SLF001
        return some, others

    def arranged(self, places: NDArray[np.integer]) -> SweptLog:
        """Return the log of some sessions, or of all in another order, by their places in this one."""
        columns = self.columns
        begin, sizes = columns.bounds[places], np.diff(columns.bounds)[places]
        bounds = np.concatenate([[0], np.cumsum(sizes)])
        rows = np.repeat(begin - bounds[:-1], sizes) + np.arange(bounds[-1])
        other = copy.copy(self)
        other.columns = columns._replace(
            bounds=bounds,
            expires_at=columns.expires_at[places],
            policy=columns.policy[places] if len(columns.policy) else columns.policy,
            **{
                name: column[rows] if len(column) else column
                for name in _BY_EVENT
                for column in (getattr(columns, name),)
            },
        )
        other._ids = SessionIds.of_hashes(self._ids.hashes[places])  # noqa: SLF001
        other._missing, other._n_events = np.zeros_like(self._missing), len(rows)  # noqa: SLF001
        return other

    @classmethod
    def joined(cls, logs: Sequence[SweptLog]) -> SweptLog:
        """Return the log of the sessions of several, which must be of one kind."""
        columns = [log.columns for log in logs]
        other = copy.copy(logs[0])
        sizes = np.concatenate([np.diff(each.bounds) for each in columns])
        other.columns = columns[0]._replace(
            bounds=np.concatenate([[0], np.cumsum(sizes)]),
            **{
                name: np.concatenate([getattr(each, name) for each in columns])
                for name in (*_BY_EVENT, "expires_at", "policy")
            },
        )
        other._ids = SessionIds.of_hashes(np.concatenate([log._ids.hashes for log in logs]))  # noqa: SLF001
        other._missing = np.sum([log._missing for log in logs], axis=0)  # noqa: SLF001
        other._n_events = sum(log._n_events for log in logs)  # noqa: SLF001
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
        np.add(sums.verdicts, self._missing, out=sums.verdicts)
        return Outcome(self._n_events, len(columns.bounds) - 1, profile, sums, waits)

    def by_groups(
        self, policies: Sequence[Timings], edges: NDArray[np.int64], *, waits_from: int
    ) -> GroupSums:
        """Return what comes of groups of sessions that lie one behind the other.

        Parameters
        ----------
        policies : sequence of Timings
            As many as ``policy`` counts; all of one platform and seed.
        edges : ndarray of int64, shape (groups + 1,)
            Where each group begins, and where the last ends.
        waits_from : int
            The waits that are so long or longer are listed, in milliseconds.
        """
        book = rulebook(policies, PROFILE, None)
        return add_up_groups(self._ids.hashed_for(book, self.columns), book, edges, waits_from)
