"""Recording an environment over HTTP: what comes back is what happened."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pandas as pd
import pytest
from hypothesis import assume, given, settings

import session_lab as sl
from session_lab.replays.environment.evidence import pieces
from session_lab.replays.environment.pulling.rate import Rate
from session_lab.timing import instant_text, to_instant
from tests.environments import SECRET, World, play
from tests.strategies import events_frame, histories, policies, settings_of

if TYPE_CHECKING:
    from tests.oracles.simpy_model import Policy

ROOT = Path(__file__).parents[3]
HANDED_OVER_WHILE_IT_BOOTED = 194
SEEDS = [
    *range(5),
    HANDED_OVER_WHILE_IT_BOOTED,
    *(pytest.param(seed, marks=pytest.mark.long) for seed in range(5, 194)),
]
TURNS = ["external_id", "number", "arrived_at", "started_at", "ended_at", "waited", "start_kind"]
WAITS = ["external_id", "triggered_at", "number", "started_at", "suspended_at", "ended_at"]
ACCOUNTS = ["turns", "resumes", "active", "idle", "suspended"]
RUNS = ["external_id", "triggered_at", "ended_at", "reason", "end_cause", "status", *ACCOUNTS]
TOLD = ["started_at", "billed", "base_cost_in_cents", "machine", "version"]


def rows(frame: pd.DataFrame, of: Any, columns: list[str]) -> list[tuple[Any, ...]]:
    """Return the rows of a frame in one order, with names in place of the ids of a world."""
    names = of.sessions.set_index("session_id")["external_id"]
    triggers = of.runs.set_index("run_id")["triggered_at"]
    frame = frame.copy()
    if "session_id" in frame:
        frame["external_id"] = frame["session_id"].map(names)
    if "triggered_at" in columns and "triggered_at" not in frame:
        frame["triggered_at"] = frame["run_id"].map(triggers)
    plain = frame.reindex(columns=columns).astype(object)
    plain = plain.where(plain.notna(), None)
    return sorted(plain.itertuples(index=False, name=None), key=repr)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_was_played_is_recorded_and_replays_as_it_did(seed: int, tmp_path: Path):
    world = World(seed)
    sim = world.simulator()
    with sim.client() as client:
        play(world.events, client, sim.clock.now, sim.clock.advance)
        # The server tells whole seconds.
        sim.clock.advance(f"{7 * 60_000 + 1000 - to_instant(sim.clock.now) % 1000}ms")
        recording = sl.record(client, folder=tmp_path, rate=None)
    now = instant_text(to_instant(sim.clock.now))

    replay = world.replay(until=now)
    truth = sl.Recording.of_replay(replay, world.events)
    assert rows(recording.turns, recording, TURNS) == rows(truth.turns, truth, TURNS)
    assert rows(recording.waits, recording, WAITS) == rows(truth.waits, truth, WAITS)
    assert rows(recording.runs, recording, RUNS + TOLD) == rows(truth.runs, truth, RUNS + TOLD)
    assert recording.runs["cost_in_cents"].sum() == pytest.approx(truth.runs["cost_in_cents"].sum())
    assert recording.observed_at == truth.observed_at == now

    again = world.replay(recording.events, until=now)
    assert rows(again.runs, again, RUNS) == rows(replay.runs, replay, RUNS)
    assert sl.read_recording(tmp_path).digest() == recording.digest()
    assert not any(SECRET.encode() in path.read_bytes() for path in tmp_path.iterdir())


@settings(max_examples=settings().max_examples // 12)
@given(histories(), policies)
def test_events_that_meet_at_the_same_instants_replay_as_they_did(
    history: list[dict[str, object]], policy: Policy
):
    events, chosen = _told_apart(events_frame(history)), settings_of(policy)
    sim = sl.Simulator(seed=1, **chosen)
    with sim.client() as client:
        play(events, client, sim.clock.now, sim.clock.advance)
        sim.clock.advance("1s")
        recording = sl.record(client, rate=None, observed_at=sim.clock.now)
    replay, again = (
        sl.replay(played, **chosen, seed=1, until=sim.clock.now)
        for played in (events, recording.events)
    )
    assume(not (policy.deploys and _could_be_upgrades(replay.runs)))
    assert rows(again.runs, again, RUNS) == rows(replay.runs, replay, RUNS)


def _could_be_upgrades(runs: pd.DataFrame) -> bool:
    """Check for runs that a start triggers in the millisecond in which the one before timed out.

    Where a deploy lies between them, nothing tells them from runs that were handed over to.
    """
    before = runs.groupby("session_id")[["ended_at", "end_cause"]].shift()
    meets = (before["ended_at"] == runs["triggered_at"]) & (runs["turns"] == 0)
    return bool((meets & before["end_cause"].isin(["turn_timeout", "preload_exit"])).any())


def _told_apart(events: pd.DataFrame) -> pd.DataFrame:
    """Leave out starts of known sessions that a message follows in the same millisecond.

    No part of an environment's evidence tells which of the two triggered the run.
    """
    events = events.sort_values("at", kind="stable")
    is_known = events.groupby("external_id").cumcount() > 0
    is_message = events["op"] == "message"
    is_followed = is_message[::-1].groupby([events["external_id"], events["at"]]).cummax()
    return events[~((events["op"] == "start") & is_known & is_followed)]


def test_a_start_that_triggers_the_run_after_one_of_the_same_instant_replays_as_it_did():
    at = pd.Timestamp("2026-01-01T00:00:00Z")
    told = [("start", None), ("message", 0), ("start", None)]
    events = pd.DataFrame(told, columns=["op", "turn_duration"]).assign(at=at, external_id="a")
    events["turn_duration"] = pd.to_timedelta(events["turn_duration"], unit="ms")
    policy = sl.RunPolicy(idle_timeout="0s", turn_timeout="1ms", max_turns=1)
    sim = sl.Simulator(policy=policy)
    with sim.client() as client:
        play(events, client, sim.clock.now, sim.clock.advance)
        sim.clock.advance("1s")
        recording = sl.record(client, rate=None, observed_at=sim.clock.now)
    assert recording.events["op"].tolist() == events["op"].tolist()
    replay, again = (sl.replay(each, policy) for each in (events, recording.events))
    assert rows(again.runs, again, RUNS) == rows(replay.runs, replay, RUNS)
    assert len(again.runs) == 2


def test_turns_of_the_same_millisecond_keep_their_order():
    at = pd.Timestamp("2026-01-01T00:00:00Z")
    told = [("start", None), ("message", 0), ("message", 5)]
    events = pd.DataFrame(told, columns=["op", "turn_duration"]).assign(at=at, external_id="a")
    events["turn_duration"] = pd.to_timedelta(events["turn_duration"], unit="ms")
    sim = sl.Simulator(policy=sl.RunPolicy(), platform=sl.Platform(boot_time="1s"))
    with sim.client() as client:
        play(events, client, sim.clock.now, sim.clock.advance)
        sim.clock.advance("5s")
        turns = sl.record(client, rate=None, observed_at=sim.clock.now).turns
    assert turns["number"].tolist() == [1, 2]
    lasted = turns["ended_at"] - turns["started_at"]
    assert (lasted / pd.Timedelta("1ms")).tolist() == [0, 5]


class Cut:
    """Carries requests to a world, but for the one at which the line is cut."""

    def __init__(self, transport: httpx.BaseTransport, at: int | None = None) -> None:
        self.transport, self.at = transport, at
        self.asked: list[str] = []
        self._lock = threading.Lock()

    def handle(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            self.asked.append(request.url.path)
            is_cut = len(self.asked) - 1 == self.at
        if is_cut:
            raise httpx.ConnectError("cut")
        return self.transport.handle_request(request)

    def client(self) -> sl.Client:
        transport = httpx.MockTransport(self.handle)
        return sl.Client(
            "tr_dev_simulated", "http://session-lab", transport=transport, max_retries=0
        )


def small_world() -> tuple[World, sl.Simulator]:
    world = World(7, chats_per_hour=2)
    sim = world.simulator()
    with sim.client() as client:
        play(world.events, client, sim.clock.now, sim.clock.advance)
    return world, sim


@pytest.mark.parametrize(
    ("concurrency", "step"),
    [(1, 4), (3, 5), *(pytest.param(n, 1, marks=pytest.mark.long) for n in (1, 3))],
)
def test_a_recording_that_was_cut_off_anywhere_goes_on_to_the_same_end(
    tmp_path: Path, concurrency: int, step: int
):
    _, sim = small_world()
    options: dict[str, Any] = {"rate": None, "concurrency": concurrency}
    line = Cut(sim.transport)
    whole = sl.record(line.client(), folder=tmp_path / "whole", **options)
    for at in range(0, len(line.asked), step):
        folder = tmp_path / str(at)
        cut = Cut(sim.transport, at)
        with pytest.raises(sl.APIConnectionError):
            sl.record(cut.client(), folder=folder, **options)
        assert not (folder / "recording.json").exists()
        resumed = Cut(sim.transport)
        recording = sl.record(resumed.client(), folder=folder, **options)
        assert recording.digest() == whole.digest()
        assert (recording.notes, recording.observed_at) == (whole.notes, whole.observed_at)
        # The request that was cut is asked again, and what time it is.
        assert len(cut.asked) + len(resumed.asked) <= len(line.asked) + 2


KILLED = """
import os, signal, sys
import httpx
import session_lab as sl
from tests.replays.environment.test_record import small_world

