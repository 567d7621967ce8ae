"""Where rows are read from: files, folders, patterns, addresses, standard input, open files.

This is the one place that knows about packing (gzip, zstd, bz2 and lz4, told by their content and
never by a name) and about other file systems: those of Arrow (``file``, ``s3``, ``gs``, ``abfs``,
``hdfs``) and, for the rest, those of fsspec where it is installed. What reads rows sees one stream
of plain bytes, and an error of it is a :class:`~session_lab.errors.DataError` with a name.
"""

from __future__ import annotations

import io
import os
import shutil
import stat
import sys
import tempfile
import weakref
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from session_lab.errors import DataError
from session_lab.frames.files.places import (
    PACKINGS,
    before_pattern,
    file_system,
    is_address,
    is_pattern,
    partition_of,
    path_text,
    pattern_of,
    reading,
    shown_name,
    suffix_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

__all__ = ["Place", "Source"]

Place = str | os.PathLike[str] | IO[Any]
"""What public arguments take as a place to read: a path, an address, ``-``, or an open file."""

_MAGIC = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bz2",
    b"\x04\x22\x4d\x18": "lz4",
}
_IN_MEMORY = 64 << 20
_CHUNK = 1 << 20


class Source:
    """One place that rows are read from.

    Parameters
    ----------
    place : path, str or file
        A path, a folder, a pattern such as ``"week/*.ndjson.gz"``, an address such as
        ``"s3://bucket/week/"``, ``"-"`` for standard input, or a file that is open for reading.

    Attributes
    ----------
    name : str
        What errors call it: the file's name; no address with credentials in it.
    suffix : str
        The ending of its name in lower case, without that of a packing: ``".ndjson"`` of
        ``"chats.NDJSON.gz"``.
    partition : mapping of str to str
        The values of columns that its folders are named for, as in ``day=2026-01-01/``, if it is a
        part of a folder or pattern; None where there is none.
    on_bytes : callable
        Is given the number of bytes, as they lie there, whenever some were read.

    Examples
    --------
    >>> from session_lab.frames import sample_path
    >>> source = Source(sample_path("chats.ndjson"))
    >>> source.name, source.suffix, source.is_dir()
    ('chats.ndjson', '.ndjson', False)
    """

    def __init__(self, place: Place | Source) -> None:
        if isinstance(place, Source):
            self.__dict__.update(place.__dict__)
            return
        self._file: IO[Any] | None = None
        self._kept = _Kept()
        self.on_bytes: Callable[[int], object] = _pass_over
        if not isinstance(place, (str, os.PathLike)):
            if not hasattr(place, "read"):
                shown = (
                    repr(place) if isinstance(place, (int, float, bytes)) else type(place).__name__
                )
                message = f"{shown} is not a path, an address or an open file"
                raise DataError(message, column="path")
            if getattr(place, "closed", False):
                raise DataError("the file is closed; open it for reading", column="path")
            self._file, text = place, getattr(place, "name", None)
            self._text = text if isinstance(text, str) else "file"
        else:
            self._text = path_text(place)
        self.is_stream = self._file is not None or self._text == "-" or _is_pipe(self._text)
        self.name = "standard input" if self._text == "-" else shown_name(self._text)
        self.suffix = suffix_of(self.name)
        self.partition: Mapping[str, str | None] = {}

    def __repr__(self) -> str:
        """Show where it is, without credentials."""
        return f"Source({self.name!r})"

    @cached_property
    def _place(self) -> tuple[pafs.FileSystem, str]:
        return file_system(self._text)

    @cached_property
    def _kind(self) -> pafs.FileType:
        if self.is_stream:
            return pafs.FileType.File
        system, path = self._place
        with reading(self.name):
            kind = system.get_file_info(path).type
        # Pipes and devices are read as files are.
        return pafs.FileType.File if kind is pafs.FileType.Unknown else kind

    @property
    def is_local(self) -> bool:
        """Whether it is a path of this machine."""
        return not self.is_stream and not is_address(self._text)

    @property
    def path(self) -> Path:
        """The path on this machine; only where :attr:`is_local`."""
        return Path(self._text)

    @cached_property
    def size(self) -> int:
        """How many bytes it has, as it lies there."""
        if self.is_stream:
            return self._once().seek(0, io.SEEK_END)
        system, path = self._place
        with reading(self.name):
            return system.get_file_info(path).size or 0

    @cached_property
    def is_pattern(self) -> bool:
        """Whether it is a pattern of names, and no file of that very name."""
        if self.is_stream or not is_pattern(self._place[1]):
            return False
        return self._kind is pafs.FileType.NotFound

    def exists(self) -> bool:
        """Check whether anything is there."""
        if self.is_pattern:
            return bool(self.parts())
        return self._kind is not pafs.FileType.NotFound

    def is_dir(self) -> bool:
        """Check whether it stands for several files: a folder, or a pattern."""
        return self.is_pattern or self._kind is pafs.FileType.Directory

    def parts(self, *suffixes: str) -> Sequence[Source]:
        """List the files it stands for, by name: itself, or those of a folder or pattern.

        Parameters
        ----------
        *suffixes : str
            Only files of a folder with these endings (as :attr:`suffix` has them); all if none are
            given. What begins with ``.`` or ``_`` is left out, as dataset writers mean it.
        """
        if not self.is_dir():
            return [self]
        system, path = self._place
        root = before_pattern(path) if self.is_pattern else path
        with reading(self.name):
            found = system.get_file_info(
                pafs.FileSelector(root, recursive=True, allow_not_found=True)
            )
        files = [info.path for info in found if info.type is not pafs.FileType.Directory]
        if isinstance(system, pafs.LocalFileSystem):
            # Arrow passes over links that lead nowhere, and so over what they stand for.
            links = (path for path in Path(root).rglob("*") if path.is_symlink())
            files += [link.as_posix() for link in links if not link.exists()]
        files.sort()
        if self.is_pattern:
            fits = pattern_of(path, source=self.name)
            files = [file for file in files if fits.fullmatch(file)]
        else:
            inside = [(file, file[len(root) :].strip("/").split("/")) for file in files]
            files = [file for file, steps in inside if not any(s[:1] in "._" for s in steps)]
        parts = (self._part(file, root) for file in files)
        return [part for part in parts if not suffixes or part.suffix in suffixes]

    def _part(self, path: str, root: str) -> Source:
        part = Source(path)
        part.partition = partition_of(path[len(root) :].split("/")[:-1])
        part.on_bytes = self.on_bytes
        part.__dict__["_place"] = (self._place[0], path)
        if not self.is_local:
            part._text = f"{self._text.partition('://')[0]}://{path}"
        return part

    @contextmanager
    def open(self) -> Generator[io.BufferedReader[Any]]:
        """Open it as a stream of plain bytes, unpacked.

        Raises
        ------
        DataError
            There is nothing, or it cannot be read; also while it is read, for a packed file that
            was cut short.
        """
        with self._raw() as raw:
            head = raw.peek(4)[:4]
            packing = _packing(head)
            if packing is None:
                if len(head) < 4 and Path(self.name).suffix.lower() in PACKINGS:
                    message = "it was cut short: a packed file has more bytes"
                    raise DataError(message, source=self.name)
                yield raw
                return
            with reading(self.name):
                unpacked = pa.CompressedInputStream(raw, packing)
            with io.BufferedReader(_Stream(unpacked, self.name, _pass_over), _CHUNK) as plain:
                yield plain

    def head(self, size: int = 4096) -> bytes:
        """Return the first bytes of it, unpacked."""
        with self.open() as stream:
            return stream.read(size)

    @contextmanager
    def parquet(self, **options: Any) -> Generator[pq.ParquetFile]:  # noqa: ANN401  of Arrow
        """Open it as Parquet, with options of Arrow's ``ParquetFile``.

        Raises
        ------
        DataError
            It is not Parquet, or is damaged; also while it is read.
        """
        with (
            reading(self.name),
            self.random_access() as file,
            pq.ParquetFile(file, **options) as parquet,
        ):
            yield parquet

    @contextmanager
    def random_access(self) -> Generator[Any]:
        """Open it as a file in which any place can be read, unpacked."""
        with self._raw() as raw:
            is_packed = _packing(raw.peek(4)[:4]) is not None
        if not self.is_stream and not is_packed:
            system, path = self._place
            with system.open_input_file(path) as file:
                yield file
            return
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as whole:
            with self.open() as stream:
                shutil.copyfileobj(stream, whole, _CHUNK)
            whole.seek(0)
            yield whole

    @contextmanager
    def _raw(self) -> Generator[io.BufferedReader[Any]]:
        """Open it as it lies there. What can be read only once is kept, to be read again."""
        if self.is_stream:
            # Its bytes were counted as they came.
            kept = _Stream(self._once(), self.name, _pass_over, keep=True)
            with io.BufferedReader(kept, _CHUNK) as raw:
                yield raw
            return
        if not self.exists():
            raise DataError("there is no such file", source=self.name)
        if self.is_dir():
            raise DataError("this is a folder, not a file", source=self.name)
        with reading(self.name):
            system, path = self._place
            opened = (
                open(path, "rb", 0)  # noqa: PTH123, SIM115  closed with the stream around it
                if self.is_local
                else system.open_input_stream(path, compression=None)
            )
        with io.BufferedReader(_Stream(opened, self.name, self.on_bytes), _CHUNK) as raw:
            yield raw

    def _once(self) -> IO[bytes]:
        """Read what can be read only once into a file that stays open."""
        if self._kept.file is None:
            if self._text == "-" and sys.stdin is None:
                raise DataError("it is closed", source=self.name)
            with reading(self.name):
                if self._file is None and self._text != "-":
                    with self.path.open("rb") as pipe:
                        self._keep(pipe)
                else:
                    self._keep(self._file or sys.stdin.buffer)
        return self._kept.make()

    def _keep(self, file: IO[Any]) -> None:
        if _is_endless(file):
            message = "it is a device, which has no end; give a file, a pipe or - (standard input)"
            raise DataError(message, source=self.name)
        kept = self._kept.make()
        for chunk in _chunks(file):
            kept.write(chunk)
            self.on_bytes(len(chunk))


