"""Lists by indexes are what a walk through everything finds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import session_lab as sl
from session_lab.simulator import World
from session_lab.simulator.api.lists.run_list import RunListRequest, run_page
from session_lab.simulator.api.lists.session_list import ListRequest, page_of
from session_lab.simulator.world.lists import indexes

ENVIRONMENTS = ("env_lab", "env_other")
few = st.sampled_from(["a", "b", "c"])
steps = st.lists(
    st.tuples(
        st.sampled_from(["start", "start", "start", "close", "tag", "wait", "end", "turn"]),
        few,
        few,
        st.sampled_from(ENVIRONMENTS),
    ),
    max_size=30,
)


def a_world(done: list[tuple[str, str, str, str]], policy: sl.RunPolicy | None) -> World:
    world = World(seed=4, policy=policy)
    for number, (what, one, other, environment) in enumerate(done):
        key = f"{one}{number % 4}"
        if what == "start":
            world.start(
                key,
                type=one,
                task_identifier=other,
                tags=[one, other],
                expires_at=world.now + number * 3,
                trigger_config={"basePayload": {}, "tags": [one, f"run:{key}"], "queue": other},
                environment=environment,
            )
        elif what == "close":
            world.close(key, environment=environment)
        elif what == "tag":
            world.update(key, {"tags": [other]}, environment=environment)
        elif what == "turn":
            world.message(key, environment=environment)
        elif what == "end" and world.runs:
            world.set_run_status(world.runs[number % len(world.runs)].run_id, "CRASHED")
        else:
            world.clock.advance(f"{number % 5}ms")
    return world


@pytest.fixture(params=[1, 2, 65_536], scope="module", autouse=True)
def block(request: pytest.FixtureRequest) -> Any:
    """Look columns up in blocks of few sessions, and of many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(indexes, "_BLOCK", request.param)
        yield


@given(data=st.data(), done=steps)
def test_a_page_of_sessions_is_that_of_a_walk(data: Any, done: Any):
    world = a_world(done, None)
    if data.draw(st.booleans()):
        world = world.fork()
    environment = data.draw(st.sampled_from(ENVIRONMENTS))
    rows = world.newest_sessions(environment=environment)
    instants = st.integers(world.now - 30, world.now + 3)
    cursors = st.sampled_from([row.session_id.removeprefix("session_") for row in rows] or ["x"])
    asked = ListRequest(
        size=data.draw(st.integers(1, 4)),
        type=data.draw(st.none() | few | st.just("absent")),
        tag=data.draw(st.none() | few | st.just("absent")),
        task_identifier=data.draw(st.none() | few),
        external_id=data.draw(st.none() | st.sampled_from(["a0", "b1", "absent"])),
        status=data.draw(st.none() | st.sampled_from(["ACTIVE", "CLOSED", "EXPIRED"])),
        created_from=tuple(data.draw(st.lists(instants, max_size=2))),
        created_to=data.draw(st.none() | instants),
    )
    cursor = data.draw(st.none() | cursors | st.just("zzz"))
    for ask in (
        asked,
        replace(asked, after=cursor),
        replace(asked, before=cursor),
        replace(asked, after="", before=cursor),
    ):
        assert page_of(rows, ask, world.now) == page_of(list(rows), ask, world.now)


@given(data=st.data(), done=steps, with_policy=st.booleans())
def test_a_page_of_runs_is_that_of_a_walk(data: Any, done: Any, with_policy: bool):  # noqa: FBT001
    world = a_world([step for step in done if step[0] != "end"], sl.RunPolicy(max_turns=1))
    if not with_policy:
        world = a_world(done, None)
    environment, now = data.draw(st.sampled_from(ENVIRONMENTS)), world.now
    everything = [world.seen(record) for record in world.newest_runs(environment=environment)]
    assert [(r.run.triggered_at, r.run_id) for r in everything] == sorted(
        ((r.run.triggered_at, r.run_id) for r in everything), reverse=True
    )
    values = {
        "tag": st.sampled_from(["a", "b", "run:a0", "absent"]),
        "taskIdentifier": few,
        "queue": few,
        "status": st.sampled_from(["PENDING", "CRASHED", "EXECUTING"]),
    }
    wanted = {
        name: data.draw(st.frozensets(some, min_size=1, max_size=2))
        for name, some in values.items()
        if data.draw(st.booleans())
    }
    earliest = data.draw(st.sampled_from([float("-inf"), now - 5.0, now - 20.5]))
    latest = data.draw(st.sampled_from([float(now), now - 3.5]))
    size, backward = data.draw(st.integers(1, 3)), data.draw(st.booleans())
    keys = [(r.run.triggered_at, r.run_id.removeprefix("run_")) for r in everything]
    cursor = data.draw(st.none() | st.sampled_from(keys or [(now, "x")]))

    def is_wanted(record: Any) -> bool:
        own = {
            "tag": record.options.get("tags", []),
            "taskIdentifier": [record.task_identifier],
            "queue": [record.options.get("queue", {}).get("name")],
            "status": [record.run.status],
        }
        return earliest <= record.run.triggered_at <= latest and all(
            not wanted[name].isdisjoint(own[name]) for name in wanted
        )

    walked = [record for record in everything if is_wanted(record)]
    if cursor is not None and backward:
        expected = [r for r in walked if (r.run.triggered_at, r.run_id[4:]) > cursor][-size:]
    else:
        expected = [
            r for r in walked if cursor is None or (r.run.triggered_at, r.run_id[4:]) < cursor
        ][:size]
    asked = RunListRequest(
        size=size,
        cursor=cursor,
        backward=backward,
        earliest=earliest,
        latest=latest,
        wanted=wanted,
        has_none=False,
    )
    assert run_page(world, environment, asked, now).runs == expected
