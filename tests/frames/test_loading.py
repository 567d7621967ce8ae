"""Frames of what the API answered."""

from __future__ import annotations

import asyncio
import json
from itertools import count, pairwise
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import session_lab as sl
from session_lab.frames import RUNS, SESSIONS, digest, empty
from session_lab.frames.loaders.polls import polls_frame
from session_lab.frames.loaders.run_sessions import walk_runs

if TYPE_CHECKING:
    from collections.abc import Callable

AT = "2026-01-01T02:00:00Z"
ROW: dict[str, Any] = {
    "id": "session_c1",
    "externalId": "chat-1",
    "type": "chat",
    "taskIdentifier": "agent",
    "currentRunId": "run_c1",
    "tags": ["vip"],
    "metadata": {"plan": "pro"},
    "closedAt": None,
    "closedReason": None,
    "expiresAt": "2026-01-01T01:00:00.000Z",
    "createdAt": "2026-01-01T00:00:00.000Z",
    "updatedAt": "2026-01-01T00:00:00.000Z",
}
RUN: dict[str, Any] = {
    "id": "run_c1",
    "status": "EXECUTING",
    "createdAt": "2026-01-01T00:00:00.000Z",
    "tags": ["chat:chat-1"],
    "durationMs": 1500,
    "costInCents": 0.25,
}


def page(*rows: Any) -> bytes:
    return json.dumps({"data": rows, "pagination": {}}).encode()


@pytest.fixture(scope="module")
def lab() -> sl.Simulator:
    lab = sl.Simulator()
    client = lab.client()
    for number in range(120):
        client.sessions.start(
            type="chat",
            task_identifier="agent",
            trigger_config={"base_payload": {}, "tags": [f"chat:chat-{number}"]},
            external_id=f"chat-{number}",
            tags=["a", "ü"] if number % 2 else [],
            metadata={"n": number, "deep": {"list": [1.5, "é"]}} if number % 3 else None,
            expires_at="2026-01-01T01:00:00Z" if number % 5 == 0 else None,
        )
        lab.clock.advance("1s")
    lab.clock.advance("1h")
    for number in range(0, 120, 7):
        client.sessions.close(f"chat-{number}", reason="done")
    return lab


WAYS: dict[str, Callable[[Any], Any]] = {
    "list": lambda client: client.sessions.list(),
    "pages": lambda client: client.sessions.list(limit=50).pages(),
    "plain pages": lambda client: client.sessions.list(limit=50).plain_pages(),
    "models": lambda client: list(client.sessions.list()),
    "iterator": lambda client: iter(client.sessions.list()),
    "dicts": lambda client: [row.model_dump() for row in client.sessions.list()],
    "wire": lambda client: [
        row.model_dump(mode="json", by_alias=True) for row in client.sessions.list()
    ],
    "bytes": lambda client: replies(client, lambda reply: reply.content),
    "text": lambda client: replies(client, lambda reply: reply.content.decode()),
    "replies": lambda client: replies(client, lambda reply: reply),
}


def replies(client: Any, form: Callable[[Any], Any]) -> list[Any]:
    first = client.with_raw_response.sessions.list(limit=100)
    cursor = first.parse().pagination.next
    return [form(first), form(client.with_raw_response.sessions.list(limit=100, after=cursor))]


@pytest.mark.parametrize("way", WAYS)
def test_every_way_in_gives_the_frame_of_the_world_itself(lab: sl.Simulator, way: str):
    made = sl.sessions_frame(WAYS[way](lab.client()), observed_at=lab.clock.now)
    truth = lab.sessions_frame()
    for frame in (made, truth):
        frame["metadata"] = frame["metadata"].map(json.loads, na_action="ignore").astype(str)
    expected = truth.iloc[::-1].reset_index(drop=True)
    pd.testing.assert_frame_equal(made, expected)
    assert made.attrs == truth.attrs


def test_a_list_of_several_values_has_each_row_once(lab: sl.Simulator):
    listing = lab.client().sessions.list(tag=["a", "ü"])
    assert len(sl.sessions_frame(listing, observed_at=lab.clock.now)) == 60


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_metadata_is_the_same_json_as_text(value: Any):
    frame = sl.sessions_frame([page(ROW | {"metadata": {"value": value}})], observed_at=AT)
    text = frame["metadata"][0]
    assert json.loads(text) == {"value": value}
    assert text.startswith('{"value":')


