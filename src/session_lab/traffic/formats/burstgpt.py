"""The BurstGPT trace (HPMLL/BurstGPT), a table of requests as CSV.

Columns, from the trace's documentation: ``Timestamp`` (seconds from midnight of the first day),
``Model``, ``Request tokens``, ``Response tokens`` (0 where the request failed), ``Total tokens``,
``Log Type`` (``Conversation log`` or ``API log``); from release 2.0 on also ``Session ID`` (in
conversations alone) and ``Elapsed time`` (seconds until the whole answer was there).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from session_lab.frames.events.event_columns import whole_numbers, without_nothing
from session_lab.traffic.formats.format import Format, in_header
from session_lab.traffic.parsing import token_trace, trace_requests
from session_lab.traffic.parsing.text_rows import BadRows, csv_pieces
from session_lab.traffic.parsing.trace_requests import TraceRequest
from session_lab.traffic.parsing.units import column_in_milliseconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from session_lab.frames.files.sources import Source
    from session_lab.traffic.formats.format import ReadOptions

__all__ = ["FORMAT"]

_FIELDS = ("Timestamp", "Response tokens")
_OPTIONAL = ("Session ID", "Elapsed time", "Model")
_FIRST_LINE = 2


def _read(source: Source, options: ReadOptions, bad: BadRows) -> pd.DataFrame:
    """Read the trace as events.

    Requests of one ``Session ID`` are a chat, ``conv-<Session ID>``; one without is a chat of its
    own, ``request-<line>``, where lines are counted in order of time. A turn lasts its ``Elapsed time``, or where there is none,
    as long as its response takes to generate. The model is a tag. Requests that failed got no
    answer and are left out.
    """
    failed = 0

    def of_table(table: pa.Table) -> pa.Table:
        nonlocal failed
        requests, has_answer = _requests(table, options)
        failed += len(has_answer) - int(np.count_nonzero(has_answer))
        return requests if has_answer.all() else requests.filter(pa.array(has_answer))

    def of_row(record: Mapping[str, Any]) -> TraceRequest | None:
        nonlocal failed
        request = _request(record, options)
        failed += request is None
        return request

    pieces = csv_pieces(source, bad, lambda _, text: text or None, _present)
    requests = trace_requests.read_requests(pieces, of_table, of_row, source, bad)
    bad.leave_out(failed, "requests that failed (0 response tokens)")
    lines = np.empty(requests.num_rows, np.int64)
    lines[trace_requests.in_order(requests)] = np.arange(len(lines)) + _FIRST_LINE
    of_none = lines[np.asarray(requests["chat"].is_null())]
    # Each line is another, so there is nothing to look for among them.
    numbers = pa.DictionaryArray.from_arrays(np.arange(len(of_none), dtype=np.int32), of_none)
    return trace_requests.to_events(trace_requests.named(requests, "request-", numbers))


FORMAT = Format("burstgpt", _read, in_header(*_FIELDS), begins_chats=True)


def _present(names: Sequence[str]) -> list[str]:
    return [name for name in names if name in {*_FIELDS, *_OPTIONAL}]


def _request(record: Mapping[str, Any], options: ReadOptions) -> TraceRequest | None:
    token_trace.require(record, *_FIELDS)
    tokens = token_trace.tokens_of(record["Response tokens"], "Response tokens")
    at = token_trace.instant_of_seconds(options.origin, record["Timestamp"], "Timestamp")
    session, elapsed, model = map(record.get, _OPTIONAL)
    if elapsed is None:
        lasts = token_trace.turn_of_tokens(tokens, options.tokens_per_second, "Response tokens")
    else:
        lasts = token_trace.turn_of_seconds(elapsed, "Elapsed time")
    if not tokens:
        return None
    return TraceRequest(
        at=at,
        turn_duration=lasts,
        chat=None if session is None else token_trace.external_id_of("conv", session, "Session ID"),
        tag=None if model is None else f"model:{model}",
    )


def _requests(table: pa.Table, options: ReadOptions) -> tuple[pa.Table, NDArray[np.bool_]]:
    """Do what :func:`_request` does to columns; which requests have an answer stands beside."""
    found = {
        name: without_nothing(trace_requests.column(table, name), [""])
        for name in (*_FIELDS, *_OPTIONAL)
        if name in _FIELDS or name in table.column_names
    }
    at, tokens = found["Timestamp"], whole_numbers(found["Response tokens"])
    lasts = trace_requests.turns_of_tokens(tokens, options.tokens_per_second)
    session, elapsed, model = map(found.get, _OPTIONAL)
    if elapsed is not None:
        seconds = column_in_milliseconds(elapsed, "s")
        lasts = np.where(np.asarray(elapsed.is_valid()), np.asarray(seconds.fill_null(0)), lasts)
    requests = trace_requests.requests_of(
        trace_requests.after_seconds(options.origin, at),
        lasts,
        None if session is None else trace_requests.texts_after("conv-", session),
        None if model is None else trace_requests.texts_after("model:", model),
    )
    return requests, np.asarray(tokens) > 0
