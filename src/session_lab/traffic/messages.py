"""Logs of messages, which a team has, as events, which a replay takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from session_lab.errors import DataError
from session_lab.frames import join_events
from session_lab.mistyped import answer_mistyped
from session_lab.traffic.adopt import first_events
from session_lab.traffic.engine.time_order import sorted_by_time
from session_lab.traffic.formats.format import ReadOptions
from session_lab.traffic.parsing.event_reader import EventReader
from session_lab.traffic.parsing.text_rows import BadRows

if TYPE_CHECKING:
    from session_lab.timing import Instant
    from session_lab.traffic.parsing.column_map import ColumnMap

__all__ = ["begin_chats", "from_messages"]

_SOURCE = "messages"


@answer_mistyped
def from_messages(
    messages: Any,  # noqa: ANN401 (a frame of any library)
    *,
    columns: Mapping[str, str] | None = None,
    constants: Mapping[str, object] | None = None,
    zone: str | None = None,
    origin: Instant | None = None,
    tokens_per_second: float = 50.0,
) -> pd.DataFrame:
    """Make an events frame of a log with one row for each message of a user.

    The first message of a chat is its start, which carries its turn; the others are messages. What
    agents wrote is not a message: leave those rows out first, and say by ``turn_duration`` or
    ``ended_at`` how long each turn took.

    Parameters
    ----------
    messages : DataFrame
        Of pandas, Polars, Arrow or whatever gives Arrow's tables; rows in any order.
    columns : mapping of str to str, optional
        What the log calls our columns where it calls them otherwise, and after a colon the unit of
        their numbers, as for :func:`read`: ``{"at": "timestamp", "external_id": "chat_id",
        "turn_duration": "latency:s"}``.
    constants : mapping of str to value, optional
        What every message has, as in ``{"task_identifier": "support"}``.
    zone : str, optional
        Where times without a zone were written down, as in ``"Europe/Berlin"``.
    origin : str or datetime, optional
        What times that are numbers count from; by default 1970.
    tokens_per_second : float
        For turns that are told in tokens, as in ``{"turn_duration": "output_tokens:tokens"}``.

    Returns
    -------
    DataFrame
        An events frame in order of time; messages of one instant keep their order.

    Raises
    ------
    DataError
        A column is missing or a value cannot be used; the error names the row, counted from 0.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({
    ...     "time": ["2026-01-01 09:00:00", "2026-01-01 09:00:40", "2026-01-01 09:00:10"],
    ...     "chat": ["a", "a", "b"],
    ...     "latency": [2.5, 4.0, None],
    ... })
    >>> names = {"at": "time", "external_id": "chat", "turn_duration": "latency:s"}
    >>> events = from_messages(log, columns=names, zone="UTC")
    >>> events[["op", "external_id"]].values.tolist()
    [['start', 'a'], ['start', 'b'], ['message', 'a']]
    """
    table = {
        "columns": columns,
        "constants": with_op(constants),
        "zone": zone,
    }
    told = ReadOptions.of(table, origin, tokens_per_second).columns
    return begin_chats(sorted_by_time(join_events([_table(messages, told)])))


def with_op(constants: Any) -> Any:  # noqa: ANN401  whatever was given
    """Add to what is constant that every row is a message; what is not a mapping stays."""
    if constants is None or isinstance(constants, Mapping):
        return {"op": "message", **(constants or {})}
    return constants


def begin_chats(events: pd.DataFrame) -> pd.DataFrame:
    """Make the first event of each chat its start; events are in order of time."""
    first, _ = first_events(events)
    is_message = np.asarray(events["op"].iloc[first] == "message")
    events.loc[first[is_message], "op"] = "start"
    return events


def _table(messages: Any, columns: ColumnMap) -> pa.Table:  # noqa: ANN401
    names = _names(messages)
    for name in columns.names.values():
        if names.count(name) != 1:
            problem = (
                "several columns have this name" if name in names else "there is no such column"
            )
            message = f"{problem}; the log has {', '.join(names) or 'no columns'}"
            raise DataError(message, source=_SOURCE, column=name)
    known = {*names, *columns.names, *columns.constants}
    if lacking := [name for name in ("at", "external_id") if name not in known]:
        message = (
            f"the log has {', '.join(names) or 'no columns'}; say which of them it is, as in "
            f'columns={{"{lacking[0]}": {next(iter(names), "name")!r}}}'
        )
        raise DataError(message, source=_SOURCE, column=lacking[0])
    reader = EventReader(columns, _SOURCE, "row", BadRows(collect=False))
    table = _arrow(messages, columns.present(names))
    if table is None:
        events = reader.read_rows(enumerate(_records(messages, columns.present(names))))
    else:
        events = reader.read(table, lambda: enumerate(table.to_pylist()))
    reader.check([events])
    return events


def _names(messages: Any) -> list[str]:  # noqa: ANN401
    names = getattr(messages, "columns", None) if not isinstance(messages, pa.Table) else None
    names = messages.column_names if isinstance(messages, pa.Table) else names
    if names is None:
        message = f"{type(messages).__name__} is not a frame; pandas, Polars and Arrow have some"
        raise DataError(message, source=_SOURCE)
    return [str(name) for name in names]


def _arrow(messages: Any, names: list[str]) -> pa.Table | None:  # noqa: ANN401
    """Copy the columns that are looked at; None where a column holds values of many types."""
    try:
        if isinstance(messages, pd.DataFrame):
            return pa.Table.from_pandas(messages[names], preserve_index=False)
        return pa.table(messages).select(names)
    except (pa.ArrowException, TypeError, ValueError, UnicodeError) as error:
        if isinstance(messages, pd.DataFrame):
            return None
        message = f"the log cannot be read as a table ({error})"
        raise DataError(message, source=_SOURCE) from None


def _records(messages: pd.DataFrame, names: list[str]) -> list[dict[str, Any]]:
    missing = messages[names].isna()
    given = messages[names].astype(object).mask(missing, None)
    return [dict(zip(names, row, strict=True)) for row in given.itertuples(index=False)]