def test_metadata_with_half_a_character_keeps_its_escape():
    reply = page(ROW).replace(b'"pro"', b'"\\ud83d"')
    assert sl.sessions_frame(reply, observed_at=AT)["metadata"][0] == '{"plan":"\\ud83d"}'


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("2026-01-01T00:00:00.001Z", 1),
        ("2026-01-01T01:00:00.001+01:00", 1),
        ("2026-01-01T00:00:00Z", 0),
        ("2026-01-01T00:00:00.0019Z", 1),
    ],
)
def test_times_are_exact_to_the_millisecond(text: str, milliseconds: int):
    frame = sl.sessions_frame([ROW | {"createdAt": text}], observed_at=AT)
    origin = pd.Timestamp("2026-01-01T00:00:00Z")
    assert frame["created_at"][0] - origin == pd.Timedelta(milliseconds, unit="ms")


def test_a_time_beyond_the_years_of_python_is_cut_and_told():
    with pytest.warns(sl.DataWarning, match="lies outside the years 1 to 9999"):
        frame = sl.sessions_frame(
            [ROW | {"expiresAt": "+275760-09-13T00:00:00.000Z"}], observed_at=AT
        )
    assert frame["expires_at"][0].year == 9999


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"createdAt": "yesterday"}, "row 2500, created_at: 'yesterday' is not an ISO 8601 time"),
        ({"createdAt": "2026-01-01"}, "row 2500, created_at: .* time zone; .*01-01T00:00:00Z$"),
        ({"createdAt": None}, "row 2500, created_at: createdAt is null"),
        ({"externalId": 7}, "row 2500, external_id: 7 is not text"),
        ({"externalId": "\ud83d"}, "row 2500, external_id: .* has half of a character"),
        ({"tags": "vip"}, "row 2500, tags: 'vip' is not a list of texts"),
        ({"tags": ["vip", None]}, "row 2500, tags: .* is not a list of texts"),
    ],
)
@pytest.mark.parametrize("form", ["rows", "pages"])
def test_a_bad_row_is_named_and_never_dropped(change: dict[str, Any], problem: str, form: str):
    rows = [ROW] * 2500 + [ROW | change] + [ROW] * 10
    given = rows if form == "rows" else [page(*rows[:2450]), page(*rows[2450:])]
    with pytest.raises(sl.DataError, match=problem):
        sl.sessions_frame(given, observed_at=AT)


@pytest.mark.parametrize("row", [None, 7, "text", ["a"]])
def test_what_is_no_object_is_refused(row: Any):
    with pytest.raises(sl.DataError, match=r"row 1: a row is a JSON object"):
        sl.sessions_frame([page(ROW, row)], observed_at=AT)


@pytest.mark.parametrize(
    "row", [None, 7, pd.DataFrame([ROW]), pd.Series(ROW)], ids=["none", "7", "frame", "series"]
)
def test_a_frame_is_not_a_row(row: Any):
    with pytest.raises(sl.DataError, match=r"row 1: a row is a JSON object"):
        sl.sessions_frame([ROW, row], observed_at=AT)


def test_a_missing_field_is_told_with_those_there_are():
    row = {name: value for name, value in ROW.items() if name != "createdAt"}
    with pytest.raises(sl.DataError, match="createdAt is missing; the row has id, externalId"):
        sl.sessions_frame([row], observed_at=AT)


async def _nothing() -> Any:
    for row in ():
        yield row


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (pd.DataFrame(), "the columns .none. are of no known kind"),
        (7, "int is neither rows nor pages"),
        ([b"<html>"], "this is not JSON"),
        (_nothing(), "collect an asynchronous list first"),
    ],
)
def test_what_is_no_rows_at_all_is_refused(rows: Any, problem: str):
    with pytest.raises(sl.DataError, match=problem):
        sl.sessions_frame(rows)


