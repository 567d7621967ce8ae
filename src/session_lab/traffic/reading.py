"""Reading recorded traffic: which format, which rows, in which order."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from session_lab.errors import DataError, DataWarning
from session_lab.frames import milliseconds
from session_lab.timing import to_instant
from session_lab.traffic.formats import events as event_format
from session_lab.traffic.formats import mooncake
from session_lab.traffic.formats.rows import BadRows

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    import pandas as pd

    from session_lab.timing import Instant

__all__ = ["FORMATS", "in_order", "read"]

FORMATS = ("events", "mooncake")


def read(
    path: str | os.PathLike[str],
    format: str = "auto",
    *,
    columns: Mapping[str, str] | None = None,
    origin: Instant = "2026-01-01T00:00:00Z",
    tokens_per_second: float = 50.0,
    skip_bad_rows: bool = False,
) -> pd.DataFrame:
    """Read recorded traffic as an events frame.

    Parameters
    ----------
    path : path
        The recording.
    format : {"auto", "events", "mooncake"}
        ``events`` is the project's own format, as NDJSON, CSV or Parquet (told by the file's
        ending); ``mooncake`` is the trace of the Mooncake paper. ``auto`` looks at the file.
    columns : mapping of str to str, optional
        For ``events``: what the file calls our columns where it calls them otherwise, as in
        ``{"at": "timestamp", "external_id": "chat_id"}``.
    origin : str or datetime
        For formats with relative times: the instant of time zero.
    tokens_per_second : float
        For formats that tell the length of an answer in tokens: how fast it is generated.
    skip_bad_rows : bool
        Leave out rows that cannot be used instead of raising at the first. Each is reported in a
        :class:`DataWarning` and listed in ``attrs["bad_rows"]``.

    Returns
    -------
    DataFrame
        Columns ``at``, ``op``, ``external_id`` and those of ``turn_duration``, ``expires_at``,
        ``tags``, ``type`` and ``task_identifier`` that the file has. In order of ``at``; rows of
        the same instant keep their order.

    Raises
    ------
    DataError
        The file does not exist, its format is not known, or a row cannot be used; the error names
        file, row and field.
    DataWarning
        As a warning: the rows were out of order and were sorted; rows were skipped.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError("there is no such file", source=str(path))
    if not tokens_per_second > 0:
        message = f"{tokens_per_second!r} is not a number above zero"
        raise DataError(message, column="tokens_per_second")
    format = _detect(path) if format == "auto" else _known(format)
    bad = BadRows(collect=skip_bad_rows)
    if format == "mooncake":
        if columns:
            raise DataError("columns= is for the format events", column="columns")
        start = to_instant(origin, name="origin")
        events = mooncake.read(path, start, tokens_per_second, bad)
    else:
        events = event_format.read(path, _renamed(columns), bad)
    if bad.errors:
        listed = "\n".join(str(error) for error in bad.errors)
        message = f"{path.name}: skipped {len(bad.errors)} rows that cannot be used:\n{listed}"
        warnings.warn(message, DataWarning, stacklevel=2)
        events.attrs["bad_rows"] = [str(error) for error in bad.errors]
    return _sorted(events, path.name)


def in_order(events: pd.DataFrame) -> np.ndarray | None:
    """Return the stable order of events by time, or None when they are in order already."""
    at = milliseconds(events["at"])
    return None if (at[1:] >= at[:-1]).all() else np.argsort(at, kind="stable")


def _sorted(events: pd.DataFrame, source: str) -> pd.DataFrame:
    order = in_order(events)
    if order is None:
        return events
    moved = int((order != np.arange(len(order))).sum())
    message = (
        f"{source}: the events were not in order of time; sorted them, which moved {moved} of "
        f"{len(order)} (rows of the same instant keep their order)"
    )
    warnings.warn(message, DataWarning, stacklevel=3)
    return events.iloc[order].reset_index(drop=True)


def _known(format: str) -> str:
    if format not in FORMATS:
        message = f"{format!r} is not a known format; the known ones are auto, {', '.join(FORMATS)}"
        raise DataError(message, column="format")
    return format


def _renamed(columns: Mapping[str, str] | None) -> Mapping[str, str]:
    columns = columns or {}
    for name in columns:
        if name not in (*event_format.REQUIRED, *event_format.OPTIONAL):
            known = ", ".join((*event_format.REQUIRED, *event_format.OPTIONAL))
            message = f"{name!r} is not a column of the events frame; it has {known}"
            raise DataError(message, column="columns")
    return columns


def _detect(path: Path) -> str:
    """Tell the format from the file's ending and its first line."""
    if path.suffix in {".csv", ".parquet"}:
        return "events"
    with path.open(encoding="utf-8-sig", errors="replace") as lines:
        first = next((line for line in lines if line.strip()), "")
    try:
        record = json.loads(first)
    except (ValueError, RecursionError):
        record = None
    if isinstance(record, dict) and set(mooncake.FIELDS) <= record.keys():
        return "mooncake"
    return "events"
