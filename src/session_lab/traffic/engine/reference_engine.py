"""The readable engine: one pure step of the machine per event.

It is the specification that faster engines are held against, so it does nothing cleverly: look the
session up, take the step, write down the reply and the runs that were superseded.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from session_lab.simulator.model import machine
from session_lab.simulator.model import runs as run_model
from session_lab.simulator.model.machine import ERRORS, Row, SessionState, WorldReply
from session_lab.simulator.model.run_rules import STATUSES
from session_lab.simulator.model.runs import Run
from session_lab.traffic.engine.engine_result import (
    CAUSES,
    KINDS,
    NAT,
    NONE,
    OPS,
    REASONS,
    EngineResult,
    Log,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    from numpy.typing import NDArray

    from session_lab.simulator import Profile, Timings

__all__ = ["play"]

Columns = Any
"""A named tuple whose fields hold whole columns, which its own type does not say."""

_START, _MESSAGE, _CLOSE, _RETRIEVE = map(OPS.index, ("start", "message", "close", "retrieve"))
_CODE_OF_KIND: dict[str | None, int] = {
    None: NONE,
    **{kind: code for code, kind in enumerate(KINDS)},
}
_CODE_OF_ERROR: dict[str | None, int] = {
    None: NONE,
    **{error: code for code, error in enumerate(ERRORS)},
}
_CODE_OF_FLAG = {None: NONE, False: 0, True: 1}
_STRIDE = 10_000


@contextmanager
def _collector_paused() -> Generator[None]:
    """Pause the search for cycles: the engine makes none, and its state only grows."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class _Chat:
    """One session as it stands, where it came from, and the runs it has done with."""

    __slots__ = ("created_by", "ordinal", "session", "superseded", "timings")

    def __init__(
        self, session: SessionState, created_by: int, ordinal: int, timings: Timings
    ) -> None:
        self.session = session
        self.created_by = created_by
        self.ordinal = ordinal
        self.timings = timings
        self.superseded: list[Run] = []

    def runs(self, until: int | None) -> list[Run]:
        """Show the runs as they stood at an instant, or at their end; later ones are left out."""
        newest, timings = self.session.run, self.timings
        runs = self.superseded if newest is None else [*self.superseded, newest]
        if until is not None:
            runs = [run for run in runs if run.triggered_at <= until]
        return [run_model.as_of(run, until, timings) for run in runs]


def play(
    log: Log, profile: Profile, *, until: int | None, progress: Callable[[int], object]
) -> EngineResult:
    """Play a log.

    Parameters
    ----------
    log : Log
        The events, none later than ``until``.
    profile : Profile
        The state of the API to follow.
    until : int or None
        The instant at which to look at what became of them; None for the end of every run.
    progress : callable
        Told now and then how many further events were played.

    Returns
    -------
    EngineResult
        The outcome.
    """
    with _collector_paused():
        return _play(log, profile, until, progress)


def _play(
    log: Log, profile: Profile, until: int | None, progress: Callable[[int], object]
) -> EngineResult:
    external_ids = log.external_ids.to_pylist()
    chats: dict[int, _Chat] = {}
    replies: list[WorldReply] = []
    ordinals: list[int] = []
    for i, (at, op, key, turn_duration, expires_at) in enumerate(_rows(log)):
        if i % _STRIDE == 0 and i:
            progress(_STRIDE)
        chat = chats.get(key)
        session, timings = (
            (None, log.timings[log.policy[i]]) if chat is None else (chat.session, chat.timings)
        )
        if op == _MESSAGE:
            step = machine.message(session, turn_duration, at, timings, profile=profile)
        elif op == _START:
            request = Row(external_ids[key], at, at, expires_at=expires_at)
            step = machine.start(session, request, turn_duration, at, timings, profile=profile)
        elif op == _CLOSE:
            step = machine.close(session, None, at, timings)
        else:
            step = machine.retrieve(session)
        session, reply, superseded = step
        if session is not None:
            if chat is None:
                chat = chats[key] = _Chat(session, i, len(chats), timings)
            chat.session = session
            if superseded:
                chat.superseded.extend(superseded)
        replies.append(reply)
        ordinals.append(NONE if chat is None else chat.ordinal)
    progress(len(log.at) % _STRIDE or min(len(log.at), _STRIDE))
    return _columns(log, until, replies, ordinals, list(chats.values()))


def _rows(log: Log) -> Iterable[tuple[int, int, int, int | None, int | None]]:
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


def _columns(
    log: Log,
    until: int | None,
    replies: list[WorldReply],
    ordinals: list[int],
    chats: list[_Chat],
) -> EngineResult:
    answers = _transposed(replies, WorldReply)
    session = _numbers(ordinals)
    groups = [chat.runs(until) for chat in chats]
    sizes = _numbers(map(len, groups))
    runs = _transposed(list(chain.from_iterable(groups)), Run)
    rows = _transposed([chat.session.row for chat in chats], Row)
    claimed_at = _numbers(group[-1].triggered_at if group else 0 for group in groups)
    return EngineResult(
        status_code=np.array(answers.status_code, dtype=np.int16),
        error=_codes(map(_CODE_OF_ERROR.__getitem__, answers.error)),
        session=session,
        **_served(log, answers, session, sizes, until),
        created_by=_numbers(chat.created_by for chat in chats),
        created_at=_numbers(rows.created_at),
        updated_at=np.maximum(_numbers(rows.updated_at), claimed_at),
        closed_at=_instants(rows.closed_at),
        expires_at=_instants(rows.expires_at),
        current_run=np.where(sizes > 0, sizes.cumsum() - 1, NONE),
        owner=np.repeat(np.arange(len(groups)), sizes),
        number=_numbers(runs.number),
        reason=_codes(map(REASONS.index, runs.reason)),
        status=_codes(map(STATUSES.index, runs.status)),
        triggered_at=_numbers(runs.triggered_at),
        ended_at=_instants(runs.ended_at),
        end_cause=_codes(map(CAUSES.index, runs.end_cause)),
        turns=_numbers(runs.turns),
        resumes=_numbers(runs.resumes),
        active=_numbers(runs.active),
        idle=_numbers(runs.idle),
        suspended=_numbers(runs.suspended),
    )


def _served(
    log: Log,
    answers: Columns,
    session: NDArray[np.int64],
    sizes: NDArray[np.int64],
    until: int | None,
) -> dict[str, NDArray[Any]]:
    """Return for each event whether it was cached, how its turn started by the horizon, and its run."""
    is_cached = _codes(map(_CODE_OF_FLAG.__getitem__, answers.is_cached))
    start = _instants(answers.start)
    number = _numbers(NONE if run is None else run for run in answers.run)
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


def _numbers(values: Iterable[int]) -> NDArray[np.int64]:
    return np.fromiter(values, dtype=np.int64)


def _codes(values: Iterable[int]) -> NDArray[np.int8]:
    return np.fromiter(values, dtype=np.int8)


def _instants(values: Iterable[int | None]) -> NDArray[np.int64]:
    return _numbers(NAT if value is None else value for value in values)
