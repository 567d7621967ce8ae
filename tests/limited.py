"""Logs whose runs wait for slots: made up, and what an engine makes of them in the oracle's words."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from session_lab.simulator import PROFILES
from session_lab.simulator.model.randomness import crash_uniform
from session_lab.simulator.model.run_rules import STATUSES
from session_lab.traffic.engine import limited_engine
from session_lab.traffic.engine.engine_result import CAUSES, KINDS, NAT, NONE, REASONS
from session_lab.traffic.engine.slots import SlotLimits
from session_lab.wire.run.run_status import CURRENT_STATUSES
from tests.oracles.simpy_model import Limits, Policy, simulate
from tests.strategies import ORIGIN, drawn
from tests.traffic.test_columnar import as_log, random_policy

if TYPE_CHECKING:
    from session_lab.traffic.engine.engine_result import EngineResult, Log

SEED = 5
TASKS = ("one", "two")
PROFILE = PROFILES["2026-10"]

Rows = list[dict[str, Any]]
Told = tuple[Rows, Rows, list[int], list[int]]
"""Operations, runs, and when slots were taken and given back, in order of time."""


class LimitedCase(NamedTuple):
    """A log in the oracle's words, what it is played with, and a horizon."""

    events: Rows
    policy: Policy
    limits: Limits
    until: int | None

    @property
    def log(self) -> Log:
        return as_log(self.events, [self.policy], SEED)

    @property
    def slots(self) -> SlotLimits:
        tasks = [event.get("task") for event in self.events]
        numbers = [TASKS.index(task) if task else 0 for task in tasks]
        of_task = tuple(self.limits.of_task[task] for task in TASKS)
        return SlotLimits(self.limits.total, of_task, np.array(numbers, np.int64))


def random_limited_case(seed: int, *, chats: str = "abcdü", most: int = 40) -> LimitedCase:
    """Make up a case, most often one whose limit binds."""
    dice = Random(seed)
    events: Rows = []
    tasks = {chat: dice.choice(TASKS) for chat in chats}
    at = ORIGIN
    for _ in range(dice.randrange(1, most)):
        at += dice.choice((0, 0, 0, 1, 2, 5, 9))
        chat = dice.choice(chats)
        op = dice.choice(("start", "message", "message", "message", "message", "close", "retrieve"))
        if op == "close" and dice.random() < 0.4:
            op = "message"
        if not any(event["external_id"] == chat for event in events) and dice.random() < 0.8:
            op = "start"
        events.append(
            {
                "at": at,
                "op": op,
                "external_id": chat,
                "task": tasks[chat],
                "turn_duration": dice.choice((None, dice.randrange(13))),
                "expires_at": dice.choice((None, None, None, ORIGIN - 1 + dice.randrange(90))),
            }
        )
    policy = random_policy(dice, longest_suspension=19)
    total = dice.choice((1, 1, 2, 2, 3))
    limits = Limits(total, {task: dice.choice((1, total, total)) for task in TASKS})
    until = dice.choice((None, None, ORIGIN + dice.randrange(90)))
    if until is not None:
        events = [event for event in events if event["at"] <= until]
    return LimitedCase(events, policy, limits, until)


def played_readably(case: LimitedCase) -> EngineResult:
    return limited_engine.play_limited(
        case.log, case.slots, PROFILE, until=case.until, progress=lambda _: None
    )


def played_by_the_oracle(case: LimitedCase) -> Told:
    operations, runs = simulate(
        case.events,
        case.policy,
        until=case.until,
        crash=partial(crash_uniform, SEED),
        draw=drawn(case.policy, SEED),
        limits=case.limits,
    )
    for row in operations:
        row["error"] = row["error"] is not None
    slots = [slot for row in runs for slot in row.pop("slots")]
    taken = sorted(taken for taken, _ in slots)
    returned = sorted(returned for _, returned in slots if returned is not None)
    return operations, _by_session(runs), taken, returned


def in_the_oracles_words(case: LimitedCase, played: EngineResult) -> Told:
    """Say an outcome as the oracle does."""
    assert played.queued is not None
    assert played.run_queued is not None
    assert played.slots is not None
    begin = np.searchsorted(played.owner, np.arange(len(played.created_by)))
    names = [case.events[event]["external_id"] for event in played.created_by]
    operations = [
        {
            "at": event["at"],
            "op": event["op"],
            "external_id": event["external_id"],
            "status_code": int(played.status_code[i]),
            "error": bool(played.error[i] != NONE),
            "is_cached": (None, False, True)[played.is_cached[i] + 1],
            "run": None if played.run[i] < 0 else int(played.run[i] - begin[played.session[i]]),
            "start_kind": None if played.start_kind[i] < 0 else KINDS[played.start_kind[i]],
            "waited": _or_none(played.waited[i]),
            "queued": _or_none(played.queued[i]),
        }
        for i, event in enumerate(case.events)
    ]
    runs = [
        {
            "external_id": names[played.owner[i]],
            "number": int(played.number[i]),
            "reason": REASONS[played.reason[i]],
            "triggered_at": int(played.triggered_at[i]),
            "ended_at": _or_none(played.ended_at[i]),
            "end_cause": CAUSES[played.end_cause[i]],
            "turns": int(played.turns[i]),
            "resumes": int(played.resumes[i]),
            "active": int(played.active[i]),
            "idle": int(played.idle[i]),
            "suspended": int(played.suspended[i]),
            "queued": int(played.run_queued[i]),
            "status": CURRENT_STATUSES[STATUSES[played.status[i]]],
        }
        for i in range(len(played.owner))
    ]
    return (
        operations,
        _by_session(runs),
        played.slots.given.tolist(),
        played.slots.returned.tolist(),
    )


def _by_session(runs: Rows) -> Rows:
    return sorted(runs, key=lambda row: (row["external_id"], row["number"]))


def _or_none(value: np.int64) -> int | None:
    return None if value == NAT else int(value)
