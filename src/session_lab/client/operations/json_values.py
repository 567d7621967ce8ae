"""Values of programs and frames, written as JSON: what has no form there is refused with its place."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from numbers import Integral
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from session_lab.errors import DataError

__all__ = ["json_text", "plain"]

_TEXTUAL = (datetime, date, time, timedelta, Decimal, UUID)
_MOST_BITS = 4_096
_MISSING = {"NAType": "pandas.NA", "NaTType": "NaT"}


def plain(value: object, place: str) -> Any:  # noqa: ANN401  JSON
    """Return a value as JSON's own types.

    Scalars and arrays of NumPy, pandas and Arrow become what they hold; dates become ISO 8601 text;
    models, dataclasses and enumerations become their fields and values.

    Parameters
    ----------
    value : object
        What a user passed.
    place : str
        Where it stands, such as ``"metadata"``.

    Raises
    ------
    DataError
        Something has no form in JSON: a missing value, NaN, an infinity, a set (whose order would
        change from run to run), or an object of another kind. The error names its place.

    Examples
    --------
    >>> import numpy as np
    >>> plain({"n": np.int64(3), "days": (1, 2)}, "metadata")
    {'n': 3, 'days': [1, 2]}
    """
    try:
        return _plain(value, place)
    except RecursionError:
        raise DataError("is nested too deeply, or holds itself", column=place) from None


def json_text(value: object, *, name: str) -> str:
    """Write JSON as JavaScript would: compact, no escapes beyond the needed ones.

    Raises
    ------
    DataError
        The value holds something that JSON has no form for.
    """
    checked = plain(value, name)
    try:
        return json.dumps(checked, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (ValueError, RecursionError) as error:  # an integer of too many digits; too deep
        raise DataError(f"cannot be written as JSON: {error}", column=name) from None


def _plain(value: Any, place: str) -> Any:  # noqa: ANN401, PLR0911  one kind after another
    if value is None or value is True or value is False:
        return value
    if isinstance(value, Enum):
        return _plain(value.value, place)
    if isinstance(value, str):
        return _unicode(value, place)
    if type(value).__name__ in _MISSING:
        missing = _MISSING[type(value).__name__]
        raise DataError(f"{missing} has no form in JSON; leave it out, or give None", column=place)
    if isinstance(value, float):
        return _finite(float(value), place)
    if isinstance(value, int):
        return _short(int(value), place)
    if isinstance(value, Mapping):
        return _object(value, place)
    if isinstance(value, list | tuple):
        return [_plain(item, f"{place}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, _TEXTUAL):
        return _text(value, place)
    return _converted(value, place)


def _converted(value: Any, place: str) -> Any:  # noqa: ANN401
    """Convert what is none of Python's own plain types."""
    if isinstance(value, set | frozenset):
        message = "a set has no order, and so no form in JSON; give a list, such as sorted(...)"
        raise DataError(message, column=place)
    if isinstance(value, BaseModel):
        return _plain(value.model_dump(by_alias=True), place)
    if is_dataclass(value) and not isinstance(value, type):
        shown = {field.name: getattr(value, field.name) for field in fields(value)}
        return _plain(shown, place)
    if type(value).__module__.partition(".")[0] in {"numpy", "pandas", "pyarrow"}:
        return _unwrapped(value, place)
    raise DataError(f"a {type(value).__name__} has no form in JSON", column=place)


def _unwrapped(value: Any, place: str) -> Any:  # noqa: ANN401
    """Convert a scalar or an array of NumPy, pandas or Arrow to plain values."""
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    if kind in {"M", "m"} and type(value).__module__ == "numpy":
        # Finer units than Python's own would come out as bare numbers.
        value = value.astype(f"{kind}8[us]")
    for convert in ("as_py", "tolist", "to_list", "item"):
        if hasattr(value, convert):
            inner = getattr(value, convert)()
            if inner is None and kind in {"M", "m"}:
                raise DataError("NaT has no form in JSON; leave it out, or give None", column=place)
            if type(inner) is not type(value):
                return _plain(inner, place)
    raise DataError(f"a {type(value).__name__} has no form in JSON", column=place)


def _finite(number: float, place: str) -> float:
    if not math.isfinite(number):
        message = f"{number} has no form in JSON; leave it out, or give None"
        raise DataError(message, column=place)
    return number


def _unicode(text: str, place: str) -> str:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            message = "the text holds half a surrogate pair, which is not valid Unicode"
            raise DataError(message, column=place) from None
    return str.__str__(text)  # what it holds, whatever its class shows


def _short(number: int, place: str) -> int:
    if number.bit_length() > _MOST_BITS:
        message = f"an integer of {number.bit_length():,} bits has no form that others read"
        raise DataError(message, column=place)
    return number


def _text(value: object, place: str) -> str:
    text = to_jsonable_python(value)
    if isinstance(value, Decimal) and not value.is_finite():
        raise DataError(f"{value} has no form in JSON", column=place)
    return str(text)


def _object(value: Mapping[Any, Any], place: str) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, item in value.items():
        name = _key(key, place)
        if name in made:
            raise DataError(f"two keys are written as {name!r}", column=place)
        made[name] = _plain(item, f"{place}.{name}")
    return made


def _key(key: object, place: str) -> str:
    if isinstance(key, Enum):
        return _key(key.value, place)
    if isinstance(key, str):
        return _unicode(key, place)
    if isinstance(key, bool) or not isinstance(key, Integral):
        message = f"the key {key!r} is a {type(key).__name__}; keys of JSON objects are text"
        raise DataError(message, column=place)
    return str(int(key))
