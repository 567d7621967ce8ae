"""Places by their names: paths, addresses and patterns, and what messages call them."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

import pyarrow as pa
import pyarrow.fs as pafs

from session_lab.errors import DataError
from session_lab.extras import require

if TYPE_CHECKING:
    from collections.abc import Generator
    from contextlib import AbstractContextManager

__all__ = [
    "PACKINGS",
    "before_pattern",
    "file_system",
    "folder_path",
    "is_address",
    "is_pattern",
    "partition_of",
    "path_text",
    "pattern_of",
    "reading",
    "shown_name",
    "suffix_of",
    "writing",
    "written_suffix",
]

PACKINGS = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2", ".lz4": "lz4"}
"""The packings by the endings of names, which count for writing only."""

_ENDINGS = frozenset({*PACKINGS, ".gzip", ".zstd"})
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_PATTERN = re.compile(r"[*?\[]")
_OPTIONS = re.compile(r"\?(?=\w+=)")
_USER = re.compile(r"(?<=://)[^/@\s:]+:(?!\d+/).*@|(?<=://)[^/@\s]+@")
_SECRET = re.compile(rf"{_USER.pattern}|(?<=\?)\S+")
_PATIENCE = 20
"""For so many seconds a request that failed is sent again."""
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


def path_text(place: object, *, name: str = "path") -> str:
    """Return a path or address as text.

    Raises
    ------
    DataError
        It is neither.

    Examples
    --------
    >>> path_text(Path("week/chats.csv")), path_text("s3://bucket/chats.csv")
    ('week/chats.csv', 's3://bucket/chats.csv')
    """
    text: object = os.fspath(place) if isinstance(place, os.PathLike) else place
    if not isinstance(text, str):
        raise DataError(f"{place!r} is not a path or an address", column=name)
    if not text:
        raise DataError('the path is empty; the folder one is in is "."', column=name)
    if "\0" in text:
        raise DataError("a path cannot hold a zero byte", column=name)
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        raise DataError(f"{text!r} has letters that no path can hold", column=name) from None
    return str(Path(text).expanduser()) if text.startswith("~/") else text


def folder_path(place: object, *, what: str) -> Path:
    """Return a folder of this machine that may be written into.

    Raises
    ------
    DataError
        It is not a path, or one of another machine, or there is a file in its place.

    Examples
    --------
    >>> folder_path("s3://bucket/week", what="shards")
    Traceback (most recent call last):
    ...
    session_lab.errors.DataError: s3://bucket/week: shards are written into a folder of this \
machine; copy them from there
    """
    text = path_text(place, name="folder")
    if is_address(text):
        if not text.lower().startswith("file:"):
            message = f"{what} are written into a folder of this machine; copy them from there"
            raise DataError(message, source=shown_name(text))
        text = file_system(text)[1]
    folder = Path(text)
    if folder.exists() and not folder.is_dir():
        raise DataError("it is a file, not a folder", source=str(folder))
    return folder


def is_address(place: str) -> bool:
    """Check whether a text is an address, such as ``s3://bucket/week``."""
    return _ADDRESS.match(place) is not None


def file_system(place: str) -> tuple[pafs.FileSystem, str]:
    """Find the file system of a path or address, and the path within it.

    Raises
    ------
    DataError
        The address cannot be understood.
    MissingDependencyError
        It is of a file system that Arrow does not know, and fsspec is not installed.
    """
    if not is_address(place):
        return pafs.LocalFileSystem(), str(Path(place))
    name = shown_name(place)
    address, options = _parted(place)
    scheme = address.partition("://")[0]
    if scheme in {"gs", "gcs"} and "retry_limit_seconds=" not in options:
        # Else Arrow asks for a quarter of an hour for credentials that are missing.
        options += f"{'&' if options else '?'}retry_limit_seconds={_PATIENCE}"
    try:
        found: tuple[pafs.FileSystem, str] = pafs.FileSystem.from_uri(address + options)
    except pa.ArrowInvalid as error:
        if "nrecognized filesystem type" not in str(error):
            raise DataError(f"the address cannot be used ({_first(error)})", source=name) from None
    except (ImportError, OSError, UnicodeError, pa.ArrowException) as error:
        raise DataError(f"the address cannot be used ({_first(error)})", source=name) from None
    else:
        return found
    fsspec = require("fsspec", extra="scale", feature=f"reading {scheme}:// addresses")
    try:
        system, path = fsspec.core.url_to_fs(place)
    except (ImportError, ValueError, OSError) as error:
        raise DataError(f"the address cannot be used ({_first(error)})", source=name) from None
    return pafs.PyFileSystem(pafs.FSSpecHandler(system)), path


