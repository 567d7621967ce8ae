"""Frames of a simulated world."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from session_lab.frames import RUNS, SESSIONS
from session_lab.frames.loaders.from_world import runs_of, sessions_of
from session_lab.simulator import Platform, World

if TYPE_CHECKING:
    from collections.abc import Callable

    from session_lab.frames import Schema


@pytest.fixture
def world() -> World:
    world = World(seed=1, platform=Platform(turn_duration="10s"))
    world.start("a", type="chat", task_identifier="agent", tags=["x", "y"], metadata={"ü": [1]})
    world.start("b", expires_at="2026-01-01T01:00:00Z")
    world.start()
    world.message("a")
    world.clock.advance("90m")
    world.close("a", reason="done")
    world.clock.advance("1m")
    return world


def test_a_session_is_one_row_with_what_it_was_made_with(world: World):
    row = sessions_of(world).iloc[0]
    assert (row["external_id"], row["type"], row["task_identifier"]) == ("a", "chat", "agent")
    assert list(row["tags"]) == ["x", "y"]
    assert json.loads(row["metadata"]) == {"ü": [1]}
    assert row["current_run_id"] == world.current_run("a").run_id
    assert row["closed_reason"] == "done"


def test_lifetimes_are_told_at_the_present(world: World):
    frame = sessions_of(world)
    assert frame["status"].tolist() == ["CLOSED", "EXPIRED", "ACTIVE"]
    assert frame["end_cause"].tolist() == ["closed", "expired", "open"]
    minutes = frame["lifetime"] / pd.Timedelta(minutes=1)
    assert minutes.tolist() == [90, 60, 91]
    assert frame.attrs["observed_at"] == "2026-01-01T01:31:00.000Z"


def test_what_is_missing_is_missing(world: World):
    row = sessions_of(world).iloc[2]
    missing = ["external_id", "type", "metadata", "closed_at", "closed_reason", "expires_at"]
    assert row[missing].isna().all()


def test_a_run_is_one_row_with_its_accounts(world: World):
    frame = runs_of(world)
    row = frame.iloc[0]
    assert (row["reason"], row["status"], row["end_cause"]) == (
        "initial",
        "COMPLETED",
        "turn_timeout",
    )
    assert row["turns"] == 1
    assert row["active"] == pd.Timedelta(seconds=10)
    assert row["idle"] == pd.Timedelta(seconds=30)
    assert row["suspended"] == pd.Timedelta(hours=1)
    assert set(frame["session_id"]) == set(sessions_of(world)["session_id"])


def test_a_run_that_lost_its_claim_is_told_by_its_end():
    world = World()
    first = world.start("a").run_id
    world.end_and_continue("a", calling_run_id=first, reason="upgrade")
    world.end_and_continue("a", calling_run_id=first, reason="upgrade")
    frame = runs_of(world)
    assert frame["reason"].tolist() == ["initial", "upgrade", "upgrade"]
    assert frame["status"].tolist() == ["QUEUED", "QUEUED", "CANCELED"]
    assert frame["end_cause"].tolist() == ["open", "open", "cancelled"]


def test_a_forced_end_without_a_known_cause_has_none():
    world = World()
    world.set_run_status(world.start("a").run_id, "COMPLETED_SUCCESSFULLY")
    frame = runs_of(world)
    assert frame["status"].tolist() == ["COMPLETED"]
    assert frame["end_cause"].isna().all()


@pytest.mark.parametrize(("make", "schema"), [(sessions_of, SESSIONS), (runs_of, RUNS)])
def test_an_empty_world_gives_empty_frames_of_the_same_kinds(
    world: World, make: Callable[[World], pd.DataFrame], schema: Schema
):
    empty, full = make(World()), make(world)
    assert len(empty) == 0
    assert list(empty.columns) == [column.name for column in schema.columns if not column.optional]
    kinds = [str(dtype) for dtype in empty.dtypes]
    assert kinds == [str(dtype) for dtype in full.dtypes]


def test_an_expiry_before_1970_is_kept():
    world = World()
    world.start("a", expires_at=-86_400_000)
    frame = sessions_of(world)
    assert frame["expires_at"].tolist() == [pd.Timestamp("1969-12-31T00:00:00Z")]
    assert frame["lifetime"].tolist() == [pd.Timedelta(0)]
