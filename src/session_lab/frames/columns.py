"""Columns of the frames that users hand in, by their names."""

from __future__ import annotations

import pandas as pd

from session_lab.errors import DataError

__all__ = ["check_frame", "column_of"]


def check_frame(df: object, source: str) -> None:
    """Refuse what is no DataFrame of pandas.

    Raises
    ------
    DataError
        It is something else; the error says how to come by one.
    """
    if isinstance(df, pd.DataFrame):
        return
    message = (
        f"{type(df).__name__} is not a pandas DataFrame; make one with sl.sessions_frame or "
        "sl.runs_frame, read one with sl.read_sessions or sl.read_runs, or convert a frame of "
        "another engine to pandas"
    )
    raise DataError(message, source=source)


def column_of(df: pd.DataFrame, name: str, *, source: str) -> pd.Series:
    """Return a column by its name.

    Raises
    ------
    DataError
        There is no such column, or more than one; or this is no DataFrame.

    Examples
    --------
    >>> column_of(pd.DataFrame({"tags": [["vip"]]}), "tag", source="sessions")
    Traceback (most recent call last):
    ...
    session_lab.errors.DataError: sessions, tag: the column is missing; the frame has tags
    """
    check_frame(df, source)
    names = list(df.columns)
    if names.count(name) != 1:
        problem = "several columns have this name" if name in names else "the column is missing"
        found = ", ".join(map(str, names)) or "no columns"
        raise DataError(f"{problem}; the frame has {found}", source=source, column=name)
    column: pd.Series = df[name]
    return column