sim, left = small_world()[1], int(sys.argv[2])

def handle(request):
    global left
    left -= 1
    reply = sim.transport.handle_request(request)
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return reply

transport = httpx.MockTransport(handle)
client = sl.Client("tr_dev_simulated", "http://session-lab", transport=transport)
sl.record(client, folder=sys.argv[1], rate=None, concurrency=3)
"""


@pytest.mark.parametrize(
    "at", [7, *(pytest.param(n, marks=pytest.mark.long) for n in range(24) if n != 7)]
)
def test_a_recording_whose_process_was_killed_goes_on_to_the_same_end(tmp_path: Path, at: int):
    _, sim = small_world()
    whole = sl.record(Cut(sim.transport).client(), rate=None)
    died = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), str(at)], cwd=ROOT, check=False
    )
    assert died.returncode == -signal.SIGKILL
    resumed = Cut(sim.transport)
    recording = sl.record(resumed.client(), folder=tmp_path, rate=None)
    assert recording.digest() == whole.digest()
    assert (recording.notes, recording.observed_at) == (whole.notes, whole.observed_at)


def test_a_line_that_was_cut_in_the_middle_is_asked_for_again(tmp_path: Path):
    _, sim = small_world()
    with sim.client() as client:
        whole = sl.record(client, folder=tmp_path, rate=None)
        file = tmp_path / "pieces.ndjson"
        text = file.read_bytes()
        for size in range(1, len(text), len(text) // 5):
            file.write_bytes(text[:size])
            assert sl.record(client, folder=tmp_path, rate=None).digest() == whole.digest()


def test_a_full_disk_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    _, sim = small_world()
    with sim.client() as client:
        whole = sl.record(client, rate=None)
        append, room = pieces.append_line, 2_000

        def full(path: Path, line: bytes) -> None:
            nonlocal room
            room -= len(line)
            if room < 0:
                raise OSError(errno.ENOSPC, "No space left on device", str(path))
            append(path, line)

        monkeypatch.setattr(pieces, "append_line", full)
        with pytest.raises(OSError, match="No space left"):
            sl.record(client, folder=tmp_path, rate=None)
        room = 10**9
        assert sl.record(client, folder=tmp_path, rate=None).digest() == whole.digest()


def test_a_second_recording_brings_what_is_new_and_asks_for_no_more(tmp_path: Path):
    world, sim = small_world()
    half = len(world.events) // 2
    sim = world.simulator()
    with sim.client() as client:
        play(world.events[:half], client, sim.clock.now, sim.clock.advance)
        first = sl.record(client, folder=tmp_path, rate=None, observed_at=sim.clock.now)
        play(world.events[half:], client, sim.clock.now, sim.clock.advance)
        line = Cut(sim.transport)
        second = sl.record(line.client(), folder=tmp_path, rate=None, observed_at=sim.clock.now)
        fresh = Cut(sim.transport)
        whole = sl.record(fresh.client(), rate=None, observed_at=sim.clock.now)
        assert second.digest() == whole.digest()
        assert len(first.events) < len(second.events)
        assert len(line.asked) < len(fresh.asked)
        sim.clock.advance("100d")
        sl.record(client, folder=tmp_path, rate=None)
        quiet = Cut(sim.transport)
        sl.record(quiet.client(), folder=tmp_path, rate=None)
        assert not [path for path in quiet.asked if "trace" in path]


def test_a_folder_of_another_environment_is_refused(tmp_path: Path):
    _, sim = small_world()
    with sim.client() as client:
        sl.record(client, folder=tmp_path, rate=None)
        with pytest.raises(sl.DataError, match="another recording"):
            sl.record(client, folder=tmp_path, tag="vip", rate=None)
        (tmp_path / "pieces.ndjson").write_text('{"of": "something else"}\n')
        with pytest.raises(sl.DataError, match="not part of a pull"):
            sl.record(client, folder=tmp_path, rate=None)


@pytest.mark.parametrize(
    ("argument", "value"),
    [("rate", 0), ("rate", float("nan")), ("concurrency", 0), ("run_tag", "chat"), ("period", "7")],
)
def test_what_cannot_be_meant_is_refused(argument: str, value: object):
    arguments: dict[str, Any] = {argument: value}
    with pytest.raises(sl.DataError, match=argument):
        sl.record(sl.Simulator().client(), **arguments)


def test_no_more_is_asked_in_a_second_than_the_rate_allows():
    now, waited = 0.0, 0.0

    def sleep(seconds: float) -> None:
        nonlocal now, waited
        now += seconds
        waited += seconds

    bucket = Rate(10, clock=lambda: now, sleep=sleep)
    for _ in range(100):
        bucket.take()
    assert waited == pytest.approx(9.0)
    now += 60
    for _ in range(10):
        bucket.take()
    assert waited == pytest.approx(9.0)
