"""The simulator as users hold it."""

from __future__ import annotations

import asyncio
import copy
import pickle
import re
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

import session_lab as sl
from session_lab.errors import SimulationError
from session_lab.frames import RUNS, SESSIONS, digest

CONFIG = {"base_payload": {}}


def start(client: Any, external_id: str | None = "chat-1", **fields: Any) -> Any:
    given = {"type": "chat", "task_identifier": "agent", "trigger_config": CONFIG}
    return client.sessions.start(external_id=external_id, **(given | fields))


def script(sim: sl.Simulator) -> sl.Simulator:
    """Play a little of everything, with what is random in it."""
    client, other = sim.client(), sim.client()
    start(client)
    sim.clock.advance("5m")
    client.sessions.append("chat-1", "hello")
    other.sessions.append("chat-1", "hello from elsewhere")
    start(other, None)
    client.sessions.close("chat-1")
    return sim


def flaky(seed: int = 0) -> sl.Simulator:
    faults = [{"match": "sessions.append", "probability": 0.5, "lost": True}]
    return sl.Simulator(seed, faults=faults)


def chatter(sim: sl.Simulator) -> sl.Simulator:
    """Send a lot, and again where the reply was lost."""
    client = sim.client(max_retries=20)
    start(client)
    for number in range(20):
        client.sessions.append("chat-1", f"message {number}")
    return sim


def test_the_same_script_gives_the_same_world_and_another_seed_another():
    first, second = script(sl.Simulator(seed=3)), script(sl.Simulator(seed=3))
    assert first.digest() == second.digest()
    assert first.diff(second) == ()
    assert script(sl.Simulator(seed=4)).digest() != first.digest()


def test_clients_retry_in_virtual_time_alike_every_time():
    first, second = chatter(flaky()), chatter(flaky())
    assert first.digest() == second.digest()
    assert first.clock.now > chatter(sl.Simulator()).clock.now
    assert len(first.client().sessions.records("chat-1", io="in")) == 20


def test_two_clients_never_make_the_same_part_id():
    sim = script(sl.Simulator())
    records = sim.client().sessions.records("chat-1", io="in")
    assert len({record.id for record in records}) == 2


def test_an_asynchronous_client_reaches_the_same_world():
    sim = flaky()

    async def main() -> None:
        async with sim.async_client(max_retries=20) as client:
            await start(client)
            for number in range(20):
                await client.sessions.append("chat-1", f"message {number}")

    asyncio.run(main())
    assert sim.digest() == chatter(flaky()).digest()


def test_clients_are_not_led_astray_by_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TRIGGER_SECRET_KEY", "tr_prod_other")
    monkeypatch.setenv("TRIGGER_API_URL", "https://api.example")
    monkeypatch.setenv("TRIGGER_PREVIEW_BRANCH", "feature")
    assert start(sl.Simulator().client()).is_cached is False


@pytest.mark.parametrize("key", ["tr_dev_mine", "tr_prod_mine", "tr_stg_mine"])
def test_clients_carry_the_key_of_their_simulator(key: str):
    assert start(sl.Simulator(secret_key=key).client()).is_cached is False


