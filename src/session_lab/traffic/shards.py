"""Logs larger than memory: folders of Parquet shards, read and written one at a time."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from session_lab.errors import DataError, DataWarning
from session_lab.frames import check_events, join_events, write_parquet
from session_lab.frames.files.places import folder_path
from session_lab.frames.files.sources import Source
from session_lab.mistyped import answer_mistyped, level_of_caller
from session_lab.traffic.engine.time_order import sorted_by_time
from session_lab.traffic.formats.events import event_tables
from session_lab.traffic.formats.format import ReadOptions
from session_lab.traffic.parsing import parquet
from session_lab.traffic.parsing.text_rows import BadRows

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from session_lab.frames.files.sources import Place

__all__ = [
    "DRAFT",
    "folder_for",
    "parts_of",
    "paths_for",
    "read_folder",
    "read_shards",
    "shards_of",
    "write_shards",
]

DRAFT = ".draft"
"""How files end that are still being written."""
_LINES = frozenset({".csv", ".tsv", ".ndjson", ".jsonl"})
_MOST_SHARDS = 10_000


@answer_mistyped
def read_shards(
    folder: Place, *, columns: Mapping[str, str] | None = None
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

    Examples
    --------
    >>> import tempfile
    >>> from session_lab.traffic import read, sample_path
    >>> folder = tempfile.mkdtemp()
    >>> paths = write_shards(read(sample_path("chats.ndjson")), folder, shards=2)
    >>> [len(events) for events in read_shards(folder)]
    [971, 919]
    """
    options = ReadOptions.of({"columns": columns})
    for shard in shards_of(folder):
        yield sorted_by_time(join_events(event_tables(shard, options, BadRows(collect=False))))


def read_folder(folder: Source, options: ReadOptions, bad: BadRows) -> pd.DataFrame:
    """Read all shards of a folder as one events frame, one after the other."""
    shards = shards_of(folder)
    return join_events([table for shard in shards for table in event_tables(shard, options, bad)])


def shards_of(folder: Place | Source) -> Sequence[Source]:
    """List the shards of a folder by name, once all of them are seen to have the same columns.

    Only the ends of the files are read for that, so that a shard that was cut short or has other
    columns is found before any work is done on the others.

    Raises
    ------
    DataError
        There is no shard, or one cannot be read or differs from the first, or is still being
        written; the error names it.

    Warns
    -----
    DataWarning
        Of the shards that :func:`session_lab.traffic.shard` wrote some are not there, or a file beside
        them has lines.
    """
    source = Source(folder)
    found = parts_of(source)
    if not found:
        raise DataError("the folder holds no .parquet file", source=source.name)
    if found[0].suffix != ".parquet":
        return found
    first = parquet.footer_of(found[0])
    for shard in found[1:]:
        columns = parquet.footer_of(shard).columns
        if columns != first.columns:
            message = f"the shard has {_difference(columns, first.columns)} as {found[0].name} has"
            raise DataError(message, source=shard.name)
    if _is_folder(source) and len(found) < first.shards:
        _warn(source, f"only {len(found)} of {first.shards} shards are there")
    return found


def parts_of(source: Source) -> Sequence[Source]:
    """List the files of a folder that are Parquet, by name; of a pattern or a file, what it names.

    Raises
    ------
    DataError
        One is still being written.

    Warns
    -----
    DataWarning
        Files beside them have lines.
    """
    found = source.parts()
    for part in found:
        if part.suffix == DRAFT:
            message = "it is still being written, or that was broken off; then write it anew"
            raise DataError(message, source=part.name)
    if not _is_folder(source):
        return found
    others = [part.name for part in found if part.suffix in _LINES]
    if others:
        verb = "is" if len(others) == 1 else "are"
        _warn(source, f"{', '.join(others)} {verb} not Parquet, and {verb} not read")
    return [part for part in found if part.suffix == ".parquet"]


def _is_folder(source: Source) -> bool:
    return source.is_dir() and not source.is_pattern


def _warn(source: Source, remark: str) -> None:
    warnings.warn(f"{source.name}: {remark}", DataWarning, stacklevel=level_of_caller())


def folder_for(folder: str | os.PathLike[str], shards: int, most: int) -> Path:
    """Check where shards are to be written, and how many.

    Raises
    ------
    DataError
        The number is out of range, it is an address, or there is a file in place of the folder.
    """
    if (
        isinstance(shards, bool)
        or not isinstance(shards, (int, np.integer))
        or not 1 <= shards <= most
    ):
        raise DataError(f"{shards!r} is not a number from 1 to {most:,}", column="shards")
    return folder_path(folder, what="shards")


def paths_for(folder: str | os.PathLike[str], shards: int) -> Sequence[Path]:
    """Return the files for shards, which may stand there already.

    Raises
    ------
    DataError
        The number is out of range, there is a file in place of the folder, or it holds other shards.
    """
    folder = folder_for(folder, shards, _MOST_SHARDS)
    paths = [folder / f"part-{number:05d}.parquet" for number in range(shards)]
    others = sorted(path.name for path in folder.glob("*.parquet") if path not in paths)
    if others:
        message = f"the folder holds other shards already, such as {others[0]}; remove them first"
        raise DataError(message, source=str(folder))
    return paths


def _difference(found: dict[str, str], expected: dict[str, str]) -> str:
    for name, kind in expected.items():
        if name not in found:
            return f"no column {name} ({kind})"
        if found[name] != kind:
            return f"a column {name} of {found[name]}, not of {kind}"
    extra = next((name for name in found if name not in expected), None)
    return "its columns in another order, not" if extra is None else f"a column {extra}, not"


@answer_mistyped
def write_shards(
    events: pd.DataFrame, folder: str | os.PathLike[str], *, shards: int = 16
) -> Sequence[Path]:
    """Write events as Parquet shards, each session whole in one of them.

    Sessions are dealt out in turn, in order of their first event, so that any shard can be replayed
    by itself. The files are called ``part-00000.parquet`` and so on; each is written whole or not
    at all. Shards that an earlier call left there are replaced, other files are kept.

    Parameters
    ----------
    events : DataFrame
        An events frame.
    folder : path
        Where to; it is made where it is missing.
    shards : int
        How many, 1 to 10,000.

    Returns
    -------
    sequence of Path
        The files.

    Raises
    ------
    DataError
        The number is out of range, the frame is not an events frame, or the folder holds shards
        that would be mixed with these.

    Examples
    --------
    >>> import tempfile
    >>> from session_lab.traffic import read, sample_path
    >>> paths = write_shards(read(sample_path("chats.ndjson")), tempfile.mkdtemp(), shards=2)
    >>> [path.name for path in paths]
    ['part-00000.parquet', 'part-00001.parquet']
    """
    paths = paths_for(folder, shards)
    events = check_events(events)
    session, _ = pd.factorize(events["external_id"])
    dealt = session % shards
    rows = np.argsort(dealt, kind="stable")
    bounds = np.searchsorted(dealt[rows], np.arange(shards + 1))
    for path, first, last in zip(paths, bounds[:-1], bounds[1:], strict=True):
        write_parquet(events.iloc[rows[first:last]].reset_index(drop=True), path)
    return paths
