"""List pages to a full session frame, against a pydantic object for each row.

Both sides begin with the bytes of the same replies, 100 rows each, and end with a frame of all
columns, metadata as compact JSON text. The peer does what a program does that takes the rows of
``client.sessions.list()`` and makes a DataFrame of them: decode, validate each row as a
``SessionRow``, dump it, and give the columns the dtypes of the schema.
"""

from __future__ import annotations

import json
import random
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pandas as pd

import session_lab as sl
from session_lab.frames import SESSIONS, build, derive_lifetimes, digest, milliseconds
from session_lab.timing import instant_text
from session_lab.wire.sessions import SessionPage
from tests.benchmarks.harness import Benchmark, Side

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BENCHMARKS", "from_pages", "pages_of"]

OBSERVED_AT = "2026-06-01T00:00:00Z"
FIRST = 1_767_225_600_000
MOST_BYTES = 400
TIMES = ("created_at", "updated_at", "closed_at", "expires_at")


@contextmanager
def from_pages(n_pages: int = 500) -> Iterator[tuple[Side, Side]]:
    """From the bytes of replies to a frame."""
    pages = pages_of(n_pages)
    label = f"sl.sessions_frame, {n_pages * 100:,} rows"
    yield (
        Side(label, lambda: sl.sessions_frame(pages, observed_at=OBSERVED_AT), _outcome),
        Side("SessionRow for each row, then a DataFrame", lambda: _by_models(pages), _required),
    )


BENCHMARKS = (Benchmark("frame-pages", from_pages, "B/A", 8),)


def pages_of(n_pages: int) -> list[bytes]:
    """Make replies of the list, with what chats have: two tags, some metadata, some closed."""
    draw = random.Random(7)
    rows = (_row(number, draw) for number in range(n_pages * 100))
    return [
        json.dumps(
            {"data": [next(rows) for _ in range(100)], "pagination": {"next": f"c{number}"}},
            separators=(",", ":"),
        ).encode()
        for number in range(n_pages)
    ]


def _row(number: int, draw: random.Random) -> dict[str, Any]:
    created = FIRST + number * 60_000 + draw.randrange(60_000)
    is_closed, expires = draw.random() < 0.4, draw.random() < 0.5
    plan, locale = draw.choice(["free", "pro", "team"]), draw.choice(["de", "en", "fr"])
    return {
        "id": f"session_cm{number:023d}",
        "externalId": f"chat-{number}",
        "type": "chat",
        "taskIdentifier": draw.choice(["support-agent", "sales-agent"]),
        "currentRunId": f"run_cm{number:023d}",
        "tags": [f"plan:{plan}", f"lang:{locale}"],
        "metadata": {"plan": plan, "seats": draw.randrange(9)} if number % 2 else None,
        "closedAt": instant_text(created + draw.randrange(3_600_000)) if is_closed else None,
        "closedReason": "done" if is_closed else None,
        "expiresAt": instant_text(created + 86_400_000) if expires else None,
        "createdAt": instant_text(created),
        "updatedAt": instant_text(created + 1_000),
    }


def _by_models(pages: list[bytes]) -> pd.DataFrame:
    rows = [row for page in pages for row in SessionPage.model_validate(json.loads(page)).data]
    table = pd.DataFrame([row.model_dump() for row in rows])
    table = table.rename(columns={"id": "session_id"})
    table["metadata"] = [
        None if row.metadata is None else json.dumps(row.metadata, separators=(",", ":"))
        for row in rows
    ]
    data: dict[str, Any] = {name: table[name].tolist() for name in table}
    for name in TIMES:
        data[name] = milliseconds(pd.to_datetime(table[name], utc=True))
    observed_at = pd.Timestamp(OBSERVED_AT).value // 1_000_000
    times = (data["created_at"], data["closed_at"], data["expires_at"])
    data |= derive_lifetimes(*times, observed_at)
    return build(SESSIONS, data, n=len(table))


def _required(frame: pd.DataFrame) -> dict[str, object]:
    """Say what our outcome must be: the same frame, within the bytes allowed."""
    return _outcome(frame) | {f"at most {MOST_BYTES} bytes a row": True}


def _outcome(frame: pd.DataFrame) -> dict[str, object]:
    held = frame.memory_usage(deep=True, index=False).sum() / len(frame)
    return {
        "digest": digest({SESSIONS: frame}),
        f"at most {MOST_BYTES} bytes a row": bool(held <= MOST_BYTES),
    }
