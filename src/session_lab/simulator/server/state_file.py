"""A served world on disk: the last snapshot, and every request since then.

A world is deterministic, so what was asked of it, and when, is all that has to be kept. A write is
on disk before the world sees it, and therefore before it is answered; whatever was acknowledged is
there again after the process was killed. Requests that only read appear in the journal, so they
are kept too, in memory until the next write.
"""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import zlib
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from session_lab.errors import DataError
from session_lab.simulator.api.http_types import Request

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping
    from pathlib import Path

__all__ = ["KeptRequest", "StateFile", "UnwritableError"]

FORMAT = 2
_APPLICATION_ID = 0x5E551AB0
"""What SQLite keeps in the header of the file, so that it is told from other programs' files."""

_TABLES = (
    f"PRAGMA application_id = {_APPLICATION_ID}",
    """CREATE TABLE world (
        format INTEGER, beginning TEXT, beginning_checksum INTEGER, is_open INTEGER,
        snapshot TEXT, snapshot_checksum INTEGER
    )""",
    """CREATE TABLE requests (
        seq INTEGER PRIMARY KEY, at INTEGER, machine_at INTEGER, method TEXT, path TEXT,
        query TEXT, headers TEXT, body BLOB, checksum INTEGER
    )""",
)
_COLUMNS = "at, machine_at, method, path, query, headers, body, checksum"
_INSERT = f"INSERT INTO requests ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
_SELECT = f"SELECT {_COLUMNS} FROM requests ORDER BY seq"  # noqa: S608  the names stand above
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_COMPACT_FROM = 1_000
_MAGIC = b"SQLite format 3\0"
_APPLICATION_ID_AT = 68
_DAMAGED = "is damaged; restore the file from a backup"
_SPEAKING = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY}
"""SQLite's errors whose own words help; others may quote what the file holds."""


class UnwritableError(Exception):
    """The file cannot be written now, as on a full disk; it holds what it held before."""


class KeptRequest(NamedTuple):
    """A request, and when it came: in the world's time and in the machine's.

    Both are in milliseconds since 1970.
    """

    at: int
    machine_at: int
    request: Request


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
    machine_at : int
        The machine's time, in milliseconds since 1970; a file that is made now began then.

    Attributes
    ----------
    began_at : int
        When the file was made, in milliseconds since 1970 by the machine's clock.

    Raises
    ------
    DataError
        The file is another program's, is damaged, is open elsewhere, cannot be written, was copied
        without what belongs to it, or belongs to other settings.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any], *, machine_at: int = 0) -> None:
        self._path = path
        self._pending: list[tuple[Any, ...]] = []
        self._n_requests = 0
        self._compact_at = _COMPACT_FROM
        try:
            is_new = _prepare(path)
            has_log = path.with_name(f"{path.name}-wal").exists()
            self._database = _connect(path)
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(_reason(error)) from None
        try:
            if is_new:
                self._make(settings, machine_at)
            self._open(settings, has_log=has_log or is_new)
        except sqlite3.Error as error:
            self._database.close()
            raise self._unusable(_reason(error)) from None
        except BaseException:
            self._database.close()
            raise

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self._path

    @property
    def snapshot(self) -> str | None:
        """The last snapshot, if there is one yet."""
        (row,) = self._rows("SELECT snapshot, snapshot_checksum FROM world")
        return None if row == (None, None) else self._checked(*row)

    def requests(self) -> Iterator[KeptRequest]:
        """Iterate over the requests since the snapshot.

        Raises
        ------
        DataError
            One of them is damaged.
        """
        rows = self._rows(_SELECT)
        for place, (*values, checksum) in enumerate(rows, start=1):
            if _checksum(values) != checksum:
                raise self._unusable(f"kept request {place} {_DAMAGED}")
            at, machine_at, method, path, query, headers, body = values
            request = Request(method, path, query, json.loads(headers), body)
            yield KeptRequest(at, machine_at, request)

    def append(self, kept: KeptRequest) -> None:
        """Write a request down; one that changes something is on disk when this returns.

        Raises
        ------
        UnwritableError
            It is not on disk; what only reads never raises.
        """
        self._pending.append(_row(kept))
        if kept.request.method in _SAFE_METHODS:
            return
        try:
            self.flush()
        except UnwritableError:
            self._pending.pop()
            raise

    def flush(self) -> None:
        """Bring what is still in memory to disk.

        Raises
        ------
        UnwritableError
            It is still only in memory.
        """
        with _writing(self._database):
            self._database.executemany(_INSERT, self._pending)
        self._n_requests += len(self._pending)
        self._pending.clear()

    @property
    def is_long(self) -> bool:
        """Whether there are so many requests that a new snapshot pays."""
        return self._n_requests + len(self._pending) >= self._compact_at

    def compact(self, snapshot: str, *, n_entries: int) -> None:
        """Put a snapshot in the place of the requests that led to it.

        The next one pays when as many requests have come again as the snapshot has entries: so
        all snapshots together take time in proportion to the requests. That holds for attempts
        that fail too.

        Raises
        ------
        UnwritableError
            The file is as it was.
        """
        interval = max(_COMPACT_FROM, n_entries)
        self._compact_at = self._n_requests + len(self._pending) + interval
        with _writing(self._database):
            values = snapshot, zlib.crc32(snapshot.encode())
            self._database.execute("UPDATE world SET snapshot = ?, snapshot_checksum = ?", values)
            self._database.execute("DELETE FROM requests")
        self._pending.clear()
        self._n_requests = 0
        self._compact_at = interval

    def close(self) -> None:
        """Write down what is left, as far as the disk takes it, and close the file."""
        with suppress(UnwritableError):
            self.flush()
            with _writing(self._database):
                self._database.execute("UPDATE world SET is_open = 0")
        self._database.close()

    def _make(self, settings: Mapping[str, Any], machine_at: int) -> None:
        self._database.execute("BEGIN")
        for statement in _TABLES:
            self._database.execute(statement)
        beginning = json.dumps({"settings": settings, "began_at": machine_at})
        values = FORMAT, beginning, zlib.crc32(beginning.encode())
        self._database.execute("INSERT INTO world VALUES (?, ?, ?, 0, NULL, NULL)", values)
        self._database.commit()

    def _open(self, settings: Mapping[str, Any], *, has_log: bool) -> None:
        if self._rows("PRAGMA quick_check(1)") != [("ok",)]:
            raise self._unusable(f"it {_DAMAGED}")
        rows = self._rows("SELECT format, is_open, beginning, beginning_checksum FROM world")
        if len(rows) != 1:
            raise self._unusable(f"it {_DAMAGED}")
        found, is_open, *beginning = rows[0]
        if found != FORMAT:
            message = f"holds format {found}, and this version reads {FORMAT}"
            raise DataError(message, source=str(self._path))
        if is_open and not has_log:
            name = f"{self._path.name}-wal"
            message = (
                f"is a copy from while a server had it open, without the newest writes, which are "
                f"in {name}; copy {name} too, or stop the server before you copy"
            )
            raise DataError(message, source=str(self._path))
        began = json.loads(self._checked(*beginning))
        self.began_at: int = began["began_at"]
        self._check_settings(began["settings"], json.loads(json.dumps(settings)))
        ((n_requests,),) = self._rows("SELECT COUNT(*) FROM requests")
        self._n_requests = int(n_requests)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("UPDATE world SET is_open = 1")
        self._database.commit()
        # The main file itself says from now on that something may stand beside it.
        self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _check_settings(self, kept: dict[str, Any], wanted: dict[str, Any]) -> None:
        other = sorted(name for name in wanted | kept if wanted.get(name) != kept.get(name))
        if other:
            message = (
                f"was made with another {', '.join(other)}; start with the same settings again, "
                "or with another file"
            )
            raise DataError(message, source=str(self._path))

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        try:
            return self._database.execute(query).fetchall()
        except sqlite3.Error as error:
            raise self._unusable(_reason(error)) from None

    def _checked(self, text: object, checksum: object) -> str:
        if not isinstance(text, str) or zlib.crc32(text.encode()) != checksum:
            raise self._unusable(f"it {_DAMAGED}")
        return text

    def _unusable(self, reason: str) -> DataError:
        return DataError(f"cannot be used: {reason}", source=str(self._path))


