"""Lines of JSON: blocks are read as columns, and what comes of it is what rows give one by one."""

from __future__ import annotations

import json
import random
import warnings
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import session_lab as sl
from session_lab.frames.files import json_rows
from session_lab.frames.files.blocks import line_blocks
from session_lab.frames.loaders import from_rows
from session_lab.frames.loaders.from_rows import Batch
from tests.traffic.test_damaged_files import damage

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

KINDS = ("api", "flat", "clickhouse", "frame", "runs", "runs frame")


def session(n: int) -> dict[str, Any]:
    at = f"2026-01-01T00:{n:02}:00.000Z"
    return {
        "id": f"session_{n}",
        "externalId": f"chat-{n}" if n % 4 else None,
        "type": "chat.agent",
        "taskIdentifier": "support",
        "triggerConfig": {"basePayload": {"externalId": None}},
        "tags": ["vip", "a"] if n % 3 else [],
        "metadata": {"n": n} if n % 9 == 0 else None,
        "closedAt": at if n % 2 else None,
        "closedReason": "done" if n % 2 else None,
        "expiresAt": None,
        "currentRunId": None,
        "createdAt": at,
        "updatedAt": at,
    }


def clickhouse(n: int) -> dict[str, Any]:
    row = session(n)
    at = f"2026-01-01 00:{n:02}:00.000"
    return {
        "friendly_id": row["id"],
        "external_id": row["externalId"] or "",
        "type": "chat.agent",
        "task_identifier": "support",
        "tags": row["tags"],
        "metadata": {"data": row["metadata"]} if n % 9 == 0 else None,
        "closed_at": None,
        "closed_reason": "",
        "expires_at": None,
        "created_at": at,
        "updated_at": at,
        "_version": str(n) if n > 40 else n,
        "_is_deleted": 0,
    }


def run(n: int) -> dict[str, Any]:
    return {
        "id": f"run_{n}",
        "status": "COMPLETED",
        "createdAt": f"2026-01-01T00:{n:02}:00.000Z",
        "updatedAt": f"2026-01-01T00:{n:02}:02.000Z",
        "finishedAt": f"2026-01-01T00:{n:02}:02.000Z" if n % 3 else None,
        "taskIdentifier": "support",
        "tags": [f"chat:session_{n}"],
        "costInCents": n / 7,
        "durationMs": n * 100,
        "isTest": n % 5 == 0,
        "env": {"id": "e", "name": "prod"},
    }


def written(folder: Path, kind: str) -> Path:
    path = folder / "rows.ndjson"
    makers = {"api": session, "clickhouse": clickhouse, "runs": run, "runs frame": run}
    maker = makers.get(kind, session)
    rows = [maker(n) for n in range(1, 60)]
    if kind in {"flat", "frame"}:
        rows = [row | {"triggerConfig": None, "metadata": None} for row in rows]
    if kind == "frame":
        sl.write_frame(sl.sessions_frame(rows, observed_at="2026-01-02T00:00:00Z"), path)
    elif kind == "runs frame":
        sl.write_frame(sl.runs_frame(rows, observed_at="2026-01-02T00:00:00Z"), path)
    else:
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def read(path: Path, kind: str) -> tuple[Any, list[str]]:
    reader = sl.read_runs if kind.startswith("runs") else sl.read_sessions
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found: Any = reader(path)
        except sl.DataError as error:
            found = str(error), error.row, error.column, error.unit
    return found, [str(warning.message) for warning in caught]


