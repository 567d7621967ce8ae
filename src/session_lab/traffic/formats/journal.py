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
from session_lab.traffic.formats.format import Format, in_first_line
from session_lab.traffic.parsing.column_map import ColumnMap
from session_lab.traffic.parsing.recorded_calls import RecordedCall, SessionNames, to_events
from session_lab.traffic.parsing.text_rows import BadRows, json_lines
from session_lab.traffic.parsing.token_trace import require

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

    from session_lab.frames.files.sources import Source
    from session_lab.traffic.formats.format import ReadOptions

__all__ = ["FORMAT"]

_FIELDS = ("seq", "at", "op", "external_id", "environment", "status_code")
_OPS = {
    "start": "start",
    "message": "message",
    "append": "message",
    "close": "close",
    "retrieve": "retrieve",
}
_ASKED = ("turn_duration", "expires_at", "tags", "type", "task_identifier")
_ID_PREFIX = "session_"
_PLAIN = ColumnMap()


def _read(source: Source, options: ReadOptions, bad: BadRows) -> pd.DataFrame:
    """Read the journal as events."""
    found: list[tuple[int, dict[str, Any]]] = []
    for number, record in json_lines(source, bad):
        try:
            _check(record)
        except DataError as error:
            bad.report(error, source=source.name, row=number)
        else:
            found.append((number, record))
    # Requests of one instant are told apart by their number, wherever they stand in the file.
    found.sort(key=lambda one: one[1]["seq"])
    names = _names(record for _, record in found)
    serves = any("start_kind" in record for _, record in found)
    several = len({str(record["environment"]) for _, record in found}) > 1
    calls = []
    for number, record in found:
        if not _is_event(record, serves=serves):
            continue
        external_id = names.of(str(record["external_id"]))
        if several:
            external_id = f"{record['environment']}/{external_id}"
        try:
            calls.append(RecordedCall(number, _event(record, external_id, options.first_turn)))
        except DataError as error:
            bad.report(error, source=source.name, row=number)
    return to_events(calls, bad)


FORMAT = Format("journal", _read, in_first_line(*_FIELDS), repeats=True)


def _check(record: Mapping[str, Any]) -> None:
    require(record, *_FIELDS)
    if type(record["seq"]) is not int:
        raise DataError(f"{record['seq']!r} is not a whole number", column="seq")


def _names(records: Iterable[Mapping[str, Any]]) -> SessionNames:
    names = SessionNames()
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


def _event(record: Mapping[str, Any], external_id: str, first_turn: int) -> dict[str, Any]:
    asked = {name: record.get(name) for name in _ASKED}
    if record["op"] == "start" and "start_kind" in record and asked["turn_duration"] is None:
        asked["turn_duration"] = first_turn
    return _PLAIN.of_row(
        {
            "at": to_instant(record["at"], name="at"),
            "op": _OPS[record["op"]],
            "external_id": external_id,
            **asked,
            "recorded_status": record["status_code"],
            "recorded_is_cached": record.get("is_cached"),
        }
    )
