"""Replies as a script writes them: steps, each a text or an object of a kind that is known.

Reading one puts it into its only canonical form, so that equal scripts are equal values.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from session_lab.errors import DataError
from session_lab.timing import duration_text, to_milliseconds
from session_lab.wire.limits import MAX_RECORD_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["Reply", "Step", "check_depth", "read_replies", "read_reply", "refusal"]

Step = dict[str, Any]
"""One step of a reply in its canonical form; the first of its fields names its kind."""

_EXAMPLE = '"Hello!", {"wait": "2s"} or {"tool": "search", "output": []}'
_LONGEST_STEP = MAX_RECORD_BYTES - 1024
"""Bytes of JSON that a record surely takes with what stands around it."""
_DEEPEST = 100
"""How deep values may be nested, so that nothing that writes them fails."""


class Reply(NamedTuple):
    """What an agent does in a turn.

    Attributes
    ----------
    steps : tuple of Step
        One after the other.
    when : str or None
        What the user's text must hold, in whatever case, for this reply to be chosen.
    """

    steps: tuple[Step, ...]
    when: str | None = None

    def to_json(self) -> Any:  # noqa: ANN401  what it reads back from
        """Return the reply as JSON values."""
        steps = [dict(step) for step in self.steps]
        return steps if self.when is None else {"when": self.when, "reply": steps}


def refusal(place: str, message: str) -> DataError:
    """Return the error that says what is wrong at a place of a script."""
    return DataError(message, source="ScriptedAgent", column=place)


def check_depth(value: object, place: str) -> None:
    """Check that a value is not nested deeper than a script needs.

    Raises
    ------
    DataError
        It is.
    """
    level = [value]
    for _ in range(_DEEPEST):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return
    raise refusal(place, f"is nested more than {_DEEPEST} deep")


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, (list, tuple)) else ()


def read_replies(value: object) -> tuple[Reply, ...]:
    """Read the replies of a script.

    Raises
    ------
    DataError
        They make no sense; the error names the place.
    """
    check_depth(value, "replies")
    if not isinstance(value, (list, tuple)) or not value:
        message = f'{_shown(value)} is not "echo" or a list of replies such as ["Hello!", "Bye."]'
        raise refusal("replies", message)
    replies = tuple(_read_choice(item, f"replies[{n}]") for n, item in enumerate(value))
    if all(reply.when is not None for reply in replies):
        message = 'every reply has a "when"; give one without, for what none of them is meant for'
        raise refusal("replies", message)
    return replies


def read_reply(value: object, place: str) -> tuple[Step, ...]:
    """Read one reply: a text, a step, or a list of them.

    Raises
    ------
    DataError
        It makes no sense; the error names the place.
    """
    check_depth(value, place)
    if isinstance(value, (str, dict)):
        return (_read_step(value, place),)
    if not isinstance(value, (list, tuple)):
        message = f"{_shown(value)} is not a reply; give a list of steps such as {_EXAMPLE}"
        raise refusal(place, message)
    steps = tuple(_read_step(item, f"{place}[{n}]") for n, item in enumerate(value))
    for number, step in enumerate(steps):
        kind = next(iter(step))
        if kind in _LAST and number < len(steps) - 1:
            message = f'"{kind}" ends the turn, so nothing can follow it'
            raise refusal(f"{place}[{number + 1}]", message)
        if kind == "upgrade" and number:
            message = '"upgrade" passes the turn on before anything is written; put it first'
            raise refusal(f"{place}[{number}]", message)
    return steps


def _read_choice(value: object, place: str) -> Reply:
    if not isinstance(value, dict) or "when" not in value:
        return Reply(read_reply(value, place))
    unknown = sorted(str(name) for name in value if name not in {"when", "reply"})
    if unknown:
        raise refusal(f"{place}.{unknown[0]}", "beside when there is only reply")
    if not isinstance(value["when"], str) or not value["when"]:
        message = f"{_shown(value['when'])} is not a text to look for in the user's message"
        raise refusal(f"{place}.when", message)
    if "reply" not in value:
        raise refusal(place, 'has a "when" but no "reply"')
    return Reply(read_reply(value["reply"], f"{place}.reply"), value["when"])


def _read_step(value: object, place: str) -> Step:
    if isinstance(value, str):
        return _read_step({"text": _text(value, place)}, place)
    if not isinstance(value, dict):
        raise refusal(place, f"{_shown(value)} is not a step; a step is {_EXAMPLE}")
    kind = next((kind for kind in _FIELDS if kind in value), None)
    if kind is None:
        kinds = ", ".join(_FIELDS)
        raise refusal(place, f"{_shown(value)} has none of the fields that name a step: {kinds}")
    known = _FIELDS[kind]
    for name in value:
        if name not in known:
            fields = ", ".join(known)
            raise refusal(f"{place}.{name}", f"there is no such field; {kind} takes {fields}")
    if kind == "tool" and "output" in value and "error" in value:
        raise refusal(f"{place}.error", "a tool has an output or an error, not both")
    given = [name for name in known if name in value]
    step = {name: known[name](value[name], f"{place}.{name}") for name in given}
    size = len(json.dumps(step))
    if size > _LONGEST_STEP:
        raise refusal(place, f"has {size} bytes as JSON, and a step has {_LONGEST_STEP} at most")
    return step


def _text(value: object, place: str) -> str:
    if not isinstance(value, str) or not value:
        raise refusal(place, f"{_shown(value)} is not a text, or is empty")
    return value


def _duration(value: object, place: str) -> str:
    try:
        return duration_text(to_milliseconds(value))
    except DataError as error:
        raise refusal(place, str(error.args[0])) from None


def _true(value: object, place: str) -> bool:
    if value is not True:
        raise refusal(place, f"{_shown(value)} is not true, which is all it takes")
    return True


def _json(value: object, place: str) -> Any:  # noqa: ANN401  a JSON value
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise refusal(place, f"{_shown(value)} cannot be written as JSON: {error}") from None
    return json.loads(text)


def _chunk(value: object, place: str) -> Any:  # noqa: ANN401  a JSON object
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        message = f'{_shown(value)} is not a chunk, an object with a "type" such as "data-weather"'
        raise refusal(place, message)
    return _json(value, place)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


_LAST = {"error", "crash"}
_FIELDS: Mapping[str, Mapping[str, Callable[[object, str], Any]]] = {
    "text": {"text": _text, "every": _duration},
    "echo": {"echo": _true, "every": _duration},
    "reasoning": {"reasoning": _text, "every": _duration},
    "wait": {"wait": _duration},
    "tool": {
        "tool": _text,
        "input": _json,
        "takes": _duration,
        "output": _json,
        "error": _text,
    },
    "data": {"data": _text, "value": _json},
    "chunk": {"chunk": _chunk},
    "error": {"error": _text},
    "crash": {"crash": _true},
    "upgrade": {"upgrade": _true},
}
