"""The BurstGPT trace (HPMLL/BurstGPT), a table of requests as CSV.

Columns, from the trace's documentation: ``Timestamp`` (seconds from midnight of the first day),
``Model``, ``Request tokens``, ``Response tokens`` (0 where the request failed), ``Total tokens``,
``Log Type`` (``Conversation log`` or ``API log``); from release 2.0 on also ``Session ID`` (in
conversations alone) and ``Elapsed time`` (seconds until the whole answer was there).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from session_lab.errors import DataError
from session_lab.traffic.formats import token_trace
from session_lab.traffic.formats.text_rows import BadRows, csv_records

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

__all__ = ["FIELDS", "read"]

FIELDS = ("Timestamp", "Response tokens")


def read(path: Path, origin: int, tokens_per_second: float, bad: BadRows) -> pd.DataFrame:
    """Read the trace as events.

    Requests of one ``Session ID`` are a chat, ``conv-<Session ID>``; one without is a chat of its
    own, ``request-<line>``. A turn lasts its ``Elapsed time``, or where there is none, as long as
    its response takes to generate. The model is a tag.

    Parameters
    ----------
    path : Path
        The trace.
    origin : int
        The instant of timestamp zero, in milliseconds since 1970.
    tokens_per_second : float
        How fast output is generated.
    bad : BadRows
        What becomes of rows that cannot be used.
    """
    found = []
    for number, record in csv_records(path, bad):
        try:
            found.append(_request(record, number, origin, tokens_per_second))
        except DataError as error:
            bad.report(error, source=path.name, row=number)
    return token_trace.to_events(found)


def _request(
    record: Mapping[str, Any], number: int, origin: int, tokens_per_second: float
) -> token_trace.Request:
    token_trace.require(record, FIELDS)
    tokens = token_trace.tokens_of(record["Response tokens"], "Response tokens")
    session, elapsed, model = (record.get(name) for name in ("Session ID", "Elapsed time", "Model"))
    return token_trace.Request(
        at=token_trace.moment(origin, record["Timestamp"], "Timestamp"),
        chat=f"request-{number}" if session is None else f"conv-{session}",
        turn_duration=token_trace.turn_of_tokens(tokens, tokens_per_second, "Response tokens")
        if elapsed is None
        else token_trace.turn_of_seconds(elapsed, "Elapsed time"),
        tags=() if model is None else (f"model:{model}",),
    )
