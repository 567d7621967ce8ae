"""Where runs wait for slots, the readable engine tells the same story as the SimPy simulation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import session_lab as sl
from session_lab.frames import NAT, milliseconds
from session_lab.traffic.engine.limited_engine import _Playing
from session_lab.traffic.engine.slots import Slots
from session_lab.traffic.engine.waiting_chat import Chat
from tests.limited import (
    TASKS,
    LimitedCase,
    in_the_oracles_words,
    played_by_the_oracle,
    played_readably,
    random_limited_case,
)
from tests.oracles.simpy_model import Limits, Policy

if TYPE_CHECKING:
    from collections.abc import Callable

limited_cases = st.integers(0, 2**64).map(random_limited_case)
quick_or_long = settings(max_examples=max(200, settings().max_examples))
"""200 logs, and 2,000 with ``--long``."""


def agrees(case: LimitedCase) -> bool:
    return in_the_oracles_words(case, played_readably(case)) == played_by_the_oracle(case)


@quick_or_long
@given(limited_cases)
def test_every_operation_and_run_is_as_the_oracle_says(case: LimitedCase):
    played = in_the_oracles_words(case, played_readably(case))
    assert played == played_by_the_oracle(case)


PLAIN = Policy(
    idle_timeout=30_000, boot_time=2_800, resume_time=700, turn_duration=4_000, max_turns=100
)
RICH = Policy(
    idle_timeout=20_000,
    turn_timeout=600_000,
    max_turns=4,
    max_duration=90_000,
    preload_idle_timeout=5_000,
    on_deploy="hand_over",
    boot_time=((0.0, 1_000), (0.5, 2_500), (1.0, 12_000)),
    resume_time=((0.0, 300), (1.0, 1_500)),
    turn_duration=4_000,
    deploys=(1_767_225_600_000 + 3_000_000, 1_767_225_600_000 + 9_000_000),
    crash_rate=0.02,
)


def day(chats_per_hour: float, limit: int, policy: Policy) -> LimitedCase:
    """Generate a busy stretch of traffic of two tasks, one of which has a limit of its own."""
    workload = sl.ChatWorkload(
        duration="4h",
        chats_per_hour=chats_per_hour,
        turns_per_chat=5.0,
        return_share=0.2,
        close_share=0.3,
        duplicate_start_share=0.05,
        late_message_share=0.1,
    )
    events = sl.traffic.generate(workload, seed=3)
    columns: dict[str, list[Any]] = {
        name: [None if value == NAT else value for value in milliseconds(events[name]).tolist()]
        for name in ("at", "turn_duration", "expires_at")
        if name in events
    }
    rows = [
        {
            "op": op,
            "external_id": external_id,
            "task": TASKS[hash_of(external_id) % 2],
            **{name: values[row] for name, values in columns.items()},
        }
        for row, (op, external_id) in enumerate(
            zip(events["op"], events["external_id"], strict=True)
        )
    ]
    own = {TASKS[0]: limit, TASKS[1]: max(1, limit // 3)}
    return LimitedCase(rows, policy, Limits(limit, own), None)


def hash_of(text: str) -> int:
    return sum(text.encode())


@pytest.mark.parametrize("limit", [8, 16, 30, 60])
@pytest.mark.parametrize("policy", [PLAIN, RICH], ids=["plain", "rich"])
def test_a_busy_stretch_is_as_the_oracle_says(policy: Policy, limit: int):
    assert agrees(day(60.0, limit, policy))


@pytest.mark.long
@pytest.mark.parametrize("limit", [50, 100, 200, 400])
@pytest.mark.parametrize("policy", [PLAIN, RICH], ids=["plain", "rich"])
def test_a_realistic_day_is_as_the_oracle_says(policy: Policy, limit: int):
    case = day(830.0, limit, policy)
    assert len(case.events) > 17_000
    assert agrees(case)


def by_request(chat: Chat) -> tuple[int, int]:
    return chat.asked_at or 0, chat.ordinal


def later_session_first(chat: Chat) -> tuple[int, int]:
    return chat.run.triggered_at, -chat.ordinal


def at_trigger(chat: Chat) -> int:
    return chat.run.triggered_at


def stays(_: Chat) -> bool:
    return False


def when_it_dies(chat: Chat) -> int:
    run = chat.run
    if run.ended_at is not None:
        return run.ended_at
    return run.free_at + chat.timings.idle_timeout + chat.timings.turn_timeout


def one_more(slots: Slots[Chat], task: int) -> bool:
    return slots._held[task] <= slots._limits.of_task[task]  # noqa: SLF001


def events_before_timers(playing: _Playing, to: int) -> None:
    while playing._timers and playing._timers[0][0] < to:  # noqa: SLF001
        playing._settle(playing._timers[0][0])  # noqa: SLF001


MUTANTS: dict[str, tuple[type, str, Callable[..., object]]] = {
    "the line is ordered by the request": (Chat, "place", by_request),
    "the version is that of the trigger": (Chat, "version_at", at_trigger),
    "of one instant the later session comes first": (Chat, "place", later_session_first),
    "a closed session stays in line": (Chat, "leaves_line", stays),
    "a slot is kept while suspended": (Chat, "gives_back_at", when_it_dies),
    "a task may hold one slot too many": (Slots, "_has_room", one_more),
    "events come before the timers of their instant": (_Playing, "advance", events_before_timers),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_wrong_rule_is_noticed(mutant: str, monkeypatch: pytest.MonkeyPatch):
    owner, name, wrong = MUTANTS[mutant]
    is_property = isinstance(vars(owner)[name], property)
    cases = [random_limited_case(seed) for seed in range(30)]
    assert all(map(agrees, cases))
    monkeypatch.setattr(owner, name, property(wrong) if is_property else wrong)
    assert not all(map(agrees, cases))
