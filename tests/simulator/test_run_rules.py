"""The rules of runs, told as short histories whose outcome is worked out by hand.

Unless a story says otherwise a run idles for 10 ms, is suspended for 100 ms, a message lasts 5 ms,
and boot and resume take no time.
"""

from __future__ import annotations

import math

import pytest

import session_lab as sl
from session_lab.simulator import RunPolicy
from session_lab.simulator.model.randomness import crash_uniform
from tests.stories import Run, close, instant, message, play, retrieve, start
from tests.strategies import ORIGIN, events_frame

# What a start brings about


def test_the_first_start_creates_the_session_and_its_initial_run():
    story = play(start(0, lasting=5))
    assert story.codes == [201]
    assert story.replay.operations["is_cached"].tolist() == [False]
    assert (story.run.reason, story.run.triggered_at) == ("initial", 0)


def test_a_start_with_a_turn_duration_carries_the_first_turn():
    story = play(start(0, lasting=5), boot_time=3)
    assert story.turns == [(0, "initial", 3, 3)]
    assert (story.run.turns, story.run.active) == (1, 5)


def test_a_start_without_a_turn_duration_only_boots_a_run():
    story = play(start(0), boot_time=3)
    assert story.turns == []
    assert story.run_numbers == [0]
    assert (story.run.turns, story.run.active, story.run.ended_at) == (0, 0, 3 + 10 + 100)


def test_a_first_turn_of_no_length_is_still_a_turn():
    story = play(start(0, lasting=0))
    assert story.turns == [(0, "initial", 0, 0)]
    assert (story.run.turns, story.run.active) == (1, 0)


def test_a_cached_start_delivers_no_turn():
    story = play(start(0), start(4, lasting=5))
    assert story.codes == [201, 200]
    assert story.replay.operations["is_cached"].tolist() == [False, True]
    assert story.turns == []
    assert (story.run.turns, story.run.idle) == (0, 10)


def test_a_cached_start_names_the_living_run_and_leaves_its_quiet_time_alone():
    story = play(start(0, lasting=5), start(50))
    assert story.run_numbers == [0, 0]
    assert (story.run.ended_at, story.run.idle, story.run.suspended) == (115, 10, 100)


def test_a_cached_start_that_finds_no_live_run_triggers_a_continuation():
    story = play(start(0, lasting=5), start(115, lasting=5))
    assert story.codes == [201, 200]
    assert [run.reason for run in story.runs] == ["initial", "continuation"]
    assert story.run_numbers == [0, 1]
    assert (story.runs[1].triggered_at, story.runs[1].turns) == (115, 0)


def test_a_message_without_a_length_lasts_as_long_as_the_policy_says():
    story = play(start(0), message(0), message(20, lasting=1), turn_duration=7)
    assert story.run.active == 7 + 1


def test_a_session_is_open_at_the_very_instant_of_its_expiry_and_expired_after_it():
    story = play(start(0, expires_at=20), message(20), start(20), message(21), start(21))
    assert story.codes == [201, 200, 200, 400, 409]


def test_expiry_is_fixed_by_the_first_start():
    story = play(start(0, expires_at=20), start(10, expires_at=500), message(21))
    assert story.codes == [201, 200, 400]


def test_a_start_that_is_born_expired_burns_the_id_and_triggers_no_run():
    story = play(
        start(10, lasting=5, expires_at=9), start(11), message(12), retrieve(13), close(14)
    )
    assert story.codes == [409, 409, 400, 200, 200]
    assert story.runs == []
    assert len(story.replay.sessions) == 1


def test_a_start_that_expires_at_its_own_instant_is_accepted():
    story = play(start(10, lasting=5, expires_at=10), message(11))
    assert story.codes == [201, 400]
    assert story.run.turns == 1


def test_closed_wins_over_expired():
    story = play(start(0, expires_at=20), close(30), message(40), start(40))
    assert story.codes == [201, 200, 409, 409]
    assert story.replay.sessions["status"].tolist() == ["CLOSED"]


def test_events_of_one_instant_are_taken_in_their_order():
    assert play(start(0), close(0), message(0)).codes == [201, 200, 409]
    assert play(message(0), start(0), close(0)).codes == [404, 201, 200]


# Rule 1: turns are served first come, first served


