"""What a live replay would do, and what it did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from session_lab.analysis.replays.fidelity import Agreement, agreement, recorded_outcomes
from session_lab.analysis.replays.lateness import Lateness, lateness
from session_lab.errors import DataError
from session_lab.frames import NAT, OPERATIONS, Kind, Schema, build, milliseconds, to_instants
from session_lab.frames.schema import Column
from session_lab.timing import duration_text
from session_lab.traffic.engine.engine_frames import recorded_columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from session_lab.client import Client, Request
    from session_lab.replays.live.answers import Seen
    from session_lab.replays.live.calls import Calls, LiveCall
    from session_lab.replays.live.journal import Journal
    from session_lab.replays.live.schedule import Schedule
    from session_lab.replays.replay import Replay

__all__ = ["LIVE_OPERATIONS", "LivePlan", "LiveReplay", "operations_of", "shown"]

LIVE_OPERATIONS = Schema(
    "operations",
    (
        *OPERATIONS.columns,
        Column("name", Kind.TEXT, "the external id that was sent"),
        Column("due_at", Kind.INSTANT, "when the request was due"),
        Column("sent_at", Kind.INSTANT, "when it went out"),
        Column("answered_at", Kind.INSTANT, "when its answer came"),
        Column("late", Kind.DURATION, "from due_at to sent_at"),
        Column("first_chunk_at", Kind.INSTANT, "when the first chunk of the turn's answer came"),
        Column("completed_at", Kind.INSTANT, "when the turn was complete"),
    ),
)
"""The operations frame with the times of a live replay."""


@dataclass(frozen=True, repr=False, eq=False)
class LivePlan:
    """What a live replay would do; nothing was sent.

    Attributes
    ----------
    schedule : Schedule
        When each event is due.
    prefix : str
        What stands before every external id.
    rows : list of int
        The events still to be asked, in order of time.
    """

    schedule: Schedule
    prefix: str
    rows: list[int]
    _calls: Calls
    _client: Client
    _origin: int

    def requests(self) -> Iterator[Request]:
        """Make the requests, one by one, in the order in which they are due; no key is in them."""
        for row in self.rows:
            due_at = self._origin + int(self.schedule.offset[row])
            yield shown(self._client, self._calls.call(row, due_at))

    def to_frame(self) -> pd.DataFrame:
        """Return ``due_at, op, name``: when what would be asked of whom, if it began now."""
        return pd.DataFrame(
            {
                "due_at": to_instants(self._origin + self.schedule.offset[self.rows]),
                "op": [self._calls.ops[row] for row in self.rows],
                "name": [self._calls.names[row] for row in self.rows],
            }
        )

    def __repr__(self) -> str:
        """Show where how much would go, and how to send it."""
        left = self.schedule.offset[self.rows]
        span = duration_text(int(np.ptp(left)) if len(left) else 0)
        return (
            f"LivePlan({len(self.rows):,} requests to {self._client!r} in {span}, "
            f"{self.schedule.loop} loop, speed={self.schedule.speed:g}, prefix={self.prefix!r}); "
            "nothing was sent: dry_run=False (--send) does"
        )


@dataclass(frozen=True, repr=False, eq=False)
class LiveReplay:
    """What came of a live replay.

    Attributes
    ----------
    operations : DataFrame
        One row per event, in the order of the input: the columns of a replay's operations, and
        ``name`` (the external id that was sent), ``due_at``, ``sent_at``, ``answered_at``,
        ``late``, and of turns that were followed ``first_chunk_at`` and ``completed_at``. How turns start is not told by the API, so ``start_kind`` and ``waited`` are NA.
    schedule : Schedule
        When each event was due.
    prefix : str
        What stood before every external id.
    n_resumed : int
        How many events had been answered before, as the journal knew.
    left_open : tuple of str
        The names of the chats that should have been closed at the end and were not.
    n_unseen : int
        How many turns were not seen to be complete, where somebody looked.
    """

    operations: pd.DataFrame
    schedule: Schedule
    prefix: str
    n_resumed: int = 0
    left_open: tuple[str, ...] = ()
    n_unseen: int = 0

    def lateness(self) -> Lateness:
        """Return how late requests went out, how long the API and, if seen, the agent took."""
        return lateness(self.operations)

    def divergence(self, expected: Replay | None = None) -> Agreement:
        """Compare the answers with expected ones.

        Parameters
        ----------
        expected : Replay, optional
            A replay of the same events, such as ``sl.replay(events)``; by default the answers that
            were recorded with them.

        Raises
        ------
        DataError
            No answers were recorded and no replay is given, or it is one of other events.
        """
        if expected is not None:
            columns = ["op", "external_id"]
            if not expected.operations[columns].equals(self.operations[columns]):
                raise DataError("the replay is one of other events", source="expected")
            return agreement(self.operations, expected.operations, basis="simulated")
        recorded = recorded_outcomes(self.operations)
        if recorded is None:
            message = "the events carry no recorded_status; give a replay, as sl.replay(events)"
            raise DataError(message, source="events", column="recorded_status")
        return agreement(self.operations, recorded, basis="recorded")

    def __repr__(self) -> str:
        """Show what was asked and how late, in one line."""
        late = self.lateness().summary()["late"]
        shown = f", late by {late['p99']} ms (p99)" if late else ""
        left = f", {len(self.left_open):,} chats left open" if self.left_open else ""
        left += f", {self.n_unseen:,} turns not seen to be complete" if self.n_unseen else ""
        return (
            f"LiveReplay({len(self.operations):,} events, {self.schedule.loop} loop, "
            f"speed={self.schedule.speed:g}, prefix={self.prefix!r}{shown}{left})"
        )


def operations_of(
    events: pd.DataFrame, book: Journal, seen: Mapping[int, Seen | None]
) -> pd.DataFrame:
    """Make the operations frame of events that have all been answered."""
    n = len(events)
    sent = [book.sent[row] for row in range(n)]
    answers = [book.answers[row] for row in range(n)]
    due_at, sent_at = (
        np.array([getattr(each, name) for each in sent], dtype=np.int64)
        for name in ("due_at", "sent_at")
    )
    ids: dict[str, str] = {}
    for each, (answer, _) in zip(sent, answers, strict=True):
        if answer.session_id is not None:
            ids.setdefault(each.name, answer.session_id)
    replies = [answer for answer, _ in answers]
    data = {
        "at": milliseconds(events["at"]),
        "op": events["op"].astype(object),
        "external_id": events["external_id"],
        "status_code": [reply.status_code for reply in replies],
        "error": [reply.error for reply in replies],
        "is_cached": [-1 if reply.is_cached is None else int(reply.is_cached) for reply in replies],
        "session_id": [
            None if reply.status_code == 404 else ids.get(each.name)
            for each, reply in zip(sent, replies, strict=True)
        ],
        "run_id": [reply.run_id for reply in replies],
        "name": [each.name for each in sent],
        "due_at": due_at,
        "sent_at": sent_at,
        "answered_at": np.array([at for _, at in answers], dtype=np.int64),
        "late": sent_at - due_at,
        "first_chunk_at": _times(seen, "first_chunk_at", n),
        "completed_at": _times(seen, "completed_at", n),
    }
    return build(LIVE_OPERATIONS, data | recorded_columns(events), n=n)


def _times(seen: Mapping[int, Seen | None], name: str, n: int) -> NDArray[np.int64]:
    times = np.full(n, NAT, dtype=np.int64)
    for row, each in seen.items():
        at = getattr(each, name, None)
        if at is not None:
            times[row] = at
    return times


def shown(client: Client, call: LiveCall) -> Request:
    """Make the request of a call without sending it."""
    request: Request = getattr(client.dry_run.sessions, call.method)(**call.arguments)
    return request