def test_any_httpx_client_reaches_it_over_its_transport_and_its_app():
    sim = sl.Simulator(secret_key="tr_dev_mine")
    headers = {"authorization": "Bearer tr_dev_mine"}
    with httpx.Client(transport=sim.transport, base_url="http://lab", headers=headers) as client:
        assert client.get("/api/v1/sessions").json() == {"data": [], "pagination": {}}

    async def main() -> httpx.Response:
        transport = httpx.ASGITransport(sim.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://lab") as client:
            return await client.post("/_lab/clock/advance", json={"ms": 90_000})

    assert asyncio.run(main()).status_code == 200
    assert sim.clock.now == datetime(2026, 1, 1, 0, 1, 30, tzinfo=UTC)


def test_a_fork_goes_its_own_way_and_diff_tells_how():
    sim = script(sl.Simulator())
    fork = sim.fork()
    assert fork.digest() == sim.digest()
    fork.clock.advance("1h")
    start(fork.client(), "chat-2")
    kinds = {(difference.kind, difference.name) for difference in sim.diff(fork)}
    assert ("world", "") in kinds
    assert any(kind == "session" for kind, _ in kinds)
    assert [row.external_id for row in sim.world.sessions] == ["chat-1", None]


def test_a_fork_goes_on_as_the_original_would_have_faults_included():
    sim = chatter(flaky())
    fork = sim.fork()
    assert chatter(sim).digest() == chatter(fork).digest()


def test_a_snapshot_brings_the_world_back_with_its_clock():
    sim = script(sl.Simulator())
    snapshot, before = sim.snapshot(), sim.digest()
    sim.clock.advance("1h")
    client = sim.client()
    start(client, "chat-2")
    sim.restore(snapshot)
    assert sim.digest() == before
    assert start(client, "chat-2").created_at == datetime(2026, 1, 1, 0, 5, tzinfo=UTC)


def test_a_reset_begins_again_and_clients_stay_connected():
    sim = script(sl.Simulator(now="2026-02-01T00:00:00Z"))
    client = sim.client()
    sim.reset(seed=5)
    assert (len(sim.journal), sim.world.seed) == (0, 5)
    assert start(client).created_at == datetime(2026, 2, 1, tzinfo=UTC)


def test_faults_are_set_and_taken_away():
    sim = sl.Simulator()
    client = sim.client(max_retries=0)
    sim.faults = [{"match": "sessions.start", "refused": True}]
    with pytest.raises(sl.APIConnectionError):
        start(client)
    sim.faults = [{"match": "sessions.start", "latency": "1m"}]
    with pytest.raises(sl.APITimeoutError):
        start(client)
    sim.faults = None
    assert start(client).is_cached is True
    assert sim.clock.now == datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC)


def test_triggers_of_runs_can_be_made_to_fail():
    sim = sl.Simulator()
    sim.trigger_fault = "svc_error"
    with pytest.raises(sl.UnprocessableEntityError):
        start(sim.client())
    sim.trigger_fault = None
    assert start(sim.client()).is_cached is True
    with pytest.raises(sl.DataError):
        sim.trigger_fault = "sometimes"


def test_rate_limits_are_those_of_the_api():
    sim = sl.Simulator(rate_limit=True)
    client = sim.client()
    reply = client.with_raw_response.sessions.list()
    assert reply.headers["x-ratelimit-remaining"] == "749"


def test_a_run_is_ended_from_outside():
    sim = sl.Simulator()
    client = sim.client()
    session = start(client)
    sim.set_run_status(session.run_id, "CRASHED")
    assert client.runs.retrieve(session.run_id).status == "CRASHED"
    (status,) = sim.runs_frame()["status"]
    assert status == "CRASHED"


def test_a_run_status_in_the_words_of_the_api_is_warned_about():
    sim = sl.Simulator()
    session = start(sim.client())
    with pytest.warns(sl.SessionLabWarning, match="the run counts as alive; the API shows COMPL"):
        sim.set_run_status(session.run_id, "COMPLETED")
    assert start(sim.client()).run_id == session.run_id


@pytest.mark.parametrize("how", ["error", "raw reply", "entry"])
def test_an_answer_is_explained(how: str):
    sim = sl.Simulator()
    client = sim.client()
    start(client)
    raw = client.with_raw_response.sessions.close("chat-1")
    sim.clock.advance("1h")
    with pytest.raises(sl.SessionClosedError) as refusal:
        start(client)
    replies = {
        "error": (refusal.value, "409: the session was closed at 2026-01-01T00:00:00.000Z"),
        "raw reply": (raw, "200: "),
        "entry": (sim.journal[0], "201: "),
    }
    reply, beginning = replies[how]
    assert sim.explain(reply).startswith(beginning)


def test_an_error_is_explained_after_it_was_copied():
    sim = sl.Simulator()
    with pytest.raises(sl.NotFoundError) as refusal:
        sim.client().sessions.retrieve("nobody")
    assert sim.explain(copy.deepcopy(refusal.value)).startswith("404: nothing was ever started")


def test_a_reply_that_looked_at_no_session_says_so():
    sim = sl.Simulator()
    with pytest.raises(sl.AuthenticationError) as refusal:
        sim.client(api_key="tr_dev_wrong").sessions.retrieve("chat-1")
    assert sim.explain(refusal.value).startswith("401: the request was answered without")


