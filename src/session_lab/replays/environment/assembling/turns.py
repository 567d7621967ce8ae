"""Which message each served turn answers, and how it began.

Turns are served first come first served, so the turns of a session's traces, in order, answer its
messages in order. What needs to be known beside is whether the start brought the first one.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from session_lab.replays.environment.assembling.chats import MOST_SKEW
from session_lab.replays.environment.assembling.estimate import estimated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from session_lab.replays.environment.assembling.chats import Chat, KnownRun
    from session_lab.replays.environment.assembling.estimate import Typical
    from session_lab.replays.environment.evidence.arrivals import Arrival

__all__ = [
    "MEASURED",
    "Paired",
    "ServedChat",
    "Turn",
    "has_gap",
    "in_order",
    "needs_payload",
    "serve",
]

MEASURED = ("trace", "waits", None)
"""Rules of ends that are no estimates; None where a turn goes on."""
_APART = 60_000
"""So long before its message no clock lets a turn begin."""


class Turn(NamedTuple):
    """A turn that was served; times in milliseconds since 1970.

    Attributes
    ----------
    run : int
        Its run, as its place in the session.
    number : int
        Its number in the run, from 1.
    arrived_at : int
        When its message came.
    started_at, ended_at : int, int or None
        When it was served.
    rule : str or None
        By which rule the end was found: ``trace``, ``waits``, ``turn-complete``, ``billed``,
        ``median``.
    arrival : Arrival or None
        Its record on ``in``; None of a turn that came with the start.
    is_assumed : bool
        Whether nothing tells when its message came; it is taken to be when the turn began.
    """

    run: int
    number: int
    arrived_at: int
    started_at: int
    ended_at: int | None
    rule: str | None
    arrival: Arrival | None
    is_assumed: bool = False

    @property
    def waited(self) -> int | None:
        """How long its message waited; None where nothing tells when that came."""
        return None if self.is_assumed else self.started_at - self.arrived_at

    @property
    def event_id(self) -> int:
        """The number of its message on ``in``; -1 where it came with the start."""
        return -1 if self.arrival is None else self.arrival.seq


class _Span(NamedTuple):
    """When a turn was served, before its message is known."""

    number: int
    started_at: int
    ended_at: int | None
    rule: str


Paired = list[tuple[int, _Span, "Arrival | None"]]
"""Runs by their places, turns that they served, and their messages; None for a start's own."""


class ServedChat(NamedTuple):
    """The turns of a session, and what did not fit.

    Attributes
    ----------
    turns : list of Turn
        In order.
    carries : bool
        Whether the start brought a turn.
    own : Turn or None
        That turn, where it was served.
    waiting : list of Arrival
        Messages that no turn answers, in order.
    counts : Counter
        What did not fit: turns that began before their message came (``skewed``, and by how much at
        most, ``skew``), turns without a message (``orphans``), runs before which others are missing
        (``gaps``), runs whose trace shows nothing (``silent``), turns whose trace has no end
        (``unended``), and whether nothing tells what the start brought (``unsure starts``).
    """

    turns: list[Turn]
    carries: bool
    own: Turn | None
    waiting: list[Arrival]
    counts: Counter[str]


def needs_payload(chat: Chat) -> bool:
    """Return whether only the payload of the first run tells if the start brought a turn."""
    return _carries(chat, _messages(chat)) is None


def serve(chat: Chat, typical: Typical) -> ServedChat:
    """Give each turn of a session its message."""
    serving = _Serving(chat, typical)
    for index in range(len(chat.runs)):
        serving.take(index)
    turns = [_completed(turn, chat.answers) for turn in serving.turns]
    own = turns[0] if serving.has_own else None
    waiting = serving.passed + serving.messages[serving.place :]
    return ServedChat(turns, serving.carries, own, waiting, serving.counts)


