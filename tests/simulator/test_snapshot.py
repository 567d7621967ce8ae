"""Snapshots, forks and the digest: a world can be kept, told apart, and made again anywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from session_lab.errors import DataError
from session_lab.simulator import Platform, RunPolicy, Snapshot, World
from session_lab.timing import SystemClock, instant_text

POLICY = RunPolicy(idle_timeout="10ms", turn_timeout="1h", max_turns=2, on_deploy="hand_over")
PLATFORM = Platform(
    boot_time={0: "1ms", 1: "3ms"},
    turn_duration="5ms",
    crash_rate=0.25,
    deploys=["2026-01-01T00:00:01Z"],
)
NONE: dict[str, Any] = {"policy": None, "platform": None}
SETTINGS: dict[str, Any] = {"policy": POLICY, "platform": PLATFORM}

STORY = """
def play(world):
    for name in ("chat", "ü/\\U0001f600", "third"):
        config = {"basePayload": {"message": {"text": "hé"}, "n": [1, None, 0.5]}}
        world.start(name, tags=["b", "a"], metadata={"z": 1, "a": {}}, trigger_config=config)
    world.start(environment="env_other", expires_at="2026-01-01T02:00:00+01:00")
    for step in ("1ms", "400ms", "900ms"):
        world.clock.advance(step)
        for name in ("chat", "third"):
            world.append(name, "hello", part_id="p" + step)
            world.append(name, "answer", io="out")
    caller = world.current_run("chat").run_id
    world.end_and_continue("chat", calling_run_id=caller, reason="upgrade")
    world.set_run_status(world.current_run("third").run_id, "CRASHED")
    world.update("third", {"tags": ["c"], "metadata": {"b": [True], "a": "x"}})
    world.close("third", reason="done")
    world.start("third")
    world.append("third", "too late")
