"""What a session's row says about its life, at an observation instant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from session_lab.frames.build import NAT, Coded
from session_lab.frames.schema import SESSIONS

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["derive_lifetimes"]


def derive_lifetimes(
    created_at: NDArray[np.int64],
    closed_at: NDArray[np.int64],
    expires_at: NDArray[np.int64],
    observed_at: int,
) -> dict[str, Any]:
    """Derive the columns ``status``, ``ended_at``, ``end_cause`` and ``lifetime``.

    ``status`` is the API's own: CLOSED once closed; else EXPIRED when ``expires_at`` lies strictly
    before the observation; else ACTIVE. A session's life ends at the earlier of close and expiry,
    once that has come; on a tie the close ended it. One that was created past its expiry has lived
    for no time. The lifetime of a session that is still open runs to the observation, and is
    therefore censored.

    Parameters
    ----------
    created_at, closed_at, expires_at : ndarray of int64
        Milliseconds since 1970; NAT where there is none.
    observed_at : int
        The observation instant.

    Returns
    -------
    dict of str to array
        Columns for the sessions frame.
    """
    is_closed, expires = closed_at != NAT, expires_at != NAT
    has_expired = expires & (expires_at < observed_at)
    closed_first = is_closed & (~expires | (closed_at <= expires_at))
    expired_first = has_expired & ~closed_first
    ended = closed_first | expired_first
    # NaT is the smallest int64, so the maximum leaves it out.
    ended_at = np.where(
        ended, np.maximum(created_at, np.where(closed_first, closed_at, expires_at)), NAT
    )
    status = np.where(is_closed, 1, np.where(has_expired, 2, 0))
    end_cause = np.where(closed_first, 0, np.where(expired_first, 1, 2))
    return {
        "status": Coded(status, SESSIONS.column("status").allowed),
        "ended_at": ended_at,
        "end_cause": Coded(end_cause, SESSIONS.column("end_cause").allowed),
        "lifetime": np.where(ended, ended_at, observed_at) - created_at,
    }