def test_rows_of_an_asynchronous_list_can_be_collected(lab: sl.Simulator):
    async def collect() -> list[Any]:
        async with lab.async_client() as client:
            return [row async for row in client.sessions.list()]

    frame = sl.sessions_frame(asyncio.run(collect()), observed_at=lab.clock.now)
    assert len(frame) == 120


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"externalId": "chat-2"}, "1 repeat a session that another row stands for"),
        ({"id": "b", "closedAt": "2025-12-31T00:00:00.000Z"}, "1 were closed before they were"),
        ({"id": "b", "expiresAt": "2025-12-31T00:00:00.000Z"}, "1 expire before they were"),
    ],
)
def test_rows_that_contradict_each_other_or_themselves_are_counted_at_the_call(
    change: dict[str, Any], problem: str
):
    with pytest.warns(sl.DataWarning, match=f"sessions: of 2 rows {problem}") as caught:
        frame = sl.sessions_frame([ROW, ROW | change], observed_at=AT)
    assert caught[0].filename == __file__
    assert sl.validate(frame)["row"].dropna().unique().tolist() == [1]


def test_no_rows_make_an_empty_frame():
    for rows in ([], [page()]):
        frame = sl.sessions_frame(rows, observed_at=AT)
        assert digest({SESSIONS: frame}) == digest({SESSIONS: empty(SESSIONS)})
    assert digest({RUNS: sl.runs_frame([])}) == digest({RUNS: empty(RUNS)})


class Reply:
    """A reply with a body and headers."""

    def __init__(self, date: str | None, *rows: Any) -> None:
        self.headers = {} if date is None else {"date": date}
        self.content = page(*rows)


def test_the_newest_date_of_the_replies_is_the_observation():
    dates = ["Thu, 01 Jan 2026 00:30:00 GMT", "Thu, 01 Jan 2026 00:30:05 GMT", "unreadable"]
    frame = sl.sessions_frame([Reply(date, ROW | {"id": date}) for date in dates])
    assert frame.attrs["observed_at"] == "2026-01-01T00:30:05.000Z"
    assert frame["status"].tolist() == ["ACTIVE"] * 3


def test_a_row_written_within_the_second_of_the_date_moves_the_observation():
    row = ROW | {"updatedAt": "2026-01-01T00:30:00.700Z"}
    frame = sl.sessions_frame([Reply("Thu, 01 Jan 2026 00:30:00 GMT", row)])
    assert frame.attrs["observed_at"] == "2026-01-01T00:30:00.700Z"


def test_without_a_date_the_newest_write_stands_for_it_and_that_is_told():
    rows = [ROW, ROW | {"id": "session_c2", "updatedAt": "2026-01-01T00:10:00.000Z"}]
    with pytest.warns(sl.DataWarning, match=r"2026-01-01T00:10:00\.000Z, stands for it"):
        frame = sl.sessions_frame(rows)
    assert frame.attrs["observed_at"] == "2026-01-01T00:10:00.000Z"


def test_an_observation_before_the_rows_is_refused():
    with pytest.raises(sl.DataError, match=r"lies before 2026-01-01T00:00:00\.000Z"):
        sl.sessions_frame([ROW], observed_at="2025-12-31T00:00:00Z")


def test_status_is_as_of_the_observation():
    statuses = [
        sl.sessions_frame([ROW], observed_at=at)["status"][0]
        for at in ("2026-01-01T01:00:00.000Z", "2026-01-01T01:00:00.001Z")
    ]
    assert statuses == ["ACTIVE", "EXPIRED"]


def test_runs_find_their_session_by_tag_or_payload():
    sessions = sl.sessions_frame(
        [ROW, ROW | {"id": "session_c2", "externalId": None}], observed_at=AT
    )
    runs = [
        RUN,
        RUN | {"id": "run_c2", "tags": ["other", "chat:session_c2"]},
        RUN | {"id": "run_c3", "tags": [], "payload": {"sessionId": "session_c1"}},
        RUN | {"id": "run_c4", "payload": {"sessionId": "session_c2", "previousRunId": "run_c3"}},
    ]
    frame = sl.runs_frame(runs, sessions=sessions, observed_at=AT)
    assert frame["session_id"].tolist() == ["session_c1", "session_c2", "session_c1", "session_c2"]
    assert frame["reason"].astype(object).where(frame["reason"].notna(), None).tolist() == [
        None,
        None,
        "initial",
        None,
    ]


