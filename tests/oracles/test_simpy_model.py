"""Worked examples, computed by hand, that the SimPy model has to reproduce."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.oracles.simpy_model import Policy, simulate

if TYPE_CHECKING:
    from collections.abc import Callable

Rows = list[dict[str, Any]]

BASE = Policy(idle_timeout=10, turn_timeout=100, turn_duration=5, on_deploy="hand_over")


def event(at: int, op: str, duration: int | None = None, **more: object) -> dict[str, Any]:
    return {"at": at, "op": op, "external_id": "a", "turn_duration": duration, **more}


def play(
    *events: dict[str, Any],
    until: int | None = None,
    crash: Callable[[str, int], float] | None = None,
    **settings: object,
) -> tuple[Rows, Rows]:
    return simulate(events, replace(BASE, **settings), until=until, crash=crash)


def pick(rows: Rows, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


def served(operations: Rows) -> list[tuple[Any, ...]]:
    return pick(operations, "run", "start_kind", "waited")


def lives(runs: Rows) -> list[tuple[Any, ...]]:
    return pick(runs, "reason", "triggered_at", "ended_at", "end_cause")


def times(runs: Rows) -> list[tuple[Any, ...]]:
    return pick(runs, "turns", "resumes", "active", "idle", "suspended")


def test_every_operation_is_answered_by_the_state_of_its_session():
    operations, runs = play(
        event(0, "message"),
        event(1, "close"),
        event(2, "retrieve"),
        event(3, "start", expires_at=20),
        event(4, "start", duration=9),
        event(20, "message"),
        event(21, "message"),
        event(22, "start"),
        event(23, "retrieve"),
        event(24, "close"),
        event(25, "start"),
        event(26, "message"),
        event(27, "close"),
        event(28, "retrieve"),
    )
    codes = [404, 404, 404, 201, 200, 200, 400, 409, 200, 200, 409, 409, 200, 200]
    assert [row["status_code"] for row in operations] == codes
    assert [row["error"] is None for row in operations] == [code < 300 for code in codes]
    cached = [(row["at"], row["is_cached"]) for row in operations if row["is_cached"] is not None]
    assert cached == [(3, False), (4, True)]
    assert pick(runs, "turns") == [(1,)]


def test_a_session_born_expired_burns_its_id_and_triggers_no_run():
    operations, runs = play(
        event(10, "start", duration=5, expires_at=9),
        event(11, "start"),
        event(12, "message"),
        event(13, "close"),
        event(14, "message"),
    )
    assert pick(operations, "status_code") == [(409,), (409,), (400,), (200,), (409,)]
    assert pick(operations, "is_cached", "run") == [(None, None)] * 5
    assert runs == []


def test_turns_are_served_in_order_and_wait_for_the_run_or_for_its_resume():
    operations, runs = play(
        event(0, "start", duration=5),  # 0 to 5
        event(2, "message"),  # 5 to 10
        event(10, "message"),  # the run is free again at 10: 10 to 15
        event(25, "message"),  # the idle time is over at 25: 28 to 33
        event(142, "message", duration=7),  # one short of the death at 143: 145 to 152
        resume_time=3,
    )
    assert served(operations) == [
        (0, "initial", 0),
        (0, "queued", 3),
        (0, "warm", 0),
        (0, "resumed", 3),
        (0, "resumed", 3),
    ]
    assert lives(runs) == [("initial", 0, 262, "turn_timeout")]
    # Quiet from 15 to 25, from 33 to 142 and from 152 to 262.
    assert times(runs) == [(5, 2, 27, 10 + 10 + 10, 0 + 99 + 100)]


def test_a_message_at_the_very_death_of_a_run_finds_none():
    operations, runs = play(event(0, "start"), event(110, "message"))
    assert served(operations) == [(0, None, None), (1, "continuation", 0)]
    assert lives(runs) == [
        ("initial", 0, 110, "turn_timeout"),
        ("continuation", 110, 225, "turn_timeout"),
    ]
    assert times(runs) == [(0, 0, 0, 10, 100), (1, 0, 5, 10, 100)]


def test_a_start_after_the_death_of_the_run_boots_another_without_a_turn():
    operations, runs = play(event(0, "start"), event(110, "start", duration=5))
    assert pick(operations, "is_cached", "run", "start_kind") == [(False, 0, None), (True, 1, None)]
    assert lives(runs)[1] == ("continuation", 110, 220, "turn_timeout")


@pytest.mark.parametrize(("at", "kind", "waited"), [(6, "queued", 1), (7, "warm", 0)])
def test_a_message_waits_for_a_run_that_still_boots(at: int, kind: str, waited: int):
    operations, runs = play(event(0, "start"), event(at, "message"), boot_time=7)
    assert served(operations)[1] == (0, kind, waited)
    assert lives(runs) == [("initial", 0, 122, "turn_timeout")]
    assert times(runs) == [(1, 0, 5, 10, 100)]


def test_a_run_ends_with_its_last_place_and_the_turn_without_one_gets_a_continuation():
    operations, runs = play(
        event(0, "start", duration=5),
        event(4, "message"),
        event(4, "start"),
        event(10, "message"),
        max_turns=1,
    )
    assert served(operations) == [
        (0, "initial", 0),
        (1, "queued", 1),
        (1, None, None),  # the newest run is one that is yet to be triggered
        (2, "continuation", 0),  # it arrives with the end of the run at 10
    ]
    assert lives(runs) == [
        ("initial", 0, 5, "max_turns"),
        ("continuation", 5, 10, "max_turns"),
        ("continuation", 10, 15, "max_turns"),
    ]


def test_a_turn_is_cut_where_active_time_reaches_its_cap():
    operations, runs = play(
        event(0, "start", duration=5),
        event(1, "message"),
        event(2, "message", duration=8),
        max_duration=8,
    )
    assert served(operations) == [(0, "initial", 0), (0, "queued", 4), (1, "queued", 6)]
    assert lives(runs) == [
        ("initial", 0, 8, "max_duration"),
        ("continuation", 8, 16, "max_duration"),
    ]
    assert times(runs) == [(2, 0, 8, 0, 0), (1, 0, 8, 0, 0)]
    assert pick(runs, "status") == [("TIMED_OUT",), ("TIMED_OUT",)]


def test_a_deploy_during_the_rest_moves_the_next_turn_to_an_upgrade():
    operations, runs = play(
        event(0, "start", duration=5),  # 2 to 7, idle to 17
        event(30, "message"),
        boot_time=2,
        resume_time=3,
        deploys=(20,),
    )
    assert served(operations) == [(0, "initial", 2), (1, "upgrade", 2)]
    assert lives(runs) == [("initial", 0, 30, "upgrade"), ("upgrade", 30, 147, "turn_timeout")]
    assert times(runs) == [(1, 0, 5, 10, 13), (1, 0, 5, 10, 100)]


def test_the_last_deploy_within_the_resume_time_ends_the_run():
    operations, runs = play(
        event(0, "start", duration=5),  # 2 to 7, idle to 17
        event(30, "message"),  # would start at 33
        boot_time=2,
        resume_time=3,
        deploys=(33, 31, 20, 34),
    )
    assert served(operations) == [(0, "initial", 2), (1, "upgrade", 5)]
    assert lives(runs)[0] == ("initial", 0, 33, "upgrade")
    assert times(runs)[0] == (1, 0, 5, 10, 13)
    # The deploy at 34 lies in the boot of the upgrade, but a turn is moved only once.
    assert lives(runs)[1] == ("upgrade", 33, 150, "turn_timeout")


def test_a_deploy_under_a_turn_waits_for_its_end():
    operations, runs = play(
        event(0, "start", duration=5),
        event(1, "message"),  # moved to the upgrade, from 5 to 10
        event(2, "message"),  # queued there, from 10 to 15
        deploys=(0, 5),
    )
    assert served(operations) == [(0, "initial", 0), (1, "upgrade", 4), (1, "queued", 8)]
    assert lives(runs) == [("initial", 0, 5, "upgrade"), ("upgrade", 5, 125, "turn_timeout")]


def test_a_deploy_moves_even_the_turn_that_triggered_the_run():
    operations, runs = play(event(0, "start", duration=5), boot_time=10, deploys=(0, 4, 8, 11))
    assert served(operations) == [(1, "upgrade", 18)]
    assert lives(runs) == [("initial", 0, 8, "upgrade"), ("upgrade", 8, 133, "turn_timeout")]
    assert times(runs)[0] == (0, 0, 0, 0, 0)


@pytest.mark.parametrize(("deploy", "end"), [(3, 6), (6, 6), (8, 8), (10, 10)])
def test_a_deploy_in_the_boot_moves_a_waiting_turn_at_once(deploy: int, end: int):
    operations, runs = play(event(0, "start"), event(6, "message"), boot_time=10, deploys=(deploy,))
    assert served(operations)[1] == (1, "upgrade", end + 10 - 6)
    assert lives(runs)[0] == ("initial", 0, end, "upgrade")


def test_a_turn_crashes_at_its_end_by_the_number_drawn_for_it():
    draws: list[tuple[str, int]] = []

    def crash(external_id: str, n: int) -> float:
        draws.append((external_id, n))
        return [0.5, 0.4, 0.9][n]

    operations, runs = play(
        event(0, "start"),  # delivers no turn, so draws nothing
        event(1, "message"),  # 1 to 6
        event(2, "message"),  # 6 to 11, crashes
        event(3, "message"),  # 11 to 16
        event(4, "close"),
        event(5, "message"),  # refused, so draws nothing
        crash_rate=0.5,
        crash=crash,
    )
    assert draws == [("a", 0), ("a", 1), ("a", 2)]
    assert served(operations)[1:4] == [(0, "warm", 0), (0, "queued", 4), (1, "queued", 8)]
    assert lives(runs) == [("initial", 0, 11, "crash"), ("continuation", 11, 16, "session_closed")]
    assert pick(runs, "status") == [("CRASHED",), ("COMPLETED",)]


@pytest.mark.parametrize(
    ("settings", "cause"),
    [
        ({"max_duration": 5, "crash_rate": 1.0, "max_turns": 1}, "max_duration"),
        ({"max_duration": 6, "crash_rate": 1.0, "max_turns": 1}, "crash"),
        ({"max_duration": 6, "crash_rate": 0.0, "max_turns": 1}, "max_turns"),
    ],
)
def test_of_several_causes_on_one_turn_the_first_counts(settings: dict[str, Any], cause: str):
    events = event(0, "start", duration=5), event(1, "close")
    _, runs = play(*events, crash=lambda _id, _n: 0.0, **settings)
    assert lives(runs) == [("initial", 0, 5, cause)]


def test_a_crash_rate_needs_its_numbers():
    with pytest.raises(ValueError, match="crash"):
        play(event(0, "start"), crash_rate=0.5)


@pytest.mark.parametrize(
    ("at", "end", "rest"),
    [
        (3, 7, (0, 0)),  # booting, its turn accepted
        (6, 7, (0, 0)),  # active
        (7, 7, (0, 0)),  # just free
        (12, 12, (5, 0)),  # idle
        (17, 17, (10, 0)),  # just suspended
        (30, 30, (10, 13)),  # suspended
    ],
)
def test_a_close_ends_the_run_once_its_turns_are_served(at: int, end: int, rest: tuple[int, int]):
    events = event(0, "start", duration=3), event(at, "close"), event(40, "close")
    operations, runs = play(*events, boot_time=4)
    assert pick(operations, "status_code") == [(201,), (200,), (200,)]
    assert lives(runs) == [("initial", 0, end, "session_closed")]
    assert times(runs) == [(1, 0, 3, *rest)]


def test_a_close_ends_a_run_that_boots_for_no_turn_at_once():
    _, runs = play(event(0, "start"), event(3, "close"), boot_time=4)
    assert lives(runs) == [("initial", 0, 3, "session_closed")]
    assert times(runs) == [(0, 0, 0, 0, 0)]


def test_a_close_with_or_after_the_death_of_the_run_changes_nothing_about_it():
    _, runs = play(event(0, "start"), event(110, "close"))
    assert lives(runs) == [("initial", 0, 110, "turn_timeout")]


def test_a_close_changes_no_end_that_is_already_fixed():
    _, runs = play(event(0, "start", duration=5), event(2, "close"), max_turns=1)
    assert lives(runs) == [("initial", 0, 5, "max_turns")]


def test_turns_accepted_before_a_close_are_served_by_a_further_run_if_need_be():
    operations, runs = play(
        event(0, "start", duration=5, expires_at=2),
        event(1, "message"),
        event(2, "message"),
        event(3, "message"),
        event(4, "close"),
        max_turns=2,
    )
    assert pick(operations, "status_code") == [(201,), (200,), (200,), (400,), (200,)]
    assert served(operations)[:3] == [(0, "initial", 0), (0, "queued", 4), (1, "queued", 8)]
    assert lives(runs) == [
        ("initial", 0, 10, "max_turns"),
        ("continuation", 10, 15, "session_closed"),
    ]


def test_expiry_ends_no_run():
    _, runs = play(event(0, "start", expires_at=3), event(50, "message"))
    assert lives(runs) == [("initial", 0, 110, "turn_timeout")]


def test_turns_of_no_length_at_one_instant_are_served_one_after_the_other():
    events = event(0, "start", duration=0), event(0, "message", duration=0), event(0, "message")
    assert served(play(*events)[0]) == [(0, "initial", 0), (0, "warm", 0), (0, "warm", 0)]
    operations, runs = play(*events, idle_timeout=0)
    assert served(operations) == [(0, "initial", 0), (0, "resumed", 0), (0, "resumed", 0)]
    assert times(runs) == [(3, 2, 5, 0, 100)]
    operations, runs = play(*events, idle_timeout=0, turn_timeout=0)
    assert served(operations) == [(0, "initial", 0), (1, "continuation", 0), (2, "continuation", 0)]
    assert pick(runs, "ended_at", "end_cause") == [(at, "turn_timeout") for at in (0, 0, 5)]


@pytest.mark.parametrize(
    ("until", "status", "ended_at", "spent"),
    [
        (3, "QUEUED", None, (0, 0, 0, 0, 0)),
        (4, "EXECUTING", None, (1, 0, 0, 0, 0)),
        (6, "EXECUTING", None, (1, 0, 2, 0, 0)),
        (12, "EXECUTING", None, (1, 0, 5, 3, 0)),
        (19, "WAITING", None, (1, 0, 5, 10, 0)),
        (29, "WAITING", None, (1, 0, 5, 10, 10)),
        (31, "WAITING", None, (1, 0, 5, 10, 11)),  # resuming since 30
        (33, "EXECUTING", None, (2, 1, 5, 10, 11)),
        (148, "COMPLETED", 148, (2, 1, 10, 20, 111)),
    ],
)
def test_a_horizon_shows_the_run_as_it_stands_then(
    until: int, status: str, ended_at: int | None, spent: tuple[int, ...]
):
    _, runs = play(
        event(0, "start", duration=5),  # 4 to 9, idle to 19
        event(30, "message"),  # 33 to 38
        boot_time=4,
        resume_time=3,
        until=until,
    )
    cause = "open" if ended_at is None else "turn_timeout"
    assert pick(runs, "status", "ended_at", "end_cause") == [(status, ended_at, cause)]
    assert times(runs) == [spent]


def test_a_horizon_leaves_out_later_events_runs_and_turns():
    events = (
        event(0, "start", duration=5),
        event(1, "message"),
        event(2, "message"),
        event(3, "start"),
        event(9, "retrieve"),
    )
    operations, runs = play(*events, max_turns=1, until=4)
    assert served(operations) == [(0, "initial", 0), (None,) * 3, (None,) * 3, (0, None, None)]
    assert pick(runs, "triggered_at", "ended_at") == [(0, None)]
    # At 5 the second run is triggered and its turn starts; the third is still to come.
    operations, runs = play(*events, max_turns=1, until=5)
    assert served(operations) == [(0, "initial", 0), (1, "queued", 4), (None,) * 3, (1, None, None)]
    assert pick(runs, "triggered_at", "ended_at") == [(0, 5), (5, None)]
    assert play(*events, max_turns=1, until=-1) == ([], [])


def test_runs_are_listed_by_the_first_appearance_of_their_session():
    operations, runs = play(
        event(0, "retrieve", external_id="late"),
        event(1, "start", external_id="early", duration=5),
        event(2, "start", external_id="late", duration=5),
        event(3, "message", external_id="early"),
    )
    assert pick(operations, "external_id", "run", "waited") == [
        ("late", None, None),
        ("early", 0, 0),
        ("late", 0, 0),
        ("early", 0, 3),
    ]
    assert pick(runs, "external_id", "number", "turns") == [("late", 0, 1), ("early", 0, 2)]
