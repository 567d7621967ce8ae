"""Reading recorded traffic: which format, which rows, in which order."""

from __future__ import annotations

import itertools
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from session_lab.errors import DataError, DataWarning
from session_lab.frames import EVENTS, Kind, build, milliseconds
from session_lab.timing import duration_text, instant_text, to_instant, to_milliseconds
from session_lab.traffic.detecting import Detected, detect
from session_lab.traffic.formats import bailian, burstgpt, journal, mooncake
from session_lab.traffic.formats import events as event_format
from session_lab.traffic.formats.text_rows import BadRows
from session_lab.traffic.shards import shard_paths

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

    from session_lab.timing import Duration, Instant

__all__ = ["FORMATS", "in_order", "read", "shards"]

FORMATS = ("events", "mooncake", "burstgpt", "bailian", "har", "journal")

_LONG_GAP = 30 * 86_400_000
# Each request in these stands for itself, however like another it is.
_NUMBERED = {"har", "journal"}
_REPEATED = ("at", "op", "external_id", "turn_duration", "expires_at")


def read(
    path: str | os.PathLike[str],
    format: str = "auto",
    *,
    columns: Mapping[str, str] | None = None,
    origin: Instant = "2026-01-01T00:00:00Z",
    tokens_per_second: float = 50.0,
    first_turn: Duration = "0s",
    skip_bad_rows: bool = False,
) -> pd.DataFrame:
    """Read recorded traffic as an events frame.

    Parameters
    ----------
    path : path
        The recording: a file, or a folder of Parquet shards with the same columns.
    format : {"auto", "events", "mooncake", "burstgpt", "bailian", "har", "journal"}
        ``events`` is the project's own format, as NDJSON, CSV or Parquet (told by the file's
        ending); ``mooncake``, ``burstgpt`` and ``bailian`` are published traces of chat services;
        ``har`` is an HTTP archive of calls to the Sessions API; ``journal`` is the simulator's.
        ``auto`` looks at the file; :func:`detect` tells what it sees.
    columns : mapping of str to str, optional
        For ``events``: what the file calls our columns where it calls them otherwise, as in
        ``{"at": "timestamp", "external_id": "chat_id"}``.
    origin : str or datetime
        For formats with relative times: the instant of time zero.
    tokens_per_second : float
        For formats that tell the length of an answer in tokens: how fast it is generated.
    first_turn : str or timedelta
        For formats that tell that a start carries a turn but not how long it lasts (``har``,
        ``journal``): how long. Their messages last what the run policy says.
    skip_bad_rows : bool
        Leave out rows that cannot be used instead of raising at the first. Each is reported in a
        :class:`DataWarning` and listed in ``attrs["bad_rows"]``.

    Returns
    -------
    DataFrame
        Columns ``at``, ``op``, ``external_id`` and those of ``turn_duration``, ``expires_at``,
        ``tags``, ``type``, ``task_identifier``, ``recorded_status`` and ``recorded_is_cached`` that
        the file has. In order of ``at``; rows of the same instant keep their order.

    Raises
    ------
    DataError
        The file does not exist, its format is not known, or a row cannot be used; the error names
        file, row and field.
    DataWarning
        As a warning: the rows were out of order and were sorted; rows were skipped; rows repeat
        others; for more than 30 days nothing happens.
    """
    path = Path(path)
    if not path.exists():
        raise DataError("there is no such file", source=str(path))
    if not tokens_per_second > 0:
        message = f"{tokens_per_second!r} is not a number above zero"
        raise DataError(message, column="tokens_per_second")
    detected = detect(path) if format == "auto" else Detected(_known(format), "it was said so")
    if columns and detected.format != "events":
        message = f"columns= is for the format events; {path.name} {detected}"
        raise DataError(message, column="columns")
    given = _Given(
        columns=_renamed(columns),
        origin=to_instant(origin, name="origin"),
        tokens_per_second=tokens_per_second,
        first_turn=to_milliseconds(first_turn, name="first_turn"),
    )
    bad = BadRows(collect=skip_bad_rows)
    if path.is_dir():
        parts = [event_format.read(shard, given.columns, bad) for shard in shard_paths(path)]
        events = _joined(parts)
    else:
        events = _read_file(path, detected, given, bad)
    if bad.errors:
        listed = "\n".join(str(error) for error in bad.errors)
        message = f"{path.name}: skipped {len(bad.errors)} rows that cannot be used:\n{listed}"
        warnings.warn(message, DataWarning, stacklevel=2)
    events = _sorted(events, None if path.is_dir() else path.name)
    if bad.errors:
        events.attrs["bad_rows"] = [str(error) for error in bad.errors]
    oddities = _long_gaps(events)
    if detected.format not in _NUMBERED:
        oddities = itertools.chain(_repeats(events), oddities)
    for oddity in oddities:
        warnings.warn(f"{path.name}: {oddity}", DataWarning, stacklevel=2)
    return events


