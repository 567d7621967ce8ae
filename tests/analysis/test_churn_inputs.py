"""What churn takes: any engine's frames, one grammar of periods, known instants of observation."""

from __future__ import annotations

import importlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import session_lab as sl
from session_lab.analysis import churn
from session_lab.analysis.periods import calendar_period, numbers, period_length, starts
from tests.stories import close, message, play, start

if TYPE_CHECKING:
    from collections.abc import Callable

REPLAY = play(
    start(0, lasting=5),
    message(900),
    close(2_000),
    start(3, chat="b"),
    message(9_000_000, chat="b"),
).replay
RUNS, SESSIONS, OPERATIONS = REPLAY.runs, REPLAY.sessions, REPLAY.operations
UNTIL = "2026-01-03T00:00:00Z"
MOMENT = pd.Timestamp("2026-01-01T00:00Z")


def to_polars(table: pa.Table) -> Any:
    return importlib.import_module("polars").from_arrow(table)


def to_lazy(table: pa.Table) -> Any:
    return to_polars(table).lazy()


def to_duckdb(table: pa.Table) -> Any:
    return importlib.import_module("duckdb").from_arrow(table)


def arrow(frame: pd.DataFrame) -> pa.Table:
    bare = frame.copy()
    bare.attrs = {}
    table = pa.Table.from_pandas(bare, preserve_index=False)
    # DuckDB multiplies what lies beneath a missing duration, and pandas leaves its NaT there.
    columns = {
        name: pa.array(table[name].to_pylist(), table.schema.field(name).type)
        if pa.types.is_duration(table.schema.field(name).type)
        else table[name]
        for name in table.column_names
    }
    return pa.table(columns)


def in_order(table: pd.DataFrame) -> pd.DataFrame:
    """Sort rows, as engines without categories know no order of them."""
    return table.sort_values(list(table.columns), ignore_index=True)


ENGINES = {"arrow": lambda table: table, "polars": to_polars, "lazy": to_lazy, "duckdb": to_duckdb}

CHURN: dict[str, Callable[[Any, Any, Any], Any]] = {
    "runs_per_session": lambda runs, sessions, _: churn.runs_per_session(runs, sessions),
    "gaps": lambda runs, *_: churn.gaps(runs, observed_at=UNTIL),
    "reasons": lambda runs, *_: churn.reasons(runs),
    "transitions": lambda runs, *_: churn.transitions(runs),
    "start_kinds": lambda *frames: churn.start_kinds(frames[2]),
    "cost": lambda runs, *_: churn.cost(runs, {"small-1x": 1.0}),
    "rate": lambda runs, sessions, _: churn.rate(runs, sessions, observed_at=UNTIL),
    "cohorts": lambda *frames: churn.cohorts(frames[2], observed_at=UNTIL),
    "identities": lambda *frames: churn.identities(frames[2], observed_at=UNTIL),
}


@pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES.keys())
@pytest.mark.parametrize("ask", CHURN.values(), ids=CHURN.keys())
def test_every_engine_gives_the_same_answer(
    ask: Callable[[Any, Any, Any], Any], engine: Callable[[pa.Table], Any]
):
    expected = ask(RUNS, SESSIONS, OPERATIONS).to_frame()
    frames = (engine(arrow(frame)) for frame in (RUNS, SESSIONS, OPERATIONS))
    pd.testing.assert_frame_equal(in_order(ask(*frames).to_frame()), in_order(expected))


@pytest.mark.parametrize(
    ("ask", "frames"),
    [
        (churn.gaps, (RUNS,)),
        (churn.rate, (RUNS, SESSIONS)),
        (churn.cohorts, (OPERATIONS,)),
        (churn.identities, (OPERATIONS,)),
    ],
)
def test_an_unknown_observation_is_said_wherever_the_answer_depends_on_it(
    ask: Callable[..., Any], frames: tuple[pd.DataFrame, ...]
):
    bare = [frame.copy() for frame in frames]
    for frame in bare:
        frame.attrs = {}
    with pytest.warns(sl.DataWarning, match="nothing tells when the rows were read"):
        ask(*bare)
    ask(*bare, observed_at=UNTIL)
    bare[0].attrs["observed_at"] = pd.NaT
    with pytest.warns(sl.DataWarning, match="nothing tells when the rows were read"):
        ask(*bare)


def test_gaps_do_not_ask_for_an_observation_that_changes_nothing():
    runs = play(start(0, lasting=5), close(10)).replay.runs
    runs.attrs = {}
    assert churn.gaps(runs).waiting.tolist() == []


@pytest.mark.parametrize(
    "ask",
    [
        churn.gaps,
        churn.reasons,
        churn.transitions,
        churn.runs_per_session,
        lambda runs: churn.rate(runs, SESSIONS),
        lambda runs: churn.cost(runs, {"small-1x": 1.0}),
    ],
)
@pytest.mark.parametrize("dtype", [None, "category"])
def test_runs_that_a_join_doubled_are_said(ask: Callable[[pd.DataFrame], Any], dtype: str | None):
    ask(RUNS)
    doubled = pd.concat([RUNS, RUNS.iloc[[0]]], ignore_index=True)
    doubled.attrs = RUNS.attrs
    if dtype:
        doubled["run_id"] = doubled["run_id"].astype(dtype)
    with pytest.warns(sl.DataWarning, match="1 rows stand for a run that another row stands for"):
        ask(doubled)