def test_a_turn_that_arrives_while_another_runs_is_queued():
    story = play(start(0, lasting=5), message(4))
    assert story.turns[1] == (0, "queued", 5, 1)


def test_a_turn_that_arrives_at_the_end_of_another_is_warm():
    story = play(start(0, lasting=5), message(5))
    assert story.turns[1] == (0, "warm", 5, 0)


def test_a_turn_is_warm_until_the_idle_time_is_over_and_resumes_from_then_on():
    assert play(start(0, lasting=5), message(14), resume_time=2).turns[1] == (0, "warm", 14, 0)
    assert play(start(0, lasting=5), message(15), resume_time=2).turns[1] == (0, "resumed", 17, 2)


def test_without_idle_time_a_turn_resumes_at_the_very_end_of_the_one_before():
    story = play(start(0, lasting=5), message(5), idle_timeout=0)
    assert story.turns[1] == (0, "resumed", 5, 0)
    assert (story.run.resumes, story.run.idle, story.run.suspended) == (1, 0, 100)


def test_a_turn_that_arrives_during_the_boot_is_queued_unless_it_triggered_the_run():
    story = play(start(0), message(3, lasting=5), message(4, lasting=6), boot_time=10)
    assert story.turns == [(0, "queued", 10, 7), (0, "queued", 15, 11)]


def test_a_turn_that_arrives_as_the_boot_ends_is_warm():
    assert play(start(0), message(10), boot_time=10).turns == [(0, "warm", 10, 0)]


def test_a_turn_that_triggers_a_continuation_waits_for_its_boot():
    story = play(start(0), message(500), boot_time=10)
    assert story.turns == [(1, "continuation", 510, 10)]


def test_a_turn_that_arrives_during_a_resume_is_queued_behind_the_one_that_woke_the_run():
    story = play(start(0, lasting=5), message(20), message(21), resume_time=4)
    assert story.turns[1:] == [(0, "resumed", 24, 4), (0, "queued", 29, 8)]
    assert story.run.resumes == 1


# Rule 2: quiet time and the turn timeout


def test_a_run_with_nothing_to_do_idles_then_is_suspended_then_ends():
    run = play(start(0, lasting=5)).run
    assert (run.idle, run.suspended) == (10, 100)
    assert (run.ended_at, run.end_cause, run.status) == (115, "turn_timeout", "COMPLETED")


def test_a_message_in_the_last_millisecond_wakes_the_run():
    story = play(start(0, lasting=5), message(114))
    assert story.turns[1] == (0, "resumed", 114, 0)
    assert (story.run.idle, story.run.suspended) == (10 + 10, 99 + 100)


def test_a_message_at_the_instant_of_the_end_finds_no_live_run():
    story = play(start(0, lasting=5), message(115))
    assert story.turns[1] == (1, "continuation", 115, 0)
    assert (story.runs[0].ended_at, story.runs[0].end_cause) == (115, "turn_timeout")
    assert (story.runs[1].reason, story.runs[1].triggered_at) == ("continuation", 115)


def test_a_start_in_the_last_millisecond_finds_the_run_and_one_at_its_end_does_not():
    assert len(play(start(0, lasting=5), start(114)).runs) == 1
    assert len(play(start(0, lasting=5), start(115)).runs) == 2


def test_a_run_that_got_no_turn_counts_its_quiet_time_from_its_readiness():
    run = play(start(0), boot_time=7).run
    assert (run.ended_at, run.idle, run.suspended) == (7 + 10 + 100, 10, 100)


def test_each_quiet_time_begins_anew_after_a_turn():
    run = play(start(0, lasting=5), message(12), message(40)).run
    assert run.idle == 7 + 10 + 10
    assert run.suspended == (40 - 17 - 10) + 100
    assert run.ended_at == 45 + 110


def test_a_preload_idles_and_is_suspended_for_times_of_its_own():
    run = play(start(0), preload_idle_timeout=3, preload_timeout=7, boot_time=2).run
    assert (run.ended_at, run.end_cause, run.status) == (12, "turn_timeout", "COMPLETED")
    assert (run.idle, run.suspended) == (3, 7)


