"""The BurstGPT trace (HPMLL/BurstGPT), a table of requests as CSV.

Columns, from the trace's documentation: ``Timestamp`` (seconds from midnight of the first day),
``Model``, ``Request tokens``, ``Response tokens`` (0 where the request failed), ``Total tokens``,
``Log Type`` (``Conversation log`` or ``API log``); from release 2.0 on also ``Session ID`` (in
conversations alone) and ``Elapsed time`` (seconds until the whole answer was there).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from session_lab.errors import DataError
from session_lab.traffic.formats.format import Format, in_header
from session_lab.traffic.parsing import token_trace
from session_lab.traffic.parsing.text_rows import BadRows, csv_records
from session_lab.traffic.parsing.token_trace import TraceRequest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from session_lab.frames.files.sources import Source
    from session_lab.traffic.formats.format import ReadOptions

__all__ = ["FORMAT"]

_FIELDS = ("Timestamp", "Response tokens")
_FIRST_LINE = 2


def _read(source: Source, options: ReadOptions, bad: BadRows) -> pd.DataFrame:
    """Read the trace as events.

    Requests of one ``Session ID`` are a chat, ``conv-<Session ID>``; one without is a chat of its
    own, ``request-<line>``, where lines are counted in order of time. A turn lasts its ``Elapsed time``, or where there is none,
    as long as its response takes to generate. The model is a tag. Requests that failed got no
    answer and are left out.
    """
    found, failed = [], 0
    for number, record in csv_records(source, bad):
        try:
            request = _request(record, options)
        except DataError as error:
            bad.report(error, source=source.name, row=number)
            continue
        failed += request is None
        if request is not None:
            found.append(request)
    bad.leave_out(failed, "requests that failed (0 response tokens)")
    return token_trace.to_events(_named(found))


FORMAT = Format("burstgpt", _read, in_header(*_FIELDS))


def _request(record: Mapping[str, Any], options: ReadOptions) -> TraceRequest | None:
    token_trace.require(record, *_FIELDS)
    tokens = token_trace.tokens_of(record["Response tokens"], "Response tokens")
    at = token_trace.instant_of_seconds(options.origin, record["Timestamp"], "Timestamp")
    session, elapsed, model = (record.get(name) for name in ("Session ID", "Elapsed time", "Model"))
    if elapsed is None:
        lasts = token_trace.turn_of_tokens(tokens, options.tokens_per_second, "Response tokens")
    else:
        lasts = token_trace.turn_of_seconds(elapsed, "Elapsed time")
    if not tokens:
        return None
    return TraceRequest(
        at=at,
        turn_duration=lasts,
        chat="" if session is None else token_trace.external_id_of("conv", session, "Session ID"),
        tags=() if model is None else (f"model:{model}",),
    )


def _named(requests: Sequence[TraceRequest]) -> list[TraceRequest]:
    """Name requests that belong to no conversation by the line they have in order of time."""
    named = list(requests)
    for place, row in enumerate(sorted(range(len(requests)), key=requests.__getitem__)):
        if not requests[row].chat:
            named[row] = requests[row]._replace(chat=f"request-{place + _FIRST_LINE}")
    return named
