"""Frames of what the API answered, or of frames of others with its columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import pyarrow as pa
from tqdm import tqdm

from session_lab.errors import DataError
from session_lab.frames.files.row_formats import API_RUNS, API_SESSIONS, RowFormat
from session_lab.frames.loaders.from_arrow import runs_from, sessions_from
from session_lab.frames.loaders.from_rows import runs_of_rows, sessions_of_rows
from session_lab.frames.loaders.native import is_frame, rows_of_frame
from session_lab.frames.loaders.observation import Observation
from session_lab.frames.loaders.rows import Places, table_of_rows
from session_lab.frames.loaders.run_sessions import join_runs
from session_lab.frames.values import decoded
from session_lab.mistyped import answer_mistyped
from session_lab.timing import to_instant

if TYPE_CHECKING:
    import pandas as pd

    from session_lab.timing import Instant

__all__ = ["runs_frame", "sessions_frame"]

_BATCH = 2_000


@runtime_checkable
class _Listing(Protocol):
    """A list of the client, which can do without a model for each row."""

    def plain_pages(self) -> Iterable[Any]: ...


@answer_mistyped
def sessions_frame(
    rows: object, *, observed_at: Instant | None = None, progress: bool = False
) -> pd.DataFrame:
    """Make a sessions frame of what the API answered.

    Parameters
    ----------
    rows : iterable
        A client's list, whose pages are fetched here, as in ``client.sessions.list()``; or pages,
        as the client's or as the bytes of the replies; or rows, as models or decoded JSON. Or a
        frame of pandas, Polars, Arrow or DuckDB with the columns of the API, of the platform's
        stores or of a sessions frame, as :func:`session_lab.read_sessions` takes them from files.
        Fields that no column is made of are left alone, but for those of a sessions frame.
    observed_at : str or datetime, optional
        When the rows were read; ``status`` and what is open are told as of it. By default it is the
        newest ``Date`` header of the replies, or the newest instant at which a row was written if
        that is later. Rows without replies do not tell: then the newest instant in them stands for
        it, and a :class:`DataWarning` says so.
    progress : bool
        Show how many rows have come, on standard error.

    Returns
    -------
    DataFrame
        One row per session, in the order of the rows, newest first from the API; metadata as JSON
        text; the observation instant in ``attrs["observed_at"]``, as ISO 8601 text.

    Raises
    ------
    DataError
        A row cannot be used; the error names it, counted from 0, and the column.

    Examples
    --------
    >>> row = {
    ...     "id": "session_c1", "externalId": "chat-1", "type": "chat", "taskIdentifier": "agent",
    ...     "currentRunId": None, "tags": ["vip"], "metadata": {"plan": "pro"}, "closedAt": None,
    ...     "closedReason": None, "expiresAt": None, "createdAt": "2026-01-01T00:00:00.000Z",
    ...     "updatedAt": "2026-01-01T00:00:00.000Z",
    ... }
    >>> frame = sessions_frame([row], observed_at="2026-01-01T02:00:00Z")
    >>> frame[["external_id", "metadata", "status", "lifetime"]]
      external_id        metadata  status        lifetime
    0      chat-1  {"plan":"pro"}  ACTIVE 0 days 02:00:00
    """
    if is_frame(rows):
        return sessions_of_rows([rows_of_frame(rows, "sessions")], "sessions", observed_at)
    observation = Observation(observed_at)
    table = _collect(rows, API_SESSIONS, "sessions", observation, progress=progress)
    return sessions_from(table, observation, "sessions")


@answer_mistyped
def runs_frame(
    rows: object,
    *,
    sessions: pd.DataFrame | None = None,
    tag: str = "chat:{external_id}",
    observed_at: Instant | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Make a runs frame of what the API answered, and find each run's session.

    No part of the API lists the runs of a session. A run that was retrieved by itself tells its
    session in its payload; a run of a list is found by a tag that the session's ``trigger_config``
    gives its runs, by convention ``chat:`` and the external id, or the session's own id where it
    has none. (Trigger.dev docs: Sessions)

    The API tells a run's billed time as one sum, so the frame has a column ``billed`` and leaves
    ``active``, ``idle``, ``suspended``, ``turns`` and ``resumes`` NA. It has no reason in a list;
    in a payload it tells an ``initial`` run from one that follows another, and no more. What is
    inferred stands beside the rule that it was inferred by: ``reason_rule`` is ``payload``,
    ``end_cause_rule`` is ``status``. Of the API's other fields the frame has those that any row
    tells, but for ``env``, the payload, and the flags that repeat the status.

    Parameters
    ----------
    rows : iterable
        As :func:`sessions_frame` takes them: ``client.runs.list(...)``, pages, models, plain rows.
        Without a window the API lists the last seven days only.
    sessions : DataFrame, optional
        The sessions the runs may belong to. Without it only ids that stand in a payload or in a
        tag are used.
    tag : str
        The tag that names a run's session; ``{external_id}`` stands for either id.
    observed_at, progress
        As for :func:`sessions_frame`.

    Returns
    -------
    DataFrame
        One row per run; ``session_id`` is NA where none was found, which a :class:`DataWarning`
        counts.

    Raises
    ------
    DataError
        A row cannot be used, or a run's tags name several sessions.

    Examples
    --------
    >>> row = {
    ...     "id": "run_c1", "status": "COMPLETED", "tags": ["chat:session_c1"],
    ...     "createdAt": "2026-01-01T00:00:00.000Z", "finishedAt": "2026-01-01T00:10:00.000Z",
    ... }
    >>> runs = runs_frame([row], observed_at="2026-01-02T00:00:00Z")
    >>> runs[["run_id", "session_id", "status"]]
       run_id  session_id     status
    0  run_c1  session_c1  COMPLETED
    """
    if is_frame(rows):
        return runs_of_rows([rows_of_frame(rows, "runs")], "runs", observed_at, sessions, tag)
    observation = Observation(observed_at)
    table = _collect(rows, API_RUNS, "runs", observation, progress=progress)
    joined = join_runs(table, sessions, tag)
    return runs_from(joined, observation, "runs")


