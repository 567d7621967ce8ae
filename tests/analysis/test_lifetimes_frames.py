"""Lifetimes of sessions frames: what counts as an end, groups, late entry, resolution."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

import session_lab as sl
from session_lab.frames import NAT, SESSIONS, build, derive_lifetimes
from tests.strategies import ORIGIN

HOUR = 3_600_000


def sessions(
    *lives: tuple[float, float | None, float | None], observed: float = 10, **columns: Any
) -> pd.DataFrame:
    """Make a frame of (created, closed, expires) in hours."""
    created, closed, expires = (
        np.array([NAT if at is None else ORIGIN + round(at * HOUR) for at in column], np.int64)
        for column in zip(*lives, strict=True)
    )
    derived = derive_lifetimes(created, closed, expires, ORIGIN + round(observed * HOUR))
    data = {"created_at": created, "closed_at": closed, "expires_at": expires}
    return build(SESSIONS, {**data, **derived, **columns}, n=len(lives))


CLOSED_1, CLOSED_3 = (0, 1, None), (0, 3, None)
EXPIRED_2, OPEN_AT_4 = (0, None, 2), (6, None, None)
FOUR = (CLOSED_1, EXPIRED_2, CLOSED_3, OPEN_AT_4)


def steps(frame: pd.DataFrame, value: str) -> list[tuple[float, float]]:
    hours = frame["time"] / pd.Timedelta("1h")
    return list(zip(hours, frame[value].round(6), strict=True))


def test_any_end_ends_a_session_where_expiry_competes():
    found = sl.lifetimes.survival(sessions(*FOUR)).to_frame()
    assert steps(found, "survival") == [(0, 1), (1, 0.75), (2, 0.5), (3, 0.25), (4, 0.25)]
    assert found["at_risk"].tolist() == [4, 4, 3, 2, 1]
    assert found["events"].tolist() == [0, 1, 1, 1, 0]
    assert found["censored"].tolist() == [0, 0, 0, 0, 1]


def test_only_a_close_ends_a_session_where_expiry_censors():
    found = sl.lifetimes.survival(sessions(*FOUR), expiry="censors").to_frame()
    assert steps(found, "survival") == [(0, 1), (1, 0.75), (2, 0.75), (3, 0.375), (4, 0.375)]
    assert found["censored"].tolist() == [0, 0, 1, 0, 1]


def test_what_expiry_was_taken_for_is_printed():
    assert "expiry competes" in repr(sl.lifetimes.survival(sessions(*FOUR)))
    assert "expiry censors" in repr(sl.lifetimes.survival(sessions(*FOUR), expiry="censors"))
    assert (
        "censored at the age they had reached: 1"
        in sl.lifetimes.incidence(sessions(*FOUR)).to_html()
    )


def test_incidence_tells_closed_and_expired_apart():
    result = sl.lifetimes.incidence(sessions(*FOUR))
    found = result.to_frame()
    closed, expired = (found[found["cause"] == cause] for cause in ("closed", "expired"))
    assert steps(closed, "incidence") == [(0, 0), (1, 0.25), (2, 0.25), (3, 0.5), (4, 0.5)]
    assert steps(expired, "incidence") == [(0, 0), (1, 0), (2, 0.25), (3, 0.25), (4, 0.25)]
    assert result.summary()["events"].tolist() == [2, 1]


def test_a_session_that_was_created_past_its_expiry_ends_at_once():
    found = sl.lifetimes.survival(sessions((1, None, 0.5), *FOUR))
    assert found.survival[0] == 0.8
    assert found.at(["0s"])["events"].tolist() == [1]


def test_frames_have_the_columns_and_types_of_the_contract():
    df = sessions(*FOUR, type=["a", "a", "b", "b"])
    survival = sl.lifetimes.survival(df, by="type").to_frame()
    columns = ["time", "at_risk", "events", "censored", "survival", "lower", "upper"]
    assert list(survival.columns) == ["group", *columns]
    assert str(survival["time"].dtype) == "timedelta64[ms]"
    incidence = sl.lifetimes.incidence(df, by="type").to_frame()
    columns = ["cause", "time", "at_risk", "events", "incidence", "lower", "upper"]
    assert list(incidence.columns) == ["group", *columns]
    assert not survival.drop(columns=["lower", "upper"]).isna().any(axis=None)
    assert not incidence.drop(columns=["lower", "upper"]).isna().any(axis=None)


def test_a_group_is_what_the_same_sessions_are_alone():
    df = sessions(*FOUR, *FOUR, type=["a", "b"] * 4)
    found = sl.lifetimes.survival(df, by="type")
    for name in ("a", "b"):
        alone = sl.lifetimes.survival(df[df["type"] == name])
        assert found[name].to_frame().equals(alone.to_frame())
    assert list(found) == ["a", "b"]
    assert found.summary()["n"].tolist() == [4, 4]


def test_any_column_groups_and_flags_too():
    df = sessions(*FOUR).assign(weekend=[True, False, True, False])
    assert list(sl.lifetimes.survival(df, by="weekend")) == [False, True]


def test_a_session_counts_in_each_of_its_tags_once():
    tags = [["x", "y"], ["x", "x"], ["y"], ["y", "x"]]
    found = sl.lifetimes.survival(sessions(*FOUR, tags=tags), by="tags")
    assert found.summary()[["group", "n"]].to_numpy().tolist() == [["x", 3], ["y", 3]]
    assert "groups overlap" in repr(found)


def test_sessions_without_a_group_are_counted_in_a_warning():
    df = sessions(*FOUR, tags=[["x"], [], None, ["x"]])
    with pytest.warns(sl.DataWarning, match="without a value in tags.*: 2"):
        found = sl.lifetimes.survival(df, by="tags")
    assert found["x"].n == 2


def test_weak_groups_are_named_in_one_warning():
    df = sessions(*FOUR, OPEN_AT_4, OPEN_AT_4, type=["a", "a", "a", "b", "b", "c"])
    with pytest.warns(sl.StatisticalWarning) as caught:
        sl.lifetimes.survival(df, by="type")
    assert [str(one.message).split(":")[0] for one in caught] == ["type b", "type c"]
    assert "no event" in str(caught[0].message)
    assert "one subject" in str(caught[1].message)
    assert {one.filename for one in caught} == {__file__}


def test_sessions_enter_the_risk_set_when_observation_begins():
    df = sessions((0, 3, None), (0, 5, None), (2, 4, None), (3, 9, None))
    since = "2026-01-01T02:00:00Z"  # Ages of 2, 2, 0 and 0 hours.
    found = sl.lifetimes.survival(df, entry=since)
    assert found.at(["1h", "2h", "3h", "6h"])["at_risk"].tolist() == [2, 2, 3, 1]
    assert steps(found.to_frame(), "survival") == [
        (0, 1),
        (2, 0.5),
        (3, round(0.5 * 2 / 3, 6)),
        (5, round(0.5 / 3, 6)),
        (6, 0),
    ]
    assert "late entry" in repr(found)


def test_entry_may_be_a_column_of_instants_or_of_ages():
    df = sessions((0, 3, None), (0, 5, None), (2, 4, None), (3, 9, None))
    since = pd.Timestamp("2026-01-01T02:00:00Z")
    df["seen_from"] = since
    df["age_then"] = (since - df["created_at"]).clip(lower=pd.Timedelta(0))
    expected = sl.lifetimes.incidence(df, entry=since.to_pydatetime()).to_frame()
    for column in ("seen_from", "age_then"):
        assert sl.lifetimes.incidence(df, entry=column).to_frame().equals(expected)


def test_sessions_that_ended_before_their_entry_are_left_out_aloud():
    df = sessions((0, 1, None), (0, 5, None), (0, 6, None))
    with pytest.warns(sl.DataWarning, match="ended at or before.*: 1;"):
        found = sl.lifetimes.survival(df, entry="2026-01-01T02:00:00Z")
    assert found.n == 2


def test_a_resolution_rounds_up_and_the_curve_is_right_at_its_multiples():
    rng = np.random.default_rng(4)
    lives = [(0, float(age), None) for age in rng.exponential(1, 300)]
    fine = sl.lifetimes.survival(sessions(*lives, observed=100))
    coarse = sl.lifetimes.survival(sessions(*lives, observed=100), resolution="10m")
    minutes = [f"{10 * step}m" for step in range(1, 30)]
    expected = fine.at(minutes)["survival"].tolist()
    assert coarse.at(minutes)["survival"].tolist() == pytest.approx(expected, abs=1e-12)
    assert (coarse.time % np.timedelta64(10, "m") == np.timedelta64(0)).all()
    assert "multiples of 10 min" in repr(coarse)


def test_log_rank_of_a_frame_is_that_of_its_arrays():
    df = sessions(*FOUR, *FOUR, type=["a", "b", "a", "b", "b", "b", "a", "a"])
    found = sl.lifetimes.compare(df, "type", expiry="censors")
    ages, closed = df["lifetime"].to_numpy(), (df["end_cause"] == "closed").to_numpy()
    expected = sl.lifetimes.logrank(ages, closed, df["type"])
    assert (found.statistic, found.p_value) == (expected.statistic, expected.p_value)
    assert found.groups == ("a", "b")
    assert f"p = {found.p_value:.3g}" in repr(found)


def test_tags_are_compared_only_where_they_do_not_overlap():
    apart = sessions(*FOUR, tags=[["x"], ["y"], ["x"], ["y"]])
    assert sl.lifetimes.compare(apart, "tags").groups == ("x", "y")
    overlapping = sessions(*FOUR, tags=[["x", "y"], ["y"], ["x"], ["y"]])
    with pytest.raises(sl.DataError, match="several groups"):
        sl.lifetimes.compare(overlapping, "tags")


def test_the_median_of_a_frame_is_a_duration_and_none_where_it_is_not_reached():
    assert sl.lifetimes.survival(sessions(*FOUR)).median.value == pd.Timedelta("2h")
    open_half = sl.lifetimes.survival(sessions(CLOSED_1, OPEN_AT_4, OPEN_AT_4))
    assert open_half.median.value is None


def test_the_hazard_of_a_frame_is_per_second_and_names_its_bandwidth():
    rng = np.random.default_rng(4)
    lives = [(0, float(age), None) for age in rng.exponential(1, 3_000)]
    found = sl.lifetimes.survival(sessions(*lives, observed=100)).hazard("30m", points=5)
    assert found.hazard[1] == pytest.approx(1 / 3_600, rel=0.25)
    assert "bandwidth 0 days 00:30:00" in repr(found)


def test_the_sessions_of_a_simulator_can_be_analysed():
    sim = sl.Simulator()
    client = sim.client()
    made = [
        client.sessions.start(
            type="chat.agent",
            task_identifier="t",
            trigger_config={"basePayload": {}},
            external_id=f"c{i}",
        )
        for i in range(4)
    ]
    for session in made[:3]:
        sim.clock.advance("1h")
        client.sessions.close(session.id)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = sl.lifetimes.survival(sim.sessions_frame())
    assert found.median.value == pd.Timedelta("2h")
