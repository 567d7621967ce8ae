"""What a run is given when it is triggered: its payload and its options.

Source: ``apps/webapp/app/services/realtime/sessionRunManager.server.ts`` of the open-source server.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from session_lab.wire.text import trim

if TYPE_CHECKING:
    from collections.abc import Mapping

    from session_lab.simulator.model.machine import Row

__all__ = ["carries_turn", "is_stop", "options_of", "overrides_of", "payload_of", "tags_of"]

_OPTIONS = ("machine", "maxAttempts", "maxDuration", "lockToVersion", "region")
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
    return options


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
        overrides["idle_timeout"] = 1000 * seconds
    if seconds := config.get("maxDuration"):
        overrides["max_duration"] = 1000 * seconds
    return overrides


def carries_turn(config: Mapping[str, Any] | None) -> bool:
    """Tell whether a create carries a first turn: a message, or the submit of one."""
    payload = (config or {}).get("basePayload", {})
    return "message" in payload or payload.get("trigger") == "submit-message"


def is_stop(record: str) -> bool:
    """Tell whether a record on ``in`` asks the agent to stop rather than for a turn.

    Examples
    --------
    >>> is_stop('{"kind": "stop"}'), is_stop("hello")
    (True, False)
    """
    try:
        body = json.loads(record)
    except ValueError:
        return False
    return isinstance(body, dict) and body.get("kind") == "stop"
