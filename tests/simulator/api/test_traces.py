"""The trace route: spans as an agent of the SDK leaves them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

import session_lab as sl
from session_lab.simulator.api.views.traces import trace_of
from session_lab.wire import TraceReply
from tests.api_lab import ApiLab, refusal
from tests.simulator.test_turns import play
from tests.strategies import histories, policies, replays

APPEND = "/realtime/v1/sessions/chat/in/append"


@pytest.fixture
def lab() -> ApiLab:
    return ApiLab(
        "2026-10",
        policy=sl.RunPolicy(idle_timeout="30s", turn_timeout="1h"),
        platform=sl.Platform(boot_time="2s", resume_time="500ms", turn_duration="5s"),
    )


def spans(lab: ApiLab, run_id: str, **options: Any) -> list[tuple[str, int, int | None]]:
    """Read a trace as names with seconds since the run's trigger."""
    trace = TraceReply.read(lab.json("GET", f"/api/v1/runs/{run_id}/trace", **options))
    first = trace.root_span.started_at
    return [
        (
            span.data.message,
            (span.started_at - first) / 1000,
            None if span.ended_at is None else (span.ended_at - first) / 1000,
        )
        for span in trace.spans()
    ]


def test_a_preloaded_run_waits_serves_sleeps_wakes_and_gives_up(lab: ApiLab) -> None:
    run_id = lab.start("chat")["runId"]
    lab.world.clock.advance("10s")
    lab.ask("POST", APPEND, '{"kind":"message"}')
    lab.world.clock.advance("100s")
    lab.ask("POST", APPEND, '{"kind":"message"}')
    lab.world.clock.advance("2h")
    assert spans(lab, run_id) == [
        ("agent", 0, 3745.5),
        ("Attempt 1", 2, 3745.5),
        ("waiting for first message", 2, 10),
        ("chat turn 1", 10, 110.5),
        ("waiting for next message", 15, 110.5),
        ("suspended", 45, 110.5),
        ("chat turn 2", 110.5, 3745.5),
        ("waiting for next message", 115.5, 3745.5),
        ("suspended", 145.5, 3745.5),
    ]


def test_what_goes_on_is_partial(lab: ApiLab) -> None:
    run_id = lab.start("chat")["runId"]
    lab.world.clock.advance("10s")
    lab.ask("POST", APPEND, '{"kind":"message"}')
    lab.world.clock.advance("1s")
    assert spans(lab, run_id)[-1] == ("chat turn 1", 10, None)
    lab.world.clock.advance("5s")
    assert spans(lab, run_id)[-1] == ("waiting for next message", 15, None)


def test_a_run_that_boots_has_no_attempt_yet(lab: ApiLab) -> None:
    run_id = lab.start("chat")["runId"]
    assert spans(lab, run_id) == [("agent", 0, None)]


def test_an_unknown_run_may_come_yet_and_a_token_needs_the_run(lab: ApiLab) -> None:
    response = lab.ask("GET", "/api/v1/runs/run_x/trace")
    assert (response.status, response.headers["x-should-retry"]) == (404, "true")
    run_id = lab.start("chat")["runId"]
    path = f"/api/v1/runs/{run_id}/trace"
    assert refusal(lab.ask("GET", path, key=lab.token("read:runs:run_x")))[0] == 403
    assert lab.ask("GET", path, key=lab.token(f"read:runs:{run_id}")).status == 200


@replays
@given(events=histories(), policy=policies)
def test_a_trace_tells_the_accounts_of_its_run(events: Any, policy: Any) -> None:
    """From the spans alone: active from turns, idle and suspended from waits."""
    world = play(events, policy)
    for record in world.runs:
        turns = [t for t in world.turns(record.payload["sessionId"]) if t.run_id == record.run_id]
        reply = trace_of(record, turns, world.timings(record), "chat", world.now)
        active = idle = suspended = 0
        for span in TraceReply.read(reply).spans():
            lasting = (span.ended_at or world.now) - span.started_at
            slept = sum(
                (child.ended_at or world.now) - child.started_at
                for child in span.children
                if child.data.message == "suspended"
            )
            if span.data.message.startswith("chat turn"):
                waits = span.children
                active += (waits[0].started_at - span.started_at) if waits else lasting
            elif span.data.message.startswith("waiting"):
                idle += lasting - slept
                suspended += slept
        run, resumed = record.run, [turn for turn in turns if turn.start_kind == "resumed"]
        waking = sum(turn.started_at - turn.arrived_at for turn in resumed)
        assert (active, idle, suspended) == (run.active, run.idle, run.suspended + waking)
