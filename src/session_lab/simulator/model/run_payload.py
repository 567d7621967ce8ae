"""What a run is given when it is triggered: its payload and its options.

Source: ``apps/webapp/app/services/realtime/sessionRunManager.server.ts`` of the open-source server.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from session_lab.errors import DataError
from session_lab.timing import to_milliseconds
from session_lab.wire.text import trim

if TYPE_CHECKING:
    from collections.abc import Mapping

    from session_lab.simulator.model.machine import Row

__all__ = [
    "TURN_DURATION_FIELD",
    "carries_turn",
    "is_close",
    "is_stop",
    "options_of",
    "overrides_of",
    "payload_of",
    "short_duration",
    "tags_of",
    "time_to_live",
    "turn_duration_of",
    "turn_duration_problem",
]

TURN_DURATION_FIELD = "sessionLabTurnDuration"
"""The field of a message's payload that says how long its turn lasts, as in ``"1.5s"``."""

_OPTIONS = (
    "machine",
    "maxAttempts",
    "maxDuration",
    "lockToVersion",
    "region",
    "concurrency",
    "concurrencyKey",
)
_DURATION = re.compile(r"([0-9]{1,9})(hr|[wdhms])")
_DURATIONS = re.compile(rf"(?:{_DURATION.pattern})+")
_UNITS = {"w": 604_800, "d": 86_400, "hr": 3_600, "h": 3_600, "m": 60, "s": 1}
_BOOT_FIELDS = ("message", "messages", "trigger")


def payload_of(row: Row, *, previous_run_id: str | None) -> dict[str, Any]:
    """Build the payload of a run from the session's ``triggerConfig`` as it is stored now.

    A run that follows another is told so, and does not get the fields that boot a conversation.

    Parameters
    ----------
    row : Row
        The session.
    previous_run_id : str or None
        The run that this one follows; None when the session had none.
    """
    config = row.trigger_config or {}
    payload = dict(config.get("basePayload", {}))
    if config.get("idleTimeoutInSeconds") is not None:
        payload["idleTimeoutInSeconds"] = config["idleTimeoutInSeconds"]
    payload["sessionId"] = row.session_id
    if previous_run_id is not None:
        payload |= {"continuation": True, "previousRunId": previous_run_id}
        for name in _BOOT_FIELDS:
            payload.pop(name, None)
    return payload


def options_of(config: Mapping[str, Any] | None) -> dict[str, Any]:
    """Pick the options of a run from ``triggerConfig``; empty texts are left out."""
    config = config or {}
    options = {name: config[name] for name in _OPTIONS if config.get(name)}
    if config.get("queue"):
        options["queue"] = {"name": config["queue"]}
    if config.get("tags") is not None:
        options["tags"] = list(config["tags"])
    if config.get("ttl"):
        options["ttl"] = _ttl_text(config["ttl"])
    return options


def short_duration(text: str) -> int | None:
    """Read a duration as the platform writes them, in milliseconds; None where it is none.

    Examples
    --------
    >>> short_duration("1h30m"), short_duration("soon")
    (5400000, None)
    """
    if not _DURATIONS.fullmatch(text):
        return None
    return 1000 * sum(int(count) * _UNITS[unit] for count, unit in _DURATION.findall(text))


def time_to_live(config: Mapping[str, Any] | None) -> int | None:
    """Return for how long a run may wait to be started, in milliseconds; None: for ever.

    ``triggerConfig`` says so as a duration or in seconds; what does not read, or is 0, sets none.

    Examples
    --------
    >>> time_to_live({"ttl": "10m"}), time_to_live({"ttl": 600}), time_to_live({})
    (600000, 600000, None)
    """
    ttl = (config or {}).get("ttl")
    if isinstance(ttl, str):
        return short_duration(ttl) or None
    return int(1000 * ttl) or None if isinstance(ttl, (int, float)) else None


def _ttl_text(ttl: str | int) -> str:
    """Write a time to live as the platform does, which gets seconds too."""
    if isinstance(ttl, str):
        return ttl
    parts, left = [], ttl
    for unit in ("w", "d", "h", "m", "s"):
        count, left = divmod(left, _UNITS[unit])
        if count:
            parts.append(f"{int(count)}{unit}")
    return "".join(parts)


def tags_of(options: Mapping[str, Any]) -> list[str]:
    """Pick the tags that a run with some options has: those that are not blank."""
    return [tag for tag in options.get("tags", ()) if trim(tag)]


def overrides_of(config: Mapping[str, Any] | None) -> dict[str, int]:
    """Pick what ``triggerConfig`` puts in the place of a run policy's own, in milliseconds.

    Examples
    --------
    >>> overrides_of({"basePayload": {}, "idleTimeoutInSeconds": 5})
    {'idle_timeout': 5000}
    """
    overrides: dict[str, int] = {}
    if config is None:
        return overrides
    if seconds := config.get("idleTimeoutInSeconds"):
        overrides["idle_timeout"] = int(1000 * seconds)
    if seconds := config.get("maxDuration"):
        overrides["max_duration"] = int(1000 * seconds)
    return overrides


def carries_turn(config: Mapping[str, Any] | None) -> bool:
    """Return whether a create carries a first turn: a message, or the submit of one."""
    payload = (config or {}).get("basePayload", {})
    return "message" in payload or payload.get("trigger") == "submit-message"


def is_stop(record: str) -> bool:
    """Return whether a record on ``in`` asks the agent to stop rather than for a turn.

    Examples
    --------
    >>> is_stop('{"kind": "stop"}'), is_stop("hello")
    (True, False)
    """
    return _object(record).get("kind") == "stop"


def is_close(record: str) -> bool:
    """Return whether a record on ``in`` asks the agent to leave, as chat clients do at their end.

    Examples
    --------
    >>> is_close('{"kind": "message", "payload": {"trigger": "close"}}'), is_close("close")
    (True, False)
    """
    payload = _object(record).get("payload")
    return isinstance(payload, dict) and payload.get("trigger") == "close"


def turn_duration_of(payload: object) -> int | None:
    """Return how long a message's turn is to last, in milliseconds, where its payload says.

    Payloads may say so in a field that only the simulator knows.

    Parameters
    ----------
    payload : object
        A record on ``in``, whose ``payload`` it is in, or a ``basePayload``.

    Raises
    ------
    DataError
        The field does not hold a duration.

    Examples
    --------
    >>> turn_duration_of('{"kind":"message","payload":{"sessionLabTurnDuration":"1.5s"}}')
    1500
    """
    if isinstance(payload, str):
        payload = _object(payload).get("payload") if TURN_DURATION_FIELD in payload else None
    if not isinstance(payload, dict) or payload.get(TURN_DURATION_FIELD) is None:
        return None
    return to_milliseconds(payload[TURN_DURATION_FIELD], name=TURN_DURATION_FIELD)


def turn_duration_problem(payload: object) -> str | None:
    """Return why :func:`turn_duration_of` refuses a payload; None where it does not."""
    try:
        turn_duration_of(payload)
    except DataError as error:
        return str(error)
    return None


def _object(record: str) -> dict[str, Any]:
    """Read a record that is a JSON object; any other text counts as an empty one."""
    try:
        body = json.loads(record) if record.lstrip().startswith("{") else None
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
