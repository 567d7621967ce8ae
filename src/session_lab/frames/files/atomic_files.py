"""Files written whole or not at all, wherever they go and however they are packed."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from session_lab.errors import DataError
from session_lab.frames.files.places import (
    PACKINGS,
    file_system,
    is_address,
    path_text,
    shown_name,
    writing,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Generator
    from typing import IO

    import pandas as pd

__all__ = ["whole_file", "write_parquet"]

_CHUNK = 1 << 20


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Generator[Path]:
    """Offer a place to write to, and move the file to ``path`` once all went well.

    Whatever happens in between, also an interrupt, nobody sees half a file, and one that stood
    there before is kept. Where ``path`` is an address (``s3://bucket/a.parquet``) the file is sent
    there, where it is ``-`` to standard output, where it is a pipe into it. A file whose name ends
    in ``.gz``, ``.zst``, ``.bz2`` or ``.lz4`` is packed.

    Raises
    ------
    DataError
        It is not a path or an address, or nothing can be written there.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "note.txt"
    >>> with whole_file(target) as draft:
    ...     _ = draft.write_text("done")
    >>> target.read_text()
    'done'
    """
    text = path_text(path)
    is_elsewhere, target = is_address(text), Path(text)
    shown = shown_name(text) if is_elsewhere else text
    name = Path(shown).name
    if text == "-" and sys.stdout is None:
        raise DataError("standard output is closed")
    with ExitStack() as opened:
        if text != "-":
            # A pipe that closes is an error of the process, not of the place.
            opened.enter_context(writing(shown))
        # Whatever standard output leads to, /dev/stdout is written into and never replaced.
        is_stream = text == "-" or text.startswith("/dev/") or _is_pipe(target)
        near = None
        if not is_elsewhere and not is_stream:
            target = target.resolve() if target.is_symlink() else target
            target.parent.mkdir(parents=True, exist_ok=True)
            near = target.parent
        folder = opened.enter_context(tempfile.TemporaryDirectory(prefix=f".{name}.", dir=near))
        packing = PACKINGS.get(Path(name).suffix.lower())
        draft = Path(folder) / (Path(name).stem if packing else name)
        yield draft
        packed = _packed(draft, packing) if packing else draft
        if text == "-":
            _copy(packed, sys.stdout.buffer)
        elif is_elsewhere:
            system, place = file_system(text)
            with system.open_output_stream(place, compression=None) as sink:
                _copy(packed, sink)
        elif is_stream:
            with target.open("wb") as sink:
                _copy(packed, sink)
        else:
            packed.replace(target)


def _is_pipe(target: Path) -> bool:
    return target.exists() and not target.is_file()


def _packed(draft: Path, packing: str) -> Path:
    packed = draft.with_name(f"{draft.name}.packed")
    with pa.CompressedOutputStream(str(packed), packing) as sink:
        _copy(draft, sink)
    return packed


def _copy(draft: Path, sink: IO[bytes]) -> None:
    with draft.open("rb") as file:
        shutil.copyfileobj(file, sink, _CHUNK)
    sink.flush()


def write_parquet(frame: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write a frame to Parquet with its dtypes and its attributes.

    The attributes (such as ``observed_at``) go into the file's metadata as JSON, under
    ``session_lab`` and where pandas looks for them.
    """
    plain = frame.copy(deep=False)
    plain.attrs = {}
    table = pa.Table.from_pandas(plain, preserve_index=False)
    attributes = json.dumps(frame.attrs, default=str).encode()
    metadata = {
        **table.schema.metadata,
        b"pandas": _readable_by_pandas(table.schema.metadata[b"pandas"]),
        b"PANDAS_ATTRS": attributes,
        b"session_lab": attributes,
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
