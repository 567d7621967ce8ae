"""Objects in the objects of JSON lines: where they stand, and how Arrow reads them as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["cut_at_objects", "quote_objects", "without_objects"]

_QUOTE, _OPEN, _CLOSE = b'"{}'
_BYTES = pa.large_binary()


def cut_at_objects(data: bytes) -> pa.Array | None:
    """Cut lines that each hold one object where another object begins or ends in it.

    Returns
    -------
    Array or None
        The pieces, which are all of the data: between two of them that are of lines one is an
        object. None where objects are not closed, or one is over several lines.

    Examples
    --------
    >>> cut_at_objects(b'{"a":{"n":{}},"b":"{"}').to_pylist()
    [b'{"a":', b'{"n":{}}', b',"b":"{"}']
    """
    held = np.frombuffer(_without_escapes(data), np.uint8)
    braces = np.flatnonzero((held == _OPEN) | (held == _CLOSE))
    if len(braces):
        # Where the number of quotes before a brace is odd, it stands in a text.
        starts = np.concatenate([[0], braces[:-1]])
        quotes = np.bitwise_xor.reduceat((held == _QUOTE).view(np.uint8), starts)
        braces = braces[np.bitwise_xor.accumulate(quotes) == 0]
    opens = held[braces] == _OPEN
    depth = np.cumsum(np.where(opens, 1, -1))
    begins, ends = braces[opens & (depth == 2)], braces[~opens & (depth == 1)] + 1
    if len(begins) != len(ends) or (begins >= ends).any():
        return None
    cuts = np.concatenate([[0], np.column_stack([begins, ends]).ravel(), [len(data)]])
    buffers = [None, pa.py_buffer(cuts.astype(np.int64)), pa.py_buffer(data)]
    pieces = pa.Array.from_buffers(_BYTES, len(cuts) - 1, buffers)
    is_whole = without_objects(pieces).count(b"\n") == data.count(b"\n")
    return pieces if is_whole else None


def quote_objects(pieces: pa.Array, names: Sequence[str]) -> bytes:
    r"""Put the objects that are values of some fields in quotes, for Arrow to take them for text.

    Fields whose colons have blanks about them, but for one behind, are left as they are.

    Examples
    --------
    >>> quote_objects(cut_at_objects(b'{"a":{"n":1},"b":{}}'), ["a"])
    b'{"a":"{\\"n\\":1}","b":{}}'
    """
    follows = np.zeros(len(pieces), np.bool_)
    for key in (f'"{name}":{blank}' for name in names for blank in ("", " ")):
        is_key = pc.call_function("ends_with", [pieces], pc.MatchSubstringOptions(key))
        follows[1:] |= np.asarray(is_key)[:-1]
    texts = pieces.filter(pa.array(follows))
    for escaped in (b"\\", b'"'):
        options = pc.ReplaceSubstringOptions(escaped, b"\\" + escaped)
        texts = pc.call_function("replace_substring", [texts], options)
    quote, nothing = pa.scalar(b'"', _BYTES), pa.scalar(b"", _BYTES)
    texts = pc.call_function("binary_join_element_wise", [quote, texts, quote, nothing])
    return _joined(pc.call_function("replace_with_mask", [pieces, pa.array(follows), texts]))


def without_objects(pieces: pa.Array) -> bytes:
    """Return the pieces that are not objects as one text."""
    return _joined(pieces.filter(pa.array(np.arange(len(pieces)) % 2 == 0)))


def _without_escapes(data: bytes) -> bytes:
    """Write something else for escapes that are or look like quotes, as long as they are."""
    return data.replace(rb"\\", b"__").replace(rb"\"", b"__") if b"\\" in data else data


def _joined(pieces: pa.Array) -> bytes:
    _, ends, data = pieces.buffers()
    first, last = np.frombuffer(ends, np.int64)[[pieces.offset, pieces.offset + len(pieces)]]
    joined: bytes = data[first:last].to_pybytes()
    return joined