def test_the_tag_that_names_a_session_can_be_another():
    sessions = sl.sessions_frame([ROW], observed_at=AT)
    run = RUN | {"tags": ["room=chat-1!"]}
    frame = sl.runs_frame([run], sessions=sessions, tag="room={external_id}!", observed_at=AT)
    assert frame["session_id"].tolist() == ["session_c1"]
    with pytest.raises(sl.DataError, match="says not where the id stands"):
        sl.runs_frame([run], tag="room=", observed_at=AT)


def test_runs_without_a_known_session_are_counted():
    with pytest.warns(sl.DataWarning, match="1 of 2 runs name no known session"):
        frame = sl.runs_frame(
            [RUN, RUN | {"id": "run_c2", "tags": ["chat:session_c9"]}], observed_at=AT
        )
    assert frame["session_id"].isna().tolist() == [True, False]


def test_tags_of_two_sessions_on_one_run_are_refused():
    run = RUN | {"tags": ["chat:session_c1", "chat:session_c2"]}
    with pytest.raises(sl.DataError, match="row 0, tags: its tags name several sessions"):
        sl.runs_frame([run], observed_at=AT)


def test_a_listed_run_tells_what_the_api_does_and_no_more():
    tag = {"tags": ["chat:session_c1"]}
    ends = {"TIMED_OUT": "max_duration", "CRASHED": "crash", "CANCELED": "cancelled"}
    runs = [
        RUN | tag | {"id": status, "status": status} for status in [*ends, "COMPLETED", "WAITING"]
    ]
    frame = sl.runs_frame(runs, observed_at=AT)
    causes = frame["end_cause"].astype(object)
    assert causes.where(causes.notna(), None).tolist() == [*ends.values(), None, "open"]
    assert frame["billed"].eq(pd.Timedelta("1.5s")).all()
    assert frame["cost_in_cents"].tolist() == [0.25] * 5
    assert frame[["turns", "resumes", "active", "idle", "suspended"]].isna().to_numpy().all()


def test_runs_of_a_simulated_session_are_found_by_walking_back():
    lab = sl.Simulator()
    client = lab.client()
    started = client.sessions.start(
        type="chat", task_identifier="agent", trigger_config={"base_payload": {}}, external_id="a"
    )
    for _ in range(3):
        lab.clock.advance("1m")
        current = client.sessions.retrieve("a").current_run_id
        lab.set_run_status(current, "COMPLETED_SUCCESSFULLY")
        client.sessions.append("a", "hello")
    sessions = sl.sessions_frame(client.sessions.list(), observed_at=lab.clock.now)
    walked = walk_runs(client.runs.retrieve, sessions)
    frame = sl.runs_frame(walked, observed_at=lab.clock.now)
    assert frame["run_id"].tolist() == lab.runs_frame()["run_id"].tolist()[::-1]
    assert frame["session_id"].eq(started.id).all()
    assert frame["reason"].isna().tolist() == [True, True, True, False]


def test_polls_make_a_frame_of_what_was_current():
    polls = [
        {"id": "session_c1", "currentRunId": run, "polled_at": f"2026-01-01T00:0{minute}:00Z"}
        for minute, run in enumerate(["run_c1", "run_c1", None, "run_c2"])
    ]
    frame = polls_frame(polls)
    assert frame["current_run_id"].isna().tolist() == [False, False, True, False]
    assert all(before < after for before, after in pairwise(frame["polled_at"]))
    with pytest.raises(sl.DataError, match="row 0, polled_at: polledAt is missing"):
        polls_frame([{"session_id": "session_c1"}])


def test_a_frame_takes_at_most_400_bytes_a_row(lab: sl.Simulator):
    frame = sl.sessions_frame(lab.client().sessions.list(), observed_at=lab.clock.now)
    assert frame.memory_usage(deep=True).sum() / len(frame) <= 400


def test_progress_of_what_takes_its_time_is_shown_on_standard_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    sl.sessions_frame([page(ROW)], observed_at=AT, progress=True)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("tqdm.std.time", count(step=2).__next__)
    sl.sessions_frame([page(ROW)], observed_at=AT, progress=True)
    captured = capsys.readouterr()
    assert "sessions: 1 rows" in captured.err
    assert captured.out == ""
