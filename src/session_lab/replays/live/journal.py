"""The journal of a live replay: what was sent and what was answered, one JSON object a line.

A line is written before a request goes out and another when its answer has come, so whatever cuts
a replay short, its journal tells what is surely done, what is not, and what nobody knows. No keys
or tokens are in it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from session_lab.errors import DataError
from session_lab.frames.files.places import path_text
from session_lab.replays.live.calls import LiveAnswer

if TYPE_CHECKING:
    import os
    from types import TracebackType
    from typing import Self

__all__ = ["Journal", "Sent"]

_KIND: Final = "live replay"
_VERSION: Final = 1
_BEGINNING: Final = b'{"journal":'


@dataclass(frozen=True)
class Sent:
    """A request that went out: the chat's name in it, when it was due, and when it went."""

    name: str
    due_at: int
    sent_at: int


class Journal:
    """What happened so far, kept in a file too if there is one.

    Parameters
    ----------
    path : path or None
        The file; None keeps nothing.
    events_digest : str
        The digest of the events, which a file that is there must agree with.
    prefix : str or None
        What stands before the external ids; None for that of the file, or else ``default_prefix``.
    default_prefix : str
        The prefix of a new journal that was given none.

    Attributes
    ----------
    sent : dict of int to Sent
        The last request of each event.
    answers : dict of int to tuple of Answer and int
        The answers to those requests, and when they came.
    closed : set of str
        The names of the chats that were closed at the end of a replay, not by an event.

    Raises
    ------
    DataError
        The file is not a journal, or one of other events or of another prefix.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        *,
        events_digest: str,
        prefix: str | None,
        default_prefix: str,
    ) -> None:
        self.sent: dict[int, Sent] = {}
        self.answers: dict[int, tuple[LiveAnswer, int]] = {}
        self.closed: set[str] = set()
        self.prefix = default_prefix if prefix is None else prefix
        self._asked_prefix = prefix
        self._events_digest = events_digest
        self._path = None if path is None else Path(path_text(path, name="journal"))
        self._file: IO[bytes] | None = None
        self._length = 0
        if self._path is not None and self._path.exists():
            self._read(self._path)

    def __enter__(self) -> Self:
        """Open the file, cut off what is left of a line that was never finished, and go on."""
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("ab")
            self._file.truncate(self._length)
            if not self._length:
                head = {"journal": _KIND, "version": _VERSION}
                self._write({**head, "events": self._events_digest, "prefix": self.prefix})
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def note_sent(self, row: int, sent: Sent) -> None:
        """Record a request; an earlier one of the same event no longer counts."""
        self.sent[row] = sent
        self.answers.pop(row, None)
        self._write({"sent": row, **asdict(sent)})

    def note_answer(self, row: int, answer: LiveAnswer, at: int) -> None:
        """Record an answer."""
        self.answers[row] = (answer, at)
        known = {name: value for name, value in answer._asdict().items() if value is not None}
        self._write({"answered": row, "at": at, **known})

    def note_closed(self, name: str) -> None:
        """Record a chat that was closed at the end of a replay."""
        self.closed.add(name)
        self._write({"closed": name})

    def _write(self, record: dict[str, Any]) -> None:
        if self._file is not None:
            self._file.write(json.dumps(record, separators=(",", ":")).encode() + b"\n")
            self._file.flush()

    def _read(self, path: Path) -> None:
        content = path.read_bytes()
        if not content.startswith(_BEGINNING[: len(content)]):
            message = "the file is not a journal of a live replay; give another one"
            raise DataError(message, source=str(path))
        self._length = content.rfind(b"\n") + 1
        for number, line in enumerate(content[: self._length].splitlines(), start=1):
            try:
                self._recall(json.loads(line), is_head=number == 1)
            except DataError as error:
                error.source = str(path)
                raise
            except (ValueError, KeyError, TypeError):
                message = "the line is not one of a live replay's journal"
                raise DataError(message, source=str(path), row=number, unit="line") from None

    def _recall(self, record: dict[str, Any], *, is_head: bool) -> None:
        if is_head:
            self._check_head(record)
        elif "sent" in record:
            self.note_sent(record.pop("sent"), Sent(**record))
        elif "answered" in record:
            row, at = record.pop("answered"), record.pop("at")
            self.note_answer(row, LiveAnswer(**record), at)
        else:
            self.note_closed(record["closed"])

    def _check_head(self, head: dict[str, Any]) -> None:
        if (head["journal"], head["version"]) != (_KIND, _VERSION):
            raise DataError("the file is not a journal of a live replay that this version reads")
        if head["events"] != self._events_digest:
            raise DataError("the journal is one of other events; give another file, or those")
        if self._asked_prefix not in {None, head["prefix"]}:
            message = f"the journal has the prefix {head['prefix']!r}; leave prefix= out to go on"
            raise DataError(message, column="prefix")
        self.prefix = head["prefix"]
