"""Journals and HTTP archives: which requests are events, and what was answered."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import session_lab as sl

if TYPE_CHECKING:
    from pathlib import Path

API = "https://api.example.com"
MESSAGE = {"basePayload": {"message": {"id": "m1"}}}


def talk(client: sl.Client, advance: Any) -> None:
    """Start two chats, one of them twice, and talk until one is closed."""
    common = {"type": "chat.agent", "task_identifier": "support"}
    client.sessions.start(**common, trigger_config=MESSAGE, external_id="a", tags=["vip"])
    advance("20s")
    client.sessions.append("a", "hello")
    client.sessions.append("a", {"kind": "stop"})
    client.sessions.append("a", "an answer", io="out")
    advance("1s")
    again = client.sessions.start(**common, trigger_config=MESSAGE, external_id="a")
    client.sessions.update("a", tags=["seen"])
    client.sessions.append(again.id, "by the other id")
    client.sessions.start(**common, trigger_config={"basePayload": {}})
    client.sessions.retrieve("a")
    client.sessions.close("a", reason="done")
    with pytest.raises(sl.APIStatusError):
        client.sessions.append("a", "too late")


TALK = [
    ("start", "a", 201, False),
    ("message", "a", 200, None),
    ("start", "a", 200, True),
    ("message", "a", 200, None),
    ("start", None, 201, False),
    ("retrieve", "a", 200, None),
    ("close", "a", 200, None),
    ("message", "a", 409, None),
]


def told(events: pd.DataFrame) -> list[tuple[Any, ...]]:
    columns = ["op", "external_id", "recorded_status", "recorded_is_cached"]
    rows = events[columns].astype(object).where(events[columns].notna(), None)
    return [tuple(row) for row in rows.itertuples(index=False)]


def assert_talk(events: pd.DataFrame) -> None:
    rows = told(events)
    unnamed = rows[4][1]
    assert unnamed
    assert not unnamed.startswith("session_")
    assert rows == [(op, chat or unnamed, *answer) for op, chat, *answer in TALK]
    assert [tags is not None and list(tags) for tags in events["tags"].astype(object).where(events["tags"].notna(), None)][0] == ["vip"]  # noqa: RUF015  # fmt: skip
    assert events["task_identifier"].dropna().unique().tolist() == ["support"]


def journal(folder: Path, sim: sl.Simulator) -> Path:
    path = folder / "journal.ndjson"
    sl.traffic.write_journal(sim.journal, path)
    return path


def test_a_journal_holds_what_was_asked_and_answered(tmp_path: Path):
    sim = sl.Simulator(policy=sl.RunPolicy())
    talk(sim.client(), sim.clock.advance)
    path = journal(tmp_path, sim)
    assert sl.traffic.detect(path).format == "journal"
    events = sl.traffic.read(path, first_turn="3s")
    assert_talk(events)
    assert events["turn_duration"].dropna().tolist() == [pd.Timedelta("3s")]


def test_a_replayed_journal_is_answered_as_it_was(tmp_path: Path):
    sim = sl.Simulator(policy=sl.RunPolicy())
    talk(sim.client(), sim.clock.advance)
    events = sl.traffic.read(journal(tmp_path, sim))
    operations = sl.replay(events).operations
    assert operations["status_code"].tolist() == events["recorded_status"].tolist()
    cached = operations["is_cached"].astype(object).where(operations["is_cached"].notna(), None)
    assert cached.tolist() == [row[3] for row in told(events)]


def test_without_a_policy_every_append_of_a_journal_counts(tmp_path: Path):
    sim = sl.Simulator()
    talk(sim.client(), sim.clock.advance)
    ops = sl.traffic.read(journal(tmp_path, sim))["op"].tolist()
    assert ops.count("message") == 4


def test_chats_of_several_environments_keep_apart(tmp_path: Path):
    line = {"seq": 0, "at": "2026-01-01T00:00:00Z", "op": "close", "external_id": "a"}
    path = tmp_path / "journal.ndjson"
    lines = [{**line, "environment": name, "status_code": 404} for name in ("one", "two")]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    assert sl.traffic.read(path)["external_id"].tolist() == ["one/a", "two/a"]


def test_a_bad_line_of_a_journal_is_refused_with_its_place(tmp_path: Path):
    path = tmp_path / "journal.ndjson"
    line = {"seq": 0, "at": "soon", "op": "close", "external_id": "a", "environment": "e"}
    path.write_text(json.dumps({**line, "status_code": 200}) + "\n", encoding="utf-8")
    with pytest.raises(sl.DataError, match="not an ISO 8601 time") as caught:
        sl.traffic.read(path)
    assert (caught.value.row, caught.value.column) == (1, "at")
    path.write_text(json.dumps(line) + "\n", encoding="utf-8")
    with pytest.raises(sl.DataError, match="status_code: the field is missing"):
        sl.traffic.read(path, "journal")


# HTTP archives


def entry(
    method: str, path: str, status: int, *, asked: Any = None, answered: Any = None, second: int = 0
) -> dict[str, Any]:
    """Make one entry, as browsers save it."""
    started = datetime(2026, 1, 1, 0, 0, second, 250_000, tzinfo=UTC).isoformat()
    request: dict[str, Any] = {"method": method, "url": API + path, "headers": [SECRET]}
    if asked is not None:
        text = asked if isinstance(asked, str) else json.dumps(asked)
        request["postData"] = {"mimeType": "application/json", "text": text}
    content = {} if answered is None else {"text": json.dumps(answered)}
    response = {"status": status, "content": content}
    return {"startedDateTime": started, "time": 12, "request": request, "response": response}


SECRET = {"name": "authorization", "value": "Bearer tr_prod_secret"}
CREATE = {"type": "chat.agent", "externalId": "a", "taskIdentifier": "support", "tags": ["vip"]}
SESSION = {"id": "session_x", "externalId": "a"}
ENTRIES = [
    entry("GET", "/favicon.ico", 200),
    entry(
        "POST",
        "/api/v1/sessions",
        201,
        asked={**CREATE, "triggerConfig": MESSAGE, "expiresAt": "2026-01-02T00:00:00Z"},
        answered={**SESSION, "isCached": False},
    ),
    entry("POST", "/realtime/v1/sessions/a/in/append", 200, asked="hello", second=1),
    entry("POST", "/realtime/v1/sessions/a/in/append", 200, asked={"kind": "stop"}, second=2),
    entry("POST", "/realtime/v1/sessions/a/out/append", 200, asked="answer", second=2),
    entry("OPTIONS", "/api/v1/sessions", 204, second=3),
    entry("POST", "/api/v1/sessions", 200, asked=CREATE, answered={**SESSION, "isCached": True}, second=3),
    entry("GET", "/api/v1/sessions/session_x", 200, answered=SESSION, second=4),
    entry("POST", "/api/v1/sessions/a/close", 0, asked={}, second=5),
]  # fmt: skip


def archive(folder: Path, entries: list[Any], *, name: str = "calls.har", indent: int = 2) -> Path:
    path = folder / name
    text = json.dumps({"log": {"version": "1.2", "entries": entries}}, indent=indent)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["calls.har", "calls.json"])
def test_an_archive_holds_what_was_asked_and_answered(tmp_path: Path, name: str):
    path = archive(tmp_path, ENTRIES, name=name)
    assert sl.traffic.detect(path).format == "har"
    events = sl.traffic.read(path, first_turn="2s")
    assert told(events) == [
        ("start", "a", 201, False),
        ("message", "a", 200, None),
        ("start", "a", 200, True),
        ("retrieve", "a", 200, None),
        ("close", "a", None, None),
    ]
    assert events["at"].iloc[0] == pd.Timestamp("2026-01-01T00:00:00.250Z")
    assert events["turn_duration"].dropna().tolist() == [pd.Timedelta("2s")]
    assert events["expires_at"].dropna().tolist() == [pd.Timestamp("2026-01-02T00:00:00Z")]
    assert "secret" not in events.to_csv()


def test_an_archive_without_calls_of_the_api_is_refused(tmp_path: Path):
    with pytest.raises(sl.DataError, match="none of its 1 requests is a call"):
        sl.traffic.read(archive(tmp_path, ENTRIES[:1]))
    assert len(sl.traffic.read(archive(tmp_path, []))) == 0


@pytest.mark.parametrize("text", ["", "[]", "{", '{"log": 5}', '{"log": {}}'])
def test_what_is_no_archive_is_refused(tmp_path: Path, text: str):
    path = tmp_path / "calls.har"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(sl.DataError, match=r"calls\.har: not an HTTP archive"):
        sl.traffic.read(path)


JOURNAL_LINE = (
    '{"seq": 0, "at": "2026-01-01T00:00:00Z", "op": "start", "external_id": "a", "environment": '
    '"e", "tags": ["x"], "status_code": 201, "is_cached": false, "session_id": "session_a"}'
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
values = scalars | st.lists(scalars, max_size=2) | st.dictionaries(st.text(max_size=3), scalars)


@st.composite
def damaged(draw: st.DrawFn, whole: dict[str, Any]) -> dict[str, Any]:
    """Put some value in the place of one of an object, however deep."""
    name = draw(st.sampled_from(sorted(whole)))
    inner = whole[name]
    value = draw(damaged(inner) | values) if isinstance(inner, dict) and inner else draw(values)
    return {**whole, name: value}


# What one damaged time makes of a log is not at issue here.
@pytest.mark.filterwarnings("ignore::session_lab.errors.DataWarning")
@given(st.data())
def test_any_archive_and_any_journal_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
):
    entry = data.draw(damaged(ENTRIES[1]))
    folder = tmp_path_factory.mktemp("calls")
    path = archive(folder, [ENTRIES[2], entry])
    line = data.draw(damaged(json.loads(JOURNAL_LINE)))
    lines = folder / "journal.ndjson"
    lines.write_text(f"{JOURNAL_LINE}\n{json.dumps(line)}\n", encoding="utf-8")
    for place, format in ((path, "har"), (lines, "journal")):
        try:
            assert len(sl.traffic.read(place, format)) in {1, 2}
        except sl.DataError as error:
            assert error.source == place.name  # noqa: PT017 (either outcome is right)


def test_a_bad_entry_is_refused_with_its_place_and_none_of_its_secrets(tmp_path: Path):
    bad = {**ENTRIES[1], "startedDateTime": 5}
    path = archive(tmp_path, [ENTRIES[0], bad, *ENTRIES[1:]])
    with pytest.raises(sl.DataError, match="startedDateTime") as caught:
        sl.traffic.read(path)
    assert (caught.value.source, caught.value.row) == ("calls.har", 1)
    assert "secret" not in str(caught.value)
    with pytest.warns(sl.DataWarning, match="skipped 1 rows"):
        assert len(sl.traffic.read(path, skip_bad_rows=True)) == 5


@pytest.mark.parametrize(
    "foreign",
    [
        None,
        5,
        {},
        {"request": None},
        {"request": {"method": 5, "url": API}},
        {"request": {"method": "POST"}},
        {**ENTRIES[0], "startedDateTime": None, "response": 7},
        {"request": {"method": "GET", "url": "data:image/png;base64,AAAA"}, "response": {}},
        {"request": {"method": "GET", "url": "http://[broken"}},
        {"request": {"method": "POST", "url": ["list"]}, "cache": None},
    ],
)
def test_entries_that_are_no_calls_may_look_as_they_like(tmp_path: Path, foreign: Any):
    whole = sl.traffic.read(archive(tmp_path, ENTRIES))
    mixed = archive(tmp_path, [foreign, *ENTRIES, foreign], name="mixed.har")
    pd.testing.assert_frame_equal(sl.traffic.read(mixed), whole)


def start(status: int = 201, **asked: Any) -> dict[str, Any]:
    body = {**CREATE, "triggerConfig": MESSAGE, **asked}
    return entry("POST", "/api/v1/sessions", status, asked=body)


@pytest.mark.parametrize(
    ("given", "instant"),
    [
        ("2026-01-02", "2026-01-02T00:00:00Z"),
        ("2026-01-02T00:00:00", "2026-01-02T00:00:00Z"),
        (1_767_312_000_000, "2026-01-02T00:00:00Z"),
        (None, "1970-01-01T00:00:00Z"),
        (-5, "1970-01-01T00:00:00Z"),
        ("+012026-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z"),
    ],
)
def test_an_expiry_of_an_archive_is_read_as_the_api_reads_it(
    tmp_path: Path, given: Any, instant: str
):
    events = sl.traffic.read(archive(tmp_path, [start(expiresAt=given)]))
    assert events["expires_at"].tolist() == [pd.Timestamp(instant)]


@pytest.mark.filterwarnings("ignore:.* of 1 chats began before the log")
@pytest.mark.parametrize("wrong", [{"type": 5}, {"tags": [["a"]]}, {"expiresAt": "tomorrow"}])
def test_a_start_with_a_wrong_body_never_reached_a_session(tmp_path: Path, wrong: Any):
    refused = archive(tmp_path, [start(400, **wrong), *ENTRIES[2:4]])
    with pytest.warns(sl.DataWarning, match="left out 1 calls that the API refused"):
        assert sl.traffic.read(refused)["op"].tolist() == ["message"]


def test_blanks_around_the_id_of_a_start_are_not_part_of_it(tmp_path: Path):
    events = sl.traffic.read(archive(tmp_path, [start(externalId="\ufeff a "), *ENTRIES[2:]]))
    assert set(events["external_id"]) == {"a"}
