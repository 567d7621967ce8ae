"""Tell a short history in milliseconds, play it, and read what came of it.

``play(start(0, lasting=5), message(9), idle_timeout=10)`` plays one chat; everything it tells is
counted in milliseconds from the first instant of the stories, so that numbers can be checked by
hand.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import pandas as pd

import session_lab as sl
from tests.oracles.simpy_model import Policy
from tests.strategies import ORIGIN, events_frame, settings_of

__all__ = ["Story", "close", "instant", "message", "ms", "or_none", "play", "retrieve", "start"]

Event = dict[str, Any]

POLICY = Policy(idle_timeout=10, turn_timeout=100, turn_duration=5, on_deploy="hand_over")
"""What holds in a story unless it says otherwise."""


def start(
    at: int, *, lasting: int | None = None, expires_at: int | None = None, chat: str = "a"
) -> Event:
    expiry = None if expires_at is None else ORIGIN + expires_at
    return _event(at, "start", chat) | {"turn_duration": lasting, "expires_at": expiry}


def message(at: int, *, lasting: int | None = None, chat: str = "a") -> Event:
    return _event(at, "message", chat) | {"turn_duration": lasting}


def close(at: int, *, chat: str = "a") -> Event:
    return _event(at, "close", chat)


def retrieve(at: int, *, chat: str = "a") -> Event:
    return _event(at, "retrieve", chat)


def _event(at: int, op: str, chat: str) -> Event:
    return {"at": ORIGIN + at, "op": op, "external_id": chat}


class Turn(NamedTuple):
    """A served turn: the number of its run, how it started, when, and how long it had waited."""

    run: int
    kind: str
    start: int
    waited: int


class Run(NamedTuple):
    """A run as its row says it."""

    reason: str
    triggered_at: int
    ended_at: int | None
    end_cause: str
    status: str
    turns: int
    resumes: int
    active: int
    idle: int
    suspended: int


@dataclass(frozen=True)
class Story:
    """What came of a history of one chat or more."""

    replay: sl.Replay

    @property
    def codes(self) -> list[int]:
        return self.replay.operations["status_code"].tolist()

    @cached_property
    def runs(self) -> list[Run]:
        """The runs, by session, then in order of trigger."""
        return [
            Run(
                row.reason,
                ms(row.triggered_at),
                ms(row.ended_at),
                row.end_cause,
                row.status,
                row.turns,
                row.resumes,
                *map(ms, (row.active, row.idle, row.suspended)),
            )
            for row in self.replay.runs.itertuples()
        ]

    @property
    def run(self) -> Run:
        """The run of a story that has but one."""
        (run,) = self.runs
        return run

    @cached_property
    def run_numbers(self) -> list[int | None]:
        """For each operation, the number of the run it names in its session."""
        numbers = self.replay.runs.groupby("session_id", sort=False).cumcount()
        number_of = dict(zip(self.replay.runs["run_id"], numbers, strict=True))
        return [number_of.get(or_none(name)) for name in self.replay.operations["run_id"]]

    @cached_property
    def turns(self) -> list[Turn]:
        """The served turns, in the order of their arrival."""
        rows = zip(self.run_numbers, self.replay.operations.itertuples(), strict=True)
        return [
            Turn(number, row.start_kind, ms(row.at) + ms(row.waited), ms(row.waited))
            for number, row in rows
            if not pd.isna(row.start_kind)
        ]


def play(*events: Event, until: int | None = None, seed: int = 0, **settings: Any) -> Story:
    """Play events under the stories' policy, changed by ``settings`` (in the oracle's terms)."""
    if "deploys" in settings:
        settings["deploys"] = tuple(ORIGIN + at for at in settings["deploys"])
    return Story(
        sl.replay(
            events_frame(list(events)),
            **settings_of(replace(POLICY, **settings)),
            seed=seed,
            until=None if until is None else instant(until),
        )
    )


def instant(at: int) -> pd.Timestamp:
    """Say a moment of the stories as a time stamp."""
    return pd.Timestamp(ORIGIN + at, unit="ms", tz="UTC")


def ms(value: Any) -> Any:
    """Turn a time stamp or a duration of a frame into whole milliseconds, and NaT into None."""
    if pd.isna(value):
        return None
    span = value - instant(0) if isinstance(value, pd.Timestamp) else value
    whole, rest = divmod(span, pd.Timedelta(1, unit="ms"))
    assert rest == pd.Timedelta(0), "a frame holds a part of a millisecond"
    return whole


def or_none(value: Any) -> Any:
    return None if pd.isna(value) else value