def test_a_preload_finds_its_first_turn_by_its_own_times_and_the_next_by_the_usual_ones():
    times = {"preload_idle_timeout": 3, "preload_timeout": 7, "resume_time": 2}
    story = play(start(0), message(2), message(16), **times)
    assert [turn.kind for turn in story.turns] == ["warm", "warm"]
    story = play(start(0), message(3), message(19), **times)
    assert story.turns == [(0, "resumed", 5, 2), (0, "warm", 19, 0)]
    assert (story.run.idle, story.run.suspended) == (3 + 9 + 10, 100)
    assert play(start(0), message(10), **times).turns == [(1, "continuation", 10, 0)]


def test_a_preload_may_end_after_its_idle_time():
    story = play(start(0), message(10), exit_after_preload_idle=True)
    first, second = story.runs
    assert (first.ended_at, first.end_cause, first.status) == (10, "preload_exit", "COMPLETED")
    assert (first.idle, first.suspended) == (10, 0)
    assert (second.reason, second.end_cause) == ("continuation", "turn_timeout")
    assert play(start(0), message(9), exit_after_preload_idle=True).turns[0].kind == "warm"


def test_only_the_initial_run_of_a_start_without_a_turn_is_a_preload():
    times: dict[str, int | bool] = {"preload_idle_timeout": 1, "exit_after_preload_idle": True}
    assert play(start(0, lasting=5), **times).run.ended_at == 115
    again = play(start(0), start(5), **times)
    assert [(run.ended_at, run.end_cause) for run in again.runs] == [
        (1, "preload_exit"),
        (5 + 110, "turn_timeout"),
    ]


def test_a_preload_that_is_closed_counts_its_own_idle_time():
    run = play(start(0), close(8), preload_idle_timeout=3).run
    assert (run.idle, run.suspended, run.end_cause) == (3, 5, "session_closed")


# Rule 3: max_turns


def test_a_run_ends_with_its_last_turn():
    run = play(start(0, lasting=5), message(7), max_turns=2).run
    assert (run.ended_at, run.end_cause, run.status) == (12, "max_turns", "COMPLETED")
    assert (run.turns, run.idle, run.suspended) == (2, 2, 0)


def test_a_turn_that_finds_the_places_taken_is_served_by_a_continuation_at_that_end():
    story = play(start(0, lasting=5), message(3), max_turns=1, boot_time=2)
    assert story.turns == [(0, "initial", 2, 2), (1, "queued", 9, 6)]
    assert (story.runs[0].ended_at, story.runs[1].triggered_at) == (7, 7)
    assert story.runs[1].reason == "continuation"


def test_a_message_at_the_end_of_the_last_turn_triggers_an_ordinary_continuation():
    story = play(start(0, lasting=5), message(5), max_turns=1)
    assert story.turns[1] == (1, "continuation", 5, 0)


def test_a_start_before_the_end_of_the_last_turn_triggers_nothing():
    story = play(start(0, lasting=5), start(4), max_turns=1)
    assert story.run_numbers == [0, 0]
    assert story.run.ended_at == 5


def test_turns_that_overflow_run_after_run_are_served_one_after_the_other():
    story = play(start(0, lasting=10), *[message(1)] * 3, max_turns=1)
    assert story.turns[1:] == [(1, "queued", 10, 9), (2, "queued", 15, 14), (3, "queued", 20, 19)]
    assert [run.triggered_at for run in story.runs] == [0, 10, 15, 20]


def test_a_later_arrival_joins_the_continuation_that_is_not_yet_triggered():
    story = play(start(0, lasting=10), message(1), message(2), message(3), max_turns=2)
    assert [(turn.run, turn.start) for turn in story.turns] == [(0, 0), (0, 10), (1, 15), (1, 20)]
    assert story.runs[1].triggered_at == 15


def test_a_start_names_the_newest_run_even_if_it_is_triggered_later():
    story = play(start(0, lasting=10), message(1), start(2), max_turns=1)
    assert story.run_numbers == [0, 1, 1]


# Rule 4: max_duration caps active time


def test_the_turn_that_would_pass_the_cap_is_served_up_to_it():
    run = play(start(0, lasting=6), message(8, lasting=6), max_duration=10).run
    assert (run.active, run.turns, run.ended_at) == (10, 2, 12)
    assert (run.end_cause, run.status) == ("max_duration", "TIMED_OUT")


