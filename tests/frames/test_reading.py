"""Sessions and runs from files: our own, the API's, and exports of the platform."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

import session_lab as sl
from tests.stories import close, message, play, start

if TYPE_CHECKING:
    from pathlib import Path

AT = "2026-04-25T00:00:00Z"
ENDINGS = ["parquet", "csv", "ndjson", "jsonl"]
EXPECTED: dict[str, Any] = {
    "session_id": ["session_c1", "session_c2"],
    "external_id": ["chat-1", None],
    "type": ["chat", "task"],
    "task_identifier": ["agent", "agent"],
    "tags": [["env:prod", 'a "b", c'], []],
    "metadata": ['{"plan":"pro","n":[1,2]}', None],
    "created_at": ["2026-04-24T09:00:00.123Z", "2026-04-24T10:00:00.000Z"],
    "closed_at": ["2026-04-24T09:30:00.000Z", None],
    "closed_reason": ["done", None],
    "status": ["CLOSED", "EXPIRED"],
}
CLICKHOUSE: list[dict[str, Any]] = [
    {
        "session_id": "c1",
        "friendly_id": "session_c1",
        "external_id": "chat-1",
        "type": "chat",
        "task_identifier": "agent",
        "tags": ["env:prod", 'a "b", c'],
        "metadata": {"data": {"plan": "pro", "n": [1, 2]}},
        "closed_at": "2026-04-24 09:30:00.000",
        "closed_reason": "done",
        "expires_at": None,
        "created_at": "2026-04-24 09:00:00.123",
        "updated_at": "2026-04-24 09:30:00.000",
        "_version": 2,
        "_is_deleted": 0,
    },
    {
        "session_id": "c2",
        "friendly_id": "session_c2",
        "external_id": "",
        "type": "task",
        "task_identifier": "agent",
        "tags": [],
        "metadata": {"data": None},
        "closed_at": None,
        "closed_reason": "",
        "expires_at": "2026-04-24 11:00:00.000",
        "created_at": "2026-04-24 10:00:00.000",
        "updated_at": "2026-04-24 10:00:00.000",
        "_version": 2,
        "_is_deleted": 0,
    },
]
POSTGRES: list[dict[str, Any]] = [
    {
        "id": row["session_id"],
        "friendlyId": row["friendly_id"],
        "externalId": row["external_id"] or None,
        "type": row["type"],
        "taskIdentifier": row["task_identifier"],
        "triggerConfig": {"basePayload": {}},
        "tags": row["tags"],
        "metadata": row["metadata"]["data"],
        "currentRunId": "cr1",
        "closedAt": row["closed_at"],
        "closedReason": row["closed_reason"] or None,
        "expiresAt": row["expires_at"],
        "createdAt": row["created_at"],
        "updatedAt": row["updated_at"],
    }
    for row in CLICKHOUSE
]
SESSION_RUNS: list[dict[str, Any]] = [
    {
        "id": f"sr{number}",
        "sessionId": "c1",
        "runId": f"cr{number}",
        "reason": reason,
        "triggeredAt": f"2026-04-24 09:0{number}:00",
    }
    for number, reason in enumerate(["initial", "continuation", "upgrade"])
]


def write(path: Path, rows: list[dict[str, Any]], **columns: Any) -> Path:
    """Write rows as a store would export them."""
    if path.suffix == ".parquet":
        times = {name for name in rows[0] if name.endswith(("_at", "At"))}
        table = {name: [row[name] for row in rows] for name in rows[0]}
        for name, values in table.items():
            if name in times:
                table[name] = pa.array(
                    [None if at is None else pd.Timestamp(at) for at in values], pa.timestamp("ms")
                )
            elif any(isinstance(value, dict) for value in values):
                table[name] = [None if value is None else json.dumps(value) for value in values]
        pq.write_table(pa.table(table), path)
    elif path.suffix == ".csv":
        texts = [
            {
                name: columns.get(name, json.dumps)(value)
                if isinstance(value, (list, dict))
                else value
                for name, value in row.items()
            }
            for row in rows
        ]
        pd.DataFrame(texts).to_csv(path, index=False)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def with_quotes(tags: list[str]) -> str:
    """Write a list as ClickHouse does in CSV."""
    return "[" + ",".join(f"'{tag}'" for tag in tags) + "]"


def with_braces(tags: list[str]) -> str:
    """Write a list as Postgres does."""
    quoted = [f'"{tag}"'.replace('a "b"', 'a \\"b\\"') if " " in tag else tag for tag in tags]
    return "{" + ",".join(quoted) + "}"


def plain(frame: pd.DataFrame) -> dict[str, Any]:
    """Take a frame apart into what EXPECTED compares."""
    shown: dict[str, Any] = {}
    for name in EXPECTED:
        values = frame[name].astype(object)
        values = [
            None if lacks else value for value, lacks in zip(values, values.isna(), strict=True)
        ]
        if name == "tags":
            values = [list(value) for value in values]
        if name.endswith("_at"):
            values = [
                at and at.isoformat(timespec="milliseconds").replace("+00:00", "Z") for at in values
            ]
        shown[name] = values
    return shown


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(
    ("rows", "tags"),
    [(CLICKHOUSE, with_quotes), (POSTGRES, with_braces)],
    ids=["ClickHouse", "Postgres"],
)
def test_an_export_of_the_platform_is_known_by_its_columns(
    tmp_path: Path, rows: list[dict[str, Any]], tags: Any, ending: str
):
    path = write(tmp_path / f"export.{ending}", rows, tags=tags)
    frame = sl.read_sessions(path, observed_at=AT)
    assert plain(frame) == EXPECTED
    assert sl.validate(frame).empty
    runs = frame["current_run_id"]
    assert runs.isna().all() if rows is CLICKHOUSE else runs.eq("run_cr1").all()


def test_of_versions_in_clickhouse_the_newest_counts_and_the_deleted_go(tmp_path: Path):
    older = CLICKHOUSE[0] | {"_version": 1, "closed_reason": "older"}
    gone = CLICKHOUSE[1] | {"friendly_id": "session_c3", "_is_deleted": 1}
    path = write(tmp_path / "export.ndjson", [older, *CLICKHOUSE, older, gone])
    with pytest.warns(sl.DataWarning, match="of 5 rows 2 are older versions .* and 1 are deleted"):
        frame = sl.read_sessions(path, observed_at=AT)
    assert plain(frame) == EXPECTED


@pytest.mark.parametrize("ending", ENDINGS)
def test_session_runs_of_postgres_tell_reasons(tmp_path: Path, ending: str):
    runs = sl.read_runs(write(tmp_path / f"runs.{ending}", SESSION_RUNS), observed_at=AT)
    assert runs["run_id"].tolist() == ["run_cr0", "run_cr1", "run_cr2"]
    assert runs["session_id"].eq("session_c1").all()
    assert runs["reason"].tolist() == ["initial", "continuation", "upgrade"]
    assert runs["triggered_at"][2] == pd.Timestamp("2026-04-24T09:02:00Z")
    assert runs[["status", "end_cause", "turns", "active"]].isna().to_numpy().all()


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("until", [None, 40])
def test_a_frame_that_was_written_is_read_as_it_was(tmp_path: Path, ending: str, until: int | None):
    replay = play(
        start(0, lasting=5, expires_at=400), message(3), message(90), close(91), until=until
    ).replay
    for name, read in (("sessions", sl.read_sessions), ("runs", sl.read_runs)):
        frame = getattr(replay, name)
        path = tmp_path / f"{name}.{ending}"
        sl.write_frame(frame, path)
        again = read(path)
        # A category that no row has is not kept.
        pd.testing.assert_frame_equal(again, frame, check_categorical=False)
        assert again.attrs == frame.attrs


@pytest.mark.parametrize("ending", ENDINGS)
def test_rows_of_the_api_are_read_from_files(tmp_path: Path, ending: str):
    lab = sl.Simulator()
    client = lab.client()
    client.sessions.start(
        type="chat",
        task_identifier="agent",
        trigger_config={"base_payload": {}, "tags": ["chat:a"]},
        external_id="a",
        tags=["x", "y"],
        metadata={"n": 1},
    )
    rows = [row.model_dump(mode="json", by_alias=True) for row in client.sessions.list()]
    runs = [row.model_dump(mode="json", by_alias=True) for row in client.runs.list()]
    if ending == "parquet":
        rows = [row | {"metadata": json.dumps(row["metadata"])} for row in rows]
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / "sessions.parquet")
        pq.write_table(pa.Table.from_pylist(runs), tmp_path / "runs.parquet")
    else:
        write(tmp_path / f"sessions.{ending}", rows)
        write(tmp_path / f"runs.{ending}", runs)
    at = lab.clock.now
    sessions = sl.read_sessions(tmp_path / f"sessions.{ending}", observed_at=at)
    expected = sl.sessions_frame(client.sessions.list(), observed_at=at)
    pd.testing.assert_frame_equal(sessions, expected)
    found = sl.read_runs(tmp_path / f"runs.{ending}", sessions=sessions, observed_at=at)
    listed = sl.runs_frame(client.runs.list(), sessions=sessions, observed_at=at)
    pd.testing.assert_frame_equal(found, listed)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.xlsx", "", "the ending '.xlsx' is none of"),
        ("a.parquet", "no", r"a\.parquet: cannot be read \(Parquet"),
        ("a.ndjson", "", "the file has no rows"),
        ("a.ndjson", "{", "line 1: this is not JSON"),
        ("a.ndjson", "1\n", "line 1: a line holds one JSON object"),
        ("a.csv", "id,type,id\n1,2,3\n", "id: several columns have this name"),
        ("a.csv", '"id", "type"\n1,2\n', "line 1: a quote stands where none can"),
        ("a.ndjson", "[1]", "the columns .none. are of no known kind"),
        (
            "a.csv",
            "colour,size\nred,1\n",
            "the columns colour, size are of no known kind; a sessions frame would also",
        ),
    ],
)
def test_a_file_of_no_known_kind_is_refused(tmp_path: Path, name: str, content: str, problem: str):
    (tmp_path / name).write_text(content)
    with pytest.raises(sl.DataError, match=problem):
        sl.read_sessions(tmp_path / name)


@pytest.mark.parametrize("ending", ["parquet", "csv", "ndjson"])
@pytest.mark.parametrize("name", ["id", "_version", "status_code"])
def test_columns_of_users_are_kept_whatever_they_are_called(tmp_path: Path, ending: str, name: str):
    replay = play(start(0), message(3), close(9)).replay
    for frame, read in ((replay.sessions, sl.read_sessions), (replay.runs, sl.read_runs)):
        path = tmp_path / f"frame.{ending}"
        sl.write_frame(frame.assign(**{name: 7}), path)
        found = read(path)
        assert found[name].astype(str).tolist() == ["7"] * len(frame)
        assert found["session_id"].tolist() == frame["session_id"].tolist()


def test_text_that_no_file_can_hold_is_refused(tmp_path: Path):
    note = pd.Series(["\ud83d"], dtype=object)
    frame = play(start(0)).replay.sessions.assign(note=note)
    for ending in ("parquet", "csv", "ndjson"):
        with pytest.raises(sl.DataError, match="cannot be written"):
            sl.write_frame(frame, tmp_path / f"frame.{ending}")


@pytest.mark.parametrize("ending", ["parquet", "feather"])
def test_a_column_that_stands_twice_is_named(tmp_path: Path, ending: str):
    path = tmp_path / f"sessions.{ending}"
    table = pa.Table.from_pylist(CLICKHOUSE)
    doubled = table.append_column("type", table["type"])
    (pq.write_table if ending == "parquet" else feather.write_feather)(doubled, str(path))
    with pytest.raises(sl.DataError, match="type: several columns have this name"):
        sl.read_sessions(path)
    with pytest.raises(sl.DataError, match="type: several columns have this name"):
        sl.sessions_frame(doubled)


def test_a_bad_value_is_told_with_line_and_column(tmp_path: Path):
    rows = [POSTGRES[0], POSTGRES[1] | {"createdAt": "soon"}]
    for ending, line in (("ndjson", 2), ("csv", 3)):
        path = write(tmp_path / f"export.{ending}", rows, tags=with_braces)
        with pytest.raises(sl.DataError, match=f"export.{ending}, line {line}, created_at: 'soon'"):
            sl.read_sessions(path, observed_at=AT)


def test_a_line_of_another_kind_is_refused(tmp_path: Path):
    path = write(tmp_path / "mixed.ndjson", [POSTGRES[0], SESSION_RUNS[0]])
    with pytest.raises(
        sl.DataError, match="line 2, closedAt: the field is missing; this is taken for"
    ):
        sl.read_sessions(path, observed_at=AT)


def test_a_line_of_csv_with_too_few_fields_is_refused(tmp_path: Path):
    header = ",".join(POSTGRES[0])
    (tmp_path / "a.csv").write_text(f"{header}\nc1,session_c1\n")
    with pytest.raises(sl.DataError, match="line 2: the line has not the 14 fields of the header"):
        sl.read_sessions(tmp_path / "a.csv")


def test_parquet_of_ours_with_a_wrong_column_is_refused(tmp_path: Path):
    frame = play(start(0)).replay.sessions
    frame.attrs = {}
    cases = {
        "created_at": (frame["created_at"].dt.tz_localize(None), "has no time zone"),
        "tags": (pd.Series([1]), "is not a list of texts"),
        "session_id": (pd.Series([None], dtype="string"), "is null"),
    }
    for name, (values, problem) in cases.items():
        pq.write_table(pa.Table.from_pandas(frame.assign(**{name: values})), tmp_path / "a.parquet")
        with pytest.raises(sl.DataError, match=f"{name}: .*{problem}"):
            sl.read_sessions(tmp_path / "a.parquet")


def test_parquet_keeps_where_the_rows_came_from(tmp_path: Path):
    frame = play(start(0)).replay.sessions
    frame.attrs["source"] = "a replay"
    sl.write_frame(frame, tmp_path / "a.parquet")
    metadata = json.loads(pq.read_schema(tmp_path / "a.parquet").metadata[b"session_lab"])
    assert metadata["source"] == "a replay"


def test_an_empty_frame_is_read_again(tmp_path: Path):
    frame = sl.sessions_frame([])
    for ending in ("parquet", "csv"):
        sl.write_frame(frame, tmp_path / f"a.{ending}")
        pd.testing.assert_frame_equal(sl.read_sessions(tmp_path / f"a.{ending}"), frame)


def test_a_frame_of_another_ending_is_not_written(tmp_path: Path):
    with pytest.raises(sl.DataError, match=r"the ending '\.xlsx' is none of"):
        sl.write_frame(pd.DataFrame(), tmp_path / "a.xlsx")
