"""Until when rows tell what happened, and whether each of them stands for one thing."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from session_lab.errors import DataWarning
from session_lab.frames import observed_at as observed_at_of
from session_lab.frames.loaders.observation import warn_of_unknown_observation
from session_lab.timing import to_instant

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

    from session_lab.timing import Instant

__all__ = ["observation", "warn_of_doubles"]

_NEWEST = {"session_id": "updated_at", "run_id": "triggered_at"}


def observation(
    observed_at: Instant | None,
    frames: Iterable[pd.DataFrame],
    times: Iterable[NDArray[np.int64]],
    *,
    source: str,
    matters: bool = True,
) -> int:
    """Find the instant up to which rows tell what happened, in milliseconds since 1970.

    The one given; else the latest that a frame's ``attrs`` carry; else the latest time seen, or 0
    where there is none.

    Warns
    -----
    DataWarning
        Nothing tells the instant, and the caller's answer depends on it.
    """
    if observed_at is not None:
        return to_instant(observed_at, name="observed_at")
    known = [at for at in map(observed_at_of, frames) if at is not None]
    if known:
        return max(known)
    newest = max((int(column.max(initial=0)) for column in times), default=0)
    if matters and newest:
        warn_of_unknown_observation(newest, source, stacklevel=4)
    return newest


def warn_of_doubles(frame: pd.DataFrame, key: str, *, source: str, stacklevel: int = 3) -> None:
    """Warn of rows that stand for what another row stands for, where their ids show it."""
    if list(frame.columns).count(key) != 1 or frame[key].isna().all():
        return
    column = frame[key]
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes = column.cat.codes.to_numpy()
        doubles = int(pd.Series(codes[codes >= 0]).duplicated().sum())
    else:
        try:
            values = pa.array(column, from_pandas=True)
        except pa.ArrowException:
            return  # What is wrong with such ids is said where they are read.
        doubles = (
            len(values) - values.null_count - pc.call_function("count_distinct", [values]).as_py()
        )
    if doubles:
        thing = key.removesuffix("_id")
        newest = _NEWEST.get(key, "updated_at")
        message = (
            f"{source}: {doubles:,} rows stand for a {thing} that another row stands for, and each "
            f"counts as one of its own; keep the newest of each: "
            f"df.sort_values({newest!r}).drop_duplicates({key!r}, keep='last')"
        )
        warnings.warn(message, DataWarning, stacklevel=stacklevel)