def test_a_turn_that_reaches_the_cap_exactly_ends_the_run():
    run = play(start(0, lasting=6), message(8, lasting=4), max_duration=10).run
    assert (run.active, run.ended_at, run.end_cause) == (10, 12, "max_duration")


def test_a_turn_that_stays_a_millisecond_below_the_cap_does_not():
    run = play(start(0, lasting=6), message(8, lasting=3), max_duration=10).run
    assert (run.active, run.end_cause) == (9, "turn_timeout")


def test_idle_time_does_not_count_towards_the_cap():
    run = play(start(0, lasting=6), max_duration=10).run
    assert (run.active + run.idle, run.end_cause) == (16, "turn_timeout")


def test_a_turn_that_arrives_before_the_cap_ends_the_run_goes_to_a_continuation():
    story = play(start(0, lasting=20), message(3), max_duration=10)
    assert story.turns[1] == (1, "queued", 10, 7)
    assert (story.runs[0].ended_at, story.runs[1].triggered_at) == (10, 10)


def test_a_continuation_starts_to_count_towards_the_cap_anew():
    story = play(start(0, lasting=20), message(3, lasting=9), max_duration=10)
    assert [(run.active, run.end_cause) for run in story.runs] == [
        (10, "max_duration"),
        (9, "turn_timeout"),
    ]


# Rule 5: deploys


def test_a_run_that_stays_keeps_its_version_also_when_it_wakes():
    story = play(start(0, lasting=5), message(9), message(40), deploys=[7, 30], on_deploy="stay")
    assert [turn.kind for turn in story.turns] == ["initial", "warm", "resumed"]
    assert len(story.runs) == 1


def test_the_next_turn_after_a_deploy_is_served_by_an_upgrade():
    story = play(start(0, lasting=5), message(9, lasting=5), deploys=[7])
    assert story.turns[1] == (1, "upgrade", 9, 0)
    assert (story.runs[0].ended_at, story.runs[0].end_cause) == (9, "upgrade")
    assert (story.runs[1].reason, story.runs[1].triggered_at) == ("upgrade", 9)
    assert story.runs[0].idle == 4


def test_a_deploy_at_the_instant_of_the_start_of_a_turn_moves_it():
    assert play(start(0, lasting=5), message(9), deploys=[9]).turns[1].kind == "upgrade"
    assert play(start(0, lasting=5), message(9), deploys=[10]).turns[1].kind == "warm"


def test_a_deploy_at_the_instant_of_the_trigger_is_already_in_the_run():
    assert len(play(start(7), message(9), deploys=[7]).runs) == 1
    assert len(play(start(7), message(9), deploys=[8]).runs) == 2


def test_a_deploy_without_a_further_turn_ends_nothing():
    run = play(start(0, lasting=5), deploys=[7, 50]).run
    assert (run.ended_at, run.end_cause) == (115, "turn_timeout")


def test_a_queued_turn_moves_when_the_deploy_comes_before_its_start():
    story = play(start(0, lasting=10), message(2), deploys=[6], boot_time=1)
    assert story.turns[1] == (1, "upgrade", 12, 10)
    assert (story.runs[0].ended_at, story.runs[1].triggered_at) == (11, 11)


def test_a_deploy_during_the_boot_moves_even_the_turn_that_triggered_the_run():
    story = play(start(0, lasting=5), deploys=[3], boot_time=10)
    assert story.turns == [(1, "upgrade", 13, 13)]
    assert (story.runs[0].ended_at, story.runs[0].turns) == (3, 0)
    assert (story.runs[1].triggered_at, story.runs[1].ended_at) == (3, 13 + 5 + 110)


def test_a_preloaded_run_is_not_moved_until_a_turn_needs_it():
    story = play(start(0), message(20), deploys=[3], boot_time=10)
    assert (story.runs[0].ended_at, story.runs[0].idle) == (20, 10)
    assert story.turns == [(1, "upgrade", 30, 10)]


def test_a_deploy_while_a_turn_resumes_the_run_moves_it_and_no_resume_time_is_paid():
    story = play(start(0, lasting=5), message(20), deploys=[23], resume_time=6)
    assert story.turns[1] == (1, "upgrade", 23, 3)
    old = story.runs[0]
    assert (old.ended_at, old.resumes, old.idle, old.suspended) == (23, 0, 10, 5)


