"""When chats are answered: what their channels ``out`` tell while a live replay goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from session_lab.replays.environment.evidence.pieces import Pieces
from session_lab.replays.environment.pulling.follow import Follower
from session_lab.timing import Duration, SystemClock, to_milliseconds

if TYPE_CHECKING:
    from session_lab.client import Client
    from session_lab.replays.live.calls import Calls
    from session_lab.replays.live.journal import Journal

__all__ = ["Answers", "Seen"]

_MOST = 64
"""Chats that are followed at once; each takes a connection of the client."""
_LOOK_AGAIN = 0.05
_OF_THE_START = -1
"""The number of a turn that no record on ``in`` asked for."""


class Seen(NamedTuple):
    """When the first chunk of an answer came and when its turn was complete, by our own clock."""

    first_chunk_at: int | None
    completed_at: int


class Answers:
    """Follows the chats of a live replay.

    Parameters
    ----------
    client : Client
        Whom to ask; time has to pass by itself for it.
    calls, book
        What is asked, and what was answered so far.
    patience : str or timedelta
        How long to wait at the end for answers that have not come.
    """

    def __init__(self, client: Client, calls: Calls, book: Journal, patience: Duration) -> None:
        self._client, self._calls, self._book = client, calls, book
        self._patience = to_milliseconds(patience, name="follow")
        self._pieces = Pieces(None)
        self._follower = Follower(
            client, self._pieces, _MOST, time_of=lambda _: client.clock.milliseconds()
        )
        self._awaited: dict[int, tuple[str, int]] = {}
        self._n_appended: dict[str, int] = {}
        for row in sorted(book.answers):
            self.note(row)
        self._awaited.clear()

    @staticmethod
    def can_follow(client: Client) -> bool:
        """Check whether time passes by itself for a client."""
        return isinstance(client.clock, SystemClock)

    def note(self, row: int) -> None:
        """Await the answer to a turn, if the event brought one, and follow its chat."""
        answer, _ = self._book.answers[row]
        name, op = self._calls.names[row], self._calls.ops[row]
        if op == "message" and answer.status_code == 200:
            number = self._n_appended.get(name, 0)
            self._n_appended[name] = number + 1
            self._awaited[row] = name, number
        elif op == "start" and self._calls.brings_turn(row) and answer.is_cached is False:
            self._awaited[row] = name, _OF_THE_START
        self._follower.watch(list({name: None for name, _ in self._missing().values()}))

    def _missing(self) -> dict[int, tuple[str, int]]:
        known = self._pieces.facts.answers
        return {
            row: (name, number)
            for row, (name, number) in self._awaited.items()
            if number not in known.get(name, {})
        }

    def wait(self) -> None:
        """Wait for what is missing, at most as long as there is patience."""
        clock = self._client.clock
        until = clock.milliseconds() + self._patience
        while (missing := self._missing()) and clock.milliseconds() < until:
            self._follower.watch(list({name: None for name, _ in missing.values()}))
            self._client.sleep(_LOOK_AGAIN)

    def stop(self) -> None:
        """End: what comes from now on is not looked at."""
        self._follower.stop()

    def seen(self) -> dict[int, Seen | None]:
        """Return what was seen of the answer to each turn; None where its end was not."""
        known = self._pieces.facts.answers
        found: dict[int, Seen | None] = {}
        for row, (name, number) in self._awaited.items():
            first, completed = known.get(name, {}).get(number, (None, None))
            found[row] = None if completed is None else Seen(first, completed)
        return found
