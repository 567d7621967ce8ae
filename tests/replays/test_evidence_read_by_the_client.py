"""What the client reads back of what a simulated environment did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

import session_lab as sl
from session_lab.timing import to_instant

if TYPE_CHECKING:
    from session_lab.client import Client

BEGAN = to_instant("2026-01-01T00:00:00Z")
MESSAGE: dict[str, Any] = {
    "kind": "message",
    "payload": {"chatId": "chat-1", "trigger": "submit-message"},
}


@pytest.fixture
def client() -> Client:
    policy = sl.RunPolicy(idle_timeout="30s", turn_timeout="10m")
    sim = sl.Simulator(policy=policy, platform=sl.Platform(boot_time="2s", turn_duration="4s"))
    client = sim.client()
    config = {"base_payload": {**MESSAGE["payload"], "message": {}}, "tags": ["chat:chat-1"]}
    client.sessions.start(
        type="chat", task_identifier="agent", trigger_config=config, external_id="chat-1"
    )
    for _ in range(2):
        sim.clock.advance("1m")
        client.sessions.append("chat-1", MESSAGE)
    sim.clock.advance("1h")
    return client


def test_a_trace_tells_when_turns_were_served(client: Client):
    (run,) = client.runs.list(from_="2026-01-01T00:00:00Z")

    spans = list(client.runs.trace(run.id).spans())

    turns = [span for span in spans if span.property("turn.number") is not None]
    assert [span.data.message for span in turns] == ["chat turn 1", "chat turn 2", "chat turn 3"]
    assert [span.started_at - BEGAN for span in turns] == [2_000, 60_000, 120_000]
    assert all(span.ended_at is not None for span in spans)


def test_what_is_there_of_a_channel_is_read_with_its_times(client: Client):
    records = list(client.sessions.stream("chat-1", io="in", follow=False))

    assert [one.seq_num for one in records] == [0, 1]
    times = [one.timestamp for one in records if one.timestamp is not None]
    assert [to_instant(at) - BEGAN for at in times] == [60_000, 120_000]


def test_a_query_goes_on_behind_a_full_page_and_is_asked_again_after_429():
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.content.decode())
        if len(asked) == 1:
            return httpx.Response(429, json={"error": "too many queries"})
        n = 10_000 if len(asked) < 4 else 3
        rows: list[dict[str, Any]] = [{"run_id": f"run_{len(asked)}_{row:05d}"} for row in range(n)]
        return httpx.Response(200, json={"format": "json", "results": rows})

    client = sl.Client(
        "tr_dev_0123456789", transport=httpx.MockTransport(answer), sleep=lambda _s: None
    )
    sql = "SELECT run_id FROM runs WHERE run_id > {after} ORDER BY run_id LIMIT 10000"

    rows = client.query(sql, period="30d", page_by="run_id")

    assert len(rows) == 20_003
    assert asked[0] == asked[1]
    assert "run_id > ''" in asked[1]
    assert "run_id > 'run_2_09999'" in asked[2]


def test_a_full_page_that_is_not_gone_on_from_is_said():
    rows = [{"run_id": str(number)} for number in range(10_000)]
    reply = httpx.Response(200, json={"format": "json", "results": rows})
    client = sl.Client("tr_dev_0123456789", transport=httpx.MockTransport(lambda _request: reply))

    with pytest.warns(sl.DataWarning, match="may lack some"):
        assert len(client.query("SELECT run_id FROM runs")) == 10_000