def test_a_deploy_before_a_message_to_a_suspended_run_moves_it_at_once():
    story = play(start(0, lasting=5), message(20), deploys=[17], resume_time=6)
    assert story.turns[1] == (1, "upgrade", 20, 0)


def test_the_latest_deploy_decides_when_the_old_run_ends():
    story = play(start(0, lasting=5), message(20), deploys=[7, 22, 25], resume_time=6)
    assert story.runs[0].ended_at == 25
    assert story.turns[1] == (1, "upgrade", 25, 5)


def test_a_turn_is_moved_only_once():
    story = play(start(0, lasting=5), deploys=[4, 12], boot_time=10)
    assert story.turns == [(1, "upgrade", 14, 14)]
    assert [run.triggered_at for run in story.runs] == [0, 4]


def test_a_turn_that_was_moved_leaves_the_next_one_to_the_next_deploy():
    story = play(start(0, lasting=5), message(1), deploys=[4, 12], boot_time=10)
    assert story.turns == [(1, "upgrade", 14, 14), (2, "upgrade", 29, 28)]
    assert [run.end_cause for run in story.runs] == ["upgrade", "upgrade", "turn_timeout"]


def test_a_continuation_that_boots_across_a_deploy_is_upgraded_too():
    story = play(start(0, lasting=5), message(1), max_turns=1, deploys=[11], boot_time=4)
    assert [run.reason for run in story.runs] == ["initial", "continuation", "upgrade"]
    assert [run.triggered_at for run in story.runs] == [0, 9, 11]
    assert story.turns[1] == (2, "upgrade", 15, 14)


# Rule 6: crashes


def test_a_turn_that_crashes_ends_its_run_at_the_end_of_the_turn():
    run = play(start(0, lasting=5), crash_rate=1.0).run
    assert (run.ended_at, run.end_cause, run.status) == (5, "crash", "CRASHED")
    assert (run.turns, run.active, run.idle) == (1, 5, 0)


def test_a_turn_that_arrives_before_the_crash_goes_to_a_continuation():
    story = play(start(0, lasting=5), message(2), crash_rate=1.0)
    assert story.turns[1] == (1, "queued", 5, 3)
    assert [run.triggered_at for run in story.runs] == [0, 5]


def test_a_turn_crashes_only_when_its_number_lies_below_the_rate():
    drawn = crash_uniform(3, "a", 0)
    assert play(start(0, lasting=5), seed=3, crash_rate=drawn).run.end_cause == "turn_timeout"
    above = math.nextafter(drawn, 1)
    assert play(start(0, lasting=5), seed=3, crash_rate=above).run.end_cause == "crash"


def test_which_turn_crashes_depends_on_how_many_were_accepted_before_it():
    drawn = [crash_uniform(0, "a", n) for n in range(8)]
    rate = sorted(drawn)[3]
    story = play(start(0), *[message(20 * n) for n in range(8)], crash_rate=rate)
    crashed = [run.ended_at for run in story.runs if run.end_cause == "crash"]
    assert crashed == [20 * n + 5 for n in range(8) if drawn[n] < rate]


def test_starts_without_a_turn_and_refused_messages_draw_nothing():
    seed = next(s for s in range(99) if crash_uniform(s, "a", 0) < crash_uniform(s, "a", 1))
    rate = crash_uniform(seed, "a", 1)
    story = play(
        message(0), start(1), start(2), message(3), message(30), seed=seed, crash_rate=rate
    )
    assert story.codes == [404, 201, 200, 200, 200]
    assert [run.end_cause for run in story.runs] == ["crash", "turn_timeout"]


def test_a_start_before_the_crash_triggers_nothing_and_one_after_it_continues():
    assert len(play(start(0, lasting=5), start(4), crash_rate=1.0).runs) == 1
    assert len(play(start(0, lasting=5), start(5), crash_rate=1.0).runs) == 2


# Rule 7: close


def test_a_close_ends_an_idle_run_at_once():
    run = play(start(0, lasting=5), close(9)).run
    assert (run.ended_at, run.end_cause, run.status) == (9, "session_closed", "COMPLETED")
    assert (run.idle, run.suspended) == (4, 0)


def test_a_close_ends_a_suspended_run_at_once():
    run = play(start(0, lasting=5), close(40)).run
    assert (run.ended_at, run.idle, run.suspended) == (40, 10, 25)