def _collect(
    rows: object, format: RowFormat, name: str, observation: Observation, *, progress: bool
) -> pa.Table:
    tables: list[pa.Table] = []
    batch: list[Any] = []
    count = 0

    def flush() -> None:
        nonlocal count
        places = range(count, count + len(batch))
        tables.append(table_of_rows(batch, format, Places(name, places)))
        count += len(batch)
        batch.clear()

    # What is over within a second needs no bar.
    with tqdm(unit=" rows", desc=name, delay=1, disable=not progress) as bar:
        for place, item in enumerate(_items(rows, name)):
            page, date = _part(item, format, name, place)
            observation.hear(date)
            batch += page
            bar.update(len(page))
            # Arrow takes a few thousand rows in little more time than a hundred.
            if len(batch) >= _BATCH:
                flush()
    flush()
    return pa.concat_tables(tables).combine_chunks()


def _items(rows: object, name: str) -> Iterable[Any]:
    if hasattr(rows, "__aiter__"):
        message = "collect an asynchronous list first, as in [row async for row in ...]"
        raise DataError(message, source=name)
    if isinstance(rows, _Listing):
        return rows.plain_pages()
    if isinstance(rows, (Mapping, bytes, str)) or hasattr(rows, "data") or hasattr(rows, "content"):
        return [rows]
    if not isinstance(rows, Iterable):
        message = f"{type(rows).__name__} is neither rows nor pages; pass client.sessions.list()"
        raise DataError(message, source=name)
    return rows


def _part(
    item: Any,  # noqa: ANN401  anything a user hands in
    format: RowFormat,
    name: str,
    place: int,
) -> tuple[list[Any], int | None]:
    """Split an item: its rows, and the time its reply carries."""
    headers: Mapping[str, str] = getattr(item, "headers", {})
    if hasattr(item, "content"):
        item = item.content
    if isinstance(item, (bytes, str)):
        try:
            item = decoded(item)
        except ValueError as error:
            raise DataError(f"this is not JSON: {error}", source=name, row=place) from None
    page = _page(item)
    if page is None:
        return [_plain(item, format)], None
    return page, _date(headers)


def _page(item: Any) -> list[Any] | None:  # noqa: ANN401  anything a user hands in
    if isinstance(item, dict):
        page = item.get("data") if "pagination" in item else None
    else:
        page = item if isinstance(item, list) else getattr(item, "rows", None)
        models = getattr(item, "data", None)
        if isinstance(models, list):
            return [row.model_dump(mode="json", by_alias=True) for row in models]
    return page if isinstance(page, list) else None


def _plain(row: Any, format: RowFormat) -> Any:  # noqa: ANN401  anything a user hands in
    if hasattr(row, "model_dump"):
        return row.model_dump(mode="json", by_alias=True)
    if isinstance(row, dict) and not format.renamed.keys().isdisjoint(row):
        return {format.renamed.get(key, key): value for key, value in row.items()}
    return row


def _date(headers: Mapping[str, str]) -> int | None:
    text = headers.get("date")
    try:
        return None if text is None else to_instant(parsedate_to_datetime(text))
    except ValueError:
        return None
