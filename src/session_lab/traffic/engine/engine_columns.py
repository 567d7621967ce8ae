"""Columns from what the readable engines wrote down: one reply an event, one list of runs a chat."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from session_lab.simulator.model.machine import ERRORS, Row, WorldReply
from session_lab.simulator.model.run_rules import STATUSES
from session_lab.simulator.model.runs import Run
from session_lab.traffic.engine.engine_result import (
    CAUSES,
    KINDS,
    NAT,
    NONE,
    REASONS,
    EngineResult,
    Log,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from session_lab.simulator.model.machine import SessionState

__all__ = ["NEWEST", "PlayedChat", "numbers", "rows_of", "to_columns"]

Columns = Any
"""A named tuple whose fields hold whole columns, which its own type does not say."""

NEWEST = 2**31 - 1
"""Stands for the number of the newest run that a session shows."""

_CODE_OF_KIND: dict[str | None, int] = {
    None: NONE,
    **{kind: code for code, kind in enumerate(KINDS)},
}
_CODE_OF_ERROR: dict[str | None, int] = {
    None: NONE,
    **{error: code for code, error in enumerate(ERRORS)},
}
_CODE_OF_FLAG = {None: NONE, False: 0, True: 1}


class PlayedChat(Protocol):
    """One session as it stands in the end, and the event that created it."""

    session: SessionState
    created_by: int

    def runs(self, until: int | None) -> list[Run]:
        """Return the runs as they stood at an instant, or at their end; later ones are left out."""
        ...


def rows_of(log: Log) -> Iterable[tuple[int, int, int, int | None, int | None]]:
    """Iterate over instant, operation, chat, turn duration and expiry of each event."""
    return zip(
        log.at.tolist(),
        log.op.tolist(),
        log.chat.tolist(),
        _with_none(log.turn_duration),
        _with_none(log.expires_at),
        strict=True,
    )


def _with_none(values: NDArray[np.int64]) -> list[int | None]:
    return [None if value == NAT else value for value in values.tolist()]


def to_columns(
    log: Log,
    until: int | None,
    replies: list[WorldReply],
    ordinals: list[int],
    chats: Sequence[PlayedChat],
) -> EngineResult:
    """Turn replies, the session of each event and the sessions into an outcome."""
    answers = _transposed(replies, WorldReply)
    session = numbers(ordinals)
    groups = [chat.runs(until) for chat in chats]
    sizes = numbers(map(len, groups))
    runs = _transposed(list(chain.from_iterable(groups)), Run)
    rows = _transposed([chat.session.row for chat in chats], Row)
    claimed_at = numbers(group[-1].triggered_at if group else 0 for group in groups)
    return EngineResult(
        status_code=np.array(answers.status_code, dtype=np.int16),
        error=_codes(map(_CODE_OF_ERROR.__getitem__, answers.error)),
        session=session,
        **_served(log, answers, session, sizes, until),
        created_by=numbers(chat.created_by for chat in chats),
        created_at=numbers(rows.created_at),
        updated_at=np.maximum(numbers(rows.updated_at), claimed_at),
        closed_at=_instants(rows.closed_at),
        expires_at=_instants(rows.expires_at),
        current_run=np.where(sizes > 0, sizes.cumsum() - 1, NONE),
        owner=np.repeat(np.arange(len(groups)), sizes),
        number=numbers(runs.number),
        reason=_codes(map(REASONS.index, runs.reason)),
        status=_codes(map(STATUSES.index, runs.status)),
        triggered_at=numbers(runs.triggered_at),
        ended_at=_instants(runs.ended_at),
        end_cause=_codes(map(CAUSES.index, runs.end_cause)),
        turns=numbers(runs.turns),
        resumes=numbers(runs.resumes),
        active=numbers(runs.active),
        idle=numbers(runs.idle),
        suspended=numbers(runs.suspended),
    )


def _served(
    log: Log,
    answers: Columns,
    session: NDArray[np.int64],
    sizes: NDArray[np.int64],
    until: int | None,
) -> dict[str, Any]:
    """Return for each event whether it was cached, how its turn started by the horizon, and its run."""
    is_cached = _codes(map(_CODE_OF_FLAG.__getitem__, answers.is_cached))
    start = _instants(answers.start)
    number = numbers(NONE if run is None else run for run in answers.run)
    begun = start != NAT
    if until is not None:
        begun &= start <= until
    bounds = np.concatenate([[0], sizes.cumsum()])
    first, last = bounds[session], bounds[session + 1] - 1
    # A start names the newest run; those triggered after the horizon are left out.
    newest = np.where((is_cached != NONE) & (last >= first), np.minimum(first + number, last), NONE)
    kind = _codes(map(_CODE_OF_KIND.__getitem__, answers.start_kind))
    return {
        "is_cached": is_cached,
        "start_kind": np.where(begun, kind, np.int8(NONE)),
        "waited": np.where(begun, start - log.at, NAT),
        "run": np.where(begun, first + number, newest),
    }


def _transposed(values: Sequence[tuple[object, ...]], shape: Columns) -> Columns:
    """Turn many named tuples into one whose fields are the columns."""
    return shape(*zip(*values, strict=True)) if values else shape(*((),) * len(shape._fields))


def numbers(values: Iterable[int]) -> NDArray[np.int64]:
    """Return whole numbers as an array."""
    return np.fromiter(values, dtype=np.int64)


def _codes(values: Iterable[int]) -> NDArray[np.int8]:
    return np.fromiter(values, dtype=np.int8)


def _instants(values: Iterable[int | None]) -> NDArray[np.int64]:
    return numbers(NAT if value is None else value for value in values)