def test_one_odd_time_makes_no_huge_table_and_its_row_is_named():
    days = pd.date_range("2026-01-01", periods=30, freq="D", tz="UTC")
    frame = pd.DataFrame({"external_id": [f"u{i % 7}" for i in range(30)], "at": days})
    frame.loc[17, "at"] = pd.Timestamp("1970-01-02T00:00Z")
    with pytest.warns(sl.DataWarning, match=r"the first in row 17 at 1970-01-02"):
        found = churn.cohorts(frame, observed_at=UNTIL.replace("01-03", "03-03"))
    assert found.observed.size <= 10 * 1_000
    assert found.members.sum() == 7
    within = (
        churn.cohorts(frame.drop(17), observed_at="2026-03-03T00:00Z").pooled().set_index("age")
    )
    assert found.pooled().set_index("age").loc[1, "observed"] == within.loc[1, "observed"]


def test_one_odd_time_makes_no_long_list_of_empty_periods():
    days = pd.to_datetime(["1970-01-02", "2026-01-01", "2026-01-02", "2026-01-02"], utc=True)
    frame = pd.DataFrame({"external_id": list("caab"), "at": days})
    with pytest.warns(sl.DataWarning, match=r"the first in row 0 at 1970-01-02.* are left out"):
        found = churn.identities(frame, observed_at="2026-01-04T00:00:00Z").to_frame()
    counts = found[["new", "returning", "dormant"]].to_numpy().tolist()
    assert counts == [[1, 0, 0], [1, 0, 1], [1, 1, 1], [0, 0, 3]]


def test_one_grammar_of_periods():
    for day in ("1d", "D", "24h", timedelta(days=1)):
        assert calendar_period(day) == "1d"
    for week in ("1w", "W", "7d", "W-MON", timedelta(weeks=1)):
        assert calendar_period(week) == "1w"
        assert period_length(week) == 7 * 86_400_000
    for month in ("1mo", "M", "MS"):
        assert calendar_period(month) == "1mo"
        with pytest.raises(sl.DataError, match="not of one length"):
            period_length(month)
    for other in ("2d", "1h", timedelta(hours=25)):
        with pytest.raises(sl.DataError, match="not a calendar period"):
            calendar_period(other)
    with pytest.raises(sl.DataError, match="holds no time"):
        period_length("0s")


def test_periods_mean_the_same_in_every_analysis():
    for one, other in (("1d", "D"), ("1w", "W")):
        pd.testing.assert_frame_equal(
            churn.cohorts(OPERATIONS, one).to_frame(), churn.cohorts(OPERATIONS, other).to_frame()
        )
        pd.testing.assert_frame_equal(
            churn.rate(RUNS, SESSIONS, one).to_frame(), churn.rate(RUNS, SESSIONS, other).to_frame()
        )
    tagged = pd.DataFrame({"created_at": [MOMENT] * 30, "tags": [["a"]] * 30})
    pd.testing.assert_frame_equal(
        sl.tags.drift(tagged, "1w").to_frame(), sl.tags.drift(tagged, "W").to_frame()
    )


@given(st.datetimes(pd.Timestamp("1971-01-01"), pd.Timestamp("2100-01-01")))
def test_a_month_holds_its_instants(moment: Any):
    at = pd.Timestamp(moment, tz="Europe/Berlin").floor("ms")
    ms = np.array([at.value // 1_000_000])
    (month,) = numbers(ms, "1mo", "Europe/Berlin")
    assert month == (at.year - 1970) * 12 + at.month - 1
    first, following = starts(np.array([month, month + 1]), "1mo", "Europe/Berlin")
    assert first <= ms[0] < following
    assert pd.Timestamp(first, unit="ms", tz="Europe/Berlin") == at.normalize().replace(day=1)


acts = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 24 * 100)), max_size=30)


@given(rows=acts, day=st.sampled_from(["calendar", "elapsed"]), until=st.integers(0, 24 * 100))
def test_rolling_retention_counts_who_comes_back_later_too(
    rows: list[tuple[str, int]], day: Any, until: int
):
    frame = pd.DataFrame(
        {
            "external_id": [who for who, _ in rows],
            "at": pd.to_datetime([MOMENT + timedelta(hours=at) for _, at in rows], utc=True),
        }
    )
    observed_at = MOMENT + timedelta(hours=until)
    rolling = churn.cohorts(frame, day=day, retention="rolling", observed_at=observed_at)
    classic = churn.cohorts(frame, day=day, observed_at=observed_at)
    assert rolling.observed.tolist() == classic.observed.tolist()
    assert (rolling.active >= classic.active).all()
    seen = {who: [at for other, at in rows if other == who and at <= until] for who in "abc"}
    for age in range(rolling.observed.shape[1]):
        expected = 0
        for times in filter(None, seen.values()):
            first = min(times) if day == "elapsed" else min(times) // 24 * 24
            over = (until - first) // 24
            expected += over > age and (max(times) - first) // 24 >= age
        assert rolling.active[:, age].sum() == expected


def test_months_of_cohorts_are_those_of_the_calendar():
    at = pd.to_datetime(["2026-01-31T23:00Z", "2026-02-01T01:00Z", "2026-03-15T00:00Z"])
    frame = pd.DataFrame({"external_id": ["a", "b", "a"], "at": at})
    found = churn.cohorts(frame, "1mo", observed_at="2026-04-01T00:00Z")
    assert found.names() == ["2026-01-01", "2026-02-01"]
    assert found.active.tolist() == [[1, 0, 1], [1, 0, 0]]
    assert found.observed.tolist() == [[1, 1, 1], [1, 1, 0]]
    assert found.plot().get_xlabel() == "months since the first activity"
    with pytest.raises(sl.DataError, match="months elapse in no fixed time"):
        churn.cohorts(frame, "1mo", day="elapsed", observed_at=UNTIL)
