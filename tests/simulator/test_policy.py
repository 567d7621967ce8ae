"""What a run policy accepts, how it shows itself, and what the run model gets of it."""

from __future__ import annotations

import copy
import json
import math
import pickle
from datetime import timedelta
from typing import Any

import pytest

import session_lab as sl
from session_lab.errors import DataError

DURATIONS = [
    "idle_timeout",
    "turn_timeout",
    "max_duration",
    "preload_idle_timeout",
    "preload_timeout",
]


def test_the_defaults_are_those_of_the_platform():
    timings = sl.RunPolicy().timings()
    assert (timings.idle_timeout, timings.turn_timeout) == (30_000, 3_600_000)
    assert (timings.max_turns, timings.max_duration) == (100, 2**63 - 1)
    assert timings.preload() == (30_000, 3_600_000)
    assert (timings.boot_time, timings.resume_time, timings.turn_duration) == (0, 0, 0)
    assert (timings.deploys, timings.crash_rate) == ((), 0.0)


@pytest.mark.parametrize("field", DURATIONS)
@pytest.mark.parametrize("value", ["1m30s", "90s", timedelta(seconds=90)])
def test_a_duration_is_text_with_a_unit_or_a_timedelta(field: str, value: str | timedelta):
    policy = sl.RunPolicy(**{field: value})
    assert getattr(policy, field) == "1 min 30 s"
    assert getattr(policy.timings(), field) == 90_000


@pytest.mark.parametrize("field", DURATIONS)
@pytest.mark.parametrize(
    "value", [30, 1.5, True, "30", "soon", "", "-5s", timedelta(-1), "0.1ms", "6000w", [], b"5s"]
)
def test_any_other_duration_is_refused_and_the_field_is_named(field: str, value: Any):
    with pytest.raises(DataError) as caught:
        sl.RunPolicy(**{field: value})
    assert (caught.value.source, caught.value.column) == ("RunPolicy", field)


def test_a_bare_number_is_refused_with_a_hint_at_units():
    with pytest.raises(DataError, match="30s"):
        sl.RunPolicy(idle_timeout=30)


@pytest.mark.parametrize("field", [name for name in DURATIONS if name != "max_duration"])
def test_a_duration_may_be_nothing(field: str):
    assert getattr(sl.RunPolicy(**{field: "0s"}).timings(), field) == 0


def test_a_cap_of_nothing_is_refused_since_none_means_no_cap():
    with pytest.raises(DataError, match="None for no cap"):
        sl.RunPolicy(max_duration="0s")


@pytest.mark.parametrize("value", [0, -1, 1.5, "3", True, None, math.inf])
def test_max_turns_is_a_whole_number_of_one_or_more(value: Any):
    with pytest.raises(DataError, match="max_turns"):
        sl.RunPolicy(max_turns=value)
    assert sl.RunPolicy(max_turns=1).timings().max_turns == 1


def test_a_preload_waits_as_other_runs_do_unless_it_is_told_otherwise():
    assert sl.RunPolicy(idle_timeout="5s", turn_timeout="9s").timings().preload() == (5_000, 9_000)
    policy = sl.RunPolicy(preload_idle_timeout="1s", preload_timeout="2s")
    assert policy.timings().preload() == (1_000, 2_000)
    leaves = sl.RunPolicy(preload_timeout="2s", exit_after_preload_idle=True)
    assert leaves.timings().preload() == (30_000, 0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("exit_after_preload_idle", 1),
        ("exit_after_preload_idle", "yes"),
        ("on_deploy", "leave"),
        ("on_deploy", None),
        ("on_deploy", ["stay"]),
    ],
)
def test_what_is_not_among_the_answers_is_refused(field: str, value: Any):
    with pytest.raises(DataError, match="is not") as caught:
        sl.RunPolicy(**{field: value})
    assert (caught.value.source, caught.value.column) == ("RunPolicy", field)


def test_only_a_policy_that_hands_over_heeds_deploys():
    platform = sl.Platform(deploys=["2026-01-01T00:00:00Z"])
    assert sl.RunPolicy().timings(platform).deploys == ()
    assert sl.RunPolicy(on_deploy="hand_over").timings(platform).deploys == (1_767_225_600_000,)


def test_policies_that_mean_the_same_are_equal_and_hash_alike():
    one, other = sl.RunPolicy(idle_timeout="90s"), sl.RunPolicy(idle_timeout="1m30s")
    assert one == other
    assert hash(one) == hash(other)
    assert one != sl.RunPolicy(idle_timeout="91s")


def test_a_policy_shows_what_differs_from_the_defaults():
    assert repr(sl.RunPolicy()) == "RunPolicy()"
    policy = sl.RunPolicy(max_turns=3, idle_timeout="60s", on_deploy="hand_over")
    assert repr(policy) == "RunPolicy(idle_timeout='1 min', max_turns=3, on_deploy='hand_over')"


POLICY = sl.RunPolicy(
    idle_timeout="1500ms",
    max_duration="2h",
    preload_idle_timeout="5s",
    exit_after_preload_idle=True,
    on_deploy="hand_over",
)


def test_a_policy_can_be_made_again_from_what_it_shows_and_from_json():
    assert eval(repr(POLICY), {"RunPolicy": sl.RunPolicy}) == POLICY  # noqa: S307 (our own repr)
    assert sl.RunPolicy(**json.loads(json.dumps(POLICY.to_dict()))) == POLICY


def test_a_policy_is_frozen_and_takes_its_fields_by_name():
    with pytest.raises(AttributeError):
        sl.RunPolicy().max_turns = 5  # type: ignore[misc]
    with pytest.raises(TypeError):
        sl.RunPolicy("30s")  # type: ignore[misc]
    with pytest.raises(TypeError):
        sl.RunPolicy(boot_time="30s")  # type: ignore[call-arg]


def test_a_policy_survives_pickling_and_copying():
    assert pickle.loads(pickle.dumps(POLICY)) == POLICY  # noqa: S301 (our own pickle)
    assert copy.deepcopy(POLICY) == POLICY
