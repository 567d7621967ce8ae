"""Which message each served turn answers, and how it began.

Turns are served first come first served, so the turns of a session's traces, in order, answer its
messages in order. What needs to be known beside is whether the start brought the first one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from session_lab.replays.environment.assembling.estimate import estimated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from session_lab.replays.environment.assembling.chats import Chat, KnownRun
    from session_lab.replays.environment.assembling.estimate import Typical
    from session_lab.replays.environment.evidence.arrivals import Arrival

__all__ = ["MOST_SKEW", "ServedChat", "Turn", "needs_payload", "serve"]

MOST_SKEW = 1_000
"""By how many milliseconds the clocks of a worker and of the stream store may differ."""


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
    """

    run: int
    number: int
    arrived_at: int
    started_at: int
    ended_at: int | None
    rule: str | None
    arrival: Arrival | None

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


class ServedChat(NamedTuple):
    """The turns of a session, and what did not fit.

    Attributes
    ----------
    turns : list of Turn
        In order.
    carries : bool
        Whether the start brought the first turn.
    waiting : list of Arrival
        Messages that no turn answers, in order.
    skews : list of int
        By how many milliseconds turns began before their message came.
    orphans : int
        Turns for which no message was found.
    """

    turns: list[Turn]
    carries: bool
    waiting: list[Arrival]
    skews: list[int]
    orphans: int


def needs_payload(chat: Chat) -> bool:
    """Return whether only the payload of the first run tells if the start brought a turn."""
    return _carries(chat, _messages(chat)) is None


def serve(chat: Chat, typical: Typical, answers: Mapping[int, list[int | None]]) -> ServedChat:
    """Give each turn of a session its message.

    ``answers`` say when turns were complete that were followed, by the numbers of their messages;
    that is taken where a trace does not tell it.
    """
    messages = _messages(chat)
    carries = bool(_carries(chat, messages))
    turns: list[Turn] = []
    skews: list[int] = []
    place = orphans = 0
    # A run may hand over before it serves anything, so the first turn of all is meant.
    comes_first = carries
    for index, run in enumerate(chat.runs):
        spans = _spans(run)
        if spans is None:
            last = _arrivals_until(chat, messages, index)
            own = messages[place:last]
            turns += _estimated(chat, index, own, typical, comes_first=comes_first)
            place, comes_first = max(place, last), False
            continue
        for span in spans:
            if comes_first:
                turns.append(_turn(index, span, chat.created_at, None))
                comes_first = False
            elif place < len(messages) and messages[place].at <= span.started_at + MOST_SKEW:
                message = messages[place]
                place += 1
                if message.at > span.started_at:
                    skews.append(message.at - span.started_at)
                turns.append(_turn(index, span, message.at, message))
            else:
                orphans += 1
                at = run.triggered_at if span.number == 1 else span.started_at
                turns.append(_turn(index, span, at, None))
        if run.trace is not None and run.trace.is_truncated:
            last = _arrivals_until(chat, messages, index)
            free = (turns[-1].ended_at or turns[-1].started_at) if turns else run.triggered_at
            duration = typical.of_task(chat.task)
            turns += _one_by_one(index, messages[place:last], free, len(spans), duration, "median")
            place = max(place, last)
    turns = [_completed(turn, answers) for turn in turns]
    return ServedChat(turns, carries, messages[place:], skews, orphans)


def _completed(turn: Turn, answers: Mapping[int, list[int | None]]) -> Turn:
    seen = answers.get(turn.event_id)
    if seen is None or seen[1] is None or turn.rule in {"trace", "waits", None}:
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
    if served <= len(asked) + 1 or None in all_spans:
        return asked
    return [one for one in chat.arrivals if one.trigger != "stop"]


def _carries(chat: Chat, messages: list[Arrival]) -> bool | None:
    """Return whether the start brought a turn; None where that cannot be told."""
    if not chat.runs or chat.carries is not None:
        return bool(chat.carries)
    first, all_spans = chat.runs[0], [_spans(run) or [] for run in chat.runs]
    if first.trace is not None and any(wait.is_first for wait in first.trace.waits):
        return False
    if not all_spans[0] or not all(map(_is_whole, chat.runs)):
        return None
    starts_alone = not messages or messages[0].at > all_spans[0][0].started_at + MOST_SKEW
    extra = sum(map(len, all_spans)) - len(messages)
    if starts_alone or extra == 1:
        return True
    is_over = all(run.ended_at is not None for run in chat.runs)
    return False if extra == 0 and is_over else None


def _is_whole(run: KnownRun) -> bool:
    return run.trace is not None and not run.trace.is_truncated


def _spans(run: KnownRun) -> list[_Span] | None:
    """Return when a run served turns; None where no trace tells all of it."""
    trace = run.trace
    if trace is None or (trace.is_truncated and not trace.turns):
        return None
    if trace.is_loop:
        return _between_waits(run)
    return [_Span(turn.number, turn.started_at, turn.ended_at, "trace") for turn in trace.turns]


def _between_waits(run: KnownRun) -> list[_Span]:
    """Return what lies between the waits of a loop of a team's own."""
    spans: list[_Span] = []
    began = run.triggered_at if run.started_at is None else run.started_at
    busy_since: int | None = began
    for wait in run.trace.waits if run.trace is not None else ():
        if busy_since is not None and not wait.is_first:
            spans.append(_Span(len(spans) + 1, busy_since, wait.started_at, "waits"))
        busy_since = wait.ended_at
    ended_at = run.ended_at
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
