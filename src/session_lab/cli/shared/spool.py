"""Pages of a pull on disk, so that a pull which was cut off can go on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from session_lab.client.pages.paging import PlainPage
from session_lab.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Spool"]


class Spool:
    """The pages that have come so far, one JSON line each, below a line with the question.

    Parameters
    ----------
    out : Path
        The file that the pull is for; the pages stand beside it.
    question : dict
        What was asked of whom.
    lists : int
        How many lists are walked, one after the other.

    Attributes
    ----------
    count : int
        Rows so far.
    place, cursor : int, str or None
        Which of the lists is being walked, from 0, and where it goes on.

    Raises
    ------
    DataError
        There are pages of another question.
    """

    def __init__(self, out: Path, question: dict[str, Any], *, lists: int = 1) -> None:
        self.path = out.with_name(f"{out.name}.part")
        self.question = question
        self.count = 0
        self.place = 0
        self.cursor: str | None = None
        self._lists = lists
        if self.path.exists():
            self._resume()

    @property
    def is_complete(self) -> bool:
        """Whether every list was walked to its end."""
        return self.place == self._lists

    def _resume(self) -> None:
        text = self.path.read_bytes()
        whole = text[: text.rfind(b"\n") + 1]
        # What was cut off in the middle of a line is asked for again.
        self.path.write_bytes(whole)
        with self.path.open("rb") as lines:
            head = lines.readline()
            if head and json.loads(head) != self.question:
                message = (
                    f"{self.path.name} holds part of another pull; finish that, or delete the file"
                )
                raise DataError(message, source=str(self.path.parent))
        for page in self._kept():
            self._step(page)

    def keep(self, page: PlainPage) -> None:
        """Write a page down, and step on."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not self.path.exists() or not self.path.stat().st_size
        with self.path.open("a", encoding="utf-8") as lines:
            if is_new:
                lines.write(json.dumps(self.question) + "\n")
            date = page.headers.get("date")
            kept = {"rows": page.rows, "date": date, "cursor": page.cursor}
            lines.write(json.dumps(kept, separators=(",", ":")) + "\n")
        self._step(page)

    def _step(self, page: PlainPage) -> None:
        self.count += len(page.rows)
        self.cursor = page.cursor
        self.place += page.cursor is None

    def pages(self) -> Iterator[PlainPage]:
        """Read the pages back; a row that several lists have comes once."""
        if self._lists == 1:
            yield from self._kept()
            return
        seen: set[str] = set()
        for page in self._kept():
            rows = [row for row in page.rows if row.get("id") not in seen]
            seen.update(row["id"] for row in rows if "id" in row)
            yield PlainPage(rows, page.headers, page.cursor)

    def _kept(self) -> Iterator[PlainPage]:
        if not self.path.exists():
            return
        with self.path.open("rb") as lines:
            next(lines, None)
            for line in lines:
                kept = json.loads(line)
                date = kept["date"]
                yield PlainPage(kept["rows"], {"date": date} if date else {}, kept["cursor"])

    def clear(self) -> None:
        """Forget the pages."""
        self.path.unlink(missing_ok=True)
        self.count = self.place = 0
        self.cursor = None
