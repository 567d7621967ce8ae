"""What the server's database takes, and what it gives back.

Some values pass validation and fail, or change, in the store: PostgreSQL holds no U+0000, the query
engine between takes no halves of surrogate pairs, no deep nesting and only years of four digits,
and the driver misreads the first century, whose texts such as ``0099-06-01`` mean 1999 to
JavaScript. Where the store fails the API answers 500 and has changed nothing. (Prisma 6.14 with its
PostgreSQL adapter, as the open-source server uses them.)
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from pydantic_core import to_json

from session_lab.simulator.api.javascript.dates import to_date
from session_lab.simulator.model.calendar import date_text

if TYPE_CHECKING:
    from session_lab.simulator.api.javascript.json_text import Json

__all__ = ["StoreError", "stored_columns", "stored_instant", "stored_text"]

_DEEPEST = 123
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_STORABLE_YEAR = re.compile(r"(?!0000)[0-9]{4}-")


class StoreError(Exception):
    """The store refused a value."""


def stored_text(text: str) -> str:
    """Store a text.

    Raises
    ------
    StoreError
        It holds U+0000 or half a surrogate pair.
    """
    if text.isascii() and "\0" not in text:
        return text
    if _UNSTORABLE.search(text):
        raise StoreError("the store holds neither U+0000 nor halves of surrogate pairs")
    return text


def stored_columns(columns: dict[str, Json]) -> dict[str, Json]:
    """Store JSON values by their columns, as ``metadata`` and ``triggerConfig`` are stored.

    Keys named ``__proto__`` are lost at every depth, and infinite numbers become null.

    Raises
    ------
    StoreError
        One nests deeper than the query engine reads, or holds a text that cannot be stored.

    Examples
    --------
    >>> stored_columns({"metadata": {"a": [{"__proto__": 1, "b": 1e400}]}})
    {'metadata': {'a': [{'b': None}]}}
    """
    if _is_plain(columns):
        return columns
    return {name: _stored(value, _DEEPEST) for name, value in columns.items()}


def _is_plain(value: Json) -> bool:
    """Return whether a look at a value's text is enough to see that it is stored as it is."""
    try:
        text = to_json(value, inf_nan_mode="constants")
    except ValueError:
        return False
    is_changed = b"__proto__" in text or b"Infinity" in text or b"\\u0000" in text
    return not is_changed and text.count(b"{") + text.count(b"[") <= _DEEPEST


def _stored(value: Json, depth_left: int) -> Json:
    if isinstance(value, str):
        return stored_text(value)
    if isinstance(value, (dict, list)):
        if not depth_left:
            raise StoreError(f"the store takes no more than {_DEEPEST} levels")
        if isinstance(value, list):
            return [_stored(item, depth_left - 1) for item in value]
        stored_text("".join(value))
        return {
            key: _stored(item, depth_left - 1) for key, item in value.items() if key != "__proto__"
        }
    return None if isinstance(value, float) and not math.isfinite(value) else value


def stored_instant(instant: int) -> int:
    """Store an instant.

    Raises
    ------
    StoreError
        It lies outside the years 1 to 9999, or in the first century where it cannot be misread.

    Examples
    --------
    >>> date_text(stored_instant(-59_042_995_200_000))
    '1999-01-01T00:00:00.000Z'
    """
    text = date_text(instant)
    # What comes back is not in ISO form, so JavaScript guesses what stands where.
    read = to_date(text.replace("T", " ")) if _STORABLE_YEAR.match(text) else None
    if read is None:
        raise StoreError(f"the store cannot hold {text}")
    return read
