"""The trace of a run: what it did, as the spans that an agent of the SDK leaves.

Names and properties are those of ``packages/trigger-sdk/src/v3/ai.ts`` and ``sessions.ts`` of the
open-source SDK. A turn's span goes on through the wait that follows it.
"""

from __future__ import annotations

import hashlib
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from session_lab.simulator.model.calendar import date_text
from session_lab.simulator.model.runs import executed_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from session_lab.simulator.api.javascript.json_text import Json
    from session_lab.simulator.model.settings.policy import Timings
    from session_lab.simulator.world.state import RunRecord
    from session_lab.simulator.world.turns import ServedTurn

__all__ = ["trace_of"]

_NS_PER_MS = 1_000_000
_ENDS_WITHOUT_WAIT = {"crash", "max_duration", "max_turns"}


class _Span(NamedTuple):
    """A span before it has an id; an end of None lies ahead."""

    message: str
    start: int
    end: int | None
    properties: dict[str, Json]
    children: list[_Span]


def trace_of(
    record: RunRecord, turns: Sequence[ServedTurn], timings: Timings | None, name: str, now: int
) -> Json:
    """Return the trace of a run as the API answers with it.

    Parameters
    ----------
    record : RunRecord
        The run as it stands now.
    turns : sequence of ServedTurn
        Those that it serves, in order; what lies ahead is not shown.
    timings : Timings or None
        What it follows; without a policy the trace has no spans below its root.
    name : str
        What the conversation goes by: the session's external id, else its id.
    now : int
        The present, in milliseconds since 1970.
    """
    run = record.run
    children = []
    begun = executed_at(run)
    if timings is not None and begun is not None and begun <= now:
        spans = _conversation(record, [t for t in turns if t.started_at <= now], timings, name, now)
        children = [_Span("Attempt 1", run.ready_at, run.ended_at, {}, spans)]
    task = record.task_identifier or ""
    root = _Span(task, run.triggered_at, run.ended_at, {}, children)
    writer = _Writer(record)
    return {"trace": {"traceId": _hash(record.run_id, 32), "rootSpan": writer.write(root, None)}}


def _conversation(
    record: RunRecord, turns: Sequence[ServedTurn], timings: Timings, name: str, now: int
) -> list[_Span]:
    """Return the turns of a run with the waits between them."""
    run, spans = record.run, []
    first = turns[0].started_at if turns else run.ended_at
    if not turns or turns[0].start_kind in {"warm", "resumed"}:
        is_preload = run.reason == "initial"
        idle = timings.preload()[0] if is_preload else timings.idle_timeout
        message = "waiting for first message"
        message = message if is_preload else f"{message} (continuation)"
        spans.append(_wait(message, run.ready_at, first, idle, now))
    for turn, following in pairwise([*turns, None]):
        if turn is None:
            continue
        properties: dict[str, Json] = {
            "turn.number": turn.number,
            "gen_ai.conversation.id": name,
            "chat.trigger": "submit-message",
        }
        waits: list[_Span] = []
        end: int | None = turn.ended_at
        if turn.ended_at > now:
            end = None
        elif _is_followed_by_a_wait(record, turn, following):
            end = run.ended_at if following is None else following.started_at
            idle = timings.idle_timeout
            waits.append(_wait("waiting for next message", turn.ended_at, end, idle, now))
        spans.append(_Span(f"chat turn {turn.number}", turn.started_at, end, properties, waits))
    return spans


def _is_followed_by_a_wait(
    record: RunRecord, turn: ServedTurn, following: ServedTurn | None
) -> bool:
    """Return whether a run had nothing to do after a turn, however shortly."""
    if following is not None:
        return following.arrived_at >= turn.ended_at
    run = record.run
    return run.ended_at != turn.ended_at or run.end_cause not in _ENDS_WITHOUT_WAIT


def _wait(message: str, start: int, end: int | None, idle: int, now: int) -> _Span:
    """Return a wait, with what the run slept of it."""
    asleep_at = start + idle
    until = now if end is None else end
    if until < asleep_at or (end is not None and until == asleep_at):
        resolved: dict[str, Json] = {} if end is None else {"wait.resolved": "idle"}
        return _Span(message, start, end, resolved, [])
    slept = _Span("suspended", asleep_at, end, {}, [])
    return _Span(message, start, end, {"wait.resolved": "suspended"}, [slept])


class _Writer:
    """Writes the spans of one run, and counts them for their ids."""

    def __init__(self, record: RunRecord) -> None:
        self._record = record
        self._n_spans = 0

    def write(self, span: _Span, parent: str | None) -> dict[str, Json]:
        """Write a span and all below it."""
        record, is_partial = self._record, span.end is None
        span_id = _hash(f"{record.run_id}/{self._n_spans}", 16)
        self._n_spans += 1
        run = record.run
        is_last = span.end == run.ended_at
        data: dict[str, Json] = {
            "message": span.message,
            "taskSlug": record.task_identifier or "",
            "startTime": date_text(span.start),
            "duration": 0 if span.end is None else (span.end - span.start) * _NS_PER_MS,
            "isError": is_last and not is_partial and run.status in {"CRASHED", "TIMED_OUT"},
            "isPartial": is_partial,
            "isCancelled": is_last and not is_partial and run.status == "CANCELED",
            "level": "TRACE",
            "events": [],
        }
        if span.message.startswith("Attempt"):
            data["attemptNumber"] = 1
        if span.properties:
            data["properties"] = span.properties
        written: dict[str, Json] = {"id": span_id, "runId": record.run_id, "data": data}
        if parent is not None:
            written["parentId"] = parent
        written["children"] = [self.write(child, span_id) for child in span.children]
        return written


def _hash(text: str, length: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]
