"""Parquet files of events: read column by column, or row by row where anything is unusual."""

from __future__ import annotations

import json
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from session_lab.errors import DataError
from session_lab.frames.files.places import reading
from session_lab.traffic.parsing.text_rows import Piece

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from session_lab.frames.files.sources import Source
    from session_lab.traffic.parsing.column_map import ColumnMap

__all__ = ["footer_of", "pieces"]


class Footer(NamedTuple):
    """What the end of a file says of it.

    Attributes
    ----------
    columns : dict
        Its columns and their types; dictionaries count as what they hold.
    shards : int
        How many shards there are, if it is one that ``sl.traffic.shard`` wrote; else 0.
    """

    columns: dict[str, str]
    shards: int


def footer_of(source: Source) -> Footer:
    """Read the end of a file.

    Raises
    ------
    DataError
        It is not Parquet, or is damaged.
    """
    with _as_parquet(source), source.parquet() as file:
        schema = file.schema_arrow
    columns = {field.name: str(_plain_type(field.type)) for field in schema}
    try:
        shards = int(json.loads((schema.metadata or {})[b"session_lab"])["shards"])
    except (KeyError, TypeError, ValueError):  # Nothing of ours.
        shards = 0
    return Footer(columns, shards)


def pieces(source: Source, columns: ColumnMap) -> Generator[Piece]:
    """Read a file as one piece: its columns that are looked at."""
    table = None
    try:
        with reading(source.name), source.parquet() as file:
            table = file.read(columns=columns.present(file.schema_arrow.names))
            table.validate(full=True)
        source.on_bytes(source.size)
    except DataError:  # The rows tell which it is, or that it is none of Parquet.
        table = None
    yield Piece(table, partial(_rows, source))


def _rows(source: Source) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number of each row, from 0, and its values."""
    number = 0
    with _as_parquet(source), source.parquet() as file:
        for batch in file.iter_batches():
            for record in batch.to_pylist():
                yield number, record
                number += 1


@contextmanager
def _as_parquet(source: Source) -> Generator[None]:
    try:
        with reading(source.name):
            yield
    except DataError as error:
        error.args = (
            str(error.args[0]).replace("cannot be read (", "cannot be read as Parquet ("),
        )
        raise


def _plain_type(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind
