"""Logs too large for memory: Parquet shards, each with all events of its sessions."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from operator import iadd
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import pyarrow as pa

from session_lab.errors import DataError
from session_lab.frames import EVENTS, UnusualError, event_array, event_column, in_one_piece
from session_lab.frames.files.sources import Source
from session_lab.traffic.columnar.draws import SessionIds
from session_lab.traffic.columnar.log import PROFILE, GroupedLog
from session_lab.traffic.engine.engine_frames import policies_of
from session_lab.traffic.engine.engine_result import NAT, OPS
from session_lab.traffic.parsing.column_map import ColumnMap
from session_lab.traffic.shards import parts_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pyarrow.parquet as pq
    from numpy.typing import NDArray

    from session_lab.simulator import Platform, RunPolicy
    from session_lab.traffic.columnar.outcome import Outcome

__all__ = [
    "Shard",
    "play_shards",
    "read_shard",
    "refuse_split",
    "refuse_split_shards",
    "told_apart",
]

_REQUIRED = ("at", "op", "external_id")
_OPTIONAL = ("turn_duration", "expires_at")
_PLACES = {
    "op": (len(OPS) - 1, "is not the place of an operation"),
    "external_id": (2**63 - 1, "is negative"),
}
_BATCH = 1 << 18


def play_shards(
    shards: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    policy: RunPolicy,
    platform: Platform | None = None,
    *,
    seed: int = 0,
    workers: int | None = None,
) -> Outcome:
    """Play a log that lies in Parquet files, and add up what comes of it.

    All events of a session must lie in one file. No more files are in memory at a time than there
    are workers, so memory does not grow with the number of files.

    Parameters
    ----------
    shards : path or iterable of path
        A directory of ``.parquet`` files, such as ``write_shards`` leaves, or the files. Columns are
        those of the events frame. Whole numbers may stand for external ids, which is quicker to
        read; ``op`` may also be its place in start, message, close, retrieve, and instants and
        durations whole milliseconds.
    policy : RunPolicy
        How runs behave.
    platform : Platform, optional
        What the environment does to them; ``Platform()`` by default.
    seed : int
        What crashes and random times draw on.
    workers : int, optional
        How many files are played side by side; by default one for each processor.

    Returns
    -------
    Outcome
        The same for any number of workers; its waits are only counted.

    Raises
    ------
    DataError
        There is no file, or one cannot be read, lacks a column, has one of another kind, or is
        still being written; the error names it.
    """
    files = _files(shards)
    timings = [policy.timings(platform, seed)]

    def play(file: Source) -> Outcome:
        return read_shard(file).log.outcome(timings, profile=PROFILE, keep_waits=False)

    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        return reduce(iadd, pool.map(play, files))


def _files(shards: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> Sequence[Source]:
    if isinstance(shards, (str, os.PathLike)):
        files = parts_of(Source(shards))
    else:
        files = [Source(shard) for shard in shards]
    if not files:
        raise DataError("there is no .parquet file", source=str(shards))
    return files


class Shard(NamedTuple):
    """A shard in memory.

    Attributes
    ----------
    log : GroupedLog
        Its events.
    silent, messages : int
        How many messages do not say how long their turn lasts, and how many there are.
    ids : ndarray of uint64
        A hash of each external id, in no order.
    """

    log: GroupedLog
    silent: int
    messages: int
    ids: NDArray[np.uint64]


def read_shard(file: Source, *, tasks: list[str] | None = None, until: int | None = None) -> Shard:
    """Read one shard, and group its events.

    Parameters
    ----------
    file : Source
        Parquet, with the columns that :func:`play_shards` names.
    tasks : list of str, optional
        The tasks that have a policy each, in their order; none where one policy is all tasks'.
    until : int, optional
        Leave out events that are later, in milliseconds since 1970.

    Raises
    ------
    DataError
        It cannot be read, a column cannot be used, or the task of a start has no policy.
    """
    where = file.name
    try:
        # Column by column, each in one thread: shards are read side by side already.
        with file.parquet() as parquet:
            names = parquet.schema_arrow.names
        # Ids that stay coded are not spelled out for every event, only to be coded anew.
        coded = [name for name in names if name == "external_id"]
        with file.parquet(read_dictionary=coded) as parquet:
            told = dict(ColumnMap().with_partition(file.partition, names, where).constants)
            names = [*names, *told]
            for name in _REQUIRED:
                if name not in names:
                    message = f"the column is missing; the shard has {', '.join(names)}"
                    raise DataError(message, source=where, column=name)
            at, op = (_column(parquet, name, where, told) for name in ("at", "op"))
            columns = {
                name: _column(parquet, name, where, told) for name in _OPTIONAL if name in names
            }
            chat, external_ids = _ids(parquet, where, told)
            if tasks:
                given = None
                if "task_identifier" in told:
                    given = pa.repeat(told["task_identifier"], len(at))
                elif "task_identifier" in names:
                    given = parquet.read(["task_identifier"], use_threads=False)[0]
                rows = range(len(at))
                columns["policy"] = policies_of(given, op, tasks, source=where, rows=rows)
    except (OSError, pa.ArrowException) as error:
        message = f"the shard cannot be read, or was cut short: {error}"
        raise DataError(message, source=where) from error
    order: NDArray[np.intp] | slice = slice(None)
    if (at[1:] < at[:-1]).any():
        order = np.argsort(at, kind="stable")
    if until is not None:
        order = np.arange(len(at))[order]
        order = order[: np.searchsorted(at[order], until, side="right")]
    at, op, chat = at[order], op[order], chat[order]
    columns = {name: column[order] for name, column in columns.items()}
    is_message = op == OPS.index("message")
    silent = (
        is_message & (columns["turn_duration"] == NAT) if "turn_duration" in columns else is_message
    )
    return Shard(
        GroupedLog(at, op, chat, external_ids=external_ids, **columns),
        silent=int(np.count_nonzero(silent)),
        messages=int(np.count_nonzero(is_message)),
        ids=SessionIds(np.flatnonzero(np.bincount(chat)), external_ids).hashes,
    )


def told_apart(shard: Shard, shards: int) -> int | NDArray[np.uint64]:
    """Return what tells the external ids of one of so many shards from those of the others.

    That is the remainder of all its hashes where :func:`session_lab.traffic.shard` dealt the shards
    out by them; else it is all hashes.
    """
    left = shard.ids % np.uint64(shards)
    return int(left[0]) if len(left) and (left == left[0]).all() else shard.ids


def refuse_split_shards(
    told: dict[int, int | NDArray[np.uint64]],
    shards: Sequence[Source],
    folder: str,
    *,
    until: int | None = None,
) -> None:
    """Refuse shards of which several have events of one session.

    Parameters
    ----------
    told : dict
        For the place of each shard what :func:`told_apart` returned. It is empty afterwards, since
        the hashes of a long log are many.
    shards : sequence of Source
        The shards.
    folder : str
        What messages call them.
    until : int, optional
        As for :func:`read_shard`.

    Raises
    ------
    DataError
        There are such sessions.
    """
    remainders = [one for one in told.values() if isinstance(one, int)]
    hashes = sum(len(one) for one in told.values() if not isinstance(one, int))
    if hashes or len(set(remainders)) < len(remainders):
        for place, one in told.items():
            if isinstance(one, int):
                told[place] = read_shard(shards[place], until=until).ids
        refuse_split([cast("NDArray[np.uint64]", told.pop(place)) for place in [*told]], folder)
    told.clear()


def refuse_split(ids: list[NDArray[np.uint64]], folder: str) -> None:
    """Refuse shards of which several have one of the hashes of external ids.

    Parameters
    ----------
    ids : list of ndarray of uint64
        Those of each shard. It is empty afterwards, since the hashes of a long log are many.
    folder : str
        What messages call the shards.

    Raises
    ------
    DataError
        There are such sessions.
    """
    known = np.concatenate(ids)
    ids.clear()
    known.sort()
    twice = int(np.count_nonzero(known[1:] == known[:-1]))
    if twice:
        message = (
            f"{twice:,} external ids have events in several files, which are played apart; "
            "bring each into one with sl.traffic.shard"
        )
        raise DataError(message, source=folder, column="external_id")


def _ids(
    parquet: pq.ParquetFile, file: str, told: Mapping[str, Any]
) -> tuple[NDArray[np.integer], pa.Array | NDArray[np.int64]]:
    """Give external ids numbers from 0 on, and list them by their number."""
    if "external_id" in told:
        only = pa.array([told["external_id"]], pa.large_string())
        return np.zeros(parquet.metadata.num_rows, np.int32), only
    kind = parquet.schema_arrow.field("external_id").type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_integer(kind):
        return _dense(_column(parquet, "external_id", file, told))
    column = parquet.read(["external_id"], use_threads=False)["external_id"]
    if column.null_count:
        raise DataError("a value is missing", source=file, column="external_id")
    field = EVENTS.column("external_id")
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        column = pa.chunked_array([event_array(column.to_pylist(), field, source=file)])
    # As one chunk, so that there is one list of ids.
    encoded = in_one_piece(column.dictionary_encode().unify_dictionaries())
    texts = encoded.dictionary.cast(pa.large_string())
    try:
        event_column(texts, field)
    except UnusualError:
        event_array(column.to_pylist(), field, source=file)  # It names the row.
    return encoded.indices.to_numpy(), texts


def _column(parquet: pq.ParquetFile, name: str, file: str, told: Mapping[str, Any]) -> NDArray[Any]:
    """Read a column as whole numbers, a batch at a time: both forms of all of it are never held.

    What the file's folders are ``told`` for is the same in every row.
    """
    values = np.empty(parquet.metadata.num_rows, np.int8 if name == "op" else np.int64)
    if name in told:
        values[:] = OPS.index(told[name]) if name == "op" else told[name]
        return values
    begin = 0
    for batch in parquet.iter_batches(_BATCH, columns=[name], use_threads=False):
        numbers = _numbers(batch.column(name), name, begin, file)
        values[begin : begin + len(numbers)] = numbers
        begin += len(numbers)
    return values


def _numbers(column: pa.Array, name: str, first_row: int, file: str) -> NDArray[np.int64]:
    """Turn a column into whole numbers, with NAT for what is missing."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if name in _REQUIRED and column.null_count:
        raise DataError("a value is missing", source=file, column=name)
    try:
        if pa.types.is_timestamp(kind):
            if kind.tz is None:
                raise pa.ArrowTypeError("its instants have no time zone")
            column = column.cast(pa.timestamp("ms", kind.tz)).cast(pa.int64())
        elif pa.types.is_duration(kind):
            column = column.cast(pa.duration("ms")).cast(pa.int64())
    except pa.ArrowException as error:
        message = f"the column cannot be used: {error}"
        raise DataError(message, source=file, column=name) from error
    if name in _PLACES and pa.types.is_integer(kind):
        places: NDArray[np.int64] = column.cast(pa.int64()).to_numpy(zero_copy_only=False)
        _refuse_out_of_range(places, name, first_row, file)
        return places
    field = EVENTS.column(name)
    try:
        column = event_column(column, field)
    except UnusualError:
        column = event_array(column.to_pylist(), field, source=file, first_row=first_row)
    if name == "op":
        known = np.array([OPS.index(op) for op in column.dictionary.to_pylist()], np.int64)
        return known.take(np.asarray(column.indices))
    numbers: NDArray[np.int64] = column.fill_null(NAT).to_numpy(zero_copy_only=False)
    return numbers


def _dense(ids: NDArray[np.int64]) -> tuple[NDArray[np.integer], NDArray[np.int64]]:
    """Give external ids numbers from 0 on; those that lie close together keep their distances."""
    first, last = (int(ids.min()), int(ids.max())) if len(ids) else (0, -1)
    if last - first <= 4 * len(ids):
        places = np.empty(len(ids), np.int32)
        np.subtract(ids, first, out=places, casting="unsafe")
        return places, np.arange(first, last + 1)
    external_ids, chat = np.unique(ids, return_inverse=True)
    return chat, external_ids


def _refuse_out_of_range(values: NDArray[np.int64], name: str, first_row: int, file: str) -> None:
    """Refuse what only a mistake can have made; the first value is that of ``first_row``."""
    high, problem = _PLACES[name]
    wrong = (values < 0) | (values > high)
    if wrong.any():
        place = int(wrong.argmax())
        message = f"{values[place]} {problem}"
        raise DataError(message, source=file, row=first_row + place, column=name)
