"""Recording environments whose clocks differ: those of the server, the stream store, the workers."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import session_lab as sl
from session_lab.timing import to_instant
from tests.environments import World, play, spans, tampered

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

TURNS = ["run_id", "number", "arrived_at", "started_at", "ended_at", "start_kind", "waited"]


def ahead(ms: int) -> Callable[[httpx.Request, Any], Any]:
    """Move what traces tell."""

    def moved(request: httpx.Request, body: Any) -> Any:
        if request.url.path.endswith("/trace"):
            for span in spans(body):
                start = pd.Timestamp(span["data"]["startTime"]) + pd.Timedelta(ms, "ms")
                span["data"]["startTime"] = start.isoformat()
        return body

    return moved


def later(*each_ms: int) -> Callable[[str], str]:
    """Move the times of records, each by the next of some milliseconds."""
    times = itertools.cycle(each_ms)
    return lambda text: re.sub(
        r'"timestamp":(\d+)', lambda at: f'"timestamp":{int(at[1]) + next(times)}', text
    )


def filled(events: pd.DataFrame, **settings: Any) -> sl.Simulator:
    sim = sl.Simulator(**settings)
    with sim.client() as client:
        play(events, client, sim.clock.now, sim.clock.advance)
    sim.clock.advance(f"{4 * 3_600_000 + 1000 - to_instant(sim.clock.now) % 1000}ms")
    return sim


@pytest.fixture(name="many", scope="module")
def many_chats() -> tuple[sl.Simulator, sl.Recording]:
    world = World(3, chats_per_hour=10)
    sim = filled(world.events, seed=world.seed, **world.settings)
    return sim, sl.record(sim.client(), rate=None)


@pytest.mark.parametrize(
    ("store", "worker", "told"),
    [
        (-3_000, 0, ["stream store is 3 s behind"]),
        (20_000, 0, ["stream store is 20 s ahead of"]),
        (0, -3_000, ["workers is 3 s behind"]),
        (0, 20_000, ["workers is 20 s ahead of"]),
        (5_000, -4_000, ["stream store is 5 s ahead of", "workers is 4 s behind"]),
    ],
)
def test_clocks_that_are_seconds_apart_are_put_right_and_said(
    many: tuple[sl.Simulator, sl.Recording], store: int, worker: int, told: list[str]
):
    sim, whole = many
    recording = sl.record(tampered(sim, ahead(worker), later(store)), rate=None)
    assert recording.digest() == whole.digest()
    assert len(recording.notes) == len(told)
    for words, note in zip(told, recording.notes, strict=True):
        assert words in note


def test_a_message_that_is_written_down_after_its_run_was_triggered_called_for_it(
    many: tuple[sl.Simulator, sl.Recording],
):
    sim, whole = many
    recording = sl.record(tampered(sim, stream=later(40, 95, 139, 62)), rate=None)
    assert recording.events["op"].value_counts().equals(whole.events["op"].value_counts())
    pd.testing.assert_series_equal(recording.turns["start_kind"], whole.turns["start_kind"])
    called = whole.turns["start_kind"] == "continuation"
    assert called.any()
    pd.testing.assert_frame_equal(recording.turns[TURNS][called], whole.turns[TURNS][called])
    assert f"{called.sum()} messages were moved to when they triggered" in " ".join(recording.notes)


def test_what_a_run_that_is_awake_takes_to_answer_is_said(many: tuple[sl.Simulator, sl.Recording]):
    sim, whole = many
    recording = sl.record(tampered(sim, ahead(400)), rate=None)
    pd.testing.assert_frame_equal(recording.events, whole.events)
    assert "began 400 ms after their message (median)" in " ".join(recording.notes)


def few() -> sl.Simulator:
    rows = [
        ("00:00:00.000", "start", None),
        ("00:00:00.300", "message", 3_000),
        ("00:05:00.000", "message", 2_000),
        ("00:05:10.000", "close", None),
    ]
    events = pd.DataFrame(rows, columns=["at", "op", "turn_duration"]).assign(external_id="a")
    events["at"] = pd.to_datetime("2026-01-01T" + events["at"] + "Z", utc=True)
    events["turn_duration"] = pd.to_timedelta(events["turn_duration"], unit="ms")
    platform = sl.Platform(boot_time="2s", resume_time="500ms")
    return filled(events, policy=sl.RunPolicy(idle_timeout="20s"), platform=platform)


@pytest.mark.parametrize("store", [-20_000, -3_000, -700, 700, 3_000, 20_000])
@pytest.mark.parametrize("worker", [0, -20_000, 20_000])
def test_where_too_few_tell_how_far_clocks_are_apart_no_turn_is_lost_or_doubled(
    store: int, worker: int
):
    recording = sl.record(tampered(few(), ahead(worker), later(store)), rate=None)
    ops = recording.events["op"].astype(str).value_counts().to_dict()
    assert ops == {"message": 2, "start": 1, "close": 1}
    durations = recording.events["turn_duration"].dropna() / pd.Timedelta(seconds=1)
    assert durations.tolist() == [3, 2]
    refused = sl.replay(recording.events).operations["status_code"] >= 400
    told = " ".join(recording.notes)
    assert f"{refused.sum()} messages came after their session was closed" in told or not any(
        refused
    )
    # One that is ahead cannot be told from an environment that is slow, without a run that is awake.
    assert recording.notes or worker > 0
