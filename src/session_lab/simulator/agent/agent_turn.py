"""A turn as an agent gets to see it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

__all__ = ["AgentTurn", "turn_of_payload", "turn_of_record"]

_ANSWERED = {"submit-message", "regenerate-message", "action"}
"""Triggers that ask an agent for something; it hears the others and writes nothing."""


@dataclass(frozen=True, kw_only=True)
class AgentTurn:
    """A turn as an agent gets to see it.

    Attributes
    ----------
    text : str
        What the user wrote: the text parts of the message, together. Where a response is to be
        written anew it is what the user wrote last, and of an action it is the action as JSON.
    number : int
        Which turn of its session it is, from 1.
    external_id : str or None
        The caller's own id of the session, which chat clients take for the conversation's.
    session_id : str
        The session's id.
    payload : dict
        All that was sent, as chat clients send it: ``message``, ``trigger``, ``metadata`` and more.

    Examples
    --------
    >>> turn = AgentTurn(text="Hello", number=1, payload={"metadata": {"user": "u-1"}})
    >>> turn.trigger, turn.metadata
    ('submit-message', {'user': 'u-1'})
    """

    text: str
    number: int
    external_id: str | None = None
    session_id: str = ""
    payload: dict[str, Any] = field(default_factory=dict)

    @property
    def trigger(self) -> str:
        """What the turn is for: ``submit-message``, ``regenerate-message`` or ``action``."""
        return str(self.payload.get("trigger", "submit-message"))

    @property
    def message(self) -> dict[str, Any] | None:
        """The message that was sent, as chat clients have it; None where there is none."""
        message = self.payload.get("message")
        return message if isinstance(message, dict) else None

    @property
    def metadata(self) -> Any:  # noqa: ANN401  whatever the client sends
        """What the client sends along with every turn."""
        return self.payload.get("metadata")

    @property
    def action(self) -> Any:  # noqa: ANN401  whatever the client sends
        """The action that was sent in the place of a message."""
        return self.payload.get("action")

    @property
    def is_answered(self) -> bool:
        """Whether an agent has something to say; it passes over what only boots or ends a run."""
        return self.trigger in _ANSWERED


def turn_of_record(
    record: str, *, number: int, previous: str, external_id: str | None, session_id: str
) -> AgentTurn:
    """Return the turn that a record on ``in`` asks for.

    Parameters
    ----------
    record : str
        Its text. One that is not a message of a chat client is the user's own words.
    number : int
        Which turn of its session it is, from 1.
    previous : str
        What the user wrote last.
    external_id, session_id
        Those of the session.
    """
    try:
        sent = json.loads(record) if record.lstrip().startswith("{") else None
    except (ValueError, RecursionError):
        sent = None
    payload = sent.get("payload") if isinstance(sent, dict) else None
    if not isinstance(payload, dict):
        return AgentTurn(text=record, number=number, external_id=external_id, session_id=session_id)
    return turn_of_payload(
        payload, number=number, previous=previous, external_id=external_id, session_id=session_id
    )


def turn_of_payload(
    payload: dict[str, Any],
    *,
    number: int,
    previous: str,
    external_id: str | None,
    session_id: str,
) -> AgentTurn:
    """Return the turn that the payload of a message asks for; the rest is as in a record."""
    if payload.get("trigger") == "regenerate-message":
        text = previous
    elif payload.get("trigger") == "action":
        text = _json(payload.get("action"))
    else:
        text = _text(payload.get("message"))
    return AgentTurn(
        text=text,
        number=number,
        external_id=external_id,
        session_id=session_id,
        payload=payload,
    )


def _json(value: object) -> str:
    """Write a value as JSON; one that is nested too deep says nothing."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return ""


def _text(message: object) -> str:
    """Return what a message says in words: a chat client's in its parts, any other one as it is."""
    if isinstance(message, str):
        return message
    parts = message.get("parts") if isinstance(message, dict) else None
    if not isinstance(parts, list):
        return ""
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return "".join(text for text in texts if isinstance(text, str))
