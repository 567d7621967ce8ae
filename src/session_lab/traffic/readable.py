"""The readable engine: one pure step of the machine per event.

It is the specification that faster engines are held against, so it does nothing cleverly: look the
session up, take the step, write down the reply and the runs that were superseded.
"""

from __future__ import annotations

from itertools import accumulate, chain
from typing import TYPE_CHECKING, Any

import numpy as np

from session_lab.simulator import machine
from session_lab.simulator import runs as run_model
from session_lab.simulator.machine import ERRORS, Reply, Row, Session
from session_lab.simulator.runs import STATUSES, Run
from session_lab.traffic.played import CAUSES, KINDS, NAT, NONE, OPS, REASONS, Log, Played

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from session_lab.simulator import Profile, Timings

__all__ = ["play"]

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


class _Chat:
    """One session as it stands, where it came from, and the runs it has done with."""

    __slots__ = ("created_by", "ordinal", "session", "superseded", "timings")

    def __init__(self, session: Session, created_by: int, ordinal: int, timings: Timings) -> None:
        self.session = session
        self.created_by = created_by
        self.ordinal = ordinal
        self.timings = timings
        self.superseded: list[Run] = []

    def runs(self, until: int | None) -> list[Run]:
        """Show the runs as they stood at an instant, or at their end; later ones are left out."""
        newest = self.session.run
        return [
            run_model.as_of(run, until, self.timings)
            for run in (*self.superseded, *([] if newest is None else [newest]))
            if until is None or run.triggered_at <= until
        ]


def play(
    log: Log, profile: Profile, *, until: int | None, progress: Callable[[int], object]
) -> Played:
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
    Played
        The outcome.
    """
    chats: dict[int, _Chat] = {}
    replies: list[Reply] = []
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
            request = Row(log.external_ids[key], at, at, expires_at=expires_at)
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
    replies: list[Reply],
    ordinals: list[int],
    chats: list[_Chat],
) -> Played:
    groups = [chat.runs(until) for chat in chats]
    ends = list(accumulate(map(len, groups)))
    runs = list(chain.from_iterable(groups))
    rows = [chat.session.row for chat in chats]
    horizon = {} if until is None else {"until": until}
    return Played(
        status_code=np.array([reply.status_code for reply in replies], dtype=np.int16),
        error=_codes(_CODE_OF_ERROR[reply.error] for reply in replies),
        is_cached=_codes(_CODE_OF_FLAG[reply.is_cached] for reply in replies),
        session=_numbers(ordinals),
        **_served(log, replies, ordinals, ends, **horizon),
        created_by=_numbers(chat.created_by for chat in chats),
        created_at=_numbers(row.created_at for row in rows),
        updated_at=_numbers(
            max(row.touched_at, group[-1].triggered_at if group else 0)
            for row, group in zip(rows, groups, strict=True)
        ),
        closed_at=_instants(row.closed_at for row in rows),
        expires_at=_instants(row.expires_at for row in rows),
        current_run=_numbers(
            end - 1 if group else NONE for end, group in zip(ends, groups, strict=True)
        ),
        owner=_numbers(ordinal for ordinal, group in enumerate(groups) for _ in group),
        number=_numbers(run.number for run in runs),
        reason=_codes(REASONS.index(run.reason) for run in runs),
        status=_codes(STATUSES.index(run.status) for run in runs),
        triggered_at=_numbers(run.triggered_at for run in runs),
        ended_at=_instants(run.ended_at for run in runs),
        end_cause=_codes(CAUSES.index(run.end_cause) for run in runs),
        turns=_numbers(run.turns for run in runs),
        resumes=_numbers(run.resumes for run in runs),
        active=_numbers(run.active for run in runs),
        idle=_numbers(run.idle for run in runs),
        suspended=_numbers(run.suspended for run in runs),
    )


def _served(
    log: Log, replies: list[Reply], ordinals: list[int], ends: list[int], until: int = 2**63 - 1
) -> dict[str, NDArray[Any]]:
    """Tell for each event how its turn started, as far as it had by the horizon, and its run."""
    start = _instants(reply.start for reply in replies)
    number = _numbers(NONE if reply.run is None else reply.run for reply in replies)
    kind = _codes(_CODE_OF_KIND[reply.start_kind] for reply in replies)
    is_start = np.array([reply.is_cached is not None for reply in replies], dtype=bool)
    session = _numbers(ordinals)
    begun = (start != NAT) & (start <= until)
    bounds = np.array([0, *ends])
    first, last = bounds[session], bounds[session + 1] - 1
    # A start names the newest run; those triggered after the horizon are left out.
    newest = np.where(is_start & (last >= first), np.minimum(first + number, last), NONE)
    return {
        "start_kind": np.where(begun, kind, np.int8(NONE)),
        "waited": np.where(begun, start - log.at, NAT),
        "run": np.where(begun, first + number, newest),
    }


def _numbers(values: Iterable[int]) -> NDArray[np.int64]:
    return np.fromiter(values, dtype=np.int64)


def _codes(values: Iterable[int]) -> NDArray[np.int8]:
    return np.fromiter(values, dtype=np.int8)


def _instants(values: Iterable[int | None]) -> NDArray[np.int64]:
    return _numbers(NAT if value is None else value for value in values)