@contextmanager
def _writing(database: sqlite3.Connection) -> Generator[None]:
    """Commit what happens within, or take it back and raise UnwritableError."""
    try:
        yield
        database.commit()
    except sqlite3.Error as error:
        with suppress(sqlite3.Error):
            database.rollback()
        raise UnwritableError(str(error)) from None


def _prepare(path: Path) -> bool:
    """Make the file if it is not there, readable by its owner alone; return whether it is empty.

    Raises
    ------
    OSError
        The file cannot be opened, or is not one of ours.
    """
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("it is a device or a pipe, which keeps nothing")
        header = file.read(_APPLICATION_ID_AT + 4)
    if header and not header.startswith(_MAGIC):
        raise OSError("it is not a state file of session-lab serve")
    application_id = int.from_bytes(header[_APPLICATION_ID_AT:], "big")
    if header and application_id != _APPLICATION_ID:
        raise OSError("it is a SQLite file of another program")
    path.chmod(stat.S_IRUSR | stat.S_IWUSR)
    return not header


def _connect(path: Path) -> sqlite3.Connection:
    # Requests are written in the order they are taken, by the one thread of the event loop.
    database = sqlite3.connect(path, timeout=0)
    try:
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
    except BaseException:
        database.close()
        raise
    return database


def _row(kept: KeptRequest) -> tuple[Any, ...]:
    request = kept.request
    headers = json.dumps(dict(request.headers))
    target = request.method, request.path, request.query
    values = [kept.at, kept.machine_at, *target, headers, request.body]
    return (*values, _checksum(values))


def _checksum(values: list[Any]) -> int:
    """Compute a checksum of a kept request, whatever a damaged file has in its place."""
    *texts, body = values
    checksum = zlib.crc32(repr(texts).encode("utf-8", "surrogatepass"))
    return zlib.crc32(body if isinstance(body, bytes) else repr(body).encode(), checksum)


def _reason(error: Exception) -> str:
    """Describe why a file cannot be used, in words that hold nothing of its content."""
    if isinstance(error, OSError):
        return str(error)
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_BUSY:
        return "another process has it open"
    return str(error) if code in _SPEAKING else f"it {_DAMAGED}"
