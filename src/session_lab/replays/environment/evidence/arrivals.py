"""From records on ``in`` to what users did, and when; the texts are left behind.

The kinds are those of the SDK (``packages/trigger-sdk/src/v3/ai.ts``).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from session_lab.wire.channels import ChannelRecord

__all__ = ["NO_TURNS", "Arrival", "read_arrival"]

NO_TURNS = frozenset({"preload", "close", "action", "handover-prepare", "stop"})
"""What a record on ``in`` may be that asks for no turn."""

_TRIGGERS = frozenset({"submit-message", "regenerate-message", *NO_TURNS})
_SUBMIT, _OTHER = "submit-message", "other"


class Arrival(NamedTuple):
    """One record on ``in``.

    Attributes
    ----------
    seq : int
        Its number on the channel.
    at : int
        When the stream store took it, in milliseconds since 1970.
    trigger : str
        ``submit-message``, ``regenerate-message``, one of :data:`NO_TURNS`, or ``other``.
    size : int
        The length of its text, which is not kept.
    """

    seq: int
    at: int
    trigger: str
    size: int

    @property
    def is_turn(self) -> bool:
        """Whether it asks for a turn."""
        return self.trigger not in NO_TURNS


def read_arrival(record: ChannelRecord) -> Arrival | None:
    """Read what is kept of a record; None of one without a time or of a control record."""
    if record.timestamp is None or record.control is not None:
        return None
    at = round(record.timestamp.timestamp() * 1000)
    text = record.data if isinstance(record.data, str) else json.dumps(record.data)
    return Arrival(record.seq_num, at, _trigger(record.data), len(text))


def _trigger(data: Any) -> str:  # noqa: ANN401  JSON
    """Name the kind of a record; a text of no known form is taken for a message."""
    body = data
    if isinstance(data, str):
        try:
            body = json.loads(data)
        except (ValueError, RecursionError):
            return _OTHER
    if not isinstance(body, dict):
        return _OTHER
    if body.get("kind") == "stop":
        return "stop"
    payload = body.get("payload")
    told = payload.get("trigger") if isinstance(payload, dict) else None
    if told is None and body.get("kind") == "message":
        return _SUBMIT
    return told if isinstance(told, str) and told in _TRIGGERS else _OTHER