def shards(
    folder: str | os.PathLike[str], *, columns: Mapping[str, str] | None = None
) -> Iterator[pd.DataFrame]:
    """Read a folder of Parquet shards one at a time, each as an events frame.

    No more than one shard is in memory at any time. Where each session is whole in one shard, as
    :func:`write_shards` writes them, the shards can be replayed one by one.

    Parameters
    ----------
    folder : path
        Holds ``.parquet`` files with the same columns.
    columns : mapping of str to str, optional
        As for :func:`read`.

    Yields
    ------
    DataFrame
        The events of a shard, in order of ``at``.

    Raises
    ------
    DataError
        A shard cannot be read or has other columns than the first; the error names it.
    """
    renamed = _renamed(columns)
    for path in shard_paths(folder):
        events = event_format.read(path, renamed, BadRows(collect=False))
        yield _sorted(events, path.name)


class _Given(NamedTuple):
    """What the formats are told."""

    columns: Mapping[str, str]
    origin: int
    tokens_per_second: float
    first_turn: int


def _read_file(path: Path, detected: Detected, given: _Given, bad: BadRows) -> pd.DataFrame:
    match detected.format:
        case "events":
            return _read_events(path, detected, given, bad)
        case "mooncake":
            return mooncake.read(path, given.origin, given.tokens_per_second, bad)
        case "burstgpt":
            return burstgpt.read(path, given.origin, given.tokens_per_second, bad)
        case "bailian":
            return bailian.read(path, given.origin, given.tokens_per_second, bad)
        case "journal":
            return journal.read(path, given.first_turn, bad)
        case _:
            # Loaded when needed: the models of the archive take their time.
            from session_lab.traffic.formats import har  # noqa: PLC0415

            return har.read(path, given.first_turn, bad)


def _read_events(path: Path, detected: Detected, given: _Given, bad: BadRows) -> pd.DataFrame:
    try:
        return event_format.read(path, given.columns, bad)
    except DataError as error:
        if not detected.is_certain and not given.columns:
            error.args = (f"{error.args[0]} (the file {detected})",)
        raise


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Join the events of shards; a column that a shard lacks is missing throughout there."""
    names = [column.name for column in EVENTS.columns if any(column.name in one for one in parts)]
    blanks = dict.fromkeys(names)
    parts = [build(EVENTS, blanks, n=len(part)).assign(**_columns(part)) for part in parts]
    joined = pd.concat(parts, ignore_index=True)
    for name in names:
        is_category = EVENTS.column(name).kind is Kind.CATEGORY
        if is_category and not isinstance(joined[name].dtype, pd.CategoricalDtype):
            columns = [part[name] for part in parts]
            joined[name] = pd.api.types.union_categoricals(columns, sort_categories=True)
    return joined


def _columns(events: pd.DataFrame) -> dict[str, pd.Series]:
    return {str(name): events[name] for name in events.columns}


def _repeats(events: pd.DataFrame) -> Iterator[str]:
    """Tell of events that are there twice; only those of the same instant can be."""
    tied = np.diff(milliseconds(events["at"])) == 0
    together = (np.append(tied, [False]) | np.insert(tied, 0, [False]))[: len(events)]
    columns = [name for name in _REPEATED if name in events]
    repeats = events.loc[together, columns].duplicated()
    if repeats.any():
        yield (
            f"{int(repeats.sum())} events repeat another to the letter, the first of them row "
            f"{int(repeats.index[repeats][0])} of the frame; they are kept"
        )


def _long_gaps(events: pd.DataFrame) -> Iterator[str]:
    """Tell of times in which nothing happens at all, which may be a mistake in a clock."""
    at = milliseconds(events["at"])
    gaps = np.diff(at)
    long = gaps > _LONG_GAP
    if long.any():
        place = int(gaps.argmax())
        yield (
            f"gaps of more than 30 days in which nothing happens: {int(long.sum())}; the longest is "
            f"{duration_text(int(gaps[place]))}, from {instant_text(int(at[place]))}; "
            "traffic.cap_gaps shortens them"
        )


def in_order(events: pd.DataFrame) -> np.ndarray | None:
    """Return the stable order of events by time, or None when they are in order already."""
    at = milliseconds(events["at"])
    return None if (at[1:] >= at[:-1]).all() else np.argsort(at, kind="stable")


def _sorted(events: pd.DataFrame, source: str | None) -> pd.DataFrame:
    """Bring events into order of time; where they are a file's, say when they were not."""
    order = in_order(events)
    if order is None:
        return events
    if source is None:
        return events.iloc[order].reset_index(drop=True)
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
