"""Which format a recording is in, and what shows it."""

from __future__ import annotations

import codecs
import csv
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from session_lab.frames.files.blocks import delimiter_of
from session_lab.frames.files.sources import Source
from session_lab.mistyped import answer_mistyped
from session_lab.traffic.formats import FORMATS, format_named
from session_lab.traffic.formats.format import Head

if TYPE_CHECKING:
    from collections.abc import Sequence

    from session_lab.frames.files.sources import Place

__all__ = ["Detected", "detect"]

_ARCHIVE = re.compile(r'\s*\{\s*"log"\s*:')
_LINE = re.compile(r"[^\r\n]*[^\s][^\r\n]*")
_HEAD = 1 << 20
_PARQUET = b"PAR1"
_SHOWN = 12


@dataclass(frozen=True)
class Detected:
    """What format a recording is in, and what shows it.

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
        """Return it as a sentence."""
        verb = "is" if self.is_certain else "is taken for"
        return f"{verb} {self.format}: {self.because}"


@answer_mistyped
def detect(path: Place | Source) -> Detected:
    """Return the format of a recording, by its name and its beginning.

    Parameters
    ----------
    path : path, address or file
        A file, packed or not, or a folder of Parquet shards.

    Examples
    --------
    >>> from session_lab.frames import sample_path
    >>> print(detect(sample_path("chats.ndjson")))
    is events: its first line has the fields at, op, external_id
    """
    source = Source(path)
    if source.is_dir():
        return Detected("events", "it is a folder, taken for one of events")
    head, seen = _head(source)
    for name in reversed(FORMATS):
        because = format_named(name).recognise(head)
        if because is not None:
            return Detected(name, because)
    return Detected("events", f"{seen}, which is not another known format", is_certain=False)


def _head(source: Source) -> tuple[Head, str]:
    """Look at the beginning of a file; what was seen is for the case that nobody knows it."""
    head = source.head(_HEAD)
    text = _decoded(head[: len(_PARQUET)] if head.startswith(_PARQUET) else head)
    found = _LINE.search(text)
    first = found[0] if found else ""
    if source.suffix in {".csv", ".tsv"}:
        header = _cells(first)
        return Head(source.suffix, header=header), f"its header has {_listed(header)}"
    is_archive = _ARCHIVE.match(text) is not None
    record: Any
    try:
        record = json.loads(first)
    except (ValueError, RecursionError):
        seen = "its first line is not JSON" if first else "it is empty"
        return Head(source.suffix, is_archive=is_archive), seen
    if not isinstance(record, dict):
        return Head(source.suffix), "its first line is not a JSON object"
    fields = list(record)
    seen = f"its first line has the fields {_listed(fields)}"
    return Head(source.suffix, fields=fields, is_archive=is_archive), seen


def _decoded(data: bytes) -> str:
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if wide else "utf-8-sig", errors="replace")


def _cells(line: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter_of(line)), [])
    except csv.Error:
        return []


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more or "none"
