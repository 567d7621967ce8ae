"""Logs of any size, dealt out to files in which each session is whole."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from session_lab.errors import DataError
from session_lab.frames import in_one_piece
from session_lab.frames.files.sources import Source
from session_lab.mistyped import answer_mistyped
from session_lab.traffic.formats.events import event_tables
from session_lab.traffic.formats.format import ReadOptions
from session_lab.traffic.parsing.text_rows import BadRows
from session_lab.traffic.shards import DRAFT, folder_for, shards_of

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Self

    from numpy.typing import NDArray

    from session_lab.frames.files.sources import Place

__all__ = ["hash_ids", "shard"]

_MOST_SHARDS: Final = 1_024
_ROWS: Final = 1 << 15
_SCHEMA: Final = pa.schema(
    [
        ("at", pa.timestamp("ms", "UTC")),
        ("op", pa.string()),
        ("external_id", pa.large_string()),
        ("turn_duration", pa.duration("ms")),
        ("expires_at", pa.timestamp("ms", "UTC")),
        ("tags", pa.list_(pa.string())),
        ("type", pa.string()),
        ("task_identifier", pa.string()),
        ("recorded_status", pa.int64()),
        ("recorded_is_cached", pa.bool_()),
    ],
)


@answer_mistyped
def shard(
    log: Place,
    folder: str | os.PathLike[str],
    *,
    shards: int = 64,
    columns: Mapping[str, str] | None = None,
    progress: bool = False,
) -> Sequence[Path]:
    """Deal out a log that lies in many files, such as one a day, to files of whole sessions.

    One file of the log is in memory at a time, and some thousand rows of each shard. Which shard a
    session goes to depends on its external id alone (FNV-1a), so the same log makes the same shards
    on every machine. Events keep the order of the log.

    Parameters
    ----------
    log : path, address or file
        A file, a folder of Parquet files, however deep, or a pattern; files in order of their names.
    folder : path
        Where to; it must not hold Parquet files yet.
    shards : int
        How many, 1 to 1,024.
    columns : mapping of str to str, optional
        As for :func:`read`.
    progress : bool
        Show progress on standard error.

    Returns
    -------
    sequence of Path
        The files, ``part-00000.parquet`` and so on, each complete; shards without events too.

    Raises
    ------
    DataError
        A file cannot be read, the number is out of range, or the folder holds Parquet files.

    Examples
    --------
    >>> import tempfile
    >>> from session_lab.traffic import read_shards, sample_path
    >>> paths = shard(sample_path("chats.ndjson"), tempfile.mkdtemp(), shards=4)
    >>> len(paths), sum(map(len, read_shards(paths[0].parent)))
    (4, 1890)
    """
    folder = folder_for(folder, shards, _MOST_SHARDS)
    if any(folder.glob("*.parquet")):
        message = "the folder holds Parquet files already; remove them first"
        raise DataError(message, source=str(folder))
    folder.mkdir(parents=True, exist_ok=True)
    source = Source(log)
    if not source.exists():
        raise DataError("there is no such file", source=source.name)
    options, bad = ReadOptions.of({"columns": columns}), BadRows(collect=False)
    parts = shards_of(source) if source.is_dir() else [source]
    with _Writers(folder, shards) as writers:
        for part in tqdm(parts, unit=" files", desc="shard", delay=1, disable=not progress):
            for events in event_tables(part, options, bad):
                writers.add(_written(events), shards)
    return writers.paths


class _Writers:
    """Files that grow side by side, under other names until all are complete."""

    def __init__(self, folder: Path, n: int) -> None:
        self.paths = [folder / f"part-{number:05d}.parquet" for number in range(n)]
        self._drafts = [path.with_suffix(DRAFT) for path in self.paths]
        told = json.dumps({"sharded_by": "external_id", "shards": n})
        schema = _SCHEMA.with_metadata({"session_lab": told})
        self._files = [
            pq.ParquetWriter(draft, schema, compression="zstd") for draft in self._drafts
        ]
        self._held: list[list[pa.Table]] = [[] for _ in self.paths]
        self._rows = np.zeros(n, np.int64)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for number, file in enumerate(self._files):
            if kind is None:
                self._flush(number)
            file.close()
        for draft, path in zip(self._drafts, self.paths, strict=True):
            if kind is None:
                draft.replace(path)
            else:
                draft.unlink()

    def add(self, events: pa.Table, n: int) -> None:
        dealt = hash_ids(in_one_piece(events["external_id"])) % np.uint64(n)
        order = np.argsort(dealt, kind="stable")
        bounds = np.searchsorted(dealt[order], np.arange(n + 1))
        sorted_events = events.take(pa.array(order))
        for number in np.flatnonzero(np.diff(bounds)).tolist():
            first, rows = int(bounds[number]), int(bounds[number + 1] - bounds[number])
            self._held[number].append(sorted_events.slice(first, rows))
            self._rows[number] += rows
            if self._rows[number] >= _ROWS:
                self._flush(number)

    def _flush(self, number: int) -> None:
        if self._held[number]:
            self._files[number].write_table(pa.concat_tables(self._held[number]))
        self._held[number], self._rows[number] = [], 0


def _written(events: pa.Table) -> pa.Table:
    """Bring checked events to the types of the files."""
    n = events.num_rows
    return pa.table(
        [
            in_one_piece(events[field.name]).cast(field.type)
            if field.name in events.column_names
            else pa.nulls(n, field.type)
            for field in _SCHEMA
        ],
        schema=_SCHEMA,
    )


def hash_ids(ids: pa.Array) -> NDArray[np.uint64]:
    """Hash external ids (FNV-1a), each different one once."""
    # Loaded when needed: it brings the compiler along.
    from session_lab.traffic.columnar.draws import hash_texts  # noqa: PLC0415

    encoded = ids.dictionary_encode()
    texts = encoded.dictionary
    offsets = np.frombuffer(texts.buffers()[1], np.int64)[texts.offset :][: len(texts) + 1]
    letters = np.frombuffer(texts.buffers()[2] or b"", np.uint8)
    hashes: NDArray[np.uint64] = hash_texts(offsets, letters, np.arange(len(texts)))
    found: NDArray[np.uint64] = hashes[np.asarray(encoded.indices)]
    return found
