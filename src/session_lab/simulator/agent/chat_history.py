"""The messages of a chat as its agent keeps them: what users sent, and what its chunks come to.

What chunks come to is what the AI SDK makes of its UI message stream; the document that is kept has
the older of the two forms that agents of the SDK read (4.8.3).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from session_lab.simulator.agent.agent_turn import AgentTurn

__all__ = ["Message", "add_turn", "message_of", "write_history"]

Message = dict[str, Any]
"""A message as chat clients have it, with ``id``, ``role`` and ``parts``."""


def add_turn(history: Sequence[Message], turn: AgentTurn, chunks: Iterable[str]) -> list[Message]:
    """Return the messages of a chat after one more turn.

    Parameters
    ----------
    history : sequence of Message
        Those before. A message that comes again takes its old place, and a response that is to be
        written anew is taken back.
    turn : AgentTurn
        What was asked.
    chunks : iterable of str
        What the agent wrote, as JSON.

    Examples
    --------
    >>> from session_lab.simulator.agent.agent_turn import AgentTurn
    >>> chunks = ['{"type":"start","messageId":"m"}', '{"type":"text-start","id":"t"}',
    ...     '{"type":"text-delta","id":"t","delta":"Hi"}', '{"type":"text-end","id":"t"}']
    >>> [each["id"] for each in add_turn([], AgentTurn(text="Hello", number=1), chunks)]
    ['user_1', 'm']
    """
    messages = {message["id"]: message for message in history}
    if turn.trigger == "regenerate-message":
        while messages and messages[next(reversed(messages))].get("role") == "assistant":
            messages.popitem()
    elif turn.trigger == "submit-message" and (sent := _sent(turn)) is not None:
        messages[sent["id"]] = sent
    answer = message_of(json.loads(chunk) for chunk in chunks)
    if answer is not None:
        messages[answer["id"]] = answer
    return list(messages.values())


def message_of(chunks: Iterable[Message]) -> Message | None:
    """Return the message that chunks come to; None where they write none."""
    message: Message | None = None
    parts: list[Message] = []
    known: dict[tuple[str, str], Message] = {}
    for chunk in chunks:
        place = str(chunk.get("id"))  # Scripts can hold any JSON, which need not be hashable.
        match chunk["type"].split("-"):
            case ["start"]:
                message = {"id": chunk.get("messageId"), "role": "assistant", "parts": parts}
            case ["start", "step"]:
                parts.append({"type": "step-start"})
            case [("text" | "reasoning") as kind, "start"]:
                part = known[kind, place] = {"type": kind, "text": "", "state": "streaming"}
                parts.append(part)
            case [("text" | "reasoning") as kind, "delta"]:
                if (kind, place) in known:
                    known[kind, place]["text"] += str(chunk.get("delta", ""))
            case [("text" | "reasoning") as kind, "end"]:
                known.get((kind, place), {})["state"] = "done"
            case ["tool", "input" | "output" as side, state]:
                _keep_call(chunk, f"{side}-{_STATES.get(state, state)}", parts, known)
            case ["data", *_] if not chunk.get("transient"):
                parts.append(chunk)
            case _:
                pass  # It tells of the turn, and leaves nothing in the message.
    return message if parts and message and isinstance(message["id"], str) else None


def write_history(
    messages: Sequence[Message], *, saved_at: int, last_out: int | None, last_in: int | None
) -> bytes:
    """Write the messages of a chat as they are kept.

    Parameters
    ----------
    messages : sequence of Message
        In order.
    saved_at : int
        When, in milliseconds since 1970.
    last_out, last_in : int or None
        The numbers of the record that ended the last turn, and of the one that asked for it.
    """
    document = {"version": 1, "savedAt": saved_at, "messages": messages}
    cursors = {"lastOutEventId": last_out, "lastInEventId": last_in}
    known = {name: str(seq) for name, seq in cursors.items() if seq is not None}
    return json.dumps(document | known, separators=(",", ":")).encode()


_OF_CALLS = ("input", "output", "errorText")
_STATES = {"start": "streaming"}


def _keep_call(
    chunk: Message, state: str, parts: list[Message], known: dict[tuple[str, str], Message]
) -> None:
    """Note how far a tool call has come."""
    call = chunk.get("toolCallId")
    name = "tool", str(call)
    if name not in known:
        known[name] = {"type": f"tool-{chunk.get('toolName')}", "toolCallId": call}
        parts.append(known[name])
    known[name]["state"] = state
    known[name] |= {field: chunk[field] for field in _OF_CALLS if field in chunk}


def _sent(turn: AgentTurn) -> Message | None:
    """Return the user's message of a turn, made of its text where it was not a chat client's."""
    message = turn.message
    if message is not None and isinstance(message.get("id"), str) and message["id"]:
        return message
    if not turn.text:
        return None
    parts = [{"type": "text", "text": turn.text}]
    return {"id": f"user_{turn.number}", "role": "user", "parts": parts}
