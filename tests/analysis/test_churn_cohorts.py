"""Cohorts, identities and polled hand-overs, against their definitions in plain Python."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from session_lab.analysis import churn
from session_lab.errors import DataError
from session_lab.frames import OPERATIONS, empty

BERLIN = "Europe/Berlin"
# Around the night to 2026-03-29, when Berlin's clocks go forward.
MIDNIGHT = datetime(2026, 3, 26, tzinfo=UTC)

hours = st.integers(0, 24 * 18)
acts = st.lists(st.tuples(st.sampled_from("abcd"), hours), max_size=25)
zones = st.sampled_from(["UTC", BERLIN, "Asia/Kolkata"])
freqs = st.sampled_from(["1d", "1w"])


def frame_of(rows: list[tuple[str, int]]) -> pd.DataFrame:
    times = pd.Series([MIDNIGHT + timedelta(hours=at) for _, at in rows], dtype=object)
    at = pd.to_datetime(times, utc=True).astype("datetime64[ms, UTC]")
    frame = pd.DataFrame({"external_id": [who for who, _ in rows], "at": at})
    frame.attrs["observed_at"] = at.max() if rows else pd.NaT
    return frame


def period(at: int, freq: str, zone: str) -> int:
    day = (MIDNIGHT + timedelta(hours=at)).astimezone(ZoneInfo(zone)).date()
    return (day - date(2026, 1, 5)).days // (1 if freq == "1d" else 7)


@given(rows=acts, freq=freqs, zone=zones, day=st.sampled_from(["calendar", "elapsed"]), until=hours)
def test_retention_counts_whose_period_was_over(
    rows: list[tuple[str, int]], freq: Any, zone: str, day: Any, until: int
):
    seen = [(who, at) for who, at in rows if at <= until]
    first = {who: min(at for other, at in seen if other == who) for who, _ in seen}
    length = 24 if freq == "1d" else 168

    def age(who: str, at: int) -> int:
        if day == "elapsed":
            return (at - first[who]) // length
        return period(at, freq, zone) - period(first[who], freq, zone)

    observed: Counter[tuple[int, int]] = Counter()
    active: Counter[tuple[int, int]] = Counter()
    for who, born in first.items():
        for k in range(age(who, until)):
            cell = (period(born, freq, zone), k)
            observed[cell] += 1
            active[cell] += any(other == who and age(who, at) == k for other, at in seen)
    instant = MIDNIGHT + timedelta(hours=until)
    found = churn.cohorts(frame_of(rows), freq, day=day, tz=zone, observed_at=instant)
    table = found.to_frame()
    # A cohort's first instant lies in its own period.
    cohort = [
        (start.date() - date(2026, 1, 5)).days // (1 if freq == "1d" else 7)
        for start in table["cohort"]
    ]
    cells = list(zip(cohort, table["age"], strict=True))
    assert dict(zip(cells, table["observed"], strict=True)) == observed
    assert dict(zip(cells, table["active"], strict=True)) == {c: active[c] for c in observed}
    assert found.members.sum() == len(first)


@given(rows=acts, day=st.sampled_from(["calendar", "elapsed"]))
def test_a_compiled_pass_counts_as_a_table_does(rows: list[tuple[str, int]], day: Any):
    for frame in (frame_of(rows), frame_of(sorted(rows, key=lambda row: row[1]))):
        counted = churn.cohorts(frame, day=day).active
        with mock.patch("session_lab.analysis.churn.cohorts.LARGE", 0):
            assert churn.cohorts(frame, day=day).active.tolist() == counted.tolist()


@given(rows=acts, freq=freqs, zone=zones)
def test_ids_are_new_returning_or_dormant(rows: list[tuple[str, int]], freq: Any, zone: str):
    found = churn.identities(frame_of(rows), freq, tz=zone)
    table = found.to_frame()
    periods = [period(at, freq, zone) for _, at in rows]
    expected = []
    for p in range(min(periods, default=0), max(periods, default=-1) + 1):
        now = {who for (who, _), q in zip(rows, periods, strict=True) if q == p}
        before = {who for (who, _), q in zip(rows, periods, strict=True) if q < p}
        expected.append((len(now - before), len(now & before), len(before - now)))
    assert list(zip(table["new"], table["returning"], table["dormant"], strict=True)) == expected


def test_pooled_retention_has_wilsons_interval_as_statsmodels_has_it():
    rng = np.random.default_rng(2)
    rows = [(f"u{i}", int(at)) for i in range(200) for at in rng.integers(0, 400, 4)]
    pooled = churn.cohorts(frame_of(rows)).pooled()
    assert len(pooled) > 5
    lower, upper = proportion_confint(pooled["active"], pooled["observed"], method="wilson")
    assert pooled["lower"].to_numpy() == pytest.approx(lower, abs=1e-12)
    assert pooled["upper"].to_numpy() == pytest.approx(upper, abs=1e-12)


def test_the_two_definitions_of_a_day_differ_around_midnight():
    rows = frame_of([("a", 23), ("a", 25)])
    by = {
        day: churn.cohorts(rows, day=day, observed_at="2026-04-01T00:00Z").active[0].tolist()
        for day in ("calendar", "elapsed")
    }
    assert by["calendar"][:2] == [1, 1]
    assert by["elapsed"][:2] == [1, 0]


def test_an_empty_frame_has_no_cohorts_and_no_ids():
    assert len(churn.cohorts(empty(OPERATIONS)).to_frame()) == 0
    assert churn.cohorts(empty(OPERATIONS)).summary()["members"] == 0
    assert len(churn.identities(empty(OPERATIONS)).to_frame()) == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"freq": "2d"}, "'2d' is not a calendar period"),
        ({"tz": "Mars/Base"}, "'Mars/Base' is not a time zone"),
        ({"day": "solar"}, "'solar' is not a definition of a day"),
        ({"who": "user"}, "user: the column is missing"),
    ],
)
def test_unknown_choices_are_refused_with_what_there_is(change: dict[str, Any], reason: str):
    with pytest.raises(DataError, match=reason):
        churn.cohorts(frame_of([("a", 1)]), **change)


def test_a_frame_of_unknown_columns_must_say_who_and_when():
    with pytest.raises(DataError, match="say which columns tell who and when"):
        churn.identities(pd.DataFrame({"x": [1]}))


def polls_of(rows: list[tuple[str, str | None, int]]) -> pd.DataFrame:
    frame = frame_of([(session, at) for session, _, at in rows])
    frame = frame.rename(columns={"external_id": "session_id", "at": "polled_at"})
    return frame.assign(current_run_id=[run for _, run, _ in rows])


@given(
    turns=st.lists(st.integers(1, 9), min_size=1, max_size=8),
    looks=st.sets(st.integers(0, 60), max_size=20),
    rotation=st.integers(0, 20),
)
def test_polled_handovers_hold_the_true_ones(turns: list[int], looks: set[int], rotation: int):
    """Each run is current for so many hours; polls look at some of them, in any order."""
    changes = np.cumsum(turns).tolist()
    order = sorted(looks)
    shown = [f"r{sum(change <= at for change in changes)}" for at in order]
    rows = [("s", run, at) for run, at in zip(shown, order, strict=True)]
    mixed = rows[rotation:] + rows[:rotation]
    found = churn.handovers(polls_of(mixed), shortest_run=timedelta(hours=min(turns)))
    start = int(MIDNIGHT.timestamp()) * 1000
    expected = [(before[2], after[2]) for before, after in pairwise(rows) if before[1] != after[1]]
    hour = 3_600_000
    intervals = zip((found.after - start) // hour, (found.by - start) // hour, strict=True)
    assert list(intervals) == expected
    true = [sum(low < change <= high for change in changes) for low, high in expected]
    assert found.at_most is not None
    assert all(1 <= n <= most for n, most in zip(true, found.at_most.tolist(), strict=True))


def test_hidden_handovers_have_no_bound_unless_one_is_stated():
    found = churn.handovers(polls_of([("s", "r1", 0), ("s", None, 1), ("s", "r3", 2)]))
    assert found.to_frame()["at_most"].isna().all()
    assert "no upper bound" in repr(found)


def test_a_run_that_comes_back_is_refused():
    polls = polls_of([("s", "r1", 0), ("s", "r2", 1), ("s", "r1", 2)])
    with pytest.raises(DataError, match="row 2, current_run_id: the run 'r1' is current again"):
        churn.handovers(polls)
