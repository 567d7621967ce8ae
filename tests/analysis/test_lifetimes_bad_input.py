"""What cannot be used is refused with its place; what supports little says so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import session_lab as sl
from session_lab.frames import NAT, SESSIONS, build, derive_lifetimes, empty
from tests.strategies import ORIGIN

lifetimes = sl.lifetimes
ESTIMATORS = [lifetimes.kaplan_meier, lifetimes.nelson_aalen, lifetimes.aalen_johansen]
analyses = pytest.mark.parametrize(
    "analysis",
    [
        lifetimes.survival,
        lambda df: lifetimes.survival(df, by="type"),
        lifetimes.incidence,
        lambda df: lifetimes.incidence(df, by="tags"),
        lambda df: lifetimes.compare(df, "type"),
    ],
)
every = pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda one: one.__name__)


def frame(n: int = 4, *, created: int = 0, **columns: Any) -> pd.DataFrame:
    """Make sessions that are closed after 1, 2, ... seconds."""
    created_at = np.full(n, ORIGIN + created)
    closed_at = ORIGIN + 1_000 * np.arange(1, n + 1)
    expires_at = np.full(n, NAT)
    derived = derive_lifetimes(created_at, closed_at, expires_at, ORIGIN + 60_000)
    data = {"created_at": created_at, "closed_at": closed_at, "expires_at": expires_at}
    return build(SESSIONS, {**data, **derived, **columns}, n=n)


@every
@pytest.mark.parametrize(
    ("durations", "outcome", "row", "message"),
    [
        ([], [], None, "there are no rows"),
        ([1, -2, 3], [1, 1, 1], 1, "-2 is negative"),
        ([1.0, 2.0, float("nan")], [1, 1, 1], 2, "is missing"),
        ([1.0, float("inf")], [1, 1], 1, "is not a duration"),
        ([1, None], [1, 1], 1, "is missing"),
        (["1", "soon"], [1, 1], None, "numbers or durations are expected"),
        ([[1, 2]], [1, 1], None, "2 dimensions"),
        ([True, False], [1, 1], None, "true and false"),
        ([1, 2], [1], None, "2 durations and 1 values"),
        ([1, 2], [1, -1], 1, "-1"),
        ([1, 2], [1, 0.5], 1, "0.5"),
        ([1, 2], [1, None], 1, "is missing"),
        (np.array([1, "NaT"], "m8[s]"), [1, 1], 1, "is missing"),
        (np.array([1, -1], "m8[s]"), [1, 1], 1, "is negative"),
        (pd.array([1, pd.NA], "Int64"), [1, 1], 1, "is missing"),
    ],
)
def test_an_estimator_refuses_what_it_cannot_use(
    estimator: Any, durations: Any, outcome: Any, row: int | None, message: str
):
    with pytest.raises(sl.DataError, match=message) as caught:
        estimator(durations, outcome)
    assert caught.value.row == row


@every
@pytest.mark.parametrize(
    ("entry", "row", "message"),
    [
        ([0, 2, 0], 1, "2 is not before the duration 2"),
        ([0, 0, 9], 2, "9 is not before the duration 3"),
        ([-1, 0, 0], 0, "is negative"),
        ([0, 0], None, "3 durations and 2 values of entry"),
        (np.array([0, 0, 1], "m8[s]"), None, "give both in one unit"),
    ],
)
def test_an_estimator_refuses_an_entry_that_no_observation_can_have(
    estimator: Any, entry: Any, row: int | None, message: str
):
    with pytest.raises(sl.DataError, match=message) as caught:
        estimator([1, 2, 3], [1, 1, 0], entry=entry)
    assert caught.value.row == row


@every
@pytest.mark.parametrize("level", [0, 1, 95, float("nan")])
def test_a_level_lies_between_0_and_1(estimator: Any, level: float):
    with pytest.raises(sl.DataError, match="not a level"):
        estimator([1, 2], [1, 0], level=level)


@every
@pytest.mark.parametrize(
    ("durations", "outcome", "entry", "message"),
    [
        ([5], [1], None, "one subject"),
        ([5, 6], [0, 0], None, "no event was seen"),
        ([5, 5, 5], [1, 1, 1], None, "all events fall on one time"),
        ([2, 9, 9], [1, 1, 1], [0, 4, 5], "all who were at risk ended at 2"),
    ],
)
def test_data_that_support_little_are_warned_of_at_the_call(
    estimator: Any, durations: Any, outcome: Any, entry: Any, message: str
):
    with pytest.warns(sl.StatisticalWarning, match=message) as caught:
        result = estimator(durations, outcome, entry=entry)
    assert caught[0].filename == __file__
    assert not result.to_frame().drop(columns=["lower", "upper"]).isna().any(axis=None)


def test_all_censored_is_a_flat_curve_without_a_median():
    with pytest.warns(sl.StatisticalWarning):
        curve = lifetimes.kaplan_meier([5, 6], [0, 0])
    assert curve.survival.tolist() == [1, 1, 1]
    assert curve.median.value is None
    assert curve.restricted_mean().value == 6
    with pytest.raises(sl.DataError, match="no event after time 0"):
        curve.hazard()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], [], []), "there are no rows"),
        (([1, 2], [1, 1], ["a", "a"]), "1 group"),
        (([1, 2], [1, 1], ["a", None]), "is missing"),
        (([1, 2], [0, 0], ["a", "b"]), "no event was seen in any group"),
        (([1, 2], [1, 1], ["a", "b", "b"]), "2 durations and 3 groups"),
        (([1, -2], [1, 1], ["a", "b"]), "is negative"),
    ],
)
def test_log_rank_refuses_what_it_cannot_compare(arguments: Any, message: str):
    with pytest.raises(sl.DataError, match=message):
        lifetimes.logrank(*arguments)


def test_a_group_without_events_is_compared_and_one_never_at_risk_costs_no_freedom():
    durations, observed = [1, 2, 3, 8, 9, 0.5], [1, 1, 1, 0, 0, 0]
    with pytest.warns(sl.StatisticalWarning, match="no event was seen in b, c") as caught:
        found = lifetimes.logrank(durations, observed, list("aaabbc"))
    assert caught[0].filename == __file__
    assert found.observed == (3, 0, 0)
    assert found.df == 1
    assert found.expected[2] == 0
    assert 0 < found.p_value < 1
    never = found.pairs["a", "c"]
    assert (never.df, never.p_value) == (0, 1.0)


@pytest.mark.parametrize(
    ("durations", "entry"),
    [([5, 5, 5, 5], None), ([2, 3, 8, 9], [0, 0, 4, 4])],
    ids=["all tied", "never at risk together"],
)
def test_groups_that_nothing_tells_apart_are_warned_of(durations: Any, entry: Any):
    with pytest.warns(sl.StatisticalWarning, match="nothing tells the groups apart") as caught:
        found = lifetimes.logrank(durations, [1, 1, 1, 1], list("aabb"), entry=entry)
    assert (found.statistic, found.df, found.p_value) == (0.0, 0, 1.0)
    assert caught[0].filename == __file__
    df = frame(4, type=list("aabb")).assign(lifetime=pd.to_timedelta(durations, unit="s"))
    late = None if entry is None else "late"
    df["late"] = pd.to_timedelta(entry or 0, unit="s")
    with pytest.warns(sl.StatisticalWarning, match="nothing tells the groups apart") as caught:
        lifetimes.compare(df, "type", entry=late)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda curve: curve.quantile(1), "between 0 and 1"),
        (lambda curve: curve.at([-1]), "zero or more"),
        (lambda curve: curve.at(["1h"]), "is a duration"),
        (lambda curve: curve.at([]), "at least one time"),
        (lambda curve: curve.restricted_mean(99), "beyond the last time"),
        (lambda curve: curve.hazard(0), "bandwidth of 0"),
        (lambda curve: curve.hazard(points=1), "at least 2"),
    ],
)
def test_a_curve_refuses_questions_it_has_no_answer_to(call: Any, message: str):
    curve = lifetimes.kaplan_meier([1, 2, 3], [1, 1, 0])
    with pytest.raises(sl.DataError, match=message):
        call(curve)


@analyses
def test_an_empty_frame_is_refused(analysis: Any):
    with pytest.raises(sl.DataError, match="nothing to estimate"):
        analysis(empty(SESSIONS))


@analyses
def test_what_is_no_frame_is_refused(analysis: Any):
    for other in ([1], None, {"lifetime": [1]}):
        with pytest.raises(sl.DataError, match="is not a frame of pandas, Polars"):
            analysis(other)


def test_a_session_that_stands_twice_is_warned_of_at_the_call():
    df = frame(3, session_id=["session_a", "session_b", "session_a"])
    with pytest.warns(sl.DataWarning, match="1 rows stand for a session that another") as caught:
        curve = lifetimes.survival(df)
    assert caught[0].filename == __file__
    assert curve.n == 3
    with pytest.warns(sl.DataWarning, match="1 rows stand") as caught:
        lifetimes.incidence(df)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("column", ["lifetime", "end_cause", "type"])
def test_a_missing_column_is_named(column: str):
    with pytest.raises(sl.DataError, match="the column is missing") as caught:
        lifetimes.survival(frame(type=list("aabb")).drop(columns=column), by="type")
    assert caught.value.column == column


def test_columns_of_the_wrong_kind_are_refused():
    with pytest.raises(sl.DataError, match="durations, such as"):
        lifetimes.survival(frame().assign(lifetime=[1, 2, 3, 4]))
    with pytest.raises(sl.DataError, match="'gone' is not one of open") as caught:
        lifetimes.survival(frame().assign(end_cause=["closed", "closed", "gone", "open"]))
    assert caught.value.row == 2
    naive = pd.Series(pd.to_datetime(["2026-01-01"] * 4))
    with pytest.raises(sl.DataError, match="times with a zone"):
        lifetimes.survival(frame().assign(seen=naive), entry="seen")


def test_lifetimes_that_are_missing_or_negative_name_their_row():
    df = frame()
    missing = df.assign(lifetime=df["lifetime"].where(df.index != 2))
    with pytest.raises(sl.DataError, match="is missing") as caught:
        lifetimes.incidence(missing)
    assert (caught.value.row, caught.value.column) == (2, "lifetime")
    with pytest.raises(sl.DataError, match="is negative") as caught:
        lifetimes.survival(df.assign(lifetime=-df["lifetime"]))
    assert caught.value.row == 0


def test_settings_that_are_none_are_refused():
    with pytest.raises(sl.DataError, match="competes"):
        lifetimes.survival(frame(), expiry="ends")
    with pytest.raises(sl.DataError, match="resolution of 0"):
        lifetimes.survival(frame(), resolution="0s")
    with pytest.raises(sl.DataError, match="with a unit"):
        lifetimes.survival(frame(), resolution=5)
    with pytest.raises(sl.DataError, match="not an ISO 8601 time"):
        lifetimes.survival(frame(), entry="no_such_column")


def test_groups_that_are_not_there_are_named():
    df = frame(type=list("aabb"))
    with pytest.raises(sl.DataError, match="'c' is not a group; they are a; b"):
        lifetimes.survival(df, by="type")["c"]
    with pytest.raises(sl.DataError, match="no row has a value"):
        lifetimes.survival(df, by="task_identifier")
    with pytest.raises(sl.DataError, match="is not a cause; they are closed, expired"):
        lifetimes.incidence(df).at(["1s"], "crashed")