def test_a_reply_of_another_world_is_not_explained():
    sim = sl.Simulator()
    with pytest.raises(sl.NotFoundError) as refusal:
        sim.client().sessions.retrieve("nobody")
    with pytest.raises(sl.DataError, match="the journal has no entry 0"):
        sl.Simulator().explain(refusal.value)


def test_frames_are_those_of_their_schemas_and_repeatable():
    sim = script(sl.Simulator())
    sessions, runs = sim.sessions_frame(), sim.runs_frame()
    assert list(sessions.columns) == [column.name for column in SESSIONS.columns]
    assert sessions["status"].tolist() == ["CLOSED", "ACTIVE"]
    assert set(runs["session_id"]) <= set(sessions["session_id"])
    assert datetime.fromisoformat(sessions.attrs["observed_at"]) == sim.clock.now
    again = script(sl.Simulator())
    ours, theirs = (
        digest({SESSIONS: each.sessions_frame(), RUNS: each.runs_frame()}) for each in (sim, again)
    )
    assert ours == theirs


def test_a_policy_moves_runs_by_itself():
    sim = sl.Simulator(policy=sl.RunPolicy(idle_timeout="30s", turn_timeout="1h"))
    start(sim.client())
    sim.clock.advance("1m")
    assert sim.runs_frame()["status"].tolist() == ["WAITING"]
    sim.clock.advance("1h")
    assert sim.runs_frame()["status"].tolist() == ["COMPLETED"]
    assert sim.runs_frame()["end_cause"].tolist() == ["turn_timeout"]


def test_it_shows_what_there_is_and_no_key():
    sim = script(sl.Simulator(seed=2, secret_key="tr_dev_hidden"))
    text, html = repr(sim), sim._repr_html_()
    assert text == (
        "Simulator(seed=2, now='2026-01-01T00:05:00.000Z', 2 sessions, 2 runs, 5 requests)"
    )
    assert "1 CLOSED" in html.replace("</td>", "")
    assert "tr_dev_hidden" not in text + html


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"policy": "30s"}, "policy: '30s' is not a RunPolicy"),
        ({"seed": 1.0}, "seed: 1.0 is not a whole number"),
        ({"profile": "2026-11"}, "the known ones are 2026-08, 2026-10"),
    ],
)
def test_what_no_simulator_can_be_made_of_is_refused(options: Any, said: str):
    with pytest.raises(sl.DataError, match=re.escape(said)):
        sl.Simulator(**options)


def test_what_an_agent_writes_can_be_written_by_a_test():
    sim = sl.Simulator()
    sim.world.start("chat-1")
    assert sim.write_data("chat-1", {"type": "text-delta"}).reply.seq == 0
    assert sim.write_control("chat-1", "turn-complete", {"a": "b"}).reply.seq == 1
    assert sim.write_data("chat-1", [1], channel="frames").reply.seq == 0
    text, done = sim.client().sessions.records("chat-1")
    assert (text.data, done.control, done.header("a")) == (
        {"type": "text-delta"},
        "turn-complete",
        "b",
    )
    with pytest.raises(SimulationError, match="nobody"):
        sim.write_data("nobody", {})


def test_a_deep_copy_is_a_fork_and_a_pickle_is_refused_with_what_to_do():
    sim = sl.Simulator()
    assert copy.deepcopy(sim).digest() == sim.digest()
    for whole in (sim, sim.client(), sim.transport):
        with pytest.raises(sl.SimulationError, match=r"pickle its snapshot\(\) and restore\(\) it"):
            pickle.dumps(whole)
    other = sl.Simulator(seed=9)
    other.restore(pickle.loads(pickle.dumps(sim.snapshot())))  # noqa: S301  our own
    assert other.digest() == sim.digest()


@pytest.mark.parametrize("given", [None, 5, "text", b"bytes", {}, []], ids=repr)
def test_what_is_of_another_kind_is_refused_by_name_and_changes_nothing(given: Any):
    sim = sl.Simulator()
    before = sim.digest()
    kind = type(given).__name__
    for ask, wanted in (
        (sim.restore, f"snapshot: {kind} is not a Snapshot"),
        (sim.diff, f"other: {kind} is not a Simulator"),
        (sim.explain, f"reply: {kind} is not an entry of the journal"),
    ):
        with pytest.raises(sl.DataError, match=wanted):
            ask(given)
    assert sim.digest() == before