def test_a_close_during_a_turn_lets_it_end():
    run = play(start(0, lasting=5), close(2)).run
    assert (run.ended_at, run.end_cause, run.active, run.idle) == (5, "session_closed", 5, 0)


def test_a_close_lets_every_accepted_turn_be_served():
    story = play(start(0, lasting=5), message(1), message(2), close(3))
    assert [turn.start for turn in story.turns] == [0, 5, 10]
    assert (story.run.ended_at, story.run.end_cause) == (15, "session_closed")


def test_a_close_during_the_boot_of_a_preloaded_run_ends_it_there():
    run = play(start(0), close(4), boot_time=10).run
    assert (run.ended_at, run.turns, run.idle) == (4, 0, 0)


def test_a_close_during_the_boot_lets_the_accepted_turn_be_served():
    run = play(start(0, lasting=5), close(4), boot_time=10).run
    assert (run.ended_at, run.turns, run.active) == (15, 1, 5)


def test_a_close_during_a_resume_lets_the_turn_be_served():
    run = play(start(0, lasting=5), message(20), close(22), resume_time=4).run
    assert (run.ended_at, run.end_cause, run.resumes) == (29, "session_closed", 1)


def test_a_close_does_not_change_an_end_that_is_fixed():
    run = play(start(0, lasting=5), close(2), max_turns=1).run
    assert (run.ended_at, run.end_cause) == (5, "max_turns")


def test_a_close_at_or_after_the_turn_timeout_finds_no_run_to_end():
    run = play(start(0, lasting=5), close(115)).run
    assert (run.ended_at, run.end_cause) == (115, "turn_timeout")
    assert play(start(0, lasting=5), close(114)).run.end_cause == "session_closed"


def test_a_second_close_changes_nothing():
    story = play(start(0, lasting=5), close(9), close(50))
    assert story.codes == [201, 200, 200]
    assert story.run.ended_at == 9
    assert story.replay.sessions["closed_at"].tolist() == [instant(9)]


# Rule 8: expiry ends no run, and accepted turns are served


def test_expiry_ends_no_run():
    run = play(start(0, lasting=5, expires_at=7)).run
    assert (run.ended_at, run.end_cause) == (115, "turn_timeout")


def test_turns_accepted_before_the_expiry_are_served_after_it():
    story = play(start(0, lasting=20, expires_at=7), message(6), max_turns=1)
    assert story.turns[1] == (1, "queued", 20, 14)


def test_turns_accepted_before_a_close_are_served_even_by_a_further_run():
    story = play(start(0, lasting=5), message(1), message(2), close(3), max_turns=2)
    assert [turn.run for turn in story.turns] == [0, 0, 1]
    assert [(run.ended_at, run.end_cause) for run in story.runs] == [
        (10, "max_turns"),
        (15, "session_closed"),
    ]


def test_a_refused_message_wakes_nothing():
    story = play(start(0, lasting=5, expires_at=7), message(50))
    assert story.codes == [201, 400]
    assert story.run.suspended == 100


# Several causes on one turn


@pytest.mark.parametrize(
    ("settings", "cause"),
    [
        ({"max_duration": 5, "crash_rate": 1.0, "max_turns": 1}, "max_duration"),
        ({"max_duration": 6, "crash_rate": 1.0, "max_turns": 1}, "crash"),
        ({"max_duration": 6, "max_turns": 1}, "max_turns"),
        ({"max_duration": 6}, "turn_timeout"),
    ],
)
def test_the_first_of_max_duration_crash_and_max_turns_is_the_cause(
    settings: dict[str, float], cause: str
):
    assert play(start(0, lasting=5), **settings).run.end_cause == cause


# The accounts of a run


def test_boot_and_resume_time_count_neither_as_active_nor_as_idle_nor_as_suspended():
    run = play(start(0, lasting=5), message(40), boot_time=3, resume_time=4).run
    assert (run.active, run.idle, run.suspended) == (10, 20, (40 - 8 - 10) + 100)
    assert run.ended_at == 3 + 10 + 20 + 122 + 4


def test_a_queued_turn_leaves_no_quiet_time_before_it():
    run = play(start(0, lasting=5), message(4), close(10)).run
    assert (run.active, run.idle, run.suspended) == (10, 0, 0)