"""
play: Any = {}
exec(STORY, play)  # noqa: S102  the same text runs in other processes below
play = play["play"]


def a_world(**settings: Any) -> World:
    """Make a world in which a good deal has happened."""
    world = World(**{"seed": 3} | SETTINGS | settings)
    play(world)
    return world


# Keeping and restoring


@pytest.mark.parametrize("settings", [NONE, SETTINGS], ids=["no policy", "policy"])
@pytest.mark.parametrize("profile", ["2026-08", "2026-10"])
def test_a_restored_snapshot_is_the_world_it_was_taken_of(settings: dict[str, Any], profile: str):
    world = a_world(**settings, profile=profile)
    world.trigger_fault = "throw"
    other = World(seed=9, policy=RunPolicy(max_turns=7))
    other.start("something else")
    other.restore(world.snapshot())
    assert other.digest() == world.digest()
    assert other.diff(world) == ()
    assert (other.seed, other.policy, other.platform, other.profile) == (
        3,
        settings["policy"],
        settings["platform"],
        world.profile,
    )
    assert (other.now, other.trigger_fault) == (world.now, "throw")
    assert (other.sessions, other.runs) == (world.sessions, world.runs)


def test_a_world_goes_on_from_a_snapshot_as_it_went_on_from_the_moment():
    world = World(seed=3, **SETTINGS)
    world.start("early", turn_duration="2s")
    snapshot = world.snapshot()
    play(world)
    end = world.digest()
    assert len(world.journal) > len(snapshot.state.journal)
    world.restore(snapshot)
    assert world.digest() != end
    play(world)
    assert world.digest() == end


def test_a_snapshot_stays_as_it_was_taken():
    world = a_world()
    snapshot, text = world.snapshot(), world.snapshot().to_json()
    world.clock.advance("1h")
    world.append("chat", "more")
    world.restore(snapshot)
    world.close("chat")
    assert snapshot.to_json() == text


def test_a_restored_world_keeps_the_time_of_a_clock_that_is_not_its_own():
    world = World(clock=SystemClock())
    snapshot = world.snapshot()
    world.restore(a_world().snapshot())
    assert world.now >= snapshot.now
    assert isinstance(world.clock, SystemClock)


# Forking


def test_a_fork_goes_its_own_way():
    world = a_world()
    digest = world.digest()
    fork = world.fork()
    assert fork.digest() == digest
    play(fork)
    fork.update("chat", {"metadata": {"other": True}})
    assert fork.digest() != digest
    assert world.digest() == digest
    ahead = fork.digest()
    world.close("chat")
    assert fork.digest() == ahead


def test_forks_that_are_asked_the_same_are_the_same():
    world = a_world()
    one, two = world.fork(), world.fork()
    names = [fork.start("new").session_id for fork in (one, two)]
    assert names[0] == names[1]
    assert one.digest() == two.digest()


# As text


@pytest.mark.parametrize("settings", [NONE, SETTINGS], ids=["no policy", "policy"])
def test_a_snapshot_survives_being_written_and_read(settings: dict[str, Any]):
    world = a_world(**settings)
    text = world.snapshot().to_json()
    again = Snapshot.from_json(text)
    assert again.to_json() == text
    assert again == world.snapshot()
    restored = World()
    restored.restore(again)
    assert restored.diff(world) == ()
    for each in (world, restored):
        play(each)
    assert restored.digest() == world.digest()


def test_a_snapshot_shows_how_much_it_holds():
    world = a_world()
    n_requests = len(world.journal)
    now = instant_text(world.now)
    assert repr(world.snapshot()) == (
        f"Snapshot(seed=3, now='{now}', 4 sessions, {n_requests} requests)"
    )


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '"text"', "{}", '{"format": 3}', '{"format": 3, "seed": 0}']
)
def test_what_is_no_snapshot_is_refused(text: str):
    with pytest.raises(DataError, match="this is not a snapshot"):
        Snapshot.from_json(text)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sessions", 5),
        ("sessions", [[]]),
        ("runs", [["run_x"]]),
        ("streams", [["only one"]]),
        ("journal", [[0]]),
        ("policy", {"no_such_field": 1}),
    ],
)
def test_a_damaged_snapshot_is_refused(field: str, value: Any):
    document = json.loads(World().snapshot().to_json())
    with pytest.raises(DataError, match="this is not a snapshot"):
        Snapshot.from_json(json.dumps(document | {field: value}))


def test_a_snapshot_of_another_format_is_refused_by_its_number():
    document = json.loads(World().snapshot().to_json())
    with pytest.raises(DataError, match="format 99"):
        Snapshot.from_json(json.dumps(document | {"format": 99}))


# The digest


def test_the_digest_tells_worlds_apart_by_everything_they_know():
    worlds = [a_world() for _ in range(7)]
    worlds[0].clock.advance("1ms")
    worlds[1].retrieve("chat")
    worlds[2].trigger_fault = "throw"
    worlds[3].append("chat", "x", io="out")
    worlds[4].close("chat")
    worlds[5] = a_world(seed=4)
    assert len({world.digest() for world in worlds}) == 7
    assert worlds[6].digest() == a_world().digest()


PROGRAM = f"""
import sys
from session_lab.simulator import Distribution, Platform, RunPolicy, World
from session_lab.simulator.world.journal import to_line
{STORY}
world = World(seed=3, policy={POLICY!r}, platform={PLATFORM!r})
play(world)
lines = [to_line(entry) for entry in world.journal]
sys.stdout.buffer.write("\\n".join([*lines, world.digest()]).encode())
"""


def test_journal_and_digest_are_the_same_bytes_under_any_hash_seed_and_time_zone():
    outputs = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "TZ": zone},
            capture_output=True,
            check=True,
        ).stdout
        for hash_seed, zone in [("0", "UTC"), ("4242", "Pacific/Kiritimati")]
    ]
    assert outputs[0] == outputs[1]
    assert outputs[0].decode().endswith(a_world().digest())
