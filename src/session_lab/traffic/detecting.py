"""Telling the format of a recording, and from what."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from session_lab.traffic.formats import bailian, burstgpt, journal, mooncake
from session_lab.traffic.formats import events as event_format

if TYPE_CHECKING:
    import os

__all__ = ["Detected", "detect"]

# Told by the fields of the first line; where a line has those of several, the first counts.
_BY_FIELDS = {
    "journal": journal.FIELDS,
    "bailian": bailian.FIELDS,
    "mooncake": mooncake.FIELDS,
    "events": event_format.REQUIRED,
}
_ARCHIVE = re.compile(r'\s*\{\s*"log"\s*:')
_HEAD = 4096
_SHOWN = 12


@dataclass(frozen=True)
class Detected:
    """What format a recording is in, and what told so.

    Attributes
    ----------
    format : str
        The format's name.
    because : str
        What was seen.
    is_certain : bool
        Whether something was seen that the format alone has; else it is the one that is tried.
    """

    format: str
    because: str
    is_certain: bool = True

    def __str__(self) -> str:
        """Say it in a sentence."""
        verb = "is" if self.is_certain else "is taken for"
        return f"{verb} {self.format}: {self.because}"


def detect(path: str | os.PathLike[str]) -> Detected:
    """Tell the format of a recording from its name and its beginning.

    Parameters
    ----------
    path : path
        A file, or a folder of Parquet shards.

    Examples
    --------
    >>> from session_lab.frames import sample_path
    >>> print(detect(sample_path("chats.ndjson")))
    is events: its first line has the fields at, op, external_id
    """
    path = Path(path)
    if path.is_dir():
        return Detected("events", "it is a folder, taken for one of Parquet shards")
    if path.suffix == ".parquet":
        return Detected("events", "its name ends in .parquet")
    if path.suffix == ".har":
        return Detected("har", "its name ends in .har")
    with path.open(encoding="utf-8-sig", errors="replace") as text:
        head = text.read(_HEAD)
        text.seek(0)
        first = next((line for line in text if line.strip()), "")
    if path.suffix == ".csv":
        return _of_header(next(csv.reader([first]), []))
    if _ARCHIVE.match(head):
        return Detected("har", "it is one JSON object that begins with a log")
    return _of_record(first)


def _of_header(header: list[str]) -> Detected:
    for name, fields in (("burstgpt", burstgpt.FIELDS), ("events", event_format.REQUIRED)):
        if set(fields) <= set(header):
            return Detected(name, f"its header has {', '.join(fields)}")
    return _untold(f"its header has {_listed(header)}")


def _of_record(line: str) -> Detected:
    record: Any
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return _untold("its first line is not JSON" if line else "it is empty")
    if not isinstance(record, dict):
        return _untold("its first line is not a JSON object")
    for name, fields in _BY_FIELDS.items():
        if set(fields) <= record.keys():
            return Detected(name, f"its first line has the fields {', '.join(fields)}")
    return _untold(f"its first line has the fields {_listed(list(record))}")


def _untold(seen: str) -> Detected:
    return Detected("events", f"{seen}, which is no other known format", is_certain=False)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more or "none"
