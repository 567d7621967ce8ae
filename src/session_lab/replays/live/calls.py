"""What each event asks of the API, and what came back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd
import pyarrow as pa
from pydantic import ValidationError

from session_lab.errors import APIStatusError, DataError
from session_lab.frames import NAT
from session_lab.timing import instant_text
from session_lab.wire.errors import ErrorBody
from session_lab.wire.limits import MAX_TAG_LENGTH
from session_lab.wire.sessions import StartedSession

if TYPE_CHECKING:
    from session_lab.client import Client, RawResponse
    from session_lab.replays.live.schedule import Schedule

__all__ = ["Calls", "LiveAnswer", "LiveCall", "answer_of", "run_tags"]

_TYPE = "chat.agent"


class LiveCall(NamedTuple):
    """A method of ``client.sessions`` and what it is given."""

    method: str
    arguments: dict[str, Any]


class LiveAnswer(NamedTuple):
    """What is kept of a reply.

    Attributes
    ----------
    status_code : int
        The HTTP status.
    error : str or None
        The message of a refusal.
    is_cached : bool or None
        Of an accepted start, whether it found the session.
    session_id, run_id : str or None
        Where the reply names them.
    """

    status_code: int
    error: str | None = None
    is_cached: bool | None = None
    session_id: str | None = None
    run_id: str | None = None


class Calls:
    """The calls that events stand for.

    A chat is named by its external id behind the prefix. A message, and a start that carries a
    turn, say ``text``; a message's part id is made of the event's row, so that the API stores it
    once however often it is sent.

    Parameters
    ----------
    events : DataFrame
        A checked events frame in order of time.
    plan : Schedule
        Where the expiries lie.
    prefix : str
        What stands before every external id.
    text : str
        What users say.
    task_identifier : str, optional
        Of starts that name none.

    Raises
    ------
    DataError
        A start has no task identifier.
    """

    def __init__(
        self,
        events: pd.DataFrame,
        plan: Schedule,
        *,
        prefix: str,
        text: str,
        task_identifier: str | None,
    ) -> None:
        self.ops: list[str] = events["op"].astype(object).tolist()
        self.names = [f"{prefix}{name}" for name in events["external_id"]]
        self._text = text
        self._expires_in = plan.expires_in
        self._types = _column(events, "type", _TYPE)
        self._tasks = _column(events, "task_identifier", task_identifier)
        self._tags = pa.array(events["tags"].array).to_pylist() if "tags" in events else None
        # As in a replay, a start carries the first turn if and only if it says how long that lasts.
        self._turns = (
            events["turn_duration"].notna().tolist() if "turn_duration" in events else None
        )
        for row, (op, task) in enumerate(zip(self.ops, self._tasks, strict=True)):
            if op == "start" and task is None:
                message = "the start names no task; give task_identifier="
                raise DataError(message, source="events", row=row, column="task_identifier")

    def brings_turn(self, row: int) -> bool:
        """Check whether a start carries the first turn."""
        return self._turns is not None and bool(self._turns[row])

    @staticmethod
    def part_id(row: int) -> str:
        """Name the record that a message becomes."""
        return f"replay-{row}"

    def call(self, row: int, due_at: int) -> LiveCall:
        """Make the call of an event that is due at an instant."""
        name = self.names[row]
        match self.ops[row]:
            case "start":
                return LiveCall("start", self._start(row, due_at))
            case "message":
                value = {"kind": "message", "payload": self._turn(row)}
                return LiveCall(
                    "append", {"id": name, "value": value, "part_id": self.part_id(row)}
                )
            case op:
                return LiveCall(op, {"id": name})

    def _start(self, row: int, due_at: int) -> dict[str, Any]:
        preload = {"chatId": self.names[row], "trigger": "preload"}
        expires_in = int(self._expires_in[row])
        return {
            "type": self._types[row],
            "task_identifier": self._tasks[row],
            "trigger_config": {
                "base_payload": self._turn(row) if self.brings_turn(row) else preload,
                "tags": run_tags(self.names[row]),
            },
            "external_id": self.names[row],
            "tags": None if self._tags is None else self._tags[row],
            "expires_at": None if expires_in == NAT else instant_text(max(due_at + expires_in, 0)),
        }

    def _turn(self, row: int) -> dict[str, Any]:
        part = {"type": "text", "text": self._text}
        message = {"id": self.part_id(row), "role": "user", "parts": [part]}
        return {"chatId": self.names[row], "trigger": "submit-message", "message": message}


def answer_of(client: Client, call: LiveCall) -> LiveAnswer:
    """Make a call; a refusal is an answer too.

    Raises
    ------
    APIError
        There was no answer that can be read.
    """
    method = getattr(client.with_raw_response.sessions, call.method)
    try:
        reply: RawResponse[object] = method(**call.arguments)
    except APIStatusError as error:
        if error.status_code in {401, 403}:  # Nothing else would fare better.
            raise
        return LiveAnswer(error.status_code, error=_message(error))
    session = reply.parse()
    if call.method == "append":
        return LiveAnswer(reply.status_code)
    if isinstance(session, StartedSession):
        return LiveAnswer(
            reply.status_code,
            is_cached=session.is_cached,
            session_id=session.id,
            run_id=session.run_id,
        )
    return LiveAnswer(reply.status_code, session_id=getattr(session, "id", None))


def _message(error: APIStatusError) -> str:
    try:
        problem = ErrorBody.model_validate(error.body)
    except ValidationError:
        problem = ErrorBody()
    return problem.message or f"status {error.status_code}"


def run_tags(external_id: str) -> list[str]:
    """Tag runs as the SDK's chat helpers do, so that lists and the dashboard find those of a chat.

    An id that is too long for a tag, or holds the comma that parts tags in filters, gives none.

    Examples
    --------
    >>> run_tags("a7"), run_tags("a,7"), run_tags("a" * 200)
    (['chat:a7'], [], [])
    """
    tag = f"chat:{external_id}"
    return [tag] if len(tag) <= MAX_TAG_LENGTH and "," not in tag else []


def _column(events: pd.DataFrame, name: str, default: str | None) -> list[str | None]:
    if name not in events:
        return [default] * len(events)
    values = events[name].astype(object)
    return [default if pd.isna(value) else value for value in values]
