"""Following what agents answer: when the first of an answer came, and when its turn was complete.

That is on ``out`` only until the next turn, after which the SDK trims it, so it has to be seen live.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from session_lab.errors import SessionLabError
from session_lab.replays.environment.assembling.tables import is_final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from session_lab.client import Client
    from session_lab.replays.environment.evidence.pieces import Facts, Pieces
    from session_lab.wire.channels import ChannelRecord

__all__ = ["Follower", "live_sessions"]

_TURN_COMPLETE = "turn-complete"
_EVENT_ID = "session-in-event-id"


def live_sessions(facts: Facts) -> list[str]:
    """Return the sessions whose current run lives, those that changed last first."""
    live = [
        (row["updatedAt"], id_)
        for id_, row in facts.sessions.items()
        if (run := facts.runs.get(row.get("currentRunId") or "")) is not None and not is_final(run)
    ]
    return [id_ for _, id_ in sorted(live, reverse=True)]


def _server_time(record: ChannelRecord) -> int | None:
    return None if record.timestamp is None else round(record.timestamp.timestamp() * 1000)


class Follower:
    """Follows ``out`` of some sessions, each in a thread of its own.

    Parameters
    ----------
    client : Client
        Whom to ask; each stream takes one of its connections.
    pieces : Pieces
        Where answers are written down.
    most : int
        How many sessions are followed at once.
    time_of : callable
        Takes a record and returns when it came, in milliseconds since 1970; by default what the
        server says.
    """

    def __init__(
        self,
        client: Client,
        pieces: Pieces,
        most: int,
        time_of: Callable[[ChannelRecord], int | None] = _server_time,
    ) -> None:
        self._client, self._pieces, self._most = client, pieces, most
        self._time_of = time_of
        self._last: dict[str, int] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._is_over = threading.Event()

    def watch(self, sessions: list[str]) -> int:
        """Follow sessions that are not followed yet, as many as there is room for.

        Returns
        -------
        int
            How many there was no room for.
        """
        self._threads = {name: one for name, one in self._threads.items() if one.is_alive()}
        new = [name for name in sessions if name not in self._threads]
        room = self._most - len(self._threads)
        for name in new[:room]:
            # Nobody waits at the end for a stream that is silent.
            self._threads[name] = threading.Thread(target=self._follow, args=(name,), daemon=True)
            self._threads[name].start()
        return max(len(new) - room, 0)

    def stop(self) -> None:
        """End: nothing more is written down."""
        self._is_over.set()

    def join(self) -> None:
        """Wait until every stream has ended."""
        for thread in self._threads.values():
            thread.join()

    def _follow(self, session: str) -> None:
        try:
            records = self._client.sessions.stream(
                session, io="out", last_event_id=self._last.get(session)
            )
            for answer in self._answers(session, records):
                if self._is_over.is_set():
                    return
                self._pieces.add({"out": session, "answers": [answer]})
        except SessionLabError:
            return  # The next pass opens it again, if the session lives and the client is open.

    def _answers(
        self, session: str, records: Iterator[ChannelRecord]
    ) -> Iterator[list[int | None]]:
        """Iterate over answers: number on ``in``, first chunk, end."""
        first: int | None = None
        for record in records:
            at = self._time_of(record)
            if at is None:
                continue
            if record.control == _TURN_COMPLETE:
                told = record.header(_EVENT_ID) or ""
                self._last[session] = record.seq_num
                yield [int(told) if told.isdecimal() else -1, first, at]
                first = None
            elif record.control is None and first is None:
                first = at
