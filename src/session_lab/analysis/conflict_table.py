"""Operations refused because their session had ended: why, and how long after the end."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from session_lab.errors import DataError, DataWarning
from session_lab.frames import NAT, column_of, instants
from session_lab.frames.build import TEXT_DTYPE
from session_lab.mistyped import level_of_caller
from session_lab.timing import duration_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = ["CAUSES", "SINCE", "check_columns", "count_refusals", "statuses"]

CAUSES = ("closed", "expired", "other")
"""Why an operation was refused; ``other`` where the answer does not say."""

_EDGES = (1_000, 10_000, 60_000, 600_000, 3_600_000, 86_400_000)
SINCE = (
    f"< {duration_text(_EDGES[0])}",
    *(f"< {duration_text(edge)}" for edge in _EDGES[1:]),
    f">= {duration_text(_EDGES[-1])}",
    "unknown",
)
"""How long after the end an operation came; each class begins where the one before ends."""


def count_refusals(
    frame: pd.DataFrame, at: NDArray[np.int64], sessions: pd.DataFrame | None
) -> pd.DataFrame:
    """Count refusals by operation, answer, cause and time since the end."""
    status = statuses(frame)
    error = frame["error"].astype(TEXT_DTYPE).fillna("")
    named = [error.str.contains(cause).to_numpy(dtype=bool) for cause in CAUSES[:2]]
    cause = np.where(named[0], 0, np.where(named[1], 1, 2))
    refused = (status == 409) | ((status == 400) & (cause < 2))
    closed_at, expires_at = _ends(frame, at, status, sessions)
    ended_at = np.choose(cause, [closed_at, expires_at, np.full(len(at), NAT)])
    since = np.where(ended_at == NAT, NAT, at - ended_at)
    early = refused & (ended_at != NAT) & (since < 0)
    if early.any():
        message = (
            f"{int(early.sum()):,} operations were refused before the end of their session; how "
            "long after it they came is unknown"
        )
        warnings.warn(message, DataWarning, stacklevel=level_of_caller())
    unknown = (ended_at == NAT) | early
    classes = np.searchsorted(_EDGES, since, side="right")
    place = np.where(unknown, len(SINCE) - 1, classes)
    table = pd.DataFrame(
        {
            "op": frame["op"].astype(TEXT_DTYPE).to_numpy(dtype=object)[refused],
            "status_code": status[refused],
            "cause": pd.Categorical.from_codes(cause[refused], pd.Index(CAUSES)),
            "since": pd.Categorical.from_codes(place[refused], pd.Index(SINCE), ordered=True),
        }
    ).astype({"op": TEXT_DTYPE})
    counts = table.value_counts(sort=False).sort_index()
    return counts[counts > 0].rename("n").reset_index()


def _ends(
    frame: pd.DataFrame,
    at: NDArray[np.int64],
    status: NDArray[np.int64],
    sessions: pd.DataFrame | None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find when the session of each operation was closed and when it expires."""
    ids = frame["external_id"]
    if sessions is None:
        accepted = ((frame["op"] == "close") & ids.notna()).to_numpy(dtype=bool) & (status == 200)
        closes = pd.Series(at[accepted]).groupby(ids[accepted].to_numpy(dtype=object)).min()
        return _looked_up(closes, ids), np.full(len(at), NAT)
    check_columns(sessions, ("external_id", "closed_at", "expires_at"), "sessions")
    known = sessions[sessions["external_id"].notna()]
    if known["external_id"].duplicated().any():
        message = "an external id stands in several rows; an environment has one session for each"
        raise DataError(message, source="sessions", column="external_id")
    names = known["external_id"].to_numpy(dtype=object)
    closed_at, expires_at = (
        _looked_up(
            pd.Series(instants(known, column, source="sessions", required=False), index=names), ids
        )
        for column in ("closed_at", "expires_at")
    )
    return closed_at, expires_at


def _looked_up(known: pd.Series, ids: pd.Series) -> NDArray[np.int64]:
    places = pd.Index(known.index).get_indexer(pd.Index(ids.to_numpy(dtype=object)))
    # One spare entry at the end, where the place -1 of an unknown id leads to.
    found: NDArray[np.int64] = np.append(known.to_numpy(dtype=np.int64), NAT)[places]
    return found


def check_columns(frame: pd.DataFrame, columns: Iterable[str], source: str) -> None:
    """Refuse a frame without one of the columns, and name those it has."""
    for column in columns:
        column_of(frame, column, source=source)


def statuses(frame: pd.DataFrame) -> NDArray[np.int64]:
    """Read the HTTP statuses; 0 stands for an operation that was not answered."""
    codes = frame["status_code"].astype("Int64").to_numpy(na_value=0)
    return np.asarray(codes, dtype=np.int64)
