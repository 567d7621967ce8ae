"""The readable engine where runs wait for slots: sessions are coupled, so it follows the clock.

It is the specification that the compiled coupled engine is held against. A run holds a slot from the
moment it is given, through boot, turns, idle and resume time, until it is suspended or has ended.
Which turns it takes is decided when it has its slot, in order of their arrival. At an instant, what
ends or is suspended gives its slot back, then what is triggered then joins the line, then free
slots are given; that is repeated until nothing more happens, and only then are the events of the
instant played, one by one.
"""

from __future__ import annotations

from dataclasses import replace
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from session_lab.simulator.model import machine
from session_lab.simulator.model import runs as run_model
from session_lab.simulator.model.machine import Row, SessionState, WorldReply
from session_lab.simulator.model.run_rules import FOR_EVER
from session_lab.traffic.engine.engine_columns import NEWEST, numbers, rows_of, to_columns
from session_lab.traffic.engine.engine_result import NAT, NONE, OPS, EngineResult, Log
from session_lab.traffic.engine.reference_engine import collector_paused
from session_lab.traffic.engine.slots import SlotLimits, Slots, SlotUse
from session_lab.traffic.engine.waiting_chat import Chat, Turn

if TYPE_CHECKING:
    from collections.abc import Callable

    from session_lab.simulator import Profile

__all__ = ["play_limited"]

_START, _MESSAGE, _CLOSE, _RETRIEVE = map(OPS.index, ("start", "message", "close", "retrieve"))
_CREATED = WorldReply(201, None, is_cached=False, run=NEWEST)
_ACCEPTED = WorldReply(200)
_STRIDE = 10_000


def play_limited(
    log: Log,
    limits: SlotLimits,
    profile: Profile,
    *,
    until: int | None,
    progress: Callable[[int], object],
) -> EngineResult:
    """Play a log whose runs wait for slots.

    Parameters
    ----------
    log : Log
        The events, none later than ``until``.
    limits : SlotLimits
        How many runs may hold a slot at once.
    profile : Profile
        The state of the API to follow.
    until : int or None
        The instant at which to look at what became of them; None for the end of every run.
    progress : callable
        Told now and then how many further events were played.

    Returns
    -------
    EngineResult
        The outcome, with what was waited for slots.
    """
    with collector_paused():
        playing = _Playing(log, limits, profile)
        for event in range(len(log.at)):
            if event % _STRIDE == 0 and event:
                progress(_STRIDE)
            playing.play(event)
        progress(len(log.at) % _STRIDE or min(len(log.at), _STRIDE))
        playing.advance(FOR_EVER if until is None else until)
        return playing.outcome(until)