def _parted(address: str) -> tuple[str, str]:
    """Part an address from its options, and quote what addresses cannot hold as it is.

    A question mark is one of a pattern unless a name and an equals sign follow it.
    """
    scheme, _, rest = address.partition("://")
    options = _OPTIONS.search(rest)
    end = options.start() if options else len(rest)
    # A percent sign stays: what was quoted already is not quoted twice.
    return f"{scheme.lower()}://{quote(rest[:end], safe='%/:@!$&+,;=*~')}", rest[end:]


def shown_name(place: str) -> str:
    """Return what messages call a place: a path's last part, an address without its secrets.

    Examples
    --------
    >>> shown_name("week/chats.ndjson"), shown_name("s3://KEY:SECRET@bucket/a.csv?region=x")
    ('chats.ndjson', 's3://bucket/a.csv')
    """
    if not is_address(place):
        return Path(place).name or str(place)
    parts = urlsplit(_parted(_USER.sub("", place))[0])
    return f"{parts.scheme}://{parts.netloc}{unquote(parts.path)}"


def suffix_of(name: str) -> str:
    """Return the ending of a name in lower case, without that of a packing."""
    path = PurePosixPath(name.lower())
    return path.with_suffix("").suffix if path.suffix in _ENDINGS else path.suffix


def written_suffix(path: str | os.PathLike[str]) -> str:
    """Return the ending by which a file is to be written; standard output gets lines of JSON.

    Raises
    ------
    DataError
        It is not a path or an address.

    Examples
    --------
    >>> written_suffix("s3://bucket/week.csv.gz"), written_suffix("-")
    ('.csv', '.ndjson')
    """
    text = path_text(path)
    return ".ndjson" if text == "-" else suffix_of(shown_name(text))


def is_pattern(path: str) -> bool:
    """Check whether a path may stand for several."""
    return _PATTERN.search(path) is not None


def before_pattern(path: str) -> str:
    """Return the folder below which all lies that fits a pattern."""
    before = _PATTERN.split(path, maxsplit=1)[0]
    return before.rpartition("/")[0] or ("/" if path.startswith("/") else ".")


def pattern_of(path: str, *, source: str) -> re.Pattern[str]:
    """Translate a pattern of paths: ``*`` and ``?`` within a folder, ``**`` over folders.

    Raises
    ------
    DataError
        A set of letters makes no sense.
    """
    special = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    pieces = re.split(r"(\*\*/|\*\*|\*|\?|\[!?\]?[^\]/]*\])", path)
    texts = (
        special.get(piece) or (_letters(piece) if piece[:1] == "[" else re.escape(piece))
        for piece in pieces
    )
    try:
        return re.compile("(?:\\./)?" + "".join(texts), re.DOTALL)
    except re.error as error:
        message = f"the pattern cannot be understood ({error.msg})"
        raise DataError(message, source=source) from None


def _letters(piece: str) -> str:
    """Translate a set of letters, such as ``[a-c]`` or ``[!x]``."""
    letters = piece[1:-1]
    if not letters:
        return re.escape(piece)
    start = "^" if letters[0] in "!^" and len(letters) > 1 else ""
    quoted = re.sub(r"([\\\[\]&~|^])", r"\\\1", letters[len(start) :])
    return f"[{start}{quoted}]"


def partition_of(steps: list[str]) -> dict[str, str | None]:
    """Return the values that folders are named for, as in ``day=2026-01-01/op=start``.

    Examples
    --------
    >>> partition_of(["week", "day=2026-01-01", "type=a%2Fb"])
    {'day': '2026-01-01', 'type': 'a/b'}
    """
    pairs = (step.partition("=") for step in steps)
    return {
        name: None if value == _NO_VALUE else unquote(value)
        for name, equals, value in pairs
        if equals
    }


def reading(name: str) -> AbstractContextManager[None]:
    """Turn what files, file systems and Arrow raise into a :class:`DataError` with a name.

    Examples
    --------
    >>> with reading("chats.csv"):
    ...     raise PermissionError(13, "Permission denied")
    Traceback (most recent call last):
    ...
    session_lab.errors.DataError: chats.csv: cannot be read (Permission denied)
    """
    return _guarded(name, "cannot be read")


def writing(name: str) -> AbstractContextManager[None]:
    """Do the same where something is written.

    Examples
    --------
    >>> with writing("chats.csv"):
    ...     raise OSError(28, "No space left on device")
    Traceback (most recent call last):
    ...
    session_lab.errors.DataError: chats.csv: cannot be written (No space left on device)
    """
    return _guarded(name, "cannot be written")


@contextmanager
def _guarded(name: str, failed: str) -> Generator[None]:
    try:
        yield
    except (
        OSError,
        EOFError,
        UnicodeError,
        OverflowError,
        MemoryError,
        pa.ArrowException,
    ) as error:
        raise DataError(f"{failed} ({_first(error)})", source=name) from error


def _first(error: Exception) -> str:
    """Return the first line of what an error says, without secrets."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return _SECRET.sub("...", (reason or type(error).__name__).strip().splitlines()[0])
