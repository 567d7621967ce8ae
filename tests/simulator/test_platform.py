"""What a platform accepts, how times are drawn from it, and how it shows itself."""

from __future__ import annotations

import copy
import json
import math
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import session_lab as sl
from session_lab.errors import DataError
from session_lab.simulator.model.run_rules import quantile

TIMES = ["boot_time", "resume_time", "turn_duration"]
BOOTS = sl.Distribution({0: "1s", 0.5: "2s", 1: "6s"})

samples = st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=60)


def ms(value: timedelta) -> float:
    return value / timedelta(milliseconds=1)


@pytest.mark.parametrize("field", TIMES)
@pytest.mark.parametrize("value", ["1m30s", "90s", timedelta(seconds=90)])
def test_a_time_is_a_duration(field: str, value: str | timedelta):
    platform = sl.Platform(**{field: value})
    assert getattr(platform, field) == "1 min 30 s"
    assert getattr(sl.RunPolicy().timings(platform), field) == 90_000


@pytest.mark.parametrize("field", TIMES)
@pytest.mark.parametrize("value", [30, True, "30", "soon", "-5s", "0.1ms", None, [], {}])
def test_any_other_time_is_refused_and_the_field_is_named(field: str, value: Any):
    with pytest.raises(DataError) as caught:
        sl.Platform(**{field: value})
    assert (caught.value.source, caught.value.column) == ("Platform", field)


@pytest.mark.parametrize("field", TIMES)
def test_a_time_may_be_a_distribution_or_its_quantiles(field: str):
    one = sl.Platform(**{field: BOOTS})
    other = sl.Platform(**{field: {0: "1s", 0.5: "2s", 1: "6s"}})
    assert one == other
    assert getattr(sl.RunPolicy().timings(one), field) == BOOTS.table


def test_a_distribution_of_one_value_is_that_value():
    platform = sl.Platform(boot_time={0: "3s", 1: "3s"})
    assert sl.RunPolicy().timings(platform).boot_time == 3_000


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan, math.inf, "0.5", True, None])
def test_a_crash_rate_is_a_probability(value: Any):
    with pytest.raises(DataError, match="crash_rate"):
        sl.Platform(crash_rate=value)


@pytest.mark.parametrize("value", [0, 0.0, 0.25, 1, 1.0])
def test_a_crash_rate_may_be_nothing_or_certain(value: float):
    assert sl.RunPolicy().timings(sl.Platform(crash_rate=value)).crash_rate == value


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
        sl.Platform(deploys=value)


def test_deploys_are_kept_in_order_and_once():
    instants = [
        "2026-01-02T00:00:00Z",
        datetime(2026, 1, 1, tzinfo=UTC),
        "2026-01-02T01:00:00+01:00",
    ]
    platform = sl.Platform(deploys=iter(instants))
    assert platform.deploys == ("2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z")


def test_the_latest_deploy_at_an_instant_includes_one_at_that_instant():
    platform = sl.Platform(deploys=["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"])
    timings = sl.RunPolicy(on_deploy="hand_over").timings(platform)
    first, second = timings.deploys
    assert timings.latest_deploy(first - 1) == -1
    assert timings.latest_deploy(first) == timings.latest_deploy(second - 1) == first
    assert timings.latest_deploy(second) == second


PLATFORM = sl.Platform(
    boot_time=BOOTS, resume_time="400ms", crash_rate=0.5, deploys=["2026-01-01T00:00:00.007Z"]
)


def test_a_platform_can_be_made_again_from_what_it_shows_and_from_json():
    names = {"Platform": sl.Platform, "Distribution": sl.Distribution}
    assert eval(repr(PLATFORM), names) == PLATFORM  # noqa: S307 (our own repr)
    assert sl.Platform(**json.loads(json.dumps(PLATFORM.to_dict()))) == PLATFORM
    assert repr(sl.Platform()) == "Platform()"


def test_a_platform_survives_pickling_and_copying_and_can_be_hashed():
    assert pickle.loads(pickle.dumps(PLATFORM)) == PLATFORM  # noqa: S301 (our own pickle)
    assert copy.deepcopy(PLATFORM) == PLATFORM
    assert hash(copy.deepcopy(PLATFORM)) == hash(PLATFORM)


def test_crashes_draw_on_the_seed():
    timings = [sl.RunPolicy().timings(sl.Platform(crash_rate=0.5), seed) for seed in range(2)]
    drawn = [[one.crashes("a", turn) for turn in range(64)] for one in timings]
    assert drawn[0] != drawn[1]
    assert not any(sl.RunPolicy().timings().crashes("a", turn) for turn in range(64))
    certain = sl.RunPolicy().timings(sl.Platform(crash_rate=1))
    assert all(certain.crashes("a", turn) for turn in range(64))


# Distributions


