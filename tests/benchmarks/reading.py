"""Reading recorded traffic and sessions, against Arrow alone on the same files.

The peer reads the file into a table, with the types that it finds. It does not check events, put
them in order, tell which requests are of one chat, or warn of anything.
"""

from __future__ import annotations

import json
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.json as pajson
import pyarrow.parquet as pq

import session_lab as sl
from tests.benchmarks.harness import Benchmark, Side
from tests.benchmarks.logs import chats
from tests.strategies import events_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping
    from contextlib import AbstractContextManager

    import pandas as pd

__all__ = ["BENCHMARKS"]

CHATS = 30_000
REQUESTS = 200_000
PEERS: Mapping[str, Callable[[Path], pa.Table]] = {
    ".ndjson": pajson.read_json,
    ".jsonl": pajson.read_json,
    ".csv": pacsv.read_csv,
    ".parquet": pq.read_table,
}


def _events(path: Path) -> None:
    sl.traffic.write(events_frame(chats(CHATS)), path)


def _seconds() -> list[float]:
    return (np.sort(np.random.default_rng(2026).integers(0, 86_400_000, REQUESTS)) / 1000).tolist()


def _burstgpt(path: Path) -> None:
    """Two thirds of the requests are of conversations, five in each."""
    rows = [
        f"{at},{n // 5 if n % 3 else ''},{n % 700 / 40},GPT-4,{n % 50},{1 + n % 700},log"
        for n, at in enumerate(_seconds())
    ]
    header = "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Log Type"
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
    at = np.datetime_as_string(np.datetime64("2026-01-01", "ms") + 7_000 * np.arange(CHATS), "ms")
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
                Side(f"{read.__name__}, {name}", lambda: read(path), _rows),
                Side("pyarrow alone", lambda: peer(path), _rows),
            )

    return sides


def _rows(read: Any) -> Mapping[str, object]:
    return {"rows": len(read)}


BENCHMARKS = (
    Benchmark("read-ndjson", _reading("events.ndjson", _events), "A/B", 1.5),
    Benchmark("read-csv", _reading("events.csv", _events), "A/B", 4),
    Benchmark("read-parquet", _reading("events.parquet", _events), "A/B", None),
    Benchmark("read-burstgpt", _reading("burstgpt.csv", _burstgpt), "A/B", 2.5),
    Benchmark("read-bailian", _reading("bailian.jsonl", _bailian), "A/B", 1.5),
    Benchmark("read-mooncake", _reading("mooncake.jsonl", _mooncake), "A/B", None),
    Benchmark(
        "read-sessions", _reading("sessions.ndjson", _sessions, sl.read_sessions), "A/B", None
    ),
)