class _Playing:
    """The events of a log as they are played, and the clock."""

    def __init__(self, log: Log, limits: SlotLimits, profile: Profile) -> None:
        self._log, self._limits, self._profile = log, limits, profile
        self._rows = list(rows_of(log))
        self._external_ids: list[str] = log.external_ids.to_pylist()
        self._chats: dict[int, Chat] = {}
        self._slots: Slots[Chat] = Slots(limits)
        self._timers: list[tuple[int, int, Chat]] = []
        self._replies: list[WorldReply] = []
        self._ordinals: list[int] = []
        self._queued = [NAT] * len(log.at)
        self._asked: list[int] = []
        self._given: list[int] = []
        self._left: list[int] = []
        self._returned: list[int] = []

    def play(self, event: int) -> None:
        """Play an event, and settle what it sets off."""
        at, op, key, turn_duration, expires_at = self._rows[event]
        self.advance(at)
        chat = self._chats.get(key)
        self._replies.append(_ACCEPTED)
        if op == _START:
            chat = self._start(event, chat, turn_duration, expires_at)
        else:
            session = None if chat is None else chat.session
            if op == _MESSAGE:
                refusal = machine.append_refusal(session, at, self._profile)
                if refusal is not None:
                    self._replies[event] = refusal
                elif chat is not None:
                    self._accept(chat, event, at, turn_duration, "continuation")
            elif op == _CLOSE:
                self._close(event, chat, at)
            else:
                self._replies[event] = machine.retrieve(session).reply
        self._ordinals.append(NONE if chat is None else chat.ordinal)
        self._settle(at)

    def advance(self, to: int) -> None:
        """Pass time, instant by instant."""
        while self._timers and self._timers[0][0] <= to:
            self._settle(self._timers[0][0])

    def outcome(self, until: int | None) -> EngineResult:
        """Return what came of it."""
        chats = list(self._chats.values())
        made = to_columns(self._log, until, self._replies, self._ordinals, chats)
        queued = numbers(self._queued)
        queued[made.start_kind == NONE] = NAT
        return replace(
            made,
            queued=queued,
            run_queued=numbers(queued for chat in chats for queued in chat.queued_of_runs(until)),
            slots=SlotUse.of(self._asked, self._given, self._left, self._returned),
        )

    def _settle(self, now: int) -> None:
        """Return slots and give them until nothing more happens at this instant."""
        while True:
            while self._timers and self._timers[0][0] <= now:
                due, _, holder = heappop(self._timers)
                if holder.holds and holder.wakes_timer == due:
                    self._give_back(holder, now)
            chat = self._slots.take_next()
            if chat is None:
                return
            while chat is not None:
                self._take_slot(chat, now)
                chat = self._slots.take_next()

    def _take_slot(self, chat: Chat, now: int) -> None:
        """Begin to hold a slot: boot, or be woken."""
        assert chat.asked_at is not None  # noqa: S101 (it was in line)
        self._given.append(now)
        chat.queued += now - chat.asked_at
        chat.waited += now - chat.asked_at
        chat.asked_at, chat.holds = None, True
        if chat.slot_at is None:
            chat.slot_at = now
            _, _, accepted, n_runs, n_settled = chat.session
            ready_at = now + chat.timings.boot(chat.name, accepted, n_runs - 1 - n_settled)
            chat.run = chat.run._replace(ready_at=ready_at, free_at=ready_at)
        self._serve(chat, now)

    def _give_back(self, chat: Chat, now: int) -> None:
        """Return the slot of a run that is suspended or has ended; another may follow that."""
        chat.holds, chat.wakes_timer = False, NONE
        self._slots.give_back(chat.task)
        self._returned.append(now)
        if chat.run.ended_at is not None and chat.turns:
            self._trigger(
                chat, "upgrade" if chat.run.end_cause == "upgrade" else "continuation", now
            )

    def _trigger(self, chat: Chat, reason: str, at: int) -> None:
        """Trigger the next run of a session, which asks for a slot."""
        session = chat.session
        if session.run is not None:
            chat.done.append((run_model.settle(session.run, chat.timings), chat.queued))
        run = run_model.trigger(session.n_runs, reason, at, 0)
        chat.session = session._replace(run=run, n_runs=session.n_runs + 1)
        chat.slot_at, chat.queued = None, 0
        self._ask(chat, at)

    def _ask(self, chat: Chat, at: int) -> None:
        chat.asked_at = at
        self._asked.append(at)
        self._slots.join(chat.task, chat.place, chat)

    def _start(
        self, event: int, chat: Chat | None, turn_duration: int | None, expires_at: int | None
    ) -> Chat:
        at, _, key, _, _ = self._rows[event]
        request = Row(self._external_ids[key], at, at, expires_at=expires_at)
        session = None if chat is None else chat.session
        session, reply, _ = machine.upsert(session, request, at, self._profile)
        assert session is not None  # noqa: S101 (a start always finds or makes one)
        self._replies[event] = reply
        if chat is None:
            chat = self._chats[key] = Chat(
                session,
                event,
                len(self._chats),
                int(self._limits.task[event]),
                self._log.timings[self._log.policy[event]],
                self._external_ids[key],
            )
            if reply.error is None:
                self._replies[event] = _CREATED
                if turn_duration is None:
                    self._replies[event] = _CREATED._replace(run=0)
                    self._trigger(chat, "initial", at)
                else:
                    self._accept(chat, event, at, turn_duration, "initial")
            return chat
        chat.session = session
        if reply.error is None:
            if not chat.is_live(at):
                self._trigger(chat, "continuation", at)
            number = NEWEST if chat.turns else chat.run.number
            self._replies[event] = reply._replace(run=number)
            if chat.turns:
                chat.turns[-1].starts.append(event)
        return chat

    def _accept(self, chat: Chat, event: int, at: int, duration: int | None, reason: str) -> None:
        """Accept a turn: serve it, or keep it until a run of its session has a slot."""
        timings = chat.timings
        if duration is None:
            duration = timings.duration(chat.name, chat.session.accepted + len(chat.turns))
        turn = Turn(event, at, duration, "queued", chat.waited_by(at))
        if chat.asked_at is not None or chat.turns:
            chat.turns.append(turn)
            return
        is_live = chat.is_live(at)
        chat.turns.append(turn)
        if not is_live:
            turn.kind = reason
            self._trigger(chat, reason, at)
            return
        turn.kind = run_model.receive(chat.run, at, timings)
        if turn.kind == "resumed":
            self._ask(chat, at)
        elif chat.run.ended_at is None:
            self._serve(chat, at)

    def _serve(self, chat: Chat, now: int) -> None:
        """Serve turns in order of arrival by a run that holds a slot, until its end is fixed."""
        turns, timings = chat.turns, chat.timings
        while turns and chat.run.ended_at is None:
            turn, run = turns[0], chat.run
            row, _, accepted, n_runs, n_settled = chat.session
            start = max(now, run.free_at)
            if turn.kind == "resumed":
                start = now + timings.resume(chat.name, accepted, n_runs - n_settled)
            deployed_at = timings.latest_deploy(start) if timings.deploys else NONE
            if deployed_at > chat.version_at and turn.kind != "upgrade":
                # It hands the turn over, which happens to a turn but once.
                turn.kind = "upgrade"
                ended_at = max(run_model.last_busy(run), now, deployed_at)
                chat.run = run_model.close(run, turn.at, ended_at, "upgrade", timings)
                break
            crashes = timings.crash_rate > 0 and timings.crashes(chat.name, accepted)
            run = run_model.serve(
                run,
                turn.at,
                start,
                turn.duration,
                timings,
                resumed=turn.kind == "resumed",
                crashes=crashes,
            )
            chat.session = SessionState(row, run, accepted + 1, n_runs, n_runs)
            reply = self._replies[turn.event]
            self._replies[turn.event] = reply._replace(
                run=run.number, start_kind=turn.kind, start=start
            )
            for event in turn.starts:
                self._replies[event] = self._replies[event]._replace(run=run.number)
            self._queued[turn.event] = chat.waited - turn.waited_before
            turns.popleft()
        run, closed_at = chat.run, chat.session.row.closed_at
        if closed_at is not None and not turns and run.ended_at is None:
            chat.run = run_model.close(run, closed_at, run.free_at, "session_closed", timings)
        self._watch(chat)

    def _close(self, event: int, chat: Chat | None, at: int) -> None:
        if chat is None or chat.session.row.closed_at is not None:
            session = None if chat is None else chat.session
            self._replies[event] = machine.close(session, None, at, None).reply
            return
        if chat.asked_at is None and not chat.turns:
            chat.session = (
                machine.close(chat.session, None, at, chat.timings).session or chat.session
            )
            if chat.holds:
                self._watch(chat)
            return
        row = chat.session.row._replace(closed_at=at, updated_at=at)
        chat.session = chat.session._replace(row=row)
        if chat.leaves_line:
            self._slots.leave(chat.task, chat.place, chat)
            self._left.append(at)
            chat.queued = chat.waited_by(at) - chat.waited
            chat.asked_at = None
            chat.run = chat.run._replace(ended_at=at, end_cause="session_closed")

    def _watch(self, chat: Chat) -> None:
        """Be told when the run gives its slot back."""
        due = chat.gives_back_at
        if due != chat.wakes_timer:
            chat.wakes_timer = due
            heappush(self._timers, (due, chat.ordinal, chat))
