"""What is wrong with a value, in the words of the server's validation library.

The server validates with zod 3.25 and renders body errors with zod-validation-error 1.5; query and
path errors carry zod's own list. An issue is a dict whose keys stand in zod's order, because that
list is sent as it is. The path of an issue begins at the value that was checked; :func:`below` puts
what leads there before it.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from session_lab.simulator.api.javascript.json_text import Json

__all__ = [
    "ABSENT",
    "Issue",
    "Path",
    "below",
    "body_error",
    "custom",
    "invalid_date",
    "invalid_literal",
    "invalid_option",
    "invalid_pattern",
    "invalid_type",
    "invalid_union",
    "not_integer",
    "too_big",
    "too_small",
]

Issue = dict[str, "Json"]
Path = tuple[str | int, ...]


class Absent:
    """A value that is not there, which is not the same as null."""

    def __repr__(self) -> str:
        """Name it."""
        return "ABSENT"


ABSENT: Final = Absent()

_KINDS: Mapping[type, str] = {
    Absent: "undefined",
    type(None): "null",
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}
_SHOWN_ISSUES = 99
_UNITS = {"string": "character(s)", "array": "element(s)"}


def _kind(value: Json) -> str:
    if isinstance(value, float) and math.isnan(value):
        return "nan"
    return _KINDS[type(value)]


def invalid_type(value: Json, expected: str) -> Issue:
    """Report that another type was expected, or any value at all."""
    received = _kind(value)
    missing = received == "undefined"
    return {
        "code": "invalid_type",
        "expected": expected,
        "received": received,
        "path": [],
        "message": "Required" if missing else f"Expected {expected}, received {received}",
    }


def not_integer() -> Issue:
    """Report a number with a fraction, or an infinite one."""
    return {
        "code": "invalid_type",
        "expected": "integer",
        "received": "float",
        "message": "Expected integer, received float",
        "path": [],
    }


def too_small(kind: str, least: int, *, inclusive: bool = True) -> Issue:
    """Report a text or array that is too short, or a number that is too low."""
    words = "greater than or equal to" if inclusive else "greater than"
    return {
        "code": "too_small",
        "minimum": least,
        "type": kind,
        "inclusive": inclusive,
        "exact": False,
        "message": _bound(kind, words, "at least", least),
        "path": [],
    }


def too_big(kind: str, most: int) -> Issue:
    """Report a text or array that is too long, or a number that is too high."""
    return {
        "code": "too_big",
        "maximum": most,
        "type": kind,
        "inclusive": True,
        "exact": False,
        "message": _bound(kind, "less than or equal to", "at most", most),
        "path": [],
    }


def _bound(kind: str, of_number: str, of_length: str, bound: int) -> str:
    if kind == "number":
        return f"Number must be {of_number} {bound}"
    return f"{kind.capitalize()} must contain {of_length} {bound} {_UNITS[kind]}"


def invalid_option(value: Json, options: Sequence[str]) -> Issue:
    """Report a value that is none of the options."""
    listed = " | ".join(f"'{option}'" for option in options)
    if not isinstance(value, str):
        return invalid_type(value, listed)
    return {
        "received": value,
        "code": "invalid_enum_value",
        "options": list(options),
        "path": [],
        "message": f"Invalid enum value. Expected {listed}, received '{value}'",
    }


def invalid_literal(value: Json, expected: Json) -> Issue:
    """Report a value that is not the one that is allowed."""
    return {
        "received": value,
        "code": "invalid_literal",
        "expected": expected,
        "path": [],
        "message": f"Invalid literal value, expected {json.dumps(expected)}",
    }


def invalid_pattern() -> Issue:
    """Report a text that does not match its pattern."""
    return {
        "validation": "regex",
        "code": "invalid_string",
        "message": "Invalid",
        "path": [],
    }


def invalid_date() -> Issue:
    """Report a value that cannot be coerced to an instant."""
    return {"code": "invalid_date", "path": [], "message": "Invalid date"}


def custom(message: str, at: Path = ()) -> Issue:
    """Report that a rule of the schema's own is broken, by the value itself or by a part of it."""
    return {"code": "custom", "message": message, "path": list(at)}


def invalid_union(alternatives: Sequence[Sequence[Issue]]) -> Issue:
    """Report a value that fits none of several schemas, each of which says why."""
    errors = [{"issues": list(issues), "name": "ZodError"} for issues in alternatives]
    return {
        "code": "invalid_union",
        "unionErrors": errors,
        "path": [],
        "message": "Invalid input",
    }


def below(step: str | int, issues: Sequence[Issue]) -> list[Issue]:
    """Place the issues of a part in the whole, where the part stands at a name or an index.

    Examples
    --------
    >>> [issue["path"] for issue in below("tags", below(1, [invalid_date()]))]
    [['tags', 1]]
    """
    return [_below(step, issue) for issue in issues]


def _below(step: str | int, issue: Issue) -> Issue:
    placed = {**issue, "path": [step, *issue["path"]]}
    if "unionErrors" in issue:
        errors = issue["unionErrors"]
        placed["unionErrors"] = [
            {**error, "issues": below(step, error["issues"])} for error in errors
        ]
    return placed


def body_error(issues: Sequence[Issue]) -> str:
    """Render the issues of a body as the one sentence that the API answers with.

    Examples
    --------
    >>> tag = below("tags", below(1, [invalid_type(None, "string")]))
    >>> body_error([*tag, *below("expiresAt", [invalid_date()])])
    'Validation error: Expected string, received null at "tags[1]"; Invalid date at "expiresAt"'
    """
    return "Validation error: " + "; ".join(map(_sentence, issues[:_SHOWN_ISSUES]))


def _sentence(issue: Issue) -> str:
    if issue["code"] == "invalid_union":
        alternatives = (error["issues"] for error in issue["unionErrors"])
        sentences = ("; ".join(map(_sentence, issues)) for issues in alternatives)
        return ", or ".join(dict.fromkeys(sentences))
    place = "".join(
        f"[{step}]" if isinstance(step, int) else f".{step}" for step in issue["path"]
    ).removeprefix(".")
    return f'{issue["message"]} at "{place}"' if place else str(issue["message"])
