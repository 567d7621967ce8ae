"""A diff of two worlds names what differs between them, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from session_lab.simulator import Platform, RunPolicy, World
from session_lab.simulator.world.snapshots.diff import Difference

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def world() -> World:
    """Make a world with one session, its run, and a record on its channel."""
    world = World(seed=1)
    world.start("chat", tags=["a"])
    world.append("chat", "hello")
    return world


def test_a_fork_differs_in_nothing(world: World):
    assert world.diff(world.fork()) == ()
    assert world.diff(world) == ()


def test_a_close_shows_in_the_row_and_in_the_journal(world: World):
    fork = world.fork()
    fork.clock.advance("1s")
    entry = fork.close("chat", reason="done")
    name = entry.session_id
    assert world.diff(fork) == (
        Difference("world", "", "now", world.now, fork.now),
        Difference("session", name, "updated_at", world.now, fork.now),
        Difference("session", name, "closed_at", None, fork.now),
        Difference("session", name, "closed_reason", None, "done"),
        Difference("request", "2", "", None, entry._asdict()),
    )


def test_a_diff_read_from_the_other_side_swaps_the_values(world: World):
    fork = world.fork()
    fork.update("chat", {"tags": ["b"]})
    (tags,) = (one for one in world.diff(fork) if one.field == "tags")
    (swapped,) = (one for one in fork.diff(world) if one.field == "tags")
    assert (tags.left, tags.right) == (("a",), ("b",)) == (swapped.right, swapped.left)


def test_what_only_one_world_has_is_named_whole(world: World):
    fork = world.fork()
    name = fork.start("new").session_id
    (only_there,) = (one for one in world.diff(fork) if one.kind == "session")
    assert (only_there.name, only_there.field, only_there.left) == (name, "", None)
    assert only_there.right["external_id"] == "new"
    (only_here,) = (one for one in fork.diff(world) if one.kind == "session")
    assert (only_here.left["external_id"], only_here.right) == ("new", None)


def test_a_run_differs_in_the_fields_that_changed(world: World):
    fork = world.fork()
    run_id = fork.current_run("chat").run_id
    fork.set_run_status(run_id, "CRASHED")
    runs = [one for one in world.diff(fork) if one.kind == "run"]
    assert {one.name for one in runs} == {run_id}
    assert [(one.field, one.left, one.right) for one in runs] == [
        ("ended_at", None, world.now),
        ("end_cause", "open", "crash"),
        ("status", "", "CRASHED"),
    ]


def test_a_channel_differs_in_its_records(world: World):
    fork = world.fork()
    fork.append("chat", "more")
    (channel,) = (one for one in world.diff(fork) if one.kind == "channel")
    assert (channel.name, channel.field) == ("env_lab/chat/in", "records")
    assert [record.data for record in channel.left] == ["hello"]
    assert [record.data for record in channel.right] == ["hello", "more"]


def _let_triggers_fail(world: World) -> None:
    world.trigger_fault = "throw"


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("now", lambda world: world.clock.advance("1ms")),
        ("trigger_fault", _let_triggers_fail),
        ("seed", lambda world: world.restore(World(seed=2).snapshot())),
        ("profile", lambda world: world.restore(World(profile="2026-08").snapshot())),
    ],
)
def test_what_holds_for_a_whole_world_is_compared_too(field: str, change: Callable[[World], None]):
    world, other = World(), World()
    change(other)
    (only,) = world.diff(other)
    assert (only.kind, only.field) == ("world", field)
    assert world.digest() != other.digest()


def test_policy_and_platform_are_compared_too():
    world, other = World(), World(policy=RunPolicy())
    assert [one.field for one in world.diff(other)] == ["policy", "platform"]
    (only,) = other.diff(World(platform=Platform(boot_time="1s")))
    assert (only.kind, only.field) == ("world", "platform")
