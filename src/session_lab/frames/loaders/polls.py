"""Polled histories of ``currentRunId``: what a session's run was, each time somebody looked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from session_lab.frames.build import build
from session_lab.frames.files.row_formats import POLL_ROWS
from session_lab.frames.loaders.from_arrow import columns_of
from session_lab.frames.loaders.rows import Places, table_of_rows
from session_lab.frames.schema import POLLS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

__all__ = ["polls_frame"]


def polls_frame(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Make a frame of polls.

    The API keeps no history of a session's runs, but who asks for the session again and again and
    writes down its ``currentRunId`` has one, with each hand-over between two looks.

    Parameters
    ----------
    rows : iterable of mapping
        ``session_id`` (or ``id``), ``current_run_id`` (or ``currentRunId``), ``polled_at``: a time
        with a zone.

    Returns
    -------
    DataFrame
        ``session_id, current_run_id, polled_at``, in the order of the rows.

    Raises
    ------
    DataError
        A row cannot be used; the error names it, counted from 0, and the column.

    Examples
    --------
    >>> row = {"id": "session_c1", "currentRunId": "run_c1", "polled_at": "2026-01-01T00:00:00Z"}
    >>> polls_frame([row])
       session_id current_run_id                 polled_at
    0  session_c1         run_c1 2026-01-01 00:00:00+00:00
    """
    renamed = POLL_ROWS.renamed
    given = [{renamed.get(key, key): value for key, value in row.items()} for row in rows]
    table = table_of_rows(given, POLL_ROWS, Places("polls", range(len(given))))
    return build(POLLS, columns_of(table, POLLS), n=table.num_rows)
