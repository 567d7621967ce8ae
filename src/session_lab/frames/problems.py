"""Every problem of a frame of sessions or runs: where it is and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from session_lab.errors import DataError
from session_lab.frames.build import NAT, Coded, milliseconds
from session_lab.frames.columns import check_frame
from session_lab.frames.lifetime_columns import derive_lifetimes
from session_lab.frames.loaders.observation import observed_at
from session_lab.frames.schema import RUNS, SESSIONS, Kind
from session_lab.mistyped import answer_mistyped
from session_lab.timing import instant_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from session_lab.frames.schema import Schema

__all__ = ["validate"]

_DERIVED = ("status", "ended_at", "end_cause", "lifetime")
_READ_AGAIN = "read it with sl.read_sessions or make it with sl.sessions_frame"


class _Problem(NamedTuple):
    row: int | None
    column: str | None
    problem: str
    remedy: str


@answer_mistyped
def validate(df: pd.DataFrame) -> pd.DataFrame:
    """Find every problem of a sessions or runs frame.

    Parameters
    ----------
    df : DataFrame
        A frame with the columns of a sessions or runs frame; which of the two, its ``session_id``
        and ``run_id`` tell.

    Returns
    -------
    DataFrame
        ``row`` (counted from 0; NA where the column or the frame as a whole is meant), ``column``,
        ``problem`` and ``remedy``; no rows where all is well.

    Raises
    ------
    DataError
        It is neither of the two.

    Examples
    --------
    >>> found = validate(pd.DataFrame({"session_id": ["session_c1", "session_c1"]}))
    >>> found[found["row"].notna()][["row", "column", "problem"]]
        row      column                               problem
    16    1  session_id  'session_c1' stands in row 0 already
    """
    check_frame(df, "validate")
    if "run_id" in df:
        schema, checks = RUNS, _of_runs
    elif "session_id" in df:
        schema, checks = SESSIONS, _of_sessions
    else:
        found = ", ".join(map(str, df.columns)) or "no columns"
        message = f"neither run_id nor session_id is a column; the frame has {found}"
        raise DataError(message, source="validate")
    problems = [*_of_columns(df, schema), *checks(df)]
    return pd.DataFrame(
        {
            "row": pd.array([p.row for p in problems], dtype="Int64"),
            "column": pd.array([p.column for p in problems], dtype="string"),
            "problem": pd.array([p.problem for p in problems], dtype="string"),
            "remedy": pd.array([p.remedy for p in problems], dtype="string"),
        }
    )


def _of_columns(df: pd.DataFrame, schema: Schema) -> Iterator[_Problem]:
    names = list(df.columns)
    for column in schema.columns:
        if names.count(column.name) > 1:
            yield _Problem(None, column.name, "several columns have this name", "keep one of them")
        elif column.name not in names:
            if column.optional:
                continue
            yield _Problem(None, column.name, "the column is missing", _READ_AGAIN)
        else:
            yield from _of_type(df[column.name], column.name, column.kind)
    if _observed(df) is not None:
        return
    problem = "the frame does not say when it was observed"
    remedy = 'set df.attrs["observed_at"] to the instant at which the rows were read'
    yield _Problem(None, None, problem, remedy)


def _observed(df: pd.DataFrame) -> int | None:
    try:
        return observed_at(df)
    except DataError:
        return None


def _of_type(values: pd.Series, name: str, kind: Kind) -> Iterator[_Problem]:
    dtype = values.dtype
    if kind is Kind.INSTANT and not isinstance(dtype, pd.DatetimeTZDtype):
        yield from _of_times(values, name)
    elif kind is Kind.DURATION and not pd.api.types.is_timedelta64_dtype(dtype):
        remedy = 'convert with pd.to_timedelta(..., unit="ms") or the unit they are in'
        yield _Problem(None, name, f"holds {dtype}, not durations", remedy)
    elif kind in {Kind.TEXT, Kind.JSON, Kind.CATEGORY} and not _is_text(values):
        remedy = f'convert with .astype("string"), or {_READ_AGAIN}'
        yield _Problem(None, name, f"holds {dtype}, not text", remedy)
    elif kind is Kind.TAGS:
        given = zip(values.astype(object), values.isna(), strict=True)
        for row, (value, lacks) in enumerate(given):
            if lacks or isinstance(value, (list, tuple, np.ndarray)):
                continue
            remedy = "write a list of texts, [] for none"
            yield _Problem(row, name, f"{value!r} is not a list", remedy)
    elif kind in {Kind.COUNT, Kind.NUMBER} and not pd.api.types.is_numeric_dtype(dtype):
        yield _Problem(None, name, f"holds {dtype}, not numbers", "convert with pd.to_numeric")


def _of_times(values: pd.Series, name: str) -> Iterator[_Problem]:
    """Look at times that are not of one zone: naive ones, text, or a mixture."""
    if pd.api.types.is_datetime64_dtype(values.dtype):
        problem = "the times have no zone"
        yield _Problem(None, name, problem, 'say which, as in .dt.tz_localize("UTC")')
        return
    zones: dict[object, int] = {}
    for row, value in enumerate(values):
        if value is None or value is pd.NaT or value is pd.NA or value != value:  # noqa: PLR0124 NaN
            continue
        try:
            parsed = pd.Timestamp(value) if not isinstance(value, (int, float)) else None
        except (ValueError, TypeError):
            parsed = None
        if parsed is None:
            remedy = "write ISO 8601 with a zone, such as 2026-01-01T00:00:00Z"
            yield _Problem(row, name, f"{value!r} is not a time", remedy)
        else:
            zones.setdefault(None if parsed.tzinfo is None else parsed.utcoffset(), row)
    if None in zones and len(zones) > 1:
        problem = "the time has no zone, where others of the column have one"
        yield _Problem(zones[None], name, problem, "write all with a zone")
    elif len(zones) > 1:
        problem = "the times are of several zones"
        yield _Problem(None, name, problem, "convert with pd.to_datetime(..., utc=True)")
    elif zones:
        problem = f"holds {values.dtype}, not datetime64[ms, UTC]"
        yield _Problem(None, name, problem, "convert with pd.to_datetime(..., utc=True)")


def _of_sessions(df: pd.DataFrame) -> Iterator[_Problem]:
    yield from _duplicates(df["session_id"], "session_id")
    if "external_id" in df:
        yield from _duplicates(df["external_id"], "external_id")
    times = {name: _milliseconds(df, name) for name in (*_ORDER, "created_at")}
    created = times["created_at"]
    for name, (problem, remedy) in _ORDER.items():
        before = (times[name] != NAT) & (created != NAT) & (times[name] < created)
        for row in np.flatnonzero(before):
            shown = f"{_shown(times[name][row])}, {problem} at {_shown(created[row])}"
            yield _Problem(int(row), name, shown, remedy)
    for row in np.flatnonzero((created == NAT) & ("created_at" in df)):
        yield _Problem(int(row), "created_at", "is missing", "every session has one")
    yield from _of_observation(df, times)


_ORDER = {
    "closed_at": ("before its creation", "check the clocks, or which column is which"),
    "expires_at": (
        "before its creation",
        "its start was refused: leave it out of lifetimes, or see if seconds stand for milliseconds",
    ),
    "updated_at": ("before its creation", "check which column is which"),
}


def _of_observation(df: pd.DataFrame, times: dict[str, NDArray[np.int64]]) -> Iterator[_Problem]:
    at = _observed(df)
    if at is None:
        return
    for name in ("created_at", "updated_at", "closed_at"):
        for row in np.flatnonzero((times[name] != NAT) & (times[name] > at)):
            problem = f"{_shown(times[name][row])} lies after the observation"
            remedy = f"the frame says {_shown(at)}; say when the rows were really read"
            yield _Problem(int(row), name, problem, remedy)
    if not {"created_at", "closed_at", "expires_at", *_DERIVED} <= set(df.columns):
        return
    expected = derive_lifetimes(times["created_at"], times["closed_at"], times["expires_at"], at)
    remedy = "derive it again: write the frame and read it with observed_at="
    for name in ("status", "end_cause"):
        coded: Coded = expected[name]
        wanted = np.array(coded.names, dtype=object)[np.asarray(coded.codes)]
        differs = df[name].astype(object).to_numpy() != wanted
        for row in np.flatnonzero(differs & (times["created_at"] != NAT)):
            problem = f"{df[name].iloc[row]} disagrees with the times, which say {wanted[row]}"
            yield _Problem(int(row), name, problem, remedy)


def _of_runs(df: pd.DataFrame) -> Iterator[_Problem]:
    yield from _duplicates(df["run_id"], "run_id")
    triggered, ended = _milliseconds(df, "triggered_at"), _milliseconds(df, "ended_at")
    for row in np.flatnonzero((triggered != NAT) & (ended != NAT) & (ended < triggered)):
        problem = f"{_shown(ended[row])}, before its trigger at {_shown(triggered[row])}"
        yield _Problem(int(row), "ended_at", problem, "check which column is which")
    if "session_id" in df:
        for row in np.flatnonzero(df["session_id"].isna()):
            remedy = "pass sessions= or tag= to sl.runs_frame, or leave the run out"
            yield _Problem(int(row), "session_id", "the run has no session", remedy)


def _duplicates(values: pd.Series, name: str) -> Iterator[_Problem]:
    values = values.reset_index(drop=True)
    again = values.notna() & values.duplicated()
    if not again.any():
        return
    first = values.drop_duplicates()
    places = dict(zip(first.tolist(), first.index.tolist(), strict=True))
    remedy = f"keep the newest: df.sort_values('updated_at').drop_duplicates({name!r}, keep='last')"
    for row in np.flatnonzero(again):
        value = values.iloc[row]
        yield _Problem(int(row), name, f"{value!r} stands in row {places[value]} already", remedy)


def _milliseconds(df: pd.DataFrame, name: str) -> NDArray[np.int64]:
    """Read times as far as they can be read; what cannot is reported with its type."""
    if name not in df or list(df.columns).count(name) > 1:
        return np.full(len(df), NAT)
    values: Any = df[name]
    if not isinstance(values.dtype, pd.DatetimeTZDtype):
        values = pd.to_datetime(values.astype(object), utc=True, errors="coerce", format="ISO8601")
    return milliseconds(values)


def _is_text(values: pd.Series) -> bool:
    if isinstance(values.dtype, pd.CategoricalDtype):
        return _is_text(values.cat.categories.to_series())
    return pd.api.types.is_string_dtype(values.dtype) or bool(values.isna().all())


def _shown(instant: np.integer[Any] | int) -> str:
    return instant_text(int(instant))
