"""A question to the query API, over as many replies as its rows take."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from session_lab.client.operations.arguments import instant, limit_bytes, period_text
from session_lab.client.operations.json_values import json_text
from session_lab.client.requests import operation_on
from session_lab.errors import APIResponseError, DataError, DataWarning
from session_lab.mistyped import level_of_caller
from session_lab.timing import instant_text
from session_lab.wire.limits import MAX_APPEND_BODY_BYTES, MAX_QUERY_ROWS
from session_lab.wire.run.queries import QueryReply

if TYPE_CHECKING:
    from session_lab.client.requests import Operation, Steps
    from session_lab.timing import Duration, Instant

__all__ = ["query"]

_SCOPES = Literal["environment", "project", "organization"]
_AFTER: Final = "{after}"

_Row = dict[str, Any]


def query(
    sql: str,
    *,
    period: Duration | None = None,
    from_: Instant | None = None,
    to: Instant | None = None,
    scope: _SCOPES = "environment",
    page_by: str | None = None,
) -> Steps[list[_Row]]:
    r"""Ask the query API, in its dialect of ClickHouse's SQL.

    One reply holds at most 10,000 rows. For more, order by a column whose values are distinct and
    rise, name it in ``page_by``, and say in the query where a page begins: ``{after}`` stands for
    the last value of the page before, as a literal, and for ``''`` on the first. Only so many
    queries may run at once; one too many is tried again.

    Parameters
    ----------
    sql : str
        Such as ``"SELECT run_id, status FROM runs"``.
    period : str or timedelta, optional
        Rows of the last so much time, such as ``"7d"``; not together with ``from_`` and ``to``.
    from_, to : str or datetime, optional
        Rows of this window.
    scope : {"environment", "project", "organization"}
        Whose rows; a key of an environment reaches that alone.
    page_by : str, optional
        The column to go on by, which the query selects and orders by.

    Returns
    -------
    list of dict
        Rows under the names of the columns, times as the API writes them.

    Raises
    ------
    BadRequestError
        The query is not understood.
    PermissionDeniedError
        The key does not reach the scope.

    Warns
    -----
    DataWarning
        There are as many rows as one reply holds, so some may be missing.

    Examples
    --------
    >>> from session_lab.client import Client
    >>> sql = "SELECT run_id FROM runs WHERE run_id > {after} ORDER BY run_id LIMIT 10000"
    >>> dry = Client("tr_dev_example").dry_run
    >>> dry.query(sql, period="7d", page_by="run_id").content.decode()[:60]
    '{"query":"SELECT run_id FROM runs WHERE run_id > \'\' ORDER BY'
    """
    window = {
        "period": period_text(period),
        "from": _moment(from_, "from_"),
        "to": _moment(to, "to"),
    }
    if period is not None and (from_ is not None or to is not None):
        raise DataError("give period, or from_ and to", column="period")
    if scope not in get_args(_SCOPES):
        raise DataError(f"{scope!r} is not a scope: {get_args(_SCOPES)}", column="scope")
    if (page_by is None) != (_AFTER not in sql):
        message = f"page_by and {_AFTER} in the query go together: a page begins behind a value"
        raise DataError(message, column="page_by")
    rows: list[_Row] = []
    after = "''"
    while True:
        page = yield _ask(sql.replace(_AFTER, after), window, scope)
        rows.extend(page)
        if len(page) < MAX_QUERY_ROWS:
            return rows
        if page_by is None:
            message = (
                f"the reply is full with {MAX_QUERY_ROWS:,} rows and may lack some; narrow the "
                "query, or ask page by page with page_by"
            )
            warnings.warn(message, DataWarning, stacklevel=level_of_caller())
            return rows
        following = _literal(page[-1], page_by)
        if following == after:
            message = f"the page does not end behind {page_by} = {after}; order the query by it"
            raise APIResponseError(message, status_code=200, body="")
        after = following


def _ask(sql: str, window: dict[str, str | None], scope: str) -> Operation[list[_Row]]:
    fields = {"query": sql, "scope": scope, **window, "format": "json"}
    body = json_text({k: v for k, v in fields.items() if v is not None}, name="query")
    return operation_on(
        "query",
        lambda decoded: QueryReply.model_validate(decoded).results,
        content=limit_bytes(body, MAX_APPEND_BODY_BYTES, name="query"),
    )


def _moment(value: Instant | None, name: str) -> str | None:
    milliseconds = instant(value, name=name)
    return None if milliseconds is None else instant_text(milliseconds)


def _literal(row: _Row, column: str) -> str:
    if column not in row:
        raise DataError(f"the query does not select {column!r}", column="page_by")
    value = row[column]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value)
    text = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{text}'"
