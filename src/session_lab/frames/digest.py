"""A digest that proves two frames hold the same values."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np

from session_lab.frames.build import milliseconds
from session_lab.frames.schema import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from session_lab.frames.schema import Schema

__all__ = ["digest"]


def digest(frames: Mapping[Schema, pd.DataFrame]) -> str:
    """Hash the values of frames.

    The hash covers the schemas' names and columns and every value in a form that does not depend
    on machine, Python, pandas or Arrow: whole numbers as little-endian 64-bit integers, text as
    UTF-8 behind its lengths, and a mark for each missing value.

    Parameters
    ----------
    frames : mapping of Schema to DataFrame
        The frames, in the order in which they are to be hashed.

    Returns
    -------
    str
        64 hexadecimal digits (SHA-256).
    """
    state = hashlib.sha256()
    for schema, frame in frames.items():
        state.update(f"{schema.name} {len(frame)}\n".encode())
        for column in schema.columns:
            if column.name not in frame:
                continue
            state.update(f"{column.name}\n".encode())
            for part in _parts(frame[column.name], column.kind):
                state.update(part)
    return state.hexdigest()


def _parts(column: pd.Series, kind: Kind) -> list[bytes]:
    if kind in {Kind.INSTANT, Kind.DURATION}:
        return [_integers(milliseconds(column))]
    missing = column.isna().to_numpy()
    values = column.astype(object).where(~missing, None).tolist()
    if kind is Kind.TAGS:
        values = [None if value is None else json.dumps(list(value)) for value in values]
    if kind in {Kind.TEXT, Kind.JSON, Kind.CATEGORY, Kind.TAGS}:
        return _text(values)
    if kind is Kind.NUMBER:
        numbers = np.array([0.0 if value is None else value for value in values])
        return [missing.tobytes(), numbers.astype("<f8").tobytes()]
    return [missing.tobytes(), _integers(np.array([int(value or 0) for value in values]))]


def _text(values: list[str | None]) -> list[bytes]:
    encoded = [None if value is None else value.encode() for value in values]
    lengths = [-1 if text is None else len(text) for text in encoded]
    return [_integers(np.array(lengths)), b"".join(text for text in encoded if text is not None)]


def _integers(values: NDArray[np.int64]) -> bytes:
    return values.astype("<i8").tobytes()
