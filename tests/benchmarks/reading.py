"""Reading recorded traffic and sessions, against Arrow alone on the same files.

The peer reads the file as whoever calls Arrow for it does: all columns, with the types that it
finds, on as many threads as there are. It does not check events, put them in order, tell which
requests are of one chat, or warn of anything. Files of traffic have a million rows.
"""

from __future__ import annotations

import json
import tempfile
import warnings
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.json as pajson
import pyarrow.parquet as pq

import session_lab as sl
from tests.benchmarks.exports import api_runs, api_sessions, clickhouse, postgres
from tests.benchmarks.harness import Benchmark, Side
from tests.benchmarks.logs import chats
from tests.strategies import events_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping
    from contextlib import AbstractContextManager

    import pandas as pd

__all__ = ["BENCHMARKS"]

CHATS = 160_000
EVENTS = REQUESTS = 1_000_000
SESSIONS = 200_000
PEERS: Mapping[str, Callable[[Path], pa.Table]] = {
    ".ndjson": pajson.read_json,
    ".jsonl": pajson.read_json,
    ".csv": pacsv.read_csv,
    ".parquet": pq.read_table,
}


def _events(path: Path) -> None:
    sl.traffic.write(events_frame(chats(CHATS)[:EVENTS]), path)


def _seconds() -> list[float]:
    return (np.sort(np.random.default_rng(2026).integers(0, 86_400_000, REQUESTS)) / 1000).tolist()


def _burstgpt(path: Path) -> None:
    """Write the columns of its release 2.0; two thirds are of conversations, three or four in each."""
    header = (
        "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,"
        "Log Type"
    )
    rows = (
        f"{at},{n // 5 if n % 3 else ''},{n % 700 / 40},{'ChatGPT' if n % 4 else 'GPT-4'},"
        f"{n % 50},{1 + n % 700},{1 + n % 50 + n % 700},{'Conversation' if n % 3 else 'API'} log"
        for n, at in enumerate(_seconds())
    )
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")


def _bailian(path: Path) -> None:
    """Each request but every fourth continues one of the five hundred before it."""
    draws = np.random.default_rng(2026).integers(1, 500, REQUESTS).tolist()
    _write_lines(
        path,
        (
            {
                "chat_id": n,
                "parent_chat_id": max(n - draws[n], 0) if n % 4 else -1,
                "timestamp": at,
                "input_length": n % 700,
                "output_length": 1 + n % 600,
                "type": ("text", "search", "image", "file")[n % 4],
                "turn": 1,
                "hash_ids": list(range(12 * n, 12 * n + 12)),
            }
            for n, at in enumerate(_seconds())
        ),
    )


def _mooncake(path: Path) -> None:
    """Conversations grow by four blocks with each request."""
    draws = np.random.default_rng(2026)

    def requests() -> Iterator[dict[str, Any]]:
        held: dict[int, list[int]] = {}
        for n, at in enumerate(_seconds()):
            conversation = int(draws.integers(0, n // 4 + 1))
            blocks = [*held.get(conversation, [0])[:30], *range(4 * n + 1, 4 * n + 5)]
            held[conversation] = blocks[:-1]
            yield {
                "timestamp": int(at * 1000),
                "input_length": 512 * len(blocks),
                "output_length": 1 + n % 600,
                "hash_ids": blocks,
            }

    _write_lines(path, requests())


def _write_lines(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")


def _sessions(path: Path) -> None:
    """Write a sessions frame; half of the sessions have metadata."""
    steps = 7_000 * np.arange(SESSIONS)
    at = np.datetime_as_string(np.datetime64("2026-01-01", "ms") + steps, "ms")
    rows = (
        {
            "id": f"session_{n}",
            "externalId": f"chat-{n}",
            "type": "chat.agent",
            "taskIdentifier": "support",
            "currentRunId": f"run_{n}",
            "tags": ["vip", "plan:pro"] if n % 4 else [],
            "metadata": {"seats": n % 100} if n % 2 else None,
            "closedAt": None,
            "closedReason": None,
            "expiresAt": None,
            "createdAt": f"{began_at}Z",
            "updatedAt": f"{began_at}Z",
        }
        for n, began_at in enumerate(at.tolist())
    )
    sl.write_frame(sl.sessions_frame(rows, observed_at="2026-02-01T00:00:00Z"), path)


def _reading(
    name: str,
    write: Callable[[Path], None],
    read: Callable[[Path], pd.DataFrame] = sl.traffic.read,
) -> Callable[[], AbstractContextManager[tuple[Side, Side]]]:
    @contextmanager
    def sides() -> Generator[tuple[Side, Side]]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            write(path)
            peer = PEERS[path.suffix]
            yield (
                Side(
                    f"{read.__name__}, {name}, {len(read(path)):,} rows", lambda: read(path), _rows
                ),
                Side("pyarrow alone", lambda: peer(path), _rows),
            )

    return sides


def _rows(read: Any) -> Mapping[str, object]:
    return {"rows": len(read)}


def _against_arrow(name: str, limit: float | None, *sides: Any) -> Benchmark:
    return Benchmark(name, _reading(*sides), "A/B", limit, "processor")


def _export(name: str, file: str, write: Callable[..., None], **options: bool) -> Benchmark:
    read = sl.read_runs if write is api_runs else sl.read_sessions
    return _against_arrow(name, None, file, partial(write, n=SESSIONS, **options), _quiet(read))


def _quiet(read: Callable[[Path], pd.DataFrame]) -> Callable[[Path], pd.DataFrame]:
    """Read without what is said of rows that do not tell when they were observed."""

    def quiet(path: Path) -> pd.DataFrame:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", sl.DataWarning)
            return read(path)

    quiet.__name__ = read.__name__
    return quiet


BENCHMARKS = (
    _against_arrow("read-ndjson", 1.5, "events.ndjson", _events),
    _against_arrow("read-csv", 4, "events.csv", _events),
    _against_arrow("read-parquet", None, "events.parquet", _events),
    _against_arrow("read-burstgpt", 2.5, "burstgpt.csv", _burstgpt),
    _against_arrow("read-bailian", 1.5, "bailian.jsonl", _bailian),
    _against_arrow("read-mooncake", None, "mooncake.jsonl", _mooncake),
    _against_arrow("read-sessions", None, "sessions.ndjson", _sessions, sl.read_sessions),
    _export("read-api", "api.ndjson", api_sessions),
    _export("read-api-distinct", "api.ndjson", api_sessions, distinct=True),
    _export("read-clickhouse", "clickhouse.ndjson", clickhouse),
    _export("read-clickhouse-distinct", "clickhouse.ndjson", clickhouse, distinct=True),
    _export("read-clickhouse-csv", "clickhouse.csv", clickhouse),
    _export("read-clickhouse-csv-distinct", "clickhouse.csv", clickhouse, distinct=True),
    _export("read-postgres", "postgres.csv", postgres),
    _export("read-postgres-distinct", "postgres.csv", postgres, distinct=True),
    _export("read-runs", "runs.ndjson", api_runs),
)