def test_a_message_at_the_end_of_the_idle_time_leaves_no_suspended_time():
    run = play(start(0, lasting=5), message(15), close(20)).run
    assert (run.idle, run.suspended, run.resumes) == (10, 0, 1)


# The run that an operation names


def test_refusals_closes_and_retrievals_name_no_run():
    story = play(start(0), retrieve(1), close(2), message(3), start(4))
    assert story.run_numbers == [0, None, None, None, None]


def test_operations_name_their_session_from_its_creation_on():
    story = play(message(0), start(1), retrieve(2), close(3), start(4))
    named = story.replay.operations["session_id"].notna().tolist()
    assert named == [False, True, True, True, True]


# The horizon


def test_events_at_the_horizon_are_played_and_later_ones_are_counted():
    story = play(start(0), message(10), message(11), message(12), until=10)
    assert story.codes == [201, 200]
    assert story.replay.left_out == 2
    assert story.replay.summary().totals["left out"] == 2


def test_a_run_that_ends_at_the_horizon_has_ended_and_one_that_ends_later_is_open():
    assert play(start(0, lasting=5), until=115).run.end_cause == "turn_timeout"
    run = play(start(0, lasting=5), until=114).run
    assert (run.ended_at, run.end_cause, run.status) == (None, "open", "WAITING")


@pytest.mark.parametrize(
    ("until", "status", "times"),
    [
        (2, "QUEUED", (0, 0, 0)),
        (3, "EXECUTING", (0, 0, 0)),
        (7, "EXECUTING", (4, 0, 0)),
        (8, "EXECUTING", (5, 0, 0)),
        (12, "EXECUTING", (5, 4, 0)),
        (18, "WAITING", (5, 10, 0)),
        (40, "WAITING", (5, 10, 22)),
    ],
)
def test_an_open_run_is_accounted_up_to_the_horizon(
    until: int, status: str, times: tuple[int, int, int]
):
    run = play(start(0, lasting=5), boot_time=3, until=until).run
    assert run.status == status
    assert (run.active, run.idle, run.suspended) == times


def test_a_run_waits_until_the_turn_that_wakes_it_starts():
    story = play(start(0, lasting=5), message(20), resume_time=4, until=23)
    assert (story.run.status, story.run.resumes, story.run.turns) == ("WAITING", 0, 1)
    story = play(start(0, lasting=5), message(20), resume_time=4, until=24)
    assert (story.run.status, story.run.resumes, story.run.turns) == ("EXECUTING", 1, 2)


def test_a_turn_that_starts_at_the_horizon_has_a_run_and_one_that_starts_later_has_none():
    story = play(start(0, lasting=5), message(1), message(2), until=5)
    assert [(turn.kind, turn.waited) for turn in story.turns] == [("initial", 0), ("queued", 4)]
    assert story.run_numbers == [0, 0, None]
    assert story.codes == [201, 200, 200]
    assert story.run.turns == 2


def test_a_run_triggered_at_the_horizon_is_there_and_one_triggered_later_is_left_out():
    history = (start(0, lasting=5), message(1))
    assert len(play(*history, max_turns=1, until=5).runs) == 2
    assert len(play(*history, max_turns=1, until=4).runs) == 1


def test_a_turn_is_accounted_up_to_the_horizon():
    run = play(start(0, lasting=5), message(1), until=7).run
    assert (run.turns, run.active, run.idle) == (2, 7, 0)


def test_a_run_whose_end_is_fixed_beyond_the_horizon_is_open():
    run = play(start(0, lasting=5), close(2), until=4).run
    assert (run.ended_at, run.end_cause, run.active) == (None, "open", 4)


def test_a_horizon_before_the_first_event_leaves_nothing():
    story = play(start(10), until=9)
    assert (story.codes, story.runs, story.replay.left_out) == ([], [], 1)


# Several rules at once, computed by hand


