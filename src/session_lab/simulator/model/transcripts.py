"""The transcript of a chat, as agents keep it in its snapshot.

Two forms are read. The older one is a JSON object with a list of messages; the newer one has a line
of JSON for each message between a header, which holds the cursors and what only the agent is to
know, and a footer with a trailer. Whatever is neither has no messages, and a message without an id
of its own is left out. (Both forms are those of the SDK, 4.8.3.)
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

__all__ = ["Transcript", "read_transcript"]

_LINES_BEGIN = '{"v":2'
_TRAILER = re.compile(r"#tt2:[0-9]{16}\n")
_TRAILER_LENGTH = 22
_CURSORS = ("lastOutEventId", "lastInEventId")


class Transcript(NamedTuple):
    """The messages of a chat, in order, and how far the agent had come in its channels.

    Attributes
    ----------
    messages : tuple of dict
        Each has an ``id``.
    cursors : dict of str to str
        Those of ``lastOutEventId`` and ``lastInEventId`` that are known.
    """

    messages: tuple[dict[str, Any], ...] = ()
    cursors: dict[str, str] = {}  # noqa: RUF012  never changed

    def page(
        self, *, limit: int | None = None, before: str | None = None
    ) -> tuple[tuple[dict[str, Any], ...], str | None]:
        """Return the newest messages and, where there are earlier ones, the cursor to them.

        Parameters
        ----------
        limit : int, optional
            How many.
        before : str, optional
            The id of a message; only those before it. Without such a message there are none.

        Examples
        --------
        >>> transcript = Transcript(({"id": "a"}, {"id": "b"}, {"id": "c"}))
        >>> transcript.page(limit=2)
        (({'id': 'b'}, {'id': 'c'}), 'b')
        >>> transcript.page(limit=2, before="b")
        (({'id': 'a'},), None)
        """
        found = self.messages
        if before is not None:
            ids = [message["id"] for message in found]
            found = found[: ids.index(before)] if before in ids else ()
        if limit is None or len(found) <= limit:
            return found, None
        return found[-limit:], found[-limit]["id"]


def read_transcript(blob: bytes) -> Transcript:
    """Read the transcript of a snapshot; any other is empty."""
    text = blob.decode("utf-8", "replace")
    if text.startswith(_LINES_BEGIN):
        return _from_lines(text)
    document = _json(text)
    messages = document.get("messages")
    if not isinstance(messages, list):
        return Transcript()
    match document.get("version"):
        case 2:
            entries = [_entry(each) for each in messages]
        case 1:
            entries = [_identified(each) for each in messages]
        case _:
            return Transcript()
    return Transcript(tuple(each for each in entries if each is not None), _cursors(document))


def _from_lines(text: str) -> Transcript:
    header, newline, body = text.partition("\n")
    if not newline:
        return Transcript()
    if _TRAILER.fullmatch(text[-_TRAILER_LENGTH:]):
        # The footer is the line before the trailer.
        body = body[:-_TRAILER_LENGTH].rstrip("\n").rpartition("\n")[0]
    entries = [_entry(_json(line)) for line in body.split("\n") if line]
    messages = tuple(each for each in entries if each is not None)
    return Transcript(messages, _cursors(_json(header)))


def _entry(entry: object) -> dict[str, Any] | None:
    """Return the message of an entry; None where the two do not agree on its id."""
    if not isinstance(entry, dict):
        return None
    message = _identified(entry.get("message"))
    return message if message is not None and message["id"] == entry.get("id") else None


def _identified(message: object) -> dict[str, Any] | None:
    if not isinstance(message, dict):
        return None
    own = message.get("id")
    return message if isinstance(own, str) and own else None


def _cursors(document: dict[str, Any]) -> dict[str, str]:
    return {name: document[name] for name in _CURSORS if isinstance(document.get(name), str)}


def _json(text: str) -> dict[str, Any]:
    """Read a JSON object; any other text counts as an empty one."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
