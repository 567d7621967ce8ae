"""Frames to files that :func:`session_lab.read_sessions` and ``read_runs`` read again."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from session_lab.errors import DataError
from session_lab.frames.atomic_files import whole_file, write_parquet
from session_lab.frames.build import NAT, milliseconds
from session_lab.frames.columns import check_frame
from session_lab.frames.observation import observed_at
from session_lab.timing import instant_text

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

__all__ = ["write_frame"]

_ENDINGS = (".parquet", ".csv", ".ndjson", ".jsonl")


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
        ``.parquet``, ``.csv``, ``.ndjson`` or ``.jsonl``.

    Raises
    ------
    DataError
        The ending is none of these, or this is not a DataFrame.

    Examples
    --------
    >>> import tempfile
    >>> frame = pd.DataFrame({"lifetime": pd.to_timedelta([90], unit="s")})
    >>> target = Path(tempfile.mkdtemp()) / "lifetimes.ndjson"
    >>> write_frame(frame, target)
    >>> target.read_text()
    '{"lifetime":90000}\n'
    """
    check_frame(df, "df")
    file = Path(path)
    if file.suffix not in _ENDINGS:
        message = f"the ending {file.suffix!r} is none of {', '.join(_ENDINGS)}"
        raise DataError(message, source=file.name)
    if file.suffix == ".parquet":
        write_parquet(df, file)
        return
    with whole_file(file) as draft, draft.open("w", encoding="utf-8", newline="") as lines:
        if file.suffix == ".csv":
            _write_csv(df, lines)
        else:
            for row in _rows(df):
                lines.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")


def _write_csv(df: pd.DataFrame, lines: Any) -> None:  # noqa: ANN401  a text file
    names = [*df.columns, *(["observed_at"] if _observed(df) else [])]
    writer = csv.DictWriter(lines, names)
    writer.writeheader()
    for row in _rows(df):
        lists = {name: json.dumps(value) for name, value in row.items() if isinstance(value, list)}
        writer.writerow(row | lists)


def _rows(df: pd.DataFrame) -> Iterator[dict[str, Any]]:
    columns = {str(name): _plain(df[name]) for name in df}
    told = _observed(df)
    for values in zip(*columns.values(), strict=True):
        row = dict(zip(columns, values, strict=True))
        yield row | {"observed_at": told} if told else row


def _observed(df: pd.DataFrame) -> str | None:
    at = observed_at(df)
    return None if at is None else instant_text(at)


def _plain(column: pd.Series) -> list[Any]:
    missing = column.isna().to_numpy()
    values: list[Any]
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        values = [None if at == NAT else instant_text(at) for at in milliseconds(column).tolist()]
    elif pd.api.types.is_timedelta64_dtype(column.dtype):
        values = milliseconds(column).tolist()
    else:
        values = column.astype(object).tolist()
    return [
        None if lacks else value.tolist() if hasattr(value, "tolist") else value
        for value, lacks in zip(values, missing, strict=True)
    ]