class _Serving:
    """The messages of a session, given to the turns of its runs one by one."""

    def __init__(self, chat: Chat, typical: Typical) -> None:
        self.chat, self.typical = chat, typical
        self.messages = _messages(chat)
        carries = _carries(chat, self.messages)
        self.carries = bool(carries)
        self.turns: list[Turn] = []
        self.passed: list[Arrival] = []
        self.counts: Counter[str] = Counter({"unsure starts": carries is None})
        self.place = 0
        # A run may hand over before it serves anything, so the first turn of all is meant.
        self.comes_first = self.carries
        self.has_own = False
        self._fits = in_order(chat) is not None

    def take(self, index: int) -> None:
        """Serve what a run served."""
        run = self.chat.runs[index]
        self._pass_by(index)
        spans = _spans(run)
        if spans is None or _is_silent(self.chat, index):
            self._estimate(index, is_silent=spans is not None)
            return
        is_truncated = run.trace is not None and run.trace.is_truncated
        first = len(self.turns)
        for span in spans:
            self._serve(index, span)
        following = [turn.started_at for turn in self.turns[first + 1 :]]
        for place, until in enumerate([*following, run.ended_at][: len(spans)], first):
            turn = self.turns[place]
            if turn.ended_at is None and (is_truncated or until is not None):
                self.turns[place] = _guessed(turn, until, self._median)
                self.counts["unended"] += not is_truncated
        if is_truncated:
            until = _arrivals_until(self.chat, self.messages, index)
            free = self.turns[-1].ended_at or self.turns[-1].started_at
            own = self.messages[self.place : until]
            self.turns += _one_by_one(index, own, free, len(spans), self._median, "median")
            self.place = max(self.place, until)

    @property
    def _median(self) -> int | None:
        return self.typical.of_task(self.chat.task)

    def _serve(self, index: int, span: _Span) -> None:
        place, messages = self.place, self.messages
        if self.comes_first:
            self.turns.append(_turn(index, span, self.chat.created_at, None))
            self.comes_first, self.has_own = False, True
        elif place < len(messages) and (
            self._fits or messages[place].at <= span.started_at + MOST_SKEW
        ):
            message = messages[place]
            self.place += 1
            early = message.at - span.started_at
            self.counts["skewed"] += early > 0
            self.counts["skew"] = max(self.counts["skew"], early)
            self.turns.append(_turn(index, span, message.at, message))
        else:
            self.counts["orphans"] += 1
            run = self.chat.runs[index]
            called = span.number == 1 and not _waits_first(run)
            at = run.triggered_at if called else span.started_at
            self.turns.append(_turn(index, span, at, None)._replace(is_assumed=not called))

    def _estimate(self, index: int, *, is_silent: bool) -> None:
        last = _arrivals_until(self.chat, self.messages, index)
        own = self.messages[self.place : last]
        found = _estimated(self.chat, index, own, self.typical, comes_first=self.comes_first)
        self.counts["silent"] += bool(found) and is_silent
        self.turns += found
        self.has_own |= self.comes_first
        self.place, self.comes_first = max(self.place, last), False

    def _pass_by(self, index: int) -> None:
        """Leave to runs that are missing what came before a run, as far as more came than it took.

        Where the trigger of a run failed, the next one serves what came before it.
        """
        left = self.messages[self.place :]
        if not has_gap(self.chat, index, left):
            return
        spare = len(left) + self.comes_first
        all_spans = [_spans(run) for run in self.chat.runs[index:]]
        if None not in all_spans:
            spare -= sum(len(spans) for spans in all_spans if spans is not None)
        if spare <= 0:
            return
        self.counts["gaps"] += 1
        spare -= self.comes_first
        self.comes_first = False
        begin = self.chat.runs[index].triggered_at - MOST_SKEW
        passed = left[: min(spare, sum(one.at < begin for one in left))]
        self.passed += passed
        self.place += len(passed)


def has_gap(chat: Chat, index: int, messages: Sequence[Arrival]) -> bool:
    """Return whether there must have been another run before one, which no list told.

    A start triggers a run at once, and so does the first message to a session without one.
    """
    run = chat.runs[index]
    since = chat.runs[index - 1].ended_at if index else chat.created_at
    if since is None or run.triggered_at <= since + MOST_SKEW:
        return False
    asked = (since < one.at < run.triggered_at - MOST_SKEW for one in messages)
    return index == 0 or next(asked, False)


def in_order(chat: Chat) -> Paired | None:
    """Return runs, turns and messages in order; None where these are not known to be as many."""
    if not all(_is_whole(run) and run.ended_at is not None for run in chat.runs):
        return None
    spans = [(index, span) for index, run in enumerate(chat.runs) for span in _spans(run) or ()]
    messages = _messages(chat)
    asked = [*([None] if _carries(chat, messages) else []), *messages]
    if len(spans) != len(asked):
        return None
    return [(*served, message) for served, message in zip(spans, asked, strict=True)]


def _completed(turn: Turn, answers: Mapping[int, Sequence[int | None]]) -> Turn:
    seen = answers.get(turn.event_id)
    if seen is None or seen[1] is None or turn.rule in MEASURED:
        return turn
    return turn._replace(ended_at=max(seen[1], turn.started_at), rule="turn-complete")


def _messages(chat: Chat) -> list[Arrival]:
    """Pick the records that asked for turns.

    Where traces have more turns than that, as an agent may serve an action as one, all that were
    no stops count.
    """
    asked = [one for one in chat.arrivals if one.is_turn]
    all_spans = [_spans(run) for run in chat.runs]
    served = sum(len(spans) for spans in all_spans if spans is not None)
    is_bare = chat.carries is False or any(map(_waits_first, chat.runs[:1]))
    if served <= len(asked) + (not is_bare) or None in all_spans:
        return asked
    return [one for one in chat.arrivals if one.trigger != "stop"]


