"""What a session's row says about its life."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_lab.frames import NAT, Coded, derive_lifetimes
from tests.stories import close, instant, play, start

NOW = 100


def life(created: int, *, closed: int | None = None, expires: int | None = None) -> dict[str, Any]:
    """Derive one session's columns at ``NOW`` as plain values."""
    columns = derive_lifetimes(
        *(
            np.array([NAT if at is None else at], dtype=np.int64)
            for at in (created, closed, expires)
        ),
        NOW,
    )
    ended_at = int(columns["ended_at"][0])
    return {
        "status": only(columns["status"]),
        "ended_at": None if ended_at == NAT else ended_at,
        "end_cause": only(columns["end_cause"]),
        "lifetime": int(columns["lifetime"][0]),
    }


def only(coded: Coded) -> str:
    codes, names = coded
    return names[int(codes[0])]


def as_row(status: str, ended_at: int | None, end_cause: str, lifetime: int) -> dict[str, Any]:
    return {"status": status, "ended_at": ended_at, "end_cause": end_cause, "lifetime": lifetime}


def test_an_open_session_has_lived_until_the_observation():
    assert life(10) == as_row("ACTIVE", None, "open", 90)
    assert life(10, expires=200) == as_row("ACTIVE", None, "open", 90)


def test_a_close_ends_a_life():
    assert life(10, closed=30) == as_row("CLOSED", 30, "closed", 20)
    assert life(10, closed=30, expires=200) == as_row("CLOSED", 30, "closed", 20)


def test_an_expiry_that_has_come_ends_a_life():
    assert life(10, expires=40) == as_row("EXPIRED", 40, "expired", 30)


def test_at_the_very_instant_of_its_expiry_a_session_is_still_open():
    assert life(10, expires=NOW) == as_row("ACTIVE", None, "open", 90)
    assert life(10, expires=NOW - 1) == as_row("EXPIRED", 99, "expired", 89)


def test_a_close_after_the_expiry_changes_the_status_but_not_the_end():
    assert life(10, closed=60, expires=40) == as_row("CLOSED", 40, "expired", 30)


def test_on_a_tie_the_close_ended_the_life():
    assert life(10, closed=40, expires=40) == as_row("CLOSED", 40, "closed", 30)


def test_a_close_at_the_instant_of_the_observation_and_of_the_expiry_counts():
    assert life(10, closed=NOW, expires=NOW) == as_row("CLOSED", NOW, "closed", 90)


def test_a_session_that_was_created_past_its_expiry_has_lived_for_no_time():
    assert life(50, expires=40) == as_row("EXPIRED", 50, "expired", 0)
    assert life(50, closed=60, expires=40) == as_row("CLOSED", 50, "expired", 0)


def test_a_session_that_is_created_and_closed_at_once_has_lived_for_no_time():
    assert life(50, closed=50) == as_row("CLOSED", 50, "closed", 0)


instants = st.integers(0, NOW)


@given(instants, st.none() | instants, st.none() | st.integers(0, 2 * NOW))
def test_a_life_lies_between_creation_and_observation(
    created: int, closed: int | None, expires: int | None
):
    closed = None if closed is None else max(created, closed)
    row = life(created, closed=closed, expires=expires)
    end = NOW if row["ended_at"] is None else row["ended_at"]
    assert created <= end <= NOW
    assert row["lifetime"] == end - created
    assert (row["end_cause"] == "open") == (row["ended_at"] is None)
    assert (row["status"] == "ACTIVE") == (row["end_cause"] == "open")
    if row["end_cause"] == "closed":
        assert row["status"] == "CLOSED"


@pytest.mark.parametrize(
    ("until", "status", "end_cause"),
    [(20, "ACTIVE", "open"), (21, "EXPIRED", "expired"), (30, "CLOSED", "expired")],
)
def test_a_replay_observes_its_sessions_at_the_horizon(until: int, status: str, end_cause: str):
    sessions = play(start(0, expires_at=20), close(30), until=until).replay.sessions
    assert sessions["status"].tolist() == [status]
    assert sessions["end_cause"].tolist() == [end_cause]
    assert pd.Timestamp(sessions.attrs["observed_at"]) == instant(until)


def test_without_a_horizon_a_replay_observes_when_its_last_run_has_ended():
    story = play(start(0, lasting=5), close(500, chat="b"))
    assert pd.Timestamp(story.replay.sessions.attrs["observed_at"]) == instant(500)
    story = play(start(0, lasting=5))
    assert pd.Timestamp(story.replay.sessions.attrs["observed_at"]) == instant(115)
