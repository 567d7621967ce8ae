"""ClickHouse's SQL over rows in memory: DuckDB, through sqlglot's dialects.

Needs the extra ``query``.
"""

from __future__ import annotations

import json
import math
import threading
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from session_lab.extras import require

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from session_lab.simulator.api.javascript.json_text import Json

__all__ = ["QueryError", "Result", "select"]

MAX_ROWS: Final = 10_000
_MAX_SECONDS: Final = 10
_SETTINGS: Final = {
    "autoinstall_known_extensions": "false",
    "enable_external_access": "false",
    "memory_limit": "1GB",
    "threads": "1",
}

Result = tuple[list[str], list[list[Any]]]
"""The names of the columns, and the rows as JSON values."""


class QueryError(Exception):
    """A query that cannot be answered; the message says why."""


def select(
    sql: str, table: str, columns: Mapping[str, str], rows: Iterable[Sequence[Json]]
) -> Result:
    """Answer a query of one table.

    Parameters
    ----------
    sql : str
        One ``SELECT`` in ClickHouse's dialect.
    table : str
        The one table that it can ask.
    columns : mapping of str to str
        The table's columns, each with its type in DuckDB.
    rows : iterable of sequence
        Their values as JSON has them; only read when the query is understood.

    Raises
    ------
    QueryError
        The query is not one SELECT of this table, fails, or takes too long.
    MissingDependencyError
        The extra is not installed.
    """
    duckdb = require("duckdb", extra="query", feature="asking the query API")
    translated = _translate(sql, table)
    connection = duckdb.connect(config=_SETTINGS)
    timer = threading.Timer(_MAX_SECONDS, connection.interrupt)
    timer.start()
    try:
        documents = [dict(zip(columns, row, strict=True)) for row in rows]
        shape = json.dumps([dict(columns)])
        connection.execute(
            f'CREATE TABLE "{table}" AS SELECT unnest(from_json(?, ?), recursive := true)',
            [json.dumps(documents), shape],
        )
        found = connection.execute(translated)
        names = [column[0] for column in found.description]
        return names, [[_json(value) for value in row] for row in found.fetchmany(MAX_ROWS)]
    except duckdb.InterruptException:
        raise QueryError(f"the query takes more than {_MAX_SECONDS} seconds") from None
    except (duckdb.Error, UnicodeError, OverflowError) as error:
        raise QueryError(str(error).splitlines()[0]) from None
    finally:
        timer.cancel()
        connection.close()


def _translate(sql: str, table: str) -> str:
    sqlglot = require("sqlglot", extra="query", feature="asking the query API")
    exp, errors = sqlglot.exp, sqlglot.errors
    try:
        parsed = [one for one in sqlglot.parse(sql, dialect="clickhouse") if one is not None]
        if len(parsed) != 1 or not isinstance(parsed[0], exp.Query):
            raise QueryError("a query is one SELECT")
        statement = parsed[0]
        known = {table, *(cte.alias_or_name.lower() for cte in statement.find_all(exp.CTE))}
        for source in statement.find_all(exp.Table):
            if not isinstance(source.this, exp.Identifier) or source.name.lower() not in known:
                raise QueryError(f"there is no table {source.sql()!r}; there is {table!r}")
        translated: str = statement.sql(dialect="duckdb")
    except errors.SqlglotError as error:
        raise QueryError(str(error).splitlines()[0]) from None
    except RecursionError:
        raise QueryError("the query nests too deep") from None
    return translated


def _json(value: Any) -> Json:  # noqa: ANN401  whatever a column holds
    """Return a value of a reply as JSON has it; times are UTC text."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}.{value.microsecond // 1000:03d}"
    if isinstance(value, (list, tuple)):
        return [_json(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _json(item) for key, item in value.items()}
    if isinstance(value, (float, Decimal)):
        return float(value) if math.isfinite(value) else None
    return value if value is None or isinstance(value, (int, str)) else str(value)
