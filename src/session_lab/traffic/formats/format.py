"""What every trace format is: a name, how it is recognised, and a reader."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from session_lab.timing import to_instant, to_milliseconds
from session_lab.traffic.parsing.column_map import ColumnMap

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

    from session_lab.frames.files.sources import Source
    from session_lab.timing import Duration, Instant
    from session_lab.traffic.parsing.text_rows import BadRows

__all__ = ["Format", "Head", "ReadOptions", "in_first_line", "in_header"]

_ORIGIN = "2026-01-01T00:00:00Z"


class ReadOptions(NamedTuple):
    """What a reader is told besides the file.

    Attributes
    ----------
    columns : ColumnMap
        How our columns come from a table's, for the formats that take any table.
    origin : int
        The instant of timestamp zero, in milliseconds since 1970.
    tokens_per_second : float
        How fast output is generated.
    first_turn : int
        How long the turn lasts that a start carries, in milliseconds, where the format does not
        say.
    """

    columns: ColumnMap
    origin: int
    tokens_per_second: float
    first_turn: int

    @classmethod
    def of(
        cls,
        table: Mapping[str, Any],
        origin: Instant | None = None,
        tokens_per_second: float = 50.0,
        first_turn: Duration = "0s",
    ) -> ReadOptions:
        """Read what a user says of a recording; ``table`` is what :meth:`ColumnMap.of` takes."""
        start = None if origin is None else to_instant(origin, name="origin")
        return cls(
            ColumnMap.of(**table, origin=start, tokens_per_second=tokens_per_second),
            to_instant(_ORIGIN) if start is None else start,
            tokens_per_second,
            to_milliseconds(first_turn, name="first_turn"),
        )


class Head(NamedTuple):
    """What is seen of a file before it is read.

    Attributes
    ----------
    suffix : str
        The end of its name, such as ``.csv``.
    header : sequence of str
        The names in the first line of a CSV file.
    fields : sequence of str
        The names in the first line of another file, if that is a JSON object.
    is_archive : bool
        Whether it is one JSON object that begins with a log.
    """

    suffix: str
    header: Sequence[str] = ()
    fields: Sequence[str] = ()
    is_archive: bool = False


@dataclass(frozen=True)
class Format:
    """A trace format.

    Attributes
    ----------
    name : str
        What users call it.
    read : callable
        Reads a file as an events frame. Bad rows are reported to its last argument.
    recognise : callable
        Returns what in the head of a file shows the format, or None.
    repeats : bool
        Whether rows that are alike are requests of their own all the same.
    begins_chats : bool
        Whether the first event of each chat is its start, whatever a file holds.
    """

    name: str
    read: Callable[[Source, ReadOptions, BadRows], pd.DataFrame]
    recognise: Callable[[Head], str | None]
    repeats: bool = False
    begins_chats: bool = False


def in_first_line(*fields: str) -> Callable[[Head], str | None]:
    """Recognise lines of JSON objects by fields of the first one."""

    def recognise(head: Head) -> str | None:
        if not set(fields) <= set(head.fields):
            return None
        return f"its first line has the fields {', '.join(fields)}"

    return recognise


def in_header(*names: str) -> Callable[[Head], str | None]:
    """Recognise CSV by names in its header."""

    def recognise(head: Head) -> str | None:
        return f"its header has {', '.join(names)}" if set(names) <= set(head.header) else None

    return recognise
