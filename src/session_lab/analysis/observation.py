"""Until when rows tell what happened, and whether each of them stands for one thing."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from narwhals.dependencies import is_dask_dataframe, is_pandas_dataframe

from session_lab.analysis.engines import check_given_kind, lazy
from session_lab.errors import DataWarning
from session_lab.frames import in_one_piece
from session_lab.frames import observed_at as observed_at_of
from session_lab.frames.loaders.observation import warn_of_unknown_observation
from session_lab.mistyped import level_of_caller
from session_lab.timing import to_instant

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from session_lab.analysis.engines import AnyFrame
    from session_lab.timing import Instant

__all__ = ["check_sessions", "doubled", "observation", "warn_of_doubles"]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
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
        warn_of_unknown_observation(newest, source)
    return newest


def check_sessions(frame: AnyFrame) -> None:
    """Refuse a frame that is plainly none of sessions, and warn of rows that stand for one twice."""
    check_given_kind(frame, "sessions")
    warn_of_doubles(frame, "session_id", source="sessions")


def warn_of_doubles(frame: AnyFrame, key: str, *, source: str) -> None:
    """Warn of rows that stand for what another row stands for, where their ids show it."""
    doubles = _doubles(frame, key)
    if not doubles:
        return
    thing = key.removesuffix("_id")
    newest = _NEWEST.get(key, "updated_at")
    message = (
        f"{source}: {doubles:,} rows stand for a {thing} that another row stands for, and each "
        f"counts as one of its own; keep the newest of each: "
        f"df.sort_values({newest!r}).drop_duplicates({key!r}, keep='last')"
    )
    warnings.warn(message, DataWarning, stacklevel=level_of_caller())


def doubled(ids: pd.Series) -> int:
    """Count the values of a column that stand there already, leaving out what is missing."""
    if isinstance(ids.dtype, pd.CategoricalDtype):
        codes = ids.cat.codes.to_numpy()
        return int(pd.Series(codes[codes >= 0]).duplicated().sum())
    try:
        values = pa.array(ids, from_pandas=True)
    except pa.ArrowException:
        return 0  # What is wrong with such ids is said where they are read.
    present = in_one_piece(values.drop_null())
    if not len(present) or _surely_differ(present):
        return 0
    distinct: int = pc.call_function("count_distinct", [present]).as_py()
    return len(present) - distinct


def _surely_differ(texts: pa.Array) -> bool:
    """Check that texts of one length differ, as ids do, in a sixth of the time of counting them.

    Equal texts have equal hashes; where hashes are equal, nothing is said.
    """
    if texts.type not in (pa.string(), pa.large_string()):
        return False
    kind = np.int32 if texts.type == pa.string() else np.int64
    _, ends, characters = texts.buffers()
    bounds = np.frombuffer(ends, kind)[texts.offset : texts.offset + len(texts) + 1]
    width = int(bounds[1] - bounds[0])
    if characters is None or not width or (np.diff(bounds) != width).any():
        return False
    padded = np.zeros((len(texts), -(-width // 8) * 8), np.uint8)
    inside = np.frombuffer(characters, np.uint8)[bounds[0] : bounds[-1]]
    padded[:, :width] = inside.reshape(-1, width)
    hashes = np.zeros(len(texts), np.uint64)
    for words in padded.view(np.uint64).T:
        hashes = (hashes ^ words) * _GOLDEN
        hashes ^= hashes >> np.uint64(29)
    hashes.sort()
    return bool((hashes[1:] != hashes[:-1]).all())


def _doubles(frame: AnyFrame, key: str) -> int:
    native: Any = frame
    if is_pandas_dataframe(native):
        given: pd.DataFrame = native
        return doubled(given[key]) if list(given.columns).count(key) == 1 else 0
    if is_dask_dataframe(native):
        return doubled(native[key].compute()) if list(native.columns).count(key) == 1 else 0
    held = lazy(frame, [])
    if held.collect_schema().names().count(key) != 1:
        return 0
    ids = nw.col(key)
    counts = held.select(
        present=ids.count(), distinct=ids.n_unique(), missing=ids.null_count()
    ).collect("pyarrow")
    present, distinct, missing = (int(counts[name][0]) for name in counts.columns)
    # What is missing is one of the distinct values.
    return present - (distinct - (missing > 0))
