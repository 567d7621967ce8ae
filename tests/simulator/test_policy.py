"""What a run policy accepts, how it shows itself, and what the run model gets of it."""

from __future__ import annotations

import copy
import math
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import session_lab as sl
from session_lab.errors import DataError

DURATIONS = [
    "idle_timeout",
    "turn_timeout",
    "max_duration",
    "boot_time",
    "resume_time",
    "turn_duration",
]


def test_the_defaults_are_those_of_the_platform():
    timings = sl.RunPolicy().timings()
    assert (timings.idle_timeout, timings.turn_timeout) == (30_000, 3_600_000)
    assert (timings.max_turns, timings.max_duration) == (100, None)
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


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan, math.inf, "0.5", True, None])
def test_a_crash_rate_is_a_probability(value: Any):
    with pytest.raises(DataError, match="crash_rate"):
        sl.RunPolicy(crash_rate=value)


@pytest.mark.parametrize("value", [0, 0.0, 0.25, 1, 1.0])
def test_a_crash_rate_may_be_nothing_or_certain(value: float):
    assert sl.RunPolicy(crash_rate=value).timings().crash_rate == value


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-01T00:00:00Z",
        ["2026-01-01T00:00:00"],
        ["soon"],
        [None],
        [datetime(2026, 1, 1)],  # noqa: DTZ001 (a time without a zone is what is refused)
        ["1969-12-31T23:59:59Z"],
        5,
        None,
    ],
)
def test_deploys_are_a_list_of_instants_with_a_zone(value: Any):
    with pytest.raises(DataError, match="deploys"):
        sl.RunPolicy(deploys=value)


def test_deploys_are_kept_in_order_and_once():
    policy = sl.RunPolicy(
        deploys=iter(
            [
                "2026-01-02T00:00:00Z",
                datetime(2026, 1, 1, tzinfo=UTC),
                "2026-01-02T01:00:00+01:00",
            ]
        )
    )
    assert policy.deploys == ("2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z")
    assert policy.timings().deploys == (1_767_225_600_000, 1_767_312_000_000)


def test_the_latest_deploy_at_an_instant_includes_one_at_that_instant():
    timings = sl.RunPolicy(deploys=["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"]).timings()
    first, second = timings.deploys
    assert timings.latest_deploy(first - 1) == -1
    assert timings.latest_deploy(first) == timings.latest_deploy(second - 1) == first
    assert timings.latest_deploy(second) == second


def test_policies_that_mean_the_same_are_equal_and_hash_alike():
    one = sl.RunPolicy(idle_timeout="90s", deploys=["2026-01-01T01:00:00+01:00"])
    other = sl.RunPolicy(idle_timeout="1m30s", deploys=("2026-01-01T00:00:00Z",))
    assert one == other
    assert hash(one) == hash(other)
    assert one != sl.RunPolicy(idle_timeout="91s", deploys=one.deploys)


def test_a_policy_shows_what_differs_from_the_defaults():
    assert repr(sl.RunPolicy()) == "RunPolicy()"
    policy = sl.RunPolicy(max_turns=3, idle_timeout="60s", crash_rate=0.5)
    assert repr(policy) == "RunPolicy(idle_timeout='1 min', max_turns=3, crash_rate=0.5)"


def test_a_policy_can_be_made_again_from_what_it_shows():
    policy = sl.RunPolicy(
        idle_timeout="1500ms", max_duration="2h", deploys=["2026-01-01T00:00:00.007Z"]
    )
    assert eval(repr(policy), {"RunPolicy": sl.RunPolicy}) == policy  # noqa: S307 (our own repr)


def test_a_policy_is_frozen_and_takes_its_fields_by_name():
    with pytest.raises(AttributeError):
        sl.RunPolicy().max_turns = 5  # type: ignore[misc]
    with pytest.raises(TypeError):
        sl.RunPolicy("30s")  # type: ignore[misc]
    with pytest.raises(TypeError):
        sl.RunPolicy(idle="30s")  # type: ignore[call-arg]


def test_a_policy_survives_pickling_and_copying():
    policy = sl.RunPolicy(idle_timeout="7s", deploys=["2026-01-01T00:00:00Z"])
    assert pickle.loads(pickle.dumps(policy)) == policy  # noqa: S301 (our own pickle)
    assert copy.deepcopy(policy) == policy


def test_crashes_draw_on_the_seed():
    policy = sl.RunPolicy(crash_rate=0.5)
    drawn = [[policy.timings(seed).crashes("a", turn) for turn in range(64)] for seed in range(2)]
    assert drawn[0] != drawn[1]
    assert not any(sl.RunPolicy().timings(0).crashes("a", turn) for turn in range(64))
    assert all(sl.RunPolicy(crash_rate=1).timings(0).crashes("a", turn) for turn in range(64))