def _pass_over(_: int) -> None:
    """Return nothing, where nobody counts bytes."""


class _Kept:
    """A temporary file, in memory while it is small, that is closed with the last of its users."""

    file: IO[bytes] | None = None

    def make(self) -> IO[bytes]:
        """Return the file, from its beginning."""
        if self.file is None:
            self.file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115
            weakref.finalize(self, self.file.close)
        self.file.seek(0)
        return self.file


class _Stream(io.RawIOBase):
    """A file whose failures are errors of ours."""

    def __init__(
        self,
        file: Any,  # noqa: ANN401
        name: str,
        on_bytes: Callable[[int], object],
        *,
        keep: bool = False,
    ) -> None:
        self._of, self._name, self._on_bytes, self._keep = file, name, on_bytes, keep

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401  a writable buffer
        with reading(self._name):
            size: int = self._of.readinto(buffer)
        self._on_bytes(size)
        return size

    def close(self) -> None:
        if not self.closed and not self._keep:
            self._of.close()
        super().close()


def _packing(head: bytes) -> str | None:
    return next((packing for magic, packing in _MAGIC.items() if head.startswith(magic)), None)


def _is_pipe(text: str) -> bool:
    """Check whether a path is of something that can be read only once."""
    try:
        mode = os.stat(text).st_mode  # noqa: PTH116  an address is not a path either
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _is_endless(file: IO[Any]) -> bool:
    """Check whether a file is of a device that may never end; a terminal ends, and so does nothing."""
    try:
        status = os.fstat(file.fileno())
    except (AttributeError, OSError, ValueError):  # It is none of the system's.
        return False
    if not stat.S_ISCHR(status.st_mode) or file.isatty():
        return False
    return status.st_rdev != Path(os.devnull).stat().st_rdev


def _chunks(file: IO[Any]) -> Iterator[bytes]:
    # What has come is taken, not only whole pieces, so that a slow pipe shows how far it is.
    read = getattr(file, "read1", file.read)
    while chunk := read(_CHUNK):
        yield chunk.encode() if isinstance(chunk, str) else chunk
