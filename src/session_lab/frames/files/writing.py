"""Frames to files that :func:`session_lab.read_sessions` and ``read_runs`` read again."""

from __future__ import annotations

import json
import math
import os
import warnings
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv as pacsv

from session_lab.errors import DataError, DataWarning
from session_lab.frames.build import NAT, milliseconds
from session_lab.frames.columns import check_frame, holds_durations, holds_instants
from session_lab.frames.files.atomic_files import whole_file, write_parquet
from session_lab.frames.files.places import shown_name, writing, written_suffix
from session_lab.frames.loaders.observation import observed_at
from session_lab.frames.values import json_text
from session_lab.mistyped import answer_mistyped, level_of_caller
from session_lab.timing import instant_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

__all__ = ["write_frame"]

_ENDINGS = (".parquet", ".csv", ".ndjson", ".jsonl")


@answer_mistyped
def write_frame(df: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    r"""Write a frame to a file, whole or not at all.

    Parquet keeps the dtypes, and in its metadata under ``session_lab`` all attributes of the frame:
    the observation instant, and where the rows came from if that is known. CSV and NDJSON have text
    and numbers only: times are ISO 8601, durations whole milliseconds, tags a JSON list, and the
    observation instant is a column of its own.

    Parameters
    ----------
    df : DataFrame
        Any of the package's frames.
    path : path
        Ending in ``.parquet``, ``.csv``, ``.ndjson`` or ``.jsonl``, and after that in ``.gz``,
        ``.zst``, ``.bz2`` or ``.lz4`` if it is to be packed; also an address such as
        ``s3://bucket/sessions.parquet``.

    Columns of the user's own go along, and so do named levels of the index, as columns.

    Raises
    ------
    DataError
        The ending is none of these, or this is not a DataFrame.

    Warns
    -----
    DataWarning
        A column holds what the file has no form for, and becomes text.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"lifetime": pd.to_timedelta([90], unit="s")})
    >>> target = Path(tempfile.mkdtemp()) / "lifetimes.ndjson"
    >>> write_frame(frame, target)
    >>> target.read_text()
    '{"lifetime":90000}\n'
    """
    check_frame(df, "df")
    suffix = written_suffix(path)
    if suffix not in _ENDINGS:
        message = f"the ending {suffix!r} is none of {', '.join(_ENDINGS)}"
        raise DataError(message, source=shown_name(os.fspath(path)))
    df = _with_named_levels(df)
    doubled = df.columns[df.columns.duplicated()]
    if len(doubled):
        raise DataError("several columns have this name", source="df", column=str(doubled[0]))
    if suffix == ".parquet":
        with writing(shown_name(os.fspath(path))):
            write_parquet(_parquet_ready(df), path)
        return
    columns = _columns(df)
    with whole_file(path) as draft:
        if suffix == ".csv":
            _write_csv(columns, draft)
            return
        with draft.open("w", encoding="utf-8", newline="") as lines:
            for values in zip(*columns.values(), strict=True):
                row = dict(zip(columns, values, strict=True))
                lines.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")


def _write_csv(columns: Mapping[str, list[Any]], draft: Path) -> None:
    """Write text in quotes and what is missing without, so that empty text is told from nothing."""
    arrays = {
        name: pa.array([json_text(v) if isinstance(v, (list, dict)) else v for v in values])
        for name, values in columns.items()
    }
    pacsv.write_csv(pa.table(arrays), draft)


def _with_named_levels(df: pd.DataFrame) -> pd.DataFrame:
    """Make columns of named levels of the index, where ids may stand after ``set_index``."""
    levels = [name for name in df.index.names if name is not None and name not in df.columns]
    return df.reset_index(levels) if levels else df


def _parquet_ready(df: pd.DataFrame) -> pd.DataFrame:
    """Make text of columns that Arrow cannot write, such as those of several kinds."""
    ready = df
    for name in df.columns:
        try:
            pa.array(df[name], from_pandas=True)
        except (pa.ArrowException, TypeError, OverflowError):
            ready = ready.copy(deep=False)
            ready[name] = _as_text(_objects(df[name]), str(name))
    return ready


def _objects(column: pd.Series) -> list[Any]:
    missing = column.isna().to_numpy()
    values = column.astype(object).tolist()
    return [None if lacks else value for value, lacks in zip(values, missing, strict=True)]


def _columns(df: pd.DataFrame) -> dict[str, list[Any]]:
    columns = {str(name): _plain(df[name]) for name in df}
    at = observed_at(df)
    if at is not None:
        columns["observed_at"] = [instant_text(at)] * len(df)
    return columns


def _plain(column: pd.Series) -> list[Any]:
    values: list[Any]
    if holds_instants(column):
        values = [None if at == NAT else instant_text(at) for at in milliseconds(column).tolist()]
    elif holds_durations(column):
        values = milliseconds(column).tolist()
    else:
        values = _objects(column)
    missing = column.isna().to_numpy()
    plain = [
        None if lacks else value.tolist() if hasattr(value, "tolist") else value
        for value, lacks in zip(values, missing, strict=True)
    ]
    return _as_text(plain, str(column.name)) if _are_strange(plain) else plain


def _are_strange(values: list[Any]) -> bool:
    """Check for what text files have no form for, or columns of several kinds."""
    kinds = {type(value) for value in values if value is not None}
    if float in kinds and any(value in (math.inf, -math.inf) for value in values):
        return True
    return len(kinds) > 1 or not kinds <= {str, int, float, bool, list, dict}


def _as_text(values: list[Any], name: str) -> list[str | None]:
    message = f"the column {name} holds values that the file has no form for; they become text"
    warnings.warn(message, DataWarning, stacklevel=level_of_caller())
    return [None if value is None else str(value) for value in values]
