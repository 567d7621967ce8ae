"""Exports that the platform's own stores write: ClickHouse and Postgres, with their own engines."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import session_lab as sl

if TYPE_CHECKING:
    from collections.abc import Iterator

AT = "2026-05-01T00:00:00Z"
TEXTS = [
    "it's",
    'a "b", c',
    "tab\there",
    "line\nbreak",
    "back\\slash",
    "\\N",
    "NULL",
    "ü{},;[]",
    "",
    " a ",
]
ROWS: list[dict[str, Any]] = [
    {
        "id": f"session_c{number}",
        "external_id": f"chat {text}" if number else None,
        "tags": TEXTS[:number],
        "metadata": {"plan": text, "n": [1, 2]} if number % 2 else None,
        "closed_at": "2026-04-24 09:30:00.500" if number % 3 == 0 else None,
        "closed_reason": text or None if number % 3 == 0 else None,
        "created_at": f"2026-04-24 09:00:0{number}.123",
    }
    for number, text in enumerate(TEXTS)
]


def check(frame: pd.DataFrame) -> None:
    frame = frame.sort_values("session_id").reset_index(drop=True)
    assert frame["session_id"].tolist() == [row["id"] for row in ROWS]
    assert [None if x is pd.NA else x for x in frame["external_id"]] == [
        row["external_id"] for row in ROWS
    ]
    assert frame["tags"].tolist() == [row["tags"] for row in ROWS]
    metadata = [None if text is pd.NA else json.loads(text) for text in frame["metadata"]]
    assert metadata == [row["metadata"] for row in ROWS]
    assert [None if x is pd.NA else x for x in frame["closed_reason"]] == [
        row["closed_reason"] for row in ROWS
    ]
    for name in ("created_at", "closed_at"):
        expected = [pd.NaT if row[name] is None else pd.Timestamp(f"{row[name]}Z") for row in ROWS]
        assert frame[name].tolist() == expected


@pytest.fixture(scope="module")
def clickhouse() -> Any:
    chdb = pytest.importorskip("chdb.session")
    store = chdb.Session()
    # schema/030_create_sessions_v1.sql of the open-source server, in the columns of use.
    store.query(
        "CREATE TABLE sessions_v1 (session_id String, friendly_id String, external_id String, "
        "type LowCardinality(String), task_identifier String, tags Array(String), metadata JSON, "
        "closed_at Nullable(DateTime64(3, 'UTC')), closed_reason String, "
        "expires_at Nullable(DateTime64(3, 'UTC')), created_at DateTime64(3, 'UTC'), "
        "updated_at DateTime64(3, 'UTC'), _version UInt64, _is_deleted UInt8) ENGINE = Memory"
    )
    lines = "\n".join(
        json.dumps(
            {
                "session_id": row["id"],
                "friendly_id": row["id"],
                "external_id": row["external_id"] or "",
                "type": "chat",
                "task_identifier": "agent",
                "tags": row["tags"],
                "metadata": {"data": row["metadata"]},
                "closed_at": row["closed_at"],
                "closed_reason": row["closed_reason"] or "",
                "expires_at": None,
                "created_at": row["created_at"],
                "updated_at": row["created_at"],
                "_version": 1,
                "_is_deleted": 0,
            }
        )
        for row in ROWS
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.ndjson"
        path.write_text(lines, encoding="utf-8")
        store.query(f"INSERT INTO sessions_v1 SELECT * FROM file('{path}', 'JSONEachRow')")  # noqa: S608
    yield store
    store.close()


@pytest.mark.parametrize(
    ("form", "ending"),
    [
        ("CSVWithNames", "csv"),
        ("CSVWithNamesAndTypes", None),
        ("TSVWithNames", "tsv"),
        ("JSONEachRow", "ndjson"),
        ("JSON", "json"),
        ("Parquet", "parquet"),
        ("CSVWithNames", "csv.gz"),
    ],
)
def test_what_clickhouse_exports_is_read_as_it_stood_there(
    clickhouse: Any, tmp_path: Path, form: str, ending: str | None
):
    if ending is None:
        data = clickhouse.query("SELECT * FROM sessions_v1", form).bytes()
        path = tmp_path / "a.csv"
        path.write_bytes(data)
        with pytest.raises(sl.DataError, match=r"a\.csv, line 2"):
            sl.read_sessions(path, observed_at=AT)
        return
    path = tmp_path / f"export.{ending}"
    metadata = "toJSONString(metadata)" if form == "Parquet" else "metadata"
    query = f"SELECT * REPLACE ({metadata} AS metadata) FROM sessions_v1"  # noqa: S608
    clickhouse.query(f"{query} INTO OUTFILE '{path}' FORMAT {form}")
    check(sl.read_sessions(path, observed_at=AT))


@pytest.fixture(scope="module")
def postgres() -> Iterator[Any]:
    server = shutil.which("postgres")
    assert server is not None
    programs = Path(server).resolve().parent
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        data = Path(folder) / "data"
        # The server refuses to run as root.
        user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if user:
            shutil.chown(folder, "postgres")
        Path(folder).chmod(0o777)

        def run(*command: str) -> None:
            subprocess.run([*user, *command], check=True, capture_output=True)

        run(str(programs / "initdb"), "-D", str(data), "-U", "lab", "-E", "UTF8", "--no-sync")
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        run(
            str(programs / "pg_ctl"),
            "-D",
            str(data),
            "-o",
            options,
            "-l",
            f"{folder}/log",
            "-w",
            "start",
        )

        def query(sql: str) -> bytes:
            psql = [*user, str(programs / "psql"), "-h", folder, "-U", "lab", "-d", "postgres"]
            done = subprocess.run(
                [*psql, "-q", "-v", "ON_ERROR_STOP=1"],
                input=sql.encode(),
                capture_output=True,
                check=True,
            )
            return done.stdout

        rows = "".join(map(_insert, ROWS))
        query(
            'CREATE TABLE "Session" (id text, "friendlyId" text, "externalId" text, type text, '
            '"taskIdentifier" text, "triggerConfig" jsonb, tags text[], metadata jsonb, '
            '"currentRunId" text, "closedAt" timestamp(3), "closedReason" text, '
            '"expiresAt" timestamp(3), "createdAt" timestamp(3), "updatedAt" timestamp(3));'
            'CREATE TABLE "SessionRun" (id text, "sessionId" text, "runId" text, reason text, '
            '"triggeredAt" timestamp(3));'
        )
        query(rows)
        query(
            "INSERT INTO \"SessionRun\" VALUES ('sr1', 'c1', 'cr1', 'initial', "
            "'2026-04-24 09:00:01');"
        )
        yield query
        run(str(programs / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop")


def _insert(row: dict[str, Any]) -> str:
    def quoted(value: Any) -> str:
        if value is None:
            return "NULL"
        return "'" + str(value).replace("'", "''") + "'"

    tags = f"ARRAY[{','.join(map(quoted, row['tags']))}]::text[]"
    metadata = None if row["metadata"] is None else json.dumps(row["metadata"])
    values = [
        *map(quoted, [row["id"], row["id"], row["external_id"], "chat", "agent", "{}"]),
        tags,
        *map(quoted, [metadata, "cr1", row["closed_at"], row["closed_reason"], None]),
        *map(quoted, [row["created_at"]] * 2),
    ]
    return f'INSERT INTO "Session" VALUES ({",".join(values)});'  # noqa: S608  made up here


@pytest.mark.needs_postgres
@pytest.mark.parametrize(
    ("options", "ending"),
    [
        ("FORMAT csv, HEADER", "csv"),
        ("FORMAT csv, HEADER, DELIMITER ';'", "csv"),
        ("FORMAT csv, HEADER, FORCE_QUOTE *", "CSV"),
        ("FORMAT text, HEADER", "tsv"),
    ],
)
def test_what_postgres_copies_is_read_as_it_stood_there(
    postgres: Any, tmp_path: Path, options: str, ending: str
):
    path = tmp_path / f"export.{ending}"
    path.write_bytes(postgres(f'COPY "Session" TO STDOUT WITH ({options})'))
    frame = sl.read_sessions(path, observed_at=AT)
    check(frame)
    assert frame["current_run_id"].eq("run_cr1").all()
    path.write_bytes(postgres(f'COPY "SessionRun" TO STDOUT WITH ({options})'))
    runs = sl.read_runs(path, observed_at=AT)
    assert runs[["run_id", "session_id"]].to_numpy().tolist() == [["run_cr1", "session_c1"]]
