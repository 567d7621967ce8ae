"""One live replay under way: asks, takes notes, cleans up."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from session_lab.errors import APIError, APIStatusError
from session_lab.replays.live.calls import Calls, LiveAnswer, LiveCall, answer_of
from session_lab.replays.live.event_loop import Answered, drive, workers_for
from session_lab.replays.live.journal import Journal, Sent
from session_lab.replays.live.schedule import Dispatch, at_once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from session_lab.client import Client
    from session_lab.replays.live.answers import Answers
    from session_lab.replays.live.schedule import Schedule

__all__ = ["Asking", "outstanding"]

_REASON: Final = "live replay ended"


def outstanding(external_ids: Iterable[str], calls: Calls, book: Journal) -> list[int]:
    """Return which events are still to be asked, and give each chat the name it has in the journal.

    A chat that was closed before its events were over begins again under a new name.
    """
    chats: dict[str, list[int]] = {}
    for row, chat in enumerate(external_ids):
        chats.setdefault(chat, []).append(row)
    return sorted(row for rows in chats.values() for row in _outstanding_of(rows, calls, book))


def _outstanding_of(rows: list[int], calls: Calls, book: Journal) -> list[int]:
    names = {row: book.sent[row].name for row in rows if row in book.sent}
    if len(set(names.values())) == 1 and all(row in book.answers for row in rows):
        name = names[rows[0]]
    else:
        alive = [name for name in names.values() if name not in book.closed]
        name = alive[0] if alive else _fresh(calls.names[rows[0]], book.closed)
    for row in rows:
        calls.names[row] = name
    return [row for row in rows if row not in book.answers or names[row] != name]


def _fresh(name: str, closed: set[str]) -> str:
    fresh, number = name, 1
    while fresh in closed:
        number += 1
        fresh = f"{name}~{number}"
    return fresh


class Asking:
    """Asks what is outstanding and closes what it opened.

    Parameters
    ----------
    client : Client
        Whom to ask, on what clock.
    calls : Calls
        What to ask.
    plan : Schedule
        When.
    book : Journal
        Where to take notes.
    concurrency, rate
        As of ``replay_live``.
    answers : Answers, optional
        What looks for the answers of agents.
    """

    def __init__(
        self,
        client: Client,
        calls: Calls,
        plan: Schedule,
        book: Journal,
        *,
        concurrency: int,
        rate: float | None,
        answers: Answers | None = None,
    ) -> None:
        self._client = client
        self._calls = calls
        self._plan = plan
        self._book = book
        self._concurrency = concurrency
        self._rate = rate
        self._answers = answers

    def run(
        self,
        rows: list[int],
        origin: int,
        *,
        progress: Callable[[int], object],
        close: bool,
        resumable: bool,
    ) -> tuple[str, ...]:
        """Ask, and clean up whatever happens; return the chats that could not be closed."""
        try:
            self._ask(rows, origin, progress)
            if self._answers is not None:
                self._answers.wait()
        except BaseException as error:
            keeps = not close or (resumable and isinstance(error, APIError))
            left_open = self._opened() if keeps else self._close()
            error.add_note(self._how_far(left_open))
            if resumable:
                error.add_note("call again with the same events and journal to go on")
            raise
        return self._close() if close else ()

    def _how_far(self, left_open: tuple[str, ...]) -> str:
        names, sent = self._calls.names, self._book.sent
        # Answers to a chat that begins again under a new name do not count.
        done = sum(sent[row].name == names[row] for row in self._book.answers)
        kept = f"; {len(left_open):,} chats are left open" if left_open else ""
        return f"{done:,} of {len(names):,} events were answered{kept}"

    def _ask(self, rows: list[int], origin: int, progress: Callable[[int], object]) -> None:
        in_doubt = {row for row in rows if self._is_in_doubt(row)}
        dispatch = Dispatch(
            self._plan, origin=origin, concurrency=self._concurrency, rate=self._rate, rows=rows
        )

        def ask(row: int) -> LiveAnswer:
            settled = self._settled(row) if row in in_doubt else None
            return settled or answer_of(
                self._client, self._calls.call(row, int(dispatch.due_at[row]))
            )

        def note(step: int | Answered) -> None:
            if isinstance(step, Answered):
                if isinstance(step.answer, LiveAnswer):
                    self._book.note_answer(step.row, step.answer, step.at)
                    if self._answers is not None:
                        self._answers.note(step.row)
                    progress(1)
                return
            sent_at = self._client.clock.milliseconds()
            due_at = int(dispatch.due_at[step])
            self._book.note_sent(step, Sent(self._calls.names[step], due_at, sent_at))

        self._drive(dispatch, ask, note)

    def _drive(
        self,
        dispatch: Dispatch,
        ask: Callable[[int], LiveAnswer],
        note: Callable[[int | Answered], None],
    ) -> None:
        client = self._client
        workers = workers_for(ask, client.clock, client.sleep, self._concurrency)
        try:
            for step in drive(dispatch, workers, client.clock):
                note(step)
        finally:
            for answered in workers.drain():
                note(answered)

    def _is_in_doubt(self, row: int) -> bool:
        sent = self._book.sent.get(row)
        same_chat = sent is not None and sent.name == self._calls.names[row]
        return same_chat and row not in self._book.answers

    def _settled(self, row: int) -> LiveAnswer | None:
        """Look up whether a request that may not have been answered was carried out."""
        sessions, name = self._client.sessions, self._calls.names[row]
        try:
            if self._calls.ops[row] == "message":
                records = sessions.records(name, io="in")
                if any(record.id == self._calls.part_id(row) for record in records):
                    return LiveAnswer(200)
            elif self._calls.ops[row] == "start" and self._is_first_start(row):
                session = sessions.retrieve(name)
                return LiveAnswer(
                    201, is_cached=False, session_id=session.id, run_id=session.current_run_id
                )
        except APIStatusError:
            pass  # Not there: so it was not carried out, or the request itself will tell.
        return None

    def _is_first_start(self, row: int) -> bool:
        name = self._calls.names[row]
        return not any(
            self._book.sent[other].name == name and self._calls.ops[other] == "start"
            for other in self._book.answers
        )

    def _opened(self) -> tuple[str, ...]:
        """Name the chats that were started, as far as anybody knows, and not closed."""
        opened: dict[str, None] = {}
        closed = set(self._book.closed)
        for row, sent in self._book.sent.items():
            answer = self._book.answers.get(row, (None, 0))[0]
            status = 0 if answer is None else answer.status_code
            # A server that failed may have made the session before it did.
            if self._calls.ops[row] == "start" and not 400 <= status < 500:
                opened[sent.name] = None
            elif self._calls.ops[row] == "close" and 200 <= status < 300:
                closed.add(sent.name)
        return tuple(name for name in opened if name not in closed)

    def _close(self) -> tuple[str, ...]:
        """Close what is open, and return what could not be closed."""
        names = self._opened()
        dispatch = Dispatch(
            at_once(len(names)),
            origin=self._client.clock.milliseconds(),
            concurrency=self._concurrency,
            rate=self._rate,
        )

        def ask(row: int) -> LiveAnswer:
            return answer_of(self._client, LiveCall("close", {"id": names[row], "reason": _REASON}))

        def note(step: int | Answered) -> None:
            # A session that is not there was never made.
            if isinstance(step, Answered) and isinstance(step.answer, LiveAnswer):
                status = step.answer.status_code
                if status < 400 or status == 404:
                    self._book.note_closed(names[step.row])

        with suppress(APIError):  # Without a network, all there is to do is to tell what is open.
            self._drive(dispatch, ask, note)
        return tuple(name for name in names if name not in self._book.closed)
