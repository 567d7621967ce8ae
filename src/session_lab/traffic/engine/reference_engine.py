"""The readable engine: one pure step of the machine per event.

It is the specification that faster engines are held against, so it does nothing cleverly: look the
session up, take the step, write down the reply and the runs that were superseded.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

from session_lab.simulator.model import machine
from session_lab.simulator.model import runs as run_model
from session_lab.simulator.model.machine import Row, SessionState, WorldReply
from session_lab.traffic.engine.engine_columns import rows_of, to_columns
from session_lab.traffic.engine.engine_result import NONE, OPS

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from session_lab.simulator import Profile, Timings
    from session_lab.simulator.model.runs import Run
    from session_lab.traffic.engine.engine_result import EngineResult, Log

__all__ = ["collector_paused", "play"]

_START, _MESSAGE, _CLOSE, _RETRIEVE = map(OPS.index, ("start", "message", "close", "retrieve"))
_STRIDE = 10_000


@contextmanager
def collector_paused() -> Generator[None]:
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
    with collector_paused():
        return _play(log, profile, until, progress)


def _play(
    log: Log, profile: Profile, until: int | None, progress: Callable[[int], object]
) -> EngineResult:
    external_ids = log.external_ids.to_pylist()
    chats: dict[int, _Chat] = {}
    replies: list[WorldReply] = []
    ordinals: list[int] = []
    for i, (at, op, key, turn_duration, expires_at) in enumerate(rows_of(log)):
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
    return to_columns(log, until, replies, ordinals, list(chats.values()))