@pytest.mark.parametrize(
    ("until", "turns", "last"),
    [
        # The first turn, 2 to 7; idle to 17, suspended to 20; 4 to wake up; served to the cap, 27.
        (21, [("initial", 2)], Run("initial", 0, None, "open", "WAITING", 1, 0, 5, 10, 3)),
        (
            24,
            [("initial", 2), ("resumed", 4)],
            Run("initial", 0, None, "open", "EXECUTING", 2, 1, 5, 10, 3),
        ),
        # Its end triggers the run of the third message, which boots to 29.
        (
            27,
            [("initial", 2), ("resumed", 4)],
            Run("continuation", 27, None, "open", "QUEUED", 0, 0, 0, 0, 0),
        ),
        (
            31,
            [("initial", 2), ("resumed", 4), ("queued", 7)],
            Run("continuation", 27, None, "open", "EXECUTING", 1, 0, 1, 1, 0),
        ),
        (
            None,
            [("initial", 2), ("resumed", 4), ("queued", 7)],
            Run("continuation", 27, 60, "turn_timeout", "COMPLETED", 1, 0, 1, 10, 20),
        ),
    ],
)
def test_a_run_that_resumes_reaches_its_cap_and_hands_over_as_the_horizon_moves(
    until: int | None, turns: list[tuple[str, int]], last: Run
):
    story = play(
        start(0, lasting=5),
        message(20, lasting=10),
        message(22, lasting=1),
        until=until,
        turn_timeout=20,
        max_duration=8,
        boot_time=2,
        resume_time=4,
    )
    assert [(turn.kind, turn.waited) for turn in story.turns] == turns
    assert story.runs[-1] == last


def test_a_close_while_an_upgrade_is_still_to_come_lets_it_serve_its_turn():
    # A message at 20 would wake the run at 24, but version 22 goes live before: the old run ends
    # there, and the new one boots to 24. The close at 21 comes before its trigger.
    story = play(
        start(0, lasting=5),
        message(20, lasting=10),
        close(21),
        deploys=(22,),
        boot_time=2,
        resume_time=4,
    )
    assert story.runs == [
        Run("initial", 0, 22, "upgrade", "COMPLETED", 1, 0, 5, 10, 3),
        Run("upgrade", 22, 34, "session_closed", "COMPLETED", 1, 0, 10, 0, 0),
    ]
    assert story.turns[-1].waited == 4


def test_a_turn_can_be_queued_for_a_continuation_and_moved_to_an_upgrade():
    # The first run serves 5 to 15, its only turn. Its continuation would be ready at 20, but a
    # deploy at 17 moves the turn on to a run that is ready at 22.
    story = play(
        start(0, lasting=10),
        message(1, lasting=10),
        max_turns=1,
        boot_time=5,
        deploys=(17,),
    )
    assert [(run.reason, run.triggered_at, run.ended_at) for run in story.runs] == [
        ("initial", 0, 15),
        ("continuation", 15, 17),
        ("upgrade", 17, 32),
    ]
    assert [(turn.run, turn.kind, turn.waited) for turn in story.turns] == [
        (0, "initial", 5),
        (2, "upgrade", 21),
    ]


# Policies


def test_a_replay_without_a_policy_follows_the_defaults():
    events = events_frame([start(0, lasting=5)])
    defaults = sl.replay(events)
    assert defaults.policy == RunPolicy()
    assert defaults.digest() == sl.replay(events, RunPolicy()).digest()
    assert defaults.runs["idle"].dt.total_seconds().tolist() == [30]
    assert defaults.runs["suspended"].dt.total_seconds().tolist() == [3600]


def test_each_task_follows_its_own_policy_and_a_message_that_of_its_session():
    events = events_frame([start(0, chat="a"), start(0, chat="b"), message(3, chat="b")])
    events["task_identifier"] = ["slow", "fast", None]
    policies = {
        "slow": RunPolicy(idle_timeout="9s"),
        "fast": RunPolicy(idle_timeout="1ms"),
    }
    runs = sl.replay(events, policies, sl.Platform(turn_duration="9ms")).runs
    assert runs["active"].dt.total_seconds().tolist() == [0, 0.009]
    assert runs["idle"].dt.total_seconds().tolist() == [9, 0.002]


def test_deploys_are_instants_in_time():
    events = events_frame([start(0, lasting=5), message(9)])
    policy = RunPolicy(on_deploy="hand_over")
    platform = sl.Platform(deploys=["2026-01-01T01:00:00.007+01:00"])
    assert sl.replay(events, policy, platform).runs["end_cause"].tolist() == [
        "upgrade",
        "turn_timeout",
    ]
    assert ORIGIN == 1_767_225_600_000
