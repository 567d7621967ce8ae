"""Frames on disk, written whole or not at all."""

from __future__ import annotations

import json
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    import os
    from collections.abc import Generator

    import pandas as pd

__all__ = ["whole_file", "write_parquet"]


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Generator[Path]:
    """Offer a place near ``path`` to write to, and move the file there once all went well.

    Whatever happens in between, also an interrupt, nobody sees half a file, and one that stood
    there before is kept.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "note.txt"
    >>> with whole_file(target) as draft:
    ...     _ = draft.write_text("done")
    >>> target.read_text()
    'done'
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as folder:
        draft = Path(folder) / target.name
        yield draft
        draft.replace(target)


def write_parquet(frame: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write a frame to Parquet with its dtypes and its attributes.

    The attributes (such as ``observed_at``) go into the file's metadata under ``session_lab``, as
    JSON.
    """
    plain = frame.copy(deep=False)
    plain.attrs = {}
    table = pa.Table.from_pandas(plain, preserve_index=False)
    attributes = json.dumps({key: str(value) for key, value in frame.attrs.items()})
    metadata = {
        **table.schema.metadata,
        b"pandas": _readable_by_pandas(table.schema.metadata[b"pandas"]),
        b"session_lab": attributes.encode(),
    }
    table = table.replace_schema_metadata(metadata)
    with whole_file(path) as draft:
        pq.write_table(table, draft, compression="zstd")


def _readable_by_pandas(metadata: bytes) -> bytes:
    """Leave out the dtype of lists, whose name pandas writes but cannot read."""
    described = json.loads(metadata)
    for column in described["columns"]:
        if column["numpy_type"].startswith("list<"):
            column["numpy_type"] = "object"
    return json.dumps(described).encode()
