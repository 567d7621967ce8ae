"""Named side channels, narrowed scopes, streams from the newest record, transcripts, times to live."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_lab.simulator.model.transcripts import Transcript, read_transcript
from tests.api_lab import FORBIDDEN, ApiLab, refusal

CHAT = "/realtime/v1/sessions/chat"
SIDE = f"{CHAT}/channels/frames"
SESSION = "/api/v1/sessions/chat"


@pytest.fixture
def lab() -> ApiLab:
    lab = ApiLab("2026-10")
    lab.start("chat")
    return lab


def data(lab: ApiLab, path: str) -> list[Any]:
    return [record["data"] for record in lab.json("GET", f"{path}/records")["records"]]


def test_a_side_channel_is_a_stream_of_its_own(lab: ApiLab):
    for path in (f"{SIDE}/in", f"{SIDE}/out", f"{CHAT}/in", f"{CHAT}/channels/other/in"):
        reply = lab.json("POST", f"{path}/append", path, x_part_id="p")
        assert reply == {"ok": True, "seq": 0}
        assert lab.json("POST", f"{path}/append", path, x_part_id="p") == {"ok": True}
        assert data(lab, path) == [path]
    session_id = lab.json("GET", SESSION)["id"]
    assert data(lab, f"/realtime/v1/sessions/{session_id}/channels/frames/in") == [f"{SIDE}/in"]
    stream = lab.ask("GET", f"{SIDE}/in").body.decode()
    assert json.loads(stream.split("data: ")[1].split("\n")[0])["tail"]["seq_num"] == 1
    assert lab.ask("HEAD", f"{SIDE}/in").headers["x-last-chunk-index"] == "0"
    opened = lab.ask("PUT", f"{SIDE}/out").headers["x-s2-stream-name"]
    assert opened.endswith("/sessions/chat/channels/frames/out")


def test_what_goes_to_a_side_channel_wakes_no_run(lab: ApiLab):
    run_id = lab.json("GET", SESSION)["currentRunId"]
    waiting = lab.json(
        "POST", f"/api/v1/runs/{run_id}/session-streams/wait", {"session": "chat", "io": "in"}
    )
    lab.world.set_run_status(run_id, "CRASHED")
    before = lab.json("GET", SESSION)
    lab.ask("POST", f"{SIDE}/in/append", "x")
    assert lab.world.explain(lab.world.journal[-1]).endswith("side channel wakes no run")
    assert lab.json("GET", SESSION) == before
    waitpoint = lab.world.waitpoint(waiting["waitpointId"])
    assert waitpoint is not None
    assert waitpoint.completed_at is None


@pytest.mark.parametrize("name", ["a b", "", "x" * 129, "é", "a%2Fb"])
def test_other_names_are_no_channels(lab: ApiLab, name: str):
    response = lab.ask("GET", f"{CHAT}/channels/{name}/in/records")
    assert response.status in (400, 404)
    if response.status == 400:
        (issue,) = json.loads(response.body)["details"]
        assert issue["path"] == ["channel"]


def test_closed_and_expired_sessions_take_no_more_on_side_channels(lab: ApiLab):
    lab.ask("POST", f"{SESSION}/close", {})
    response = lab.ask("POST", f"{SIDE}/in/append", "x")
    assert (response.status, json.loads(response.body)["code"]) == (409, "session_closed")
    assert lab.ask("PUT", f"{SIDE}/out").status == 400
    missing = lab.ask("POST", "/realtime/v1/sessions/nobody/channels/a/in/append", "x")
    assert refusal(missing) == (404, "Resource not found")


@pytest.mark.parametrize(
    ("scope", "reads"),
    [
        ("read:sessions:chat", {"out", "in", "frames/out", "frames/in", "other/out"}),
        ("read:sessions:chat:channels:frames", {"frames/out", "frames/in"}),
        ("read:sessions:chat:channels:frames:out", {"frames/out"}),
        ("read:sessions:chat:out", {"out"}),
        ("read:sessions:other", set()),
    ],
)
def test_a_scope_can_be_narrowed_to_a_channel_and_a_direction(
    lab: ApiLab, scope: str, reads: set[str]
):
    token, found = lab.token(scope), set()
    for name in ("out", "in", "frames/out", "frames/in", "other/out"):
        side = "" if "/" not in name else "channels/"
        response = lab.ask("GET", f"{CHAT}/{side}{name}/records", key=token)
        assert response.status in (200, 403)
        found |= {name} if response.status == 200 else set()
    assert found == reads


def test_who_may_write_to_a_side_channel(lab: ApiLab):
    token = lab.token("write:sessions:chat:channels:frames")
    assert lab.ask("POST", f"{SIDE}/in/append", "x", key=token).status == 200
    assert lab.ask("PUT", f"{SIDE}/in", key=token).status == 202
    assert lab.ask("POST", f"{SIDE}/out/append", "x", key=token).status == 403
    assert lab.ask("PUT", f"{SIDE}/out", key=token).status == 403
    assert refusal(lab.ask("POST", f"{CHAT}/in/append", "x", key=token)) == (403, FORBIDDEN)
    # The text is looked at before the scope, so what the token reaches stays what it was.
    assert lab.ask("POST", f"{CHAT}/channels/other/in/append", "x", key=token).status == 403


def test_the_older_profile_has_none_of_this():
    lab = ApiLab("2026-08")
    lab.start("chat")
    for method, path in (
        ("POST", f"{SIDE}/in/append"),
        ("GET", f"{SIDE}/in"),
        ("GET", f"{SIDE}/in/records"),
        ("PUT", f"{SIDE}/out"),
        ("GET", f"{SESSION}/transcript"),
    ):
        response = lab.ask(method, path, "x" if method == "POST" else None)
        assert (response.status, b"<pre>Not Found</pre>" in response.body) == (404, True)
    token = lab.token("read:sessions:chat:out")
    assert lab.ask("GET", f"{CHAT}/out/records", key=token).status == 403
    lab.ask("POST", f"{CHAT}/out/append", "x")
    follow = lab.ask("GET", f"{CHAT}/out", x_trigger_stream_start="latest").follow
    assert follow is not None
    assert follow.position == 0


@pytest.mark.parametrize(
    ("headers", "position"),
    [
        ({"x_trigger_stream_start": "latest"}, 2),
        ({"x_trigger_stream_start": "latest", "last_event_id": "0"}, 1),
        ({"x_trigger_stream_start": "first"}, 0),
        ({}, 0),
    ],
)
def test_a_stream_can_start_at_the_newest_record(
    lab: ApiLab, headers: dict[str, str], position: int
):
    for path in (f"{CHAT}/out", f"{SIDE}/out"):
        for text in "ab":
            lab.ask("POST", f"{path}/append", text)
        follow = lab.ask("GET", path, **headers).follow
        assert follow is not None
        assert follow.position == position


# Transcripts


def lines(*messages: Any, footer: bool = True) -> bytes:
    """Write a snapshot as the SDK does, a message a line."""
    header = {"v": 2, "savedAt": 1, "lastOutEventId": "7", "state": {"secret": 1}}
    entries = [{"id": each.get("id"), "final": True, "message": each} for each in messages]
    end = json.dumps({"ids": [], "offsets": []}, separators=(",", ":"))
    text = "".join(json.dumps(each, separators=(",", ":")) + "\n" for each in (header, *entries))
    return (text + (f"{end}\n#tt2:{len(end):016d}\n" if footer else "")).encode()


def keep(lab: ApiLab, blob: bytes) -> None:
    lab.world.write_chat_snapshot("chat", blob, "text/plain")


MESSAGES = [{"id": str(n), "role": "user"} for n in range(3)]


@pytest.mark.parametrize(
    "blob",
    [
        lines(*MESSAGES),
        lines(*MESSAGES, footer=False),
        json.dumps({"version": 1, "messages": MESSAGES, "lastOutEventId": "7"}).encode(),
        json.dumps(
            {
                "version": 2,
                "messages": [{"id": m["id"], "final": False, "message": m} for m in MESSAGES],
                "lastOutEventId": "7",
            }
        ).encode(),
    ],
)
def test_every_form_of_a_snapshot_is_a_transcript(lab: ApiLab, blob: bytes):
    keep(lab, blob)
    path = f"{SESSION}/transcript"
    assert lab.json("GET", path) == {"messages": MESSAGES, "cursors": {"lastOutEventId": "7"}}
    page = lab.json("GET", path, query={"limit": "2"})
    assert (page["messages"], page["nextCursor"]) == (MESSAGES[1:], "1")
    page = lab.json("GET", path, query={"limit": "2", "before": page["nextCursor"]})
    assert (page["messages"], "nextCursor" in page) == (MESSAGES[:1], False)
    assert lab.json("GET", path, query={"before": "nobody"})["messages"] == []


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"no JSON",
        b"[]",
        b'{"version":3,"messages":[]}',
        b'{"version":1,"messages":{}}',
        b'{"v":2',
        b"[" * 5000,
        b"\xff\xfe",
    ],
)
def test_what_is_no_transcript_is_an_empty_one(lab: ApiLab, blob: bytes):
    assert lab.json("GET", f"{SESSION}/transcript") == {"messages": []}
    keep(lab, blob)
    assert lab.json("GET", f"{SESSION}/transcript") == {"messages": []}


def test_messages_without_an_id_of_their_own_are_left_out():
    odd = [{"id": ""}, {"role": "x"}, {"id": 7}]
    assert read_transcript(lines({"id": "a"}, *odd)).messages == ({"id": "a"},)
    document = {"version": 1, "messages": [*odd, None, "x", {"id": "a"}]}
    assert read_transcript(json.dumps(document).encode()).messages == ({"id": "a"},)
    entry = {"id": "b", "message": {"id": "a"}}
    document = {"version": 2, "messages": [entry, None]}
    assert read_transcript(json.dumps(document).encode()).messages == ()


@given(st.binary(max_size=200))
def test_any_bytes_have_a_transcript(blob: bytes):
    for body in (blob, lines(*MESSAGES)[: len(blob)] + blob):
        assert isinstance(read_transcript(body), Transcript)


def test_a_transcript_takes_a_secret_key_and_a_session(lab: ApiLab):
    token = lab.token("read:sessions:chat", "admin")
    assert lab.ask("GET", f"{SESSION}/transcript", key=token).status == 401
    assert refusal(lab.ask("GET", "/api/v1/sessions/nobody/transcript")) == (404, "Not found")
    for limit in ("0", "x", "1.5"):
        response = lab.ask("GET", f"{SESSION}/transcript", query={"limit": limit})
        assert (response.status, json.loads(response.body)["error"]) == (400, "Query Error")


# Times to live


def config(**fields: Any) -> dict[str, Any]:
    return {"triggerConfig": {"basePayload": {}} | fields}


@pytest.mark.parametrize(("ttl", "text"), [("10m", "10m"), (600, "10m"), ("5m300s", "5m300s")])
def test_a_run_that_nobody_starts_in_time_expires(lab: ApiLab, ttl: str | int, text: str):
    run_id = lab.start("late", **config(ttl=ttl))["runId"]
    path, version = f"/api/v3/runs/{run_id}", {"x_trigger_api_version": "2025-07-16"}
    lab.world.clock.advance("599s")
    found = lab.json("GET", path, **version)
    assert (found["status"], found["ttl"], "expiredAt" in found) == ("QUEUED", text, False)
    for status, ids in (("QUEUED", [run_id]), ("EXPIRED", [])):
        listed = lab.json("GET", "/api/v1/runs", query={"filter[status]": status})["data"]
        assert [run["id"] for run in listed if run["id"] == run_id] == ids
    lab.world.clock.advance("1s")
    found = lab.json("GET", path, **version)
    assert (found["status"], found["expiredAt"]) == ("EXPIRED", "2026-01-01T00:10:00.000Z")
    listed = lab.json("GET", "/api/v1/runs", query={"filter[status]": "EXPIRED"})["data"]
    assert [run["id"] for run in listed] == [run_id]
    assert lab.world.restore(lab.world.snapshot()) is None
    lab.ask("POST", "/realtime/v1/sessions/late/in/append", "x")
    following = lab.json("GET", "/api/v1/sessions/late")["currentRunId"]
    assert following != run_id
    payload = lab.json("GET", f"/api/v3/runs/{following}", **version)["payload"]
    assert payload["previousRunId"] == run_id


def test_a_run_that_was_started_in_time_does_not_expire(lab: ApiLab):
    run_id = lab.start("due", **config(ttl="10m"))["runId"]
    lab.world.set_run_status(run_id, "EXECUTING")
    lab.world.clock.advance("1h")
    assert lab.json("GET", f"/api/v3/runs/{run_id}")["status"] == "EXECUTING"
    executing = lab.json("GET", "/api/v1/runs", query={"filter[status]": "EXECUTING"})["data"]
    assert [run["id"] for run in executing] == [run_id]
    ended = lab.start("ended", **config(ttl="10m"))["runId"]
    lab.world.set_run_status(ended, "COMPLETED_SUCCESSFULLY")
    lab.world.clock.advance("1h")
    found = lab.json("GET", f"/api/v3/runs/{ended}")
    assert (found["status"], found["finishedAt"]) == ("COMPLETED", "2026-01-01T01:00:00.000Z")


@pytest.mark.parametrize("ttl", [0, "0s", "soon", ""])
def test_a_time_to_live_of_nothing_is_none(lab: ApiLab, ttl: str | int):
    run_id = lab.start("late", **config(ttl=ttl))["runId"]
    lab.world.clock.advance("9d")
    assert lab.json("GET", f"/api/v3/runs/{run_id}")["status"] == "QUEUED"


def test_what_a_run_is_to_share_its_limits_by_is_handed_to_it(lab: ApiLab):
    fields = {"concurrency": ["a", "b"], "concurrencyKey": 7}
    run_id = lab.start("limited", **config(**fields))["runId"]
    record = lab.world.run(run_id)
    assert record is not None
    assert record.options == {"concurrency": ["a", "b"], "concurrencyKey": "7"}
