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

from session_lab.simulator.api.javascript.dates import to_date
from session_lab.simulator.model.calendar import date_text

if TYPE_CHECKING:
    from session_lab.simulator.api.javascript.json_text import Json

__all__ = ["StoreError", "stored_instant", "stored_json", "stored_text"]

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


def stored_json(value: Json) -> Json:
    """Store a JSON value, as ``metadata`` and ``triggerConfig`` are stored.

    Keys named ``__proto__`` are lost at every depth, and infinite numbers become null.

    Raises
    ------
    StoreError
        It nests deeper than the query engine reads, or holds a text that cannot be stored.

    Examples
    --------
    >>> stored_json({"a": [{"__proto__": 1, "b": 1e400}]})
    {'a': [{'b': None}]}
    """
    return _stored(value, _DEEPEST)


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