def read_both_ways(path: Path, kind: str, patch: pytest.MonkeyPatch) -> tuple[Any, int]:
    """Read a file by columns and by rows; return what came, and how many blocks were columns."""
    n_columns = 0

    def counted(columns: pa.Table | None, rows: Any) -> Batch:
        nonlocal n_columns
        n_columns += columns is not None
        return Batch(columns, rows)

    patch.setattr(json_rows, "line_blocks", partial(line_blocks, size=2_000))
    with patch.context() as by_columns:
        by_columns.setattr(json_rows, "Batch", counted)
        found, told = read(path, kind)
    with patch.context() as by_rows:
        by_rows.setattr(json_rows, "json_table", lambda *_, **__: None)
        expected, told_of_rows = read(path, kind)
    assert told == told_of_rows
    if isinstance(expected, tuple):
        assert found == expected
    else:
        assert isinstance(found, pd.DataFrame), found
        pd.testing.assert_frame_equal(found, expected)
        assert found.attrs == expected.attrs
    return found, n_columns


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_file_is_read_by_columns_as_by_rows(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
):
    found, n_columns = read_both_ways(written(tmp_path, kind), kind, monkeypatch)
    assert isinstance(found, pd.DataFrame)
    assert len(found) == 59
    assert n_columns


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_read_by_columns_as_by_rows(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
):
    hold_against_rows(tmp_path, kind, 40, monkeypatch)


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_many_damaged_files_are_read_by_columns_as_by_rows(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
):
    hold_against_rows(tmp_path, kind, 500, monkeypatch)


def hold_against_rows(folder: Path, kind: str, n: int, patch: pytest.MonkeyPatch) -> None:
    path = written(folder, kind)
    whole = path.read_bytes()
    outcomes = set()
    for seed in range(n):
        path.write_bytes(damage(whole, random.Random(f"{kind}/{seed}")))
        found, _ = read_both_ways(path, kind, patch)
        outcomes.add(type(found))
    assert outcomes == {tuple, pd.DataFrame}


@pytest.mark.parametrize(
    ("change", "is_missing"),
    [
        ({"externalId": None}, False),
        ({}, True),
        ({"taskIdentifier": '{"externalId": null}'}, True),
        ({"triggerConfig": {"externalId": None}}, True),
    ],
)
def test_a_field_that_is_not_there_is_told_from_null(
    tmp_path: Path, change: dict[str, Any], *, is_missing: bool
):
    row = session(1) | {"metadata": None}
    del row["externalId"], row["triggerConfig"]
    path = tmp_path / "rows.ndjson"
    rows = [session(2) | {"metadata": None}, row | change]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    if is_missing:
        with pytest.raises(sl.DataError, match=r"the field is missing.*") as caught:
            sl.read_sessions(path)
        assert (caught.value.row, caught.value.column) == (2, "externalId")
    else:
        found = sl.read_sessions(path, observed_at="2026-01-02T00:00:00Z")
        assert found["external_id"].isna().tolist() == [False, True]


@pytest.mark.parametrize("kind", ["api", "clickhouse"])
@pytest.mark.parametrize(
    ("value", "is_by_columns"),
    [
        ('{"plan": "pro", "seats": [1, 2.50]}', True),
        ('{"a": {"b": "}"}, "metadata": {}}', True),
        (r'{"a": "\"{\\", "b": "\u00fc\ud83d\ude00"}', True),
        (r'{"a": "\ud800"}', True),
        ('{"a": 1, "a": 2}', True),
        ('"{}"', True),
        (r'"{\"a\": 1}"', True),
        ('{"a": {"b": {"c": {"d": 1}}}}', True),
        ('{"a": "{", "b": "}}"}', True),
        (r'{"a": "{\\\"{"}', True),
        ('[{"a": {"b": 1}}]', False),
        ('{"a": 1,}', False),
        ("{a}", False),
        ('"{a}"', False),
        ("[1]", False),
        ("7", False),
    ],
)
def test_objects_are_read_as_the_text_they_are_written_in(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    value: str,
    *,
    is_by_columns: bool,
):
    """What is no object or not JSON is read row by row, which reads it or refuses it."""
    row = (session if kind == "api" else clickhouse)(1)
    wrapped = value if kind == "api" else f'{{"data": {value}}}'
    line = json.dumps(row | {"metadata": "..."}).replace('"..."', wrapped)
    path = tmp_path / "rows.ndjson"
    path.write_text(f"{line}\n")
    by_rows: list[bool] = []

    def table_of_rows(*given: Any) -> Any:
        by_rows.append(True)
        return read_rows(*given)

    read_rows = from_rows.table_of_rows
    monkeypatch.setattr(from_rows, "table_of_rows", table_of_rows)
    found, _ = read(path, kind)
    if kind == "api" and isinstance(found, pd.DataFrame):
        assert (not by_rows) is is_by_columns
    read_both_ways(path, kind, monkeypatch)
