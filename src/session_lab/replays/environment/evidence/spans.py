"""From the trace of a run to its turns and its waits.

Spans are known by the names that the SDK gives them, at whatever depth they stand
(``packages/trigger-sdk/src/v3/ai.ts`` and ``sessions.ts`` of the open-source SDK). The span of a
turn goes on through the wait that follows it, so a turn ends where its wait begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from session_lab.timing import to_instant

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["TraceFacts", "TurnSpan", "WaitSpan", "read_trace"]

_TURN, _ACTION = "chat turn ", "chat action"
_FIRST, _NEXT, _ASLEEP = "waiting for first message", "waiting for next message", "suspended"
_AWAKE = "idle"
_NS_PER_MS = 1_000_000
_CHAT = "gen_ai.conversation.id"

_Span = dict[str, Any]


class TurnSpan(NamedTuple):
    """One turn: its number in the run, milliseconds since 1970, and what followed it.

    ``ended_at`` is None while it is served, and where the trace does not tell it.
    """

    number: int
    started_at: int
    ended_at: int | None
    waits: bool
    trigger: str | None


class WaitSpan(NamedTuple):
    """One wait: after which turn, 0 before the first, and milliseconds since 1970.

    ``suspended_at`` is None where the run stayed awake, ``ended_at`` while the wait goes on;
    ``is_first`` is that of a run which was triggered without a message.
    """

    number: int
    started_at: int
    suspended_at: int | None
    ended_at: int | None
    resolved: str | None
    is_first: bool


class TraceFacts(NamedTuple):
    """What a trace tells of a run.

    Attributes
    ----------
    turns : list of TurnSpan
        In order.
    waits : list of WaitSpan
        In order.
    chat : str or None
        What the conversation goes by.
    actions : int
        How many actions it served, which are not turns.
    is_truncated : bool
        Whether the API left spans out.
    is_loop : bool
        Whether the run has waits and no spans of turns, as loops of a team's own have.
    """

    turns: list[TurnSpan]
    waits: list[WaitSpan]
    chat: str | None = None
    actions: int = 0
    is_truncated: bool = False
    is_loop: bool = False

    def moved(self, by: int) -> TraceFacts:
        """Return the same by a clock that is so many milliseconds ahead."""
        if not by:
            return self
        turns = [
            turn._replace(started_at=turn.started_at + by, ended_at=_plus(turn.ended_at, by))
            for turn in self.turns
        ]
        waits = [
            wait._replace(
                started_at=wait.started_at + by,
                suspended_at=_plus(wait.suspended_at, by),
                ended_at=_plus(wait.ended_at, by),
            )
            for wait in self.waits
        ]
        return self._replace(turns=turns, waits=waits)

    def when_gone(self) -> TraceFacts:
        """Return what is still known once the trace is gone: all that was over when it was read."""
        waits = [wait for wait in self.waits if wait.ended_at is not None]
        return self._replace(waits=waits, is_truncated=True)

    @classmethod
    def of_json(cls, value: list[Any]) -> TraceFacts:
        """Read facts that were written as JSON."""
        turns, waits, *rest = value
        return cls([TurnSpan(*turn) for turn in turns], [WaitSpan(*wait) for wait in waits], *rest)


def read_trace(decoded: Any) -> TraceFacts:  # noqa: ANN401  JSON
    """Read what a reply of the trace route tells of turns and waits.

    Raises
    ------
    ValueError, KeyError, TypeError, AttributeError
        It is not such a reply.
    """
    trace = decoded["trace"]
    is_truncated = bool(trace.get("isTruncated"))
    turns: list[TurnSpan] = []
    waits: list[WaitSpan] = []
    chat, actions = None, 0
    # The span of a turn comes before what is in it, so a wait knows how many turns came before.
    for span in _walk(trace["rootSpan"]):
        name = span["data"]["message"]
        if name.startswith(_TURN):
            turns.append(_turn(span, len(turns), is_truncated=is_truncated))
            chat = chat or _property(span, _CHAT)
        elif name.startswith((_FIRST, _NEXT)):
            wait = _wait(span, len(turns))
            # What was left out may be the sleep of one that shows none.
            if not is_truncated or wait.suspended_at is not None or wait.resolved == _AWAKE:
                waits.append(wait)
        elif name.startswith(_ACTION):
            actions += 1
            chat = chat or _property(span, _CHAT)
    has_loop = any(not wait.is_first for wait in waits) and not (turns or actions)
    return TraceFacts(turns, waits, chat, actions, is_truncated, has_loop)


def _plus(at: int | None, by: int) -> int | None:
    return None if at is None else at + by


def _is_wait(span: _Span) -> bool:
    return bool(span["data"]["message"].startswith((_FIRST, _NEXT)))


def _walk(root: _Span) -> Iterator[_Span]:
    """Iterate over a span and all below it, in order of time, each before what is in it.

    Those that begin in the same millisecond come in the order of the reply.
    """
    waiting = [root]
    while waiting:
        span = waiting.pop()
        yield span
        children = span.get("children") or ()
        waiting.extend(sorted(children, key=_begin)[::-1])


def _begin(span: _Span) -> int:
    return to_instant(span["data"]["startTime"])


def _end(span: _Span) -> int | None:
    data = span["data"]
    if data.get("isPartial"):
        return None
    duration: int = round(data.get("duration", 0) / _NS_PER_MS)
    return _begin(span) + duration


def _property(span: _Span, name: str) -> Any:  # noqa: ANN401  JSON
    return (span["data"].get("properties") or {}).get(name)


def _turn(span: _Span, before: int, *, is_truncated: bool) -> TurnSpan:
    wait = next((below for below in _walk(span) if _is_wait(below)), None)
    told = _property(span, "turn.number")
    number = told if isinstance(told, int) and told > before else before + 1
    trigger = _property(span, "chat.trigger")
    if wait is not None:
        return TurnSpan(number, _begin(span), _begin(wait), waits=True, trigger=trigger)
    # The wait of a turn may have been left out, and its span goes on through that.
    ended_at = None if is_truncated else _end(span)
    return TurnSpan(number, _begin(span), ended_at, is_truncated, trigger)


def _wait(span: _Span, number: int) -> WaitSpan:
    asleep = next((s for s in _walk(span) if s["data"]["message"] == _ASLEEP), None)
    suspended_at = None if asleep is None else _begin(asleep)
    resolved = _property(span, "wait.resolved")
    is_first = span["data"]["message"].startswith(_FIRST)
    return WaitSpan(number, _begin(span), suspended_at, _end(span), resolved, is_first)
