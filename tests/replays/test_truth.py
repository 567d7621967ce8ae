"""Worlds with known hazards: what they play is what their formulas say."""

from __future__ import annotations

from math import exp
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest

import session_lab as sl
from session_lab.replays.truth import Constant, Fixed, KnownWorld, Law, Mixture, Weibull, coverage
from session_lab.simulator import RandomStream

HOUR = 3_600_000
LAWS: list[Law] = [
    Constant("2h"),
    Weibull("2h", 2.0),
    Weibull("2h", 0.5),
    Mixture([(0.3, Constant("10m")), (0.7, Weibull("4h", 3.0))]),
]
IDS = ["session_id", "current_run_id"]


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_a_law_draws_what_its_survival_function_says(law: Law):
    drawn = law.draw(RandomStream(1, "law"), 5_000)
    assert kstest(drawn, lambda ages: 1 - law.survival(ages)).pvalue > 0.01
    assert (drawn > 0).all()


def test_laws_have_the_textbooks_formulas():
    ages = np.array([0.0, HOUR, 5 * HOUR])
    assert LAWS[0].survival(ages) == pytest.approx([1, exp(-0.5), exp(-2.5)], abs=1e-15)
    assert LAWS[1].survival(ages) == pytest.approx([1, exp(-0.25), exp(-6.25)], abs=1e-15)
    mixed = 0.3 * Constant("10m").survival(ages) + 0.7 * Weibull("4h", 3.0).survival(ages)
    assert LAWS[3].survival(ages).tolist() == mixed.tolist()
    assert Fixed("1h").survival(ages).tolist() == [1, 0, 0]
    assert Fixed("1h").draw(RandomStream(1, "law"), 2).tolist() == [HOUR, HOUR]


def test_curves_of_constant_hazards_have_closed_forms():
    world = KnownWorld(closes=Constant("2h"), expires=Constant("4h"))
    assert world.survival(["2h"])[0] == pytest.approx(exp(-1.5))
    assert world.incidence(["2h"], "closed")[0] == pytest.approx(2 / 3 * (1 - exp(-1.5)), abs=1e-8)
    assert world.incidence(["2h"], "expired")[0] == pytest.approx(1 / 3 * (1 - exp(-1.5)), abs=1e-8)
    assert world.quantile(0.5) / pd.Timedelta("1h") == pytest.approx(np.log(2) / 0.75, abs=1e-6)
    alone = KnownWorld(closes=Constant("2h"))
    assert alone.incidence(["2h"], "closed")[0] == pytest.approx(1 - exp(-1))
    assert alone.incidence(["2h"], "expired")[0] == pytest.approx(0, abs=1e-15)


def test_an_expiry_set_at_the_start_ends_all_that_is_left():
    world = KnownWorld(closes=Constant("2h"), expires=Fixed("1h"), n=300)
    assert world.survival(["59m", "1h"]) == pytest.approx([exp(-59 / 120), 0])
    expired = world.incidence(["59m", "1h"], "expired")
    assert expired == pytest.approx([0, exp(-0.5)], abs=1e-4)
    assert (world.incidence(["1m", "20m", "40m"], "expired") >= 0).all()
    assert world.quantile(0.5) == pd.Timedelta("1h")
    assert world.sessions()["lifetime"].max() == pd.Timedelta("1h")


@pytest.mark.parametrize("open_from", [None, "4h"])
def test_a_world_is_what_the_simulator_makes_of_its_events(open_from: str | None):
    world = KnownWorld(
        closes=Constant("2h"), expires=Constant("4h"), n=60, open_from=open_from, window="8h"
    )
    sim = sl.Simulator(now="2026-01-01T00:00:00Z")
    sessions = sim.client().sessions
    for event in world.events(seed=5).itertuples():
        if event.at > world.observed_at:
            continue
        sim.clock.advance_to(event.at)
        if event.op == "close":
            sessions.close(event.external_id)
            continue
        sessions.start(
            type="chat",
            task_identifier="agent",
            trigger_config={"base_payload": {}},
            external_id=event.external_id,
            expires_at=event.expires_at.isoformat(),
        )
    sim.clock.advance_to(world.observed_at)
    lived = ["external_id", "created_at", "ended_at", "end_cause", "lifetime"]
    expected = sim.sessions_frame()[lived]
    if world.since is not None:
        still = expected["ended_at"].isna() | (expected["ended_at"] > world.since)
        expected = expected[still].reset_index(drop=True)
    pd.testing.assert_frame_equal(world.sessions(seed=5)[lived], expected)
    assert set(expected["end_cause"]) == {"closed", "expired", "open"}


def test_repeated_worlds_differ_and_the_first_is_the_one_of_the_seed():
    world = KnownWorld(closes=Constant("2h"), expires=Constant("4h"), n=40)
    first, second, third = world.repeated(3, seed=9)
    pd.testing.assert_frame_equal(first.drop(columns=IDS), world.sessions(seed=9).drop(columns=IDS))
    assert not np.isin(second["created_at"], first["created_at"]).any()
    assert not np.isin(third["lifetime"], second["lifetime"]).all()
    assert [len(frame) for frame in world.repeated(101)] == [40] * 101


def test_coverage_counts_the_intervals_that_hold_the_truth():
    world = KnownWorld(closes=Constant("2h"), n=50)
    table = coverage(world, ages=["1h", "2h"], worlds=20, seed=3)
    assert table["quantity"].tolist() == ["survival", "survival", "closed", "closed", "median"]
    held = []
    for frame in world.repeated(20, seed=3):
        read = sl.lifetimes.survival(frame).at(["1h"])
        held.append(bool((read["lower"] <= exp(-0.5)).all() and (read["upper"] >= exp(-0.5)).all()))
    assert table["coverage"][0] == np.mean(held)
    # The complement of a survival interval by the same transform is another interval.
    assert table["truth"].to_numpy() == pytest.approx(
        [exp(-0.5), exp(-1), 1 - exp(-0.5), 1 - exp(-1), 2 * np.log(2)], abs=1e-6
    )
    assert coverage(world, ages=["1h"], worlds=20, level=0.5)["coverage"].max() < 0.9


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Constant("0s"), "over before it begins"),
        (lambda: Weibull("1h", 0), "not a number above 0"),
        (lambda: Fixed("0s"), "over before it begins"),
        (lambda: Mixture([(0.5, Constant("1h"))]), "do not add up to 1"),
        (lambda: KnownWorld(closes=Constant("1h"), n=0), "has none"),
        (lambda: KnownWorld(closes=Constant("1h"), window="0s"), "holds no time"),
        (lambda: KnownWorld(closes=Constant("1h"), open_from="12h"), "does not lie within"),
        (lambda: KnownWorld(closes=Constant("1h")).quantile(1), "not a share between"),
        (lambda: KnownWorld(closes=Constant("1h")).incidence(["1h"], "lost"), "not a cause"),
        (lambda: KnownWorld(closes=Constant("1h")).survival([5]), "with a unit"),
    ],
)
def test_what_is_no_world_is_refused(make: Any, message: str):
    with pytest.raises(sl.DataError, match=message):
        make()
