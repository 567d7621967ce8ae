"""What runs cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import session_lab as sl
from session_lab.analysis.churn import cost, price_list
from session_lab.errors import DataError, DataWarning
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


def test_presets_are_priced_by_their_weights():
    assert price_list(2.0) == {
        "micro": 0.5,
        "small-1x": 2.0,
        "small-2x": 4.0,
        "medium-1x": 4.0,
        "medium-2x": 8.0,
        "large-1x": 16.0,
        "large-2x": 32.0,
    }


@pytest.mark.parametrize("price", [-1.0, float("nan"), float("inf")])
def test_a_base_price_is_zero_or_more(price: float):
    with pytest.raises(DataError, match="small-1x is not zero or more"):
        price_list(price)


def test_runs_of_unknown_times_are_counted_with_a_warning():
    runs = play(start(0, lasting=5)).replay.runs
    runs = pd.concat([runs, runs.assign(run_id="run_other", idle=pd.NaT)], ignore_index=True)
    runs["idle"] = runs["idle"].astype("timedelta64[ms]")
    with pytest.warns(DataWarning, match="times of 1 runs are not known"):
        bill = cost(runs, {"micro": 1.0})
    assert (ms(bill.billed), bill.runs) == (20, 2)


def test_the_result_names_its_formula():
    assert "active + idle" in repr(play(start(0)).replay.cost(PRICES))