def _carries(chat: Chat, messages: list[Arrival]) -> bool | None:
    """Return whether the start brought a turn; None where that cannot be told."""
    if not chat.runs or chat.carries is not None:
        return bool(chat.carries)
    first, all_spans = chat.runs[0], [_spans(run) or [] for run in chat.runs]
    if _waits_first(first):
        return False
    if not all_spans[0] or not all(map(_is_whole, chat.runs)):
        return None
    early = messages[0].at - all_spans[0][0].started_at if messages else _APART
    extra = sum(map(len, all_spans)) - len(messages)
    if early >= _APART or extra == 1:
        return True
    is_over = all(run.ended_at is not None for run in chat.runs)
    # Either clocks differ, or the start brought a turn and a message was not served.
    return False if extra == 0 and is_over and early <= MOST_SKEW else None


def _waits_first(run: KnownRun) -> bool:
    """Return whether a run was triggered without a message."""
    return run.trace is not None and any(wait.is_first for wait in run.trace.waits)


def _is_whole(run: KnownRun) -> bool:
    return run.trace is not None and not run.trace.is_truncated


def _spans(run: KnownRun) -> list[_Span] | None:
    """Return when a run served turns; None where no trace tells all of it."""
    trace = run.trace
    if trace is None:
        return None
    found = [_Span(turn.number, turn.started_at, turn.ended_at, "trace") for turn in trace.turns]
    if trace.is_loop:
        found = _between_waits(run)
    return None if trace.is_truncated and not found else found


def _is_silent(chat: Chat, index: int) -> bool:
    """Return whether the trace of a run that was billed shows nothing, as without our spans.

    One that was handed over at once had nothing to show.
    """
    run, following = chat.runs[index], chat.runs[index + 1 : index + 2]
    if run.trace is None or run.ended_at is None or not run.billed:
        return False
    hands_over = any(one.triggered_at <= run.ended_at for one in following)
    return not (hands_over or run.trace.turns or run.trace.waits or run.trace.actions)


def _between_waits(run: KnownRun) -> list[_Span]:
    """Return what lies between the waits of a loop of a team's own."""
    spans: list[_Span] = []
    began = run.triggered_at if run.started_at is None else run.started_at
    busy_since: int | None = began
    trace = run.trace
    for wait in trace.waits if trace is not None else ():
        if busy_since is not None and not wait.is_first:
            spans.append(_Span(len(spans) + 1, busy_since, wait.started_at, "waits"))
        busy_since = wait.ended_at
    ended_at = run.ended_at
    if trace is not None and trace.is_truncated:
        return spans
    if busy_since is not None and (ended_at is None or ended_at > busy_since + MOST_SKEW):
        spans.append(_Span(len(spans) + 1, busy_since, ended_at, "waits"))
    return spans


def _turn(index: int, span: _Span, arrived_at: int, arrival: Arrival | None) -> Turn:
    """Make a turn; where its run's clock is behind, it is moved to when its message came."""
    late = max(arrived_at - span.started_at, 0)
    ended_at = None if span.ended_at is None else span.ended_at + late
    rule = None if ended_at is None else span.rule
    started_at = span.started_at + late
    return Turn(index, span.number, arrived_at, started_at, ended_at, rule, arrival)


def _guessed(turn: Turn, until: int | None, duration: int | None) -> Turn:
    """Return a turn of which no end is told, as long as others are, but for what came after it."""
    if duration is None:
        return turn
    ended_at = turn.started_at + duration
    if until is not None:
        ended_at = max(min(ended_at, until), turn.started_at)
    return turn._replace(ended_at=ended_at, rule="median")


def _arrivals_until(chat: Chat, messages: list[Arrival], index: int) -> int:
    """Return the place of the first message that a run without a trace did not serve."""
    if index + 1 == len(chat.runs):
        return len(messages)
    until = chat.runs[index + 1].triggered_at
    return sum(message.at < until for message in messages)


def _estimated(
    chat: Chat, index: int, messages: list[Arrival], typical: Typical, *, comes_first: bool
) -> list[Turn]:
    """Return the turns of a run without a trace, all of one length."""
    run = chat.runs[index]
    asked: list[Arrival | None] = [None, *messages] if comes_first else [*messages]
    times = [chat.created_at if one is None else one.at for one in asked]
    duration, rule = estimated(run, times, typical, chat.task)
    free = run.triggered_at if run.started_at is None else run.started_at
    return _one_by_one(index, asked, free, 0, duration, rule, times[0] if comes_first else 0)


def _one_by_one(  # noqa: PLR0917
    index: int,
    asked: Sequence[Arrival | None],
    free: int,
    number: int,
    duration: int | None,
    rule: str,
    created_at: int = 0,
) -> list[Turn]:
    """Serve messages one after the other, each as long as the others."""
    turns: list[Turn] = []
    for arrival in asked:
        number += 1
        at = created_at if arrival is None else arrival.at
        start = max(at, free)
        end = None if duration is None else start + duration
        turns.append(Turn(index, number, at, start, end, None if end is None else rule, arrival))
        free = start if end is None else end
    return turns
