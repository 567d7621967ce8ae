"""A served world on disk: the last snapshot, and every request since then.

A world is deterministic, so what was asked of it, and when, is all that has to be kept. A request
is written down before the world sees it, and a write is on disk before it is answered. Whatever
was acknowledged is therefore there again after the process was killed; requests that only read are
kept too, because they appear in the journal, and wait for the next write.
"""

from __future__ import annotations

import json
import os
import sqlite3
from typing import TYPE_CHECKING, Any

from session_lab.errors import DataError
from session_lab.simulator.api.http_types import Request

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["StateFile"]

FORMAT = 1

_TABLES = """
CREATE TABLE IF NOT EXISTS world (format INTEGER, settings TEXT, snapshot TEXT);
CREATE TABLE IF NOT EXISTS requests (
    seq INTEGER PRIMARY KEY, at INTEGER, method TEXT, path TEXT, query TEXT, headers TEXT, body BLOB
);
"""
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_COMPACT_FROM = 1_000


class StateFile:
    """A SQLite file that a served world can be brought back from.

    It holds the keys of the world's environments, so only its owner can read it. One process at a
    time can have it open.

    Parameters
    ----------
    path : Path
        Made if it does not exist.
    settings : mapping
        What the world was made with. A file is only good for the settings it began with.

    Raises
    ------
    DataError
        The file is no such file, is open elsewhere, cannot be written, or belongs to other
        settings.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self._path = path
        self._compact_at = _COMPACT_FROM
        try:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._database = _connect(path)
        except (OSError, sqlite3.Error) as error:
            reason = "another process has it open" if _is_locked(error) else str(error)
            raise DataError(f"cannot be used: {reason}", source=str(path)) from None
        try:
            self._begin(settings)
        except BaseException:
            self._database.close()
            raise

    @property
    def snapshot(self) -> str | None:
        """The last snapshot, if there is one yet."""
        row = self._database.execute("SELECT snapshot FROM world").fetchone()
        return None if row is None else row[0]

    def requests(self) -> Iterator[tuple[int, Request]]:
        """Iterate over the requests since the snapshot, each with the instant it came."""
        rows = self._database.execute(
            "SELECT at, method, path, query, headers, body FROM requests ORDER BY seq"
        )
        for at, method, path, query, headers, body in rows:
            yield at, Request(method, path, query, json.loads(headers), body)

    def append(self, at: int, request: Request) -> None:
        """Write a request down; one that changes something is on disk when this returns."""
        values = (request.method, request.path, request.query)
        headers = json.dumps(dict(request.headers))
        self._database.execute(
            "INSERT INTO requests (at, method, path, query, headers, body) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (at, *values, headers, request.body),
        )
        if request.method not in _SAFE_METHODS:
            self._database.commit()

    @property
    def is_long(self) -> bool:
        """Whether there are so many requests that a new snapshot pays."""
        (count,) = self._database.execute("SELECT COALESCE(MAX(seq), 0) FROM requests").fetchone()
        return int(count) >= self._compact_at

    def compact(self, snapshot: str, *, n_entries: int) -> None:
        """Put a snapshot in the place of the requests that led to it.

        The next one pays when as many requests have come again as the snapshot has entries: so
        all snapshots together take time in proportion to the requests.
        """
        self._database.execute("UPDATE world SET snapshot = ?", (snapshot,))
        self._database.execute("DELETE FROM requests")
        self._database.commit()
        self._compact_at = max(_COMPACT_FROM, n_entries)

    def close(self) -> None:
        """Write down what is left and close the file."""
        self._database.commit()
        self._database.close()

    def _begin(self, settings: Mapping[str, Any]) -> None:
        wanted = json.loads(json.dumps(settings))
        row = self._database.execute("SELECT format, settings FROM world").fetchone()
        if row is None:
            text = json.dumps(wanted)
            self._database.execute("INSERT INTO world VALUES (?, ?, NULL)", (FORMAT, text))
            self._database.commit()
            return
        found, kept = row[0], json.loads(row[1])
        if found != FORMAT:
            message = f"holds format {found}, and this version reads {FORMAT}"
            raise DataError(message, source=str(self._path))
        other = sorted(name for name in wanted | kept if wanted.get(name) != kept.get(name))
        if other:
            message = (
                f"was made with another {', '.join(other)}; start with the same settings again, "
                "or with another file"
            )
            raise DataError(message, source=str(self._path))


def _connect(path: Path) -> sqlite3.Connection:
    # Requests are written in the order they are taken, by the one thread of the event loop.
    database = sqlite3.connect(path, timeout=0)
    try:
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.executescript(_TABLES)
    except BaseException:
        database.close()
        raise
    return database


def _is_locked(error: Exception) -> bool:
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