@pytest.mark.parametrize(
    ("quantiles", "said"),
    [
        ({}, "not a mapping"),
        ([1, 2], "not a mapping"),
        ({0: "1s"}, "must begin at 0"),
        ({0.5: "1s", 1: "2s"}, "must begin at 0"),
        ({0: "1s", 0.9: "2s"}, "end at 1"),
        ({0: "1s", 2: "2s"}, "2 is not a probability"),
        ({0: "1s", "p50": "2s", 1: "3s"}, "'p50' is not a probability"),
        ({0: "3s", 1: "2s"}, "shorter than the one at 0"),
        ({0: "3s", 1: 4}, "not a duration with a unit"),
        ({0: "3s", 1: "25d"}, "longer than 24 days"),
    ],
)
def test_quantiles_that_make_no_distribution_are_refused(quantiles: Any, said: str):
    with pytest.raises(DataError, match=said):
        sl.Distribution(quantiles)


@pytest.mark.parametrize(
    ("sample", "said"),
    [
        ([], "empty"),
        (["1s", None], "not a duration"),
        (pd.Series(["1s", None], dtype="timedelta64[ns]"), "missing"),
        (np.array([-5], "timedelta64[ms]"), "negative"),
        (["1s", "30d"], "longer than 24 days"),
    ],
)
def test_samples_that_make_no_distribution_are_refused(sample: Any, said: str):
    with pytest.raises(DataError, match=said):
        sl.Distribution.of(sample)


def test_quantiles_lie_on_straight_lines_between_those_given():
    assert [ms(BOOTS.quantile(q)) for q in (0, 0.25, 0.5, 0.75, 1)] == [1e3, 1.5e3, 2e3, 4e3, 6e3]
    assert ms(BOOTS.mean) == 2_750
    assert (len(BOOTS.table), BOOTS.table[512]) == (1_025, 2_000)


@given(samples)
def test_the_table_of_a_sample_has_numpys_quantiles(values: list[int]):
    made = sl.Distribution.of(pd.to_timedelta(values, unit="ms"))
    expected = np.quantile(np.array(values, float), np.linspace(0, 1, 1_025))
    np.testing.assert_allclose(made.table, expected, atol=0.5 + 1e-6)
    assert made == sl.Distribution.of(timedelta(milliseconds=value) for value in values)
    assert sl.Platform(boot_time=made) == sl.Platform(**sl.Platform(boot_time=made).to_dict())


@given(samples, st.integers(0, 2**64 - 1))
def test_whatever_is_drawn_lies_between_two_neighbouring_quantiles(values: list[int], word: int):
    table = sl.Distribution.of(pd.to_timedelta(values, unit="ms")).table
    drawn = quantile(table, word >> 54, word >> 22 & 0xFFFFFFFF)
    assert table[word >> 54] <= drawn <= table[(word >> 54) + 1]


def test_what_is_drawn_is_distributed_as_the_sample():
    random = np.random.default_rng(3)
    sample = random.lognormal(7.8, 0.5, 200_000).astype("m8[ms]")
    timings = sl.RunPolicy().timings(sl.Platform(boot_time=sl.Distribution.of(sample)), seed=1)
    drawn = np.array([timings.boot("a", n, 0) for n in range(20_000)])
    measured = sample.astype(float)
    # A share of so many draws has a standard error of 0.0035 at most.
    for q in (0.05, 0.5, 0.95, 0.99):
        assert (drawn <= np.quantile(measured, q)).mean() == pytest.approx(q, abs=0.014)


def test_the_table_of_a_large_sample_has_its_quantiles_to_half_a_percent():
    random = np.random.default_rng(4)
    sample = random.lognormal(7.8, 0.5, 200_000)
    made = sl.Distribution.of(sample.astype("m8[ms]"))
    for q in (0.5, 0.95, 0.99, 0.999):
        assert ms(made.quantile(q)) == pytest.approx(np.quantile(sample, q), rel=0.005)


def test_a_turn_meets_the_same_times_under_every_policy():
    platform = sl.Platform(boot_time=BOOTS, resume_time=BOOTS, turn_duration=BOOTS)
    one, other = (
        policy.timings(platform, seed=7)
        for policy in (sl.RunPolicy(), sl.RunPolicy(idle_timeout="5m", max_turns=3))
    )
    for n in range(20):
        assert one.boot("a", n, 0) == other.boot("a", n, 0)
        assert one.resume("a", n, 0) == other.resume("a", n, 0)
        assert one.duration("a", n) == other.duration("a", n)


def test_boots_resumes_durations_sessions_turns_runs_and_seeds_are_drawn_apart():
    platform = sl.Platform(boot_time=BOOTS, resume_time=BOOTS, turn_duration=BOOTS)
    timings, reseeded = (sl.RunPolicy().timings(platform, seed=seed) for seed in (7, 8))
    drawn = [
        timings.boot("a", 0, 0),
        timings.boot("b", 0, 0),
        timings.boot("a", 1, 0),
        timings.boot("a", 0, 1),
        timings.resume("a", 0, 0),
        timings.duration("a", 0),
        reseeded.boot("a", 0, 0),
    ]
    assert len(set(drawn)) == len(drawn)


def test_a_distribution_shows_its_quantiles_or_of_many_a_few():
    assert repr(BOOTS) == "Distribution({0: '1 s', 0.5: '2 s', 1: '6 s'})"
    shown = repr(sl.Distribution.of(["1s", "2s", "4s"]))
    assert shown.startswith("<Distribution of 1,025 quantiles: p50=2 s, ")
