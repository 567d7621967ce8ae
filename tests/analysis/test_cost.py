"""What runs cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import session_lab as sl
from session_lab.analysis.churn import cost
from session_lab.errors import DataError, DataWarning
from session_lab.frames import RUNS, build
from tests.stories import message, ms, play, start
from tests.strategies import events_frame, histories, policies, replays, settings_of

if TYPE_CHECKING:
    from tests.oracles.simpy_model import Policy

PRICES = {"micro": 0.00002, "small-1x": 0.00004, "large-2x": 0.0016}


@replays
@given(events=histories(), policy=policies, per_run=st.floats(0, 1))
def test_runs_cost_their_billed_seconds_and_their_number(
    events: list[dict[str, Any]], policy: Policy, per_run: float
):
    replay = sl.replay(events_frame(events), **settings_of(policy))
    cost = replay.cost(PRICES, per_run=per_run)
    seconds = sum((ms(run.active) + ms(run.idle)) / 1000 for run in replay.runs.itertuples())
    for machine, price in PRICES.items():
        expected = seconds * price + len(replay.runs) * per_run
        assert cost.total(machine) == pytest.approx(expected, rel=1e-12)


def test_a_bill_worked_out_by_hand():
    # 5 + 5 ms active, 10 + 10 ms idle, and one run.
    cost = play(start(0, lasting=5), message(40)).replay.cost({"micro": 2.0}, per_run=0.5)
    assert (ms(cost.billed), cost.runs) == (30, 1)
    assert cost.total("micro") == pytest.approx(0.03 * 2.0 + 0.5)


def test_the_frame_has_a_row_for_each_machine():
    frame = play(start(0, lasting=5)).replay.cost(PRICES, per_run=0.25).to_frame()
    assert list(frame.columns) == [
        "machine",
        "price_per_second",
        "billed",
        "suspended",
        "runs",
        "compute",
        "invocations",
        "total",
        "unknown",
    ]
    assert frame["machine"].tolist() == list(PRICES)
    assert (frame["total"] == frame["compute"] + frame["invocations"]).all()
    assert str(frame["billed"].dtype) == "timedelta64[ms]"


def test_no_runs_cost_nothing():
    cost = play().replay.cost(PRICES, per_run=1.0)
    assert [cost.total(machine) for machine in PRICES] == [0, 0, 0]
    assert cost.billed == pd.Timedelta(0)


@pytest.mark.parametrize(
    ("prices", "per_run", "reason"),
    [
        ({}, 0.0, "no price"),
        ({"huge": 1.0}, 0.0, "'huge' is not a machine preset; they are micro"),
        ({"micro": -1.0}, 0.0, "price -1.0 of micro"),
        ({"micro": float("nan")}, 0.0, "price nan of micro"),
        ({"micro": float("inf")}, 0.0, "price inf of micro"),
        ({"micro": 1.0}, -1.0, "price -1.0 of per_run"),
    ],
)
def test_prices_are_of_known_machines_and_zero_or_more(
    prices: dict[str, float], per_run: float, reason: str
):
    with pytest.raises(DataError, match=reason):
        play(start(0)).replay.cost(prices, per_run=per_run)


@replays
@given(events=histories(), policy=policies)
def test_suspended_time_is_told_and_not_billed(events: list[dict[str, Any]], policy: Policy):
    replay = sl.replay(events_frame(events), **settings_of(policy))
    cost = replay.cost(PRICES)
    assert ms(cost.suspended) == sum(ms(run.suspended) for run in replay.runs.itertuples())
    assert ms(cost.billed) == sum(ms(run.active) + ms(run.idle) for run in replay.runs.itertuples())


def pulled(billed: list[float | None], **columns: Any) -> pd.DataFrame:
    """Make runs as a pull gives them, of which the billed time in seconds may not be known."""
    rows = len(billed)
    known = pd.array(pd.to_timedelta(billed, unit="s").as_unit("ms"))
    frame = build(RUNS, {"turns": [0] * rows, "resumes": [0] * rows}, n=rows)
    return frame.assign(run_id=[f"run_{n}" for n in range(rows)], billed=known, **columns)


def test_pulled_runs_are_priced_by_their_billed_time():
    bill = cost(pulled([10, 20]), {"micro": 2.0}, per_run=0.5)
    assert bill.total("micro") == pytest.approx(61)
    assert bill.overview()["total"].tolist() == ["61.00"]


def test_a_total_that_misses_runs_says_that_it_is_the_least():
    with pytest.warns(DataWarning, match="billed time of 1 of 3 runs is not known"):
        bill = cost(pulled([10, None, 20]), {"micro": 2.0})
    assert bill.total("micro") == pytest.approx(60)
    assert bill.overview()["total"].tolist() == ["at least 60.00"]
    assert bill.to_frame()["unknown"].tolist() == [1]
    assert "the least that they cost" in repr(bill)


def test_a_total_of_which_nothing_is_known_is_not_a_number():
    with pytest.warns(DataWarning, match="billed time of 2 of 2 runs is not known"):
        bill = cost(pulled([None, None]), {"micro": 2.0}, per_run=1.0)
    assert pd.isna(bill.total("micro"))
    assert pd.isna(bill.to_frame()["total"]).all()
    assert bill.overview()["total"].tolist() == ["at least not known"]


def test_what_the_platform_charged_stands_first():
    runs = pulled([10, 20], cost_in_cents=[150.0, 250.0], base_cost_in_cents=[1.0, 1.0])
    bill = cost(runs, {"micro": 2.0})
    assert bill.charged == pytest.approx(4.02)
    assert bill.to_frame()["machine"].tolist() == ["as charged", "micro"]
    assert bill.to_frame()["total"].tolist() == pytest.approx([4.02, 60])
    assert bill.overview()["total"].tolist() == ["4.02", "60.00"]
    assert cost(runs).to_frame()["total"].tolist() == pytest.approx([4.02])
    assert bill.plot() is not None


@pytest.mark.parametrize(
    ("compute", "base"), [([150.0, None], [1.0, 1.0]), ([150.0, 150.0], [None, 1.0])]
)
def test_a_charge_of_which_a_part_is_not_told_is_the_least(
    compute: list[float | None], base: list[float | None]
):
    runs = pulled(
        [10, 20],
        cost_in_cents=pd.array(compute, "Float64"),
        base_cost_in_cents=pd.array(base, "Float64"),
    )
    bill = cost(runs)
    assert bill.uncharged == 1
    assert bill.overview()["total"].iloc[0].startswith("at least ")
    assert "what is charged is the least" in repr(bill)


def test_without_prices_something_must_have_been_charged():
    with pytest.raises(DataError, match="no price, and no run tells what was charged"):
        cost(pulled([10]))


def test_only_published_prices_stand_in_a_dated_list():
    listed = sl.prices("2026-05")
    assert dict(listed.per_second) == {"micro": 0.0000169, "large-2x": 0.00068}
    assert listed.per_run == 0.000025
    assert "2026-05" in repr(listed)
    assert "not known: small-1x" in repr(listed)
    assert {name: plan.included for name, plan in listed.plans.items()} == {
        "free": 5.0,
        "hobby": 10.0,
        "pro": 50.0,
    }
    assert [plan.bill(30.0) for plan in listed.plans.values()] == [25.0, 30.0, 50.0]


def test_what_was_charged_tells_the_price_of_a_machine():
    machine = pd.Categorical(["small-1x", "small-1x", "micro", "small-2x"])
    runs = pulled(
        [10, 30, 1, None],
        machine=machine,
        cost_in_cents=pd.array([0.04, 0.12, None, 7.0], "Float64"),
        base_cost_in_cents=pd.array([0.003, 0.003, None, 0.003], "Float64"),
    )
    listed = sl.prices(runs=runs)
    assert listed.per_second["small-1x"] == pytest.approx(0.00004)
    assert listed.per_second["micro"] == 0.0000169
    assert "small-2x" not in listed.per_second
    assert listed.per_run == pytest.approx(0.00003)
    told = listed.to_frame().set_index("machine")["told_by"].to_dict()
    assert told == {"micro": "published", "small-1x": "your runs", "large-2x": "published"}


def test_prices_of_a_list_can_be_replaced():
    listed = sl.prices(per_second={"small-1x": 0.5}, per_run=0.25)
    bill = play(start(0, lasting=5)).replay.cost(listed)
    assert bill.total("small-1x") == pytest.approx(0.015 * 0.5 + 0.25)
    assert "published prices of 2026-05" in repr(bill)
    for wrong, reason in (
        ({"as_of": "1999-01"}, "no list of '1999-01'; there are 2026-05"),
        ({"per_second": {"huge": 1.0}}, "'huge' is not a machine preset"),
        ({"per_second": {"micro": -1.0}}, "price -1.0 of micro"),
        ({"per_run": float("nan")}, "price nan of per_run"),
    ):
        with pytest.raises(DataError, match=reason):
            sl.prices(**wrong)


def test_the_summary_of_a_replay_tells_what_it_costs():
    replay = play(start(0, lasting=5)).replay
    listed = sl.prices(per_second={"small-1x": 100.0})
    summary = replay.summary(listed)
    expected = {name: 0.015 * price + 0.000025 for name, price in listed.per_second.items()}
    assert summary.cost == pytest.approx(expected)
    assert "small-1x" in summary.to_text()
    assert "published prices of 2026-05" in summary.to_text()
    assert list(replay.summary().cost) == ["micro", "large-2x"]


def test_the_result_names_its_formula():
    assert "active + idle" in repr(play(start(0)).replay.cost(PRICES))
