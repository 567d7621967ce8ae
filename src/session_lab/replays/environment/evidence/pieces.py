"""What a pull has brought so far: facts in memory, and a line on disk for each.

A pull that is cut off anywhere goes on from its lines. A line that was cut in the middle is asked
for again.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from session_lab.errors import DataError
from session_lab.replays.environment.evidence.arrivals import Arrival
from session_lab.replays.environment.evidence.spans import TraceFacts

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FILE", "Facts", "Pieces", "append_line"]

FILE = "pieces.ndjson"
_NEVER_KEPT = frozenset({"triggerConfig", "payload", "output", "error"})
"""Fields of rows that may hold what users wrote."""

_Row = dict[str, Any]


@dataclass
class Facts:
    """What is known of an environment.

    Attributes
    ----------
    question : dict
        Of whom, and for which sessions.
    sessions, runs : dict of str to dict
        Rows of the API or of its query by id, as they were last listed.
    traces : dict of str to TraceFacts or None
        By run; None where it is not kept any more.
    settled : set of str
        Runs whose trace is final, and sessions on whose ``in`` nothing can come any more.
    arrivals : dict of str to list of Arrival
        By session.
    payloads : dict of str to dict
        Of runs that were retrieved: ``session``, ``previous``, ``carries`` a turn.
    answers : dict of str to dict
        By session, and by the number on ``in`` that was answered (-1: the start), what was seen on
        ``out``: when the first chunk came, if any, and when the turn was complete.
    progress : dict
        Where the pass that is going on stands.
    notes : list of str
        What was found missing on the way, in the last pass.
    fresh : set of str
        Runs and sessions that were read in the pass that is going on.
    listed : set of str
        Those that are not over whose rows the pass that is going on has seen.
    gone : set of str
        Sessions whose ``in`` is not kept any more.
    """

    question: dict[str, Any] = field(default_factory=dict)
    sessions: dict[str, _Row] = field(default_factory=dict)
    runs: dict[str, _Row] = field(default_factory=dict)
    traces: dict[str, TraceFacts | None] = field(default_factory=dict)
    settled: set[str] = field(default_factory=set)
    arrivals: dict[str, list[Arrival]] = field(default_factory=dict)
    payloads: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: dict[str, dict[int, list[int | None]]] = field(default_factory=dict)
    progress: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    fresh: set[str] = field(default_factory=set)
    listed: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)

    def add(self, piece: dict[str, Any]) -> None:
        """Add a piece; one that is known changes nothing."""
        match piece:
            case {"question": question}:
                self.question = question
            case {"rows": rows, "of": name, **rest}:
                rows_by_id = self.sessions if name == "sessions" else self.runs
                rows_by_id.update((row["id"], row) for row in rows)
                self.listed.update(row["id"] for row in rows)
                self.listed.update(rest.get("same", ()))
                self.progress |= rest.get("progress", {})
            case {"trace": run, "facts": facts, "settled": settled}:
                self._trace(run, facts)
                self._settle(run, settled)
            case {"in": session, "records": records, "settled": settled}:
                self._arrive(session, records)
                self._settle(session, settled)
            case {"payload": run, **told}:
                self.payloads[run] = told
            case {"out": session, "answers": answers}:
                self._answer(session, answers)
            case {"note": note}:
                self.notes += [note] if note not in self.notes else []
            case {"progress": progress}:
                self.progress = progress
                self.fresh.clear()
                self.listed.clear()
                if not progress.get("is_done"):
                    self.notes.clear()
            case _:
                raise ValueError(f"a piece of no known kind: {sorted(piece)}")

    def _trace(self, run: str, facts: list[Any] | None) -> None:
        known = self.traces.get(run)
        if facts is not None:
            self.traces[run] = TraceFacts.of_json(facts)
        else:
            self.traces[run] = None if known is None else known.when_gone()

    def _arrive(self, session: str, records: list[Any] | None) -> None:
        if records is None:
            self.gone.add(session)
            return
        found = self.arrivals.setdefault(session, [])
        last = found[-1].seq if found else -1
        found.extend(Arrival(*each) for each in records if each[0] > last)

    def _answer(self, session: str, answers: list[list[Any]]) -> None:
        known = self.answers.setdefault(session, {})
        for event, *times in answers:
            known.setdefault(event, times)

    def _settle(self, name: str, settled: bool) -> None:  # noqa: FBT001
        self.fresh.add(name)
        if settled:
            self.settled.add(name)


class Pieces:
    """Facts, and the file that they are read from and written to.

    Parameters
    ----------
    folder : Path or None
        Where the file is; None keeps everything in memory.

    Raises
    ------
    DataError
        The file is not one of a pull.
    """

    def __init__(self, folder: Path | None) -> None:
        self.facts = Facts()
        self._lock = threading.Lock()
        self._path = None if folder is None else folder / FILE
        if self._path is not None and self._path.exists():
            self._resume(self._path)

    def _resume(self, path: Path) -> None:
        end = number = 0
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.endswith(b"\n"):
                    break  # What was cut off in the middle of a line is asked for again.
                try:
                    self.facts.add(json.loads(line))
                except (ValueError, TypeError, KeyError) as error:
                    message = f"this is not part of a pull: {error}"
                    raise DataError(message, source=str(path), row=number, unit="line") from None
                end += len(line)
        with path.open("r+b") as lines:
            lines.truncate(end)

    def add(self, piece: dict[str, Any]) -> None:
        """Write a piece down, then take it in; threads may share it."""
        with self._lock:
            if self._path is not None:
                line = json.dumps(piece, separators=(",", ":")).encode() + b"\n"
                append_line(self._path, line)
            self.facts.add(piece)

    def add_rows(self, name: str, rows: list[_Row], progress: dict[str, Any]) -> None:
        """Write down those rows that are new or have changed, and how far the list was walked."""
        known = self.facts.sessions if name == "sessions" else self.facts.runs
        kept = [{key: row[key] for key in row if key not in _NEVER_KEPT} for row in rows]
        news, same = [], []
        for row in kept:
            before = known.get(row["id"], {})
            if before == row:
                same += [row["id"]] if name == "runs" and not _is_over(row) else []
            elif "run_id" in row or "run_id" not in before or not _is_over(before):
                # Of a run that is over the query told all, and more than the list does.
                news.append(row)
        piece = {"rows": news, "of": name, "progress": progress}
        self.add(piece | ({"same": same} if same else {}))


def _is_over(row: _Row) -> bool:
    """Return whether this is the row of a run that has ended."""
    return (row.get("completed_at") or row.get("finishedAt")) is not None


def append_line(path: Path, line: bytes) -> None:
    """Write a line at the end of a file, or nothing of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab", buffering=0) as file:
        end = file.tell()
        try:
            if file.write(line) != len(line):
                # The rest says why it could not be written.
                file.truncate(end)
                file.write(line)
        except OSError as error:
            file.truncate(end)
            raise OSError(error.errno, error.strerror, str(path)) from None
        except BaseException:
            file.truncate(end)
            raise
