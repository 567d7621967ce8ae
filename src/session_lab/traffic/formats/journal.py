"""The simulator's journal, as ``GET /_lab/journal`` and ``Simulator.journal`` give it.

One request a line, with its answer. Starts, appends to ``in``, closes and retrievals are events;
what was answered goes into ``recorded_status`` and ``recorded_is_cached``. All else is left out:
other requests, appends that repeat an earlier one, and, where turns were served at all, accepted
appends that got none, which asked the agent to stop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from session_lab.errors import DataError
from session_lab.timing import to_instant
from session_lab.traffic.formats.events import frame_of, parse
from session_lab.traffic.formats.text_rows import BadRows, json_lines
from session_lab.traffic.formats.token_trace import require

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import pandas as pd

__all__ = ["FIELDS", "Names", "read"]

FIELDS = ("seq", "at", "op", "external_id", "environment", "status_code")
_OPS = {
    "start": "start",
    "message": "message",
    "append": "message",
    "close": "close",
    "retrieve": "retrieve",
}
_ASKED = ("turn_duration", "expires_at", "tags", "type", "task_identifier")
_ID_PREFIX = "session_"


class Names:
    """What sessions are called among events, whichever of their two ids a request was made by.

    The caller's own id where there is one, else the platform's without its prefix, which events do
    not allow.
    """

    def __init__(self) -> None:
        self._own: dict[str, str] = {}

    def learn(self, session_id: object, external_id: object) -> None:
        """Note that the two ids are of one session."""
        if isinstance(session_id, str) and isinstance(external_id, str) and external_id:
            self._own.setdefault(session_id, external_id)

    def of(self, key: str) -> str:
        """Name the session of an id of either kind."""
        return self._own.get(key, key).removeprefix(_ID_PREFIX)


def read(path: Path, first_turn: int, bad: BadRows) -> pd.DataFrame:
    """Read the journal as events.

    Parameters
    ----------
    path : Path
        The journal.
    first_turn : int
        How long the turn lasts that a start carries, in milliseconds, where the journal does not
        tell because a run policy did.
    bad : BadRows
        What becomes of rows that cannot be used.
    """
    found: list[tuple[int, dict[str, Any]]] = []
    for number, record in json_lines(path, bad):
        try:
            require(record, FIELDS)
        except DataError as error:
            bad.report(error, source=path.name, row=number)
        else:
            found.append((number, record))
    names = _names(record for _, record in found)
    serves = any("start_kind" in record for _, record in found)
    several = len({str(record["environment"]) for _, record in found}) > 1
    events = []
    for number, record in found:
        if not _is_event(record, serves=serves):
            continue
        chat = names.of(str(record["external_id"]))
        if several:
            chat = f"{record['environment']}/{chat}"
        try:
            events.append(_event(record, chat, first_turn))
        except DataError as error:
            bad.report(error, source=path.name, row=number)
    return frame_of(events)


def _names(records: Iterable[Mapping[str, Any]]) -> Names:
    names = Names()
    for record in records:
        key = record["external_id"]
        if isinstance(key, str) and not key.startswith(_ID_PREFIX):
            names.learn(record.get("session_id"), key)
    return names


def _is_event(record: Mapping[str, Any], *, serves: bool) -> bool:
    if str(record["op"]) not in _OPS:
        return False
    if record["op"] != "append" or record["status_code"] != 200:
        return bool(record.get("io", "in") == "in")
    got_turn = "start_kind" in record or not serves
    return record.get("io") == "in" and "record" in record and got_turn


def _event(record: Mapping[str, Any], chat: str, first_turn: int) -> dict[str, Any]:
    asked = {name: record.get(name) for name in _ASKED}
    if record["op"] == "start" and "start_kind" in record and asked["turn_duration"] is None:
        asked["turn_duration"] = first_turn
    return parse(
        {
            "at": to_instant(record["at"], name="at"),
            "op": _OPS[record["op"]],
            "external_id": chat,
            **asked,
            "recorded_status": record["status_code"],
            "recorded_is_cached": record.get("is_cached"),
        }
    )
