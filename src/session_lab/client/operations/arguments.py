"""How arguments become parts of a request, and what is refused before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from session_lab.client.operations.json_values import json_text, plain
from session_lab.errors import DataError
from session_lab.timing import to_instant, to_milliseconds
from session_lab.wire.listing import percent_encode
from session_lab.wire.text import trim

if TYPE_CHECKING:
    from collections.abc import Iterable

    from session_lab.timing import Duration
    from session_lab.wire import WireModel

__all__ = ["body", "choices", "instant", "limit_bytes", "path_id", "period_text"]

_TWICE_DECODED = "%2F"
_PERIOD_UNITS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}


def path_id(identifier: object, *, name: str = "id") -> str:
    """Percent-encode an id for a path.

    Raises
    ------
    DataError
        No path can name it: the id is empty or ``.`` or ``..``, or it holds a literal ``%2F``,
        which the server decodes twice.

    Examples
    --------
    >>> path_id("team/chat 1")
    'team%2Fchat%201'
    """
    if not isinstance(identifier, str):
        raise DataError(f"an id is text, not {type(identifier).__name__}", column=name)
    if not trim(identifier):
        raise DataError("an id cannot be empty", column=name)
    if identifier in {".", ".."}:
        message = f"{identifier!r} cannot stand in a URL; use the session's own id (session_...)"
        raise DataError(message, column=name)
    if _TWICE_DECODED in identifier:
        message = (
            f"{identifier!r} holds a literal {_TWICE_DECODED}, which the API reads as a slash; "
            "use the session's own id (session_...)"
        )
        raise DataError(message, column=name)
    return percent_encode(identifier, name=name)


def instant(value: object, *, name: str) -> int | None:
    """Read a time as milliseconds; a bare number is refused, since nobody can see its unit."""
    if value is None:
        return None
    if isinstance(value, int | float):
        message = f"{value!r} has no unit; write ISO 8601 text with a zone or an aware datetime"
        raise DataError(message, column=name)
    return to_instant(value, name=name)


def period_text(value: Duration | None) -> str | None:
    """Write a period as the API reads it."""
    if value is None:
        return None
    milliseconds = to_milliseconds(value, name="period")
    if not milliseconds:
        raise DataError("a period of zero is not a filter to the API", column="period")
    unit, length = next(pair for pair in _PERIOD_UNITS.items() if not milliseconds % pair[1])
    return f"{milliseconds // length}{unit}"


def choices(value: str | Iterable[object] | None, *, name: str) -> tuple[str, ...]:
    """Make a tuple of the values of a filter; without duplicates, in order."""
    if value is None:
        return ()
    values = dict.fromkeys([value] if isinstance(value, str) else value)
    if not values:
        raise DataError("no value would match; leave the filter out to match all", column=name)
    texts = tuple(item for item in values if isinstance(item, str))
    if len(texts) < len(values):
        raise DataError("the values of a filter are text", column=name)
    return texts


def limit_bytes(text: str, most: int, *, name: str) -> bytes:
    """Encode text, unless it is longer than the route takes."""
    try:
        content = text.encode()
    except UnicodeEncodeError:
        message = "the text holds half a surrogate pair, which is not valid Unicode"
        raise DataError(message, column=name) from None
    if len(content) > most:
        message = f"{len(content)} bytes are more than the {most} that the API takes"
        raise DataError(message, column=name)
    return content


def body(model: type[WireModel], most: int, **fields: object) -> bytes:
    """Make a request body after checking its fields against the documented limits.

    Raises
    ------
    DataError
        A field breaks a limit, or has no form in JSON; the error names both.
    """
    given = {name: plain(value, name) for name, value in fields.items()}
    try:
        checked = model.model_validate(given)
        wire = checked.model_dump(mode="json", by_alias=True, exclude_unset=True)
    except ValidationError as error:
        raise _data_error(error) from None
    except ValueError as error:  # from the dump
        raise DataError(f"cannot be written as JSON: {error}", column="body") from None
    return limit_bytes(json_text(wire, name="body"), most, name="body")


def _data_error(error: ValidationError) -> DataError:
    issue = error.errors(include_url=False, include_input=False)[0]
    column = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in issue["loc"])
    cause = issue.get("ctx", {}).get("error")
    return DataError(str(cause or issue["msg"]), column=column.removeprefix("."))
