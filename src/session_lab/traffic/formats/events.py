"""The project's own event format, as NDJSON, CSV or Parquet.

One event a row. ``at``, ``op`` and ``external_id`` are required; ``turn_duration``,
``expires_at``, ``tags``, ``type``, ``task_identifier``, ``recorded_status`` and
``recorded_is_cached`` may be left out or null. Instants are ISO 8601 text with a zone or whole
milliseconds since 1970; durations are text with a unit (``"2.5s"``) or whole milliseconds; tags are
a list, in CSV a JSON list.
"""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from session_lab.errors import DataError
from session_lab.frames import EVENTS, NAT, build
from session_lab.timing import LONGEST_DURATION, to_instant, to_milliseconds
from session_lab.traffic.formats import parquet
from session_lab.traffic.formats.text_rows import BadRows, csv_records, json_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    import pandas as pd

__all__ = ["OPTIONAL", "REQUIRED", "Rows", "frame_of", "parse", "read"]

_MOST_STATUS = 999

REQUIRED = tuple(column.name for column in EVENTS.columns if not column.optional)
OPTIONAL = tuple(column.name for column in EVENTS.columns if column.optional)

Rows = "Iterable[tuple[int, Mapping[str, Any]]]"


def read(path: Path, columns: Mapping[str, str], bad: BadRows) -> pd.DataFrame:
    """Read events.

    Parameters
    ----------
    path : Path
        A file ending in .parquet, .csv, or else NDJSON.
    columns : mapping of str to str
        For each of our columns that is called otherwise in the file, its name there.
    bad : BadRows
        What becomes of rows that cannot be used.
    """
    if path.suffix == ".parquet":
        whole = parquet.frame(path, columns)
        if whole is not None:
            return whole
        rows = parquet.rows(path)
    elif path.suffix == ".csv":
        cells = {columns.get(name, name): parse for name, parse in _CELLS.items()}
        rows = csv_records(path, bad, cells)
    else:
        rows = json_lines(path, bad)
    unit = "row" if path.suffix == ".parquet" else "line"
    return frame_of(_events(rows, columns, path.name, bad, unit))


def frame_of(events: list[dict[str, Any]]) -> pd.DataFrame:
    """Make an events frame of parsed events; a column that no event has is left out."""
    given = [*REQUIRED, *(name for name in OPTIONAL if any(name in event for event in events))]
    blank = {"turn_duration": NAT, "expires_at": NAT, "recorded_is_cached": -1}
    data = {name: [event.get(name, blank.get(name)) for event in events] for name in given}
    return build(EVENTS, data, n=len(events))


def _events(
    rows: Iterable[tuple[int, Mapping[str, Any]]],
    columns: Mapping[str, str],
    source: str,
    bad: BadRows,
    unit: str,
) -> list[dict[str, Any]]:
    names = {column.name: columns.get(column.name, column.name) for column in EVENTS.columns}
    events: list[dict[str, Any]] = []
    id_type: type | None = None
    unseen = dict.fromkeys(columns.values())
    for number, record in rows:
        if unseen:
            unseen = {name: None for name in unseen if name not in record}
        try:
            event = parse(record, names)
            id_type = _same_type(record[names["external_id"]], id_type, names["external_id"])
        except DataError as error:
            bad.report(error, source=source, row=number, unit=unit)
        else:
            events.append(event)
    if unseen and events:
        name = next(iter(unseen))
        raise DataError("no row has this field, which columns= names", source=source, column=name)
    return events


def parse(record: Mapping[str, Any], names: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Read one event, whose fields may go under other names; those it lacks are left out."""
    names = names or {}
    event = {}
    for column in EVENTS.columns:
        name = names.get(column.name, column.name)
        value = record.get(name)
        if value is not None:
            event[column.name] = _PARSERS[column.name](value, name)
        elif not column.optional:
            what = "is null" if name in record else f"is missing; the row has {', '.join(record)}"
            raise DataError(f"the field {what}", column=name)
    return event


def _same_type(value: object, seen: type | None, name: str) -> type:
    if seen is not None and type(value) is not seen:
        found, before = ("text", "numbers") if isinstance(value, str) else ("a number", "text")
        message = (
            f"{value!r} is {found} where earlier ids are {before}; "
            "7 and '7' may be two chats, so write all ids in one way"
        )
        raise DataError(message, column=name)
    return type(value)


def _instant(value: object, name: str) -> int:
    return to_instant(value, name=name)


def _op(value: object, name: str) -> str:
    known = EVENTS.column("op").allowed
    if value not in known:
        message = f"{value!r} is not an operation; the known ones are {', '.join(known)}"
        raise DataError(message, column=name)
    return str(value)


def _external_id(value: object, name: str) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        message = f"{value!r} is neither text nor a whole number"
        raise DataError(message, column=name)
    text = _text(str(value), name)
    if not text or text.startswith("session_"):
        message = f"{text!r} cannot be an external id: it is empty or begins with 'session_'"
        raise DataError(message, column=name)
    return text


def _duration(value: object, name: str) -> int:
    if isinstance(value, (str, timedelta)):
        return to_milliseconds(value, name=name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        message = f'{value!r} is not a duration: write whole milliseconds or text such as "2.5s"'
        raise DataError(message, column=name)
    if not 0 <= value <= LONGEST_DURATION:
        problem = "is negative" if value < 0 else "is longer than a century"
        raise DataError(f"{value!r} ms {problem}", column=name)
    return value


def _tags(value: object, name: str) -> list[str]:
    if not isinstance(value, list):
        raise DataError(f"{value!r} is not a list of texts", column=name)
    return [_text(tag, name) for tag in value]


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise DataError(f"{value!r} is not text", column=name)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise DataError(f"{value!r} holds half of a character", column=name) from None
    return value


def _status(value: object, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST_STATUS:
        message = f"{value!r} is not the status of an answer, a whole number below 1000"
        raise DataError(message, column=name)
    return value


def _flag(value: object, name: str) -> bool:
    if not isinstance(value, bool):
        raise DataError(f"{value!r} is neither true nor false", column=name)
    return value


_PARSERS: dict[str, Callable[[Any, str], Any]] = {
    "at": _instant,
    "op": _op,
    "external_id": _external_id,
    "turn_duration": _duration,
    "expires_at": _instant,
    "tags": _tags,
    "type": _text,
    "task_identifier": _text,
    "recorded_status": _status,
    "recorded_is_cached": _flag,
}


def _whole_or_text(text: str) -> int | str:
    return int(text) if _WHOLE.fullmatch(text) else text


def _json_or_text(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


_WHOLE = re.compile(r"-?[0-9]{1,18}")

# How the cells of columns that are more than text are read; what does not fit stays text, for the
# column's parser to refuse.
_CELLS: dict[str, Callable[[str], object]] = {
    "at": _whole_or_text,
    "expires_at": _whole_or_text,
    "turn_duration": _whole_or_text,
    "tags": _json_or_text,
    "recorded_status": _whole_or_text,
    "recorded_is_cached": _json_or_text,
}
