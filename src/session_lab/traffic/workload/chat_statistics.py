"""What a log of chats shows: arrivals, turns, thinks, and the shares of what happens to chats."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from session_lab.frames import NAT, check_events, milliseconds
from session_lab.traffic.engine_result import OPS
from session_lab.traffic.time_order import in_order

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Chats", "chats_of"]

_START, _MESSAGE, _CLOSE = (OPS.index(name) for name in ("start", "message", "close"))
_AT_ONCE = 100


class Chats(NamedTuple):
    """The chats of a log that begin with a start, in order of arrival; all times in milliseconds.

    Attributes
    ----------
    starts : DataFrame
        The first event of each.
    arrived_at : array of int
        When they arrived.
    turns : array of int
        How many turns each has, of those that have any.
    turn_durations : array of int
        How long turns last, where the log tells.
    thinks : array of int
        From the end of a turn to the next message or the close, 0 where that came before the end.
    closed : array of bool
        Whether each is closed.
    reloaded, doubled : array of bool
        Whether each is started again, without a turn; or with one, at most 100 ms later.
    late : array of int
        How many requests each gets after its close.
    retry_gaps : array of int
        The times between those.
    """

    starts: pd.DataFrame
    arrived_at: NDArray[np.int64]
    turns: NDArray[np.int64]
    turn_durations: NDArray[np.int64]
    thinks: NDArray[np.int64]
    closed: NDArray[np.bool_]
    reloaded: NDArray[np.bool_]
    doubled: NDArray[np.bool_]
    late: NDArray[np.int64]
    retry_gaps: NDArray[np.int64]


def chats_of(events: pd.DataFrame) -> Chats:
    """Measure the chats of a log."""
    events = _whole_chats(events)
    at = milliseconds(events["at"])
    op = np.asarray(events["op"].cat.codes)
    chat, ids = pd.factorize(events["external_id"])
    n = len(ids)
    # From here on the events of each chat stand together, in order of time.
    order = np.argsort(chat, kind="stable")
    at, op, chat = at[order], op[order], chat[order]
    lasts = _turns_of(events)[order]
    is_first = np.diff(chat, prepend=-1) > 0
    is_late = _after_a_close(op, chat, is_first)
    is_close = (op == _CLOSE) & ~is_late
    is_again = (op == _START) & ~is_first & ~is_late
    since = at - at[is_first][chat]
    is_double = is_again & (lasts != NAT) & (since <= _AT_ONCE)
    is_turn = ((op == _MESSAGE) & ~is_late) | (is_first & (lasts != NAT))
    counts = np.bincount(chat[is_turn], minlength=n)
    asked_late = is_late & ((op == _START) | (op == _MESSAGE))
    return Chats(
        starts=events.iloc[np.sort(order[is_first])],
        arrived_at=at[is_first],
        turns=counts[counts > 0],
        turn_durations=lasts[is_turn & (lasts != NAT)],
        thinks=_thinks(at, chat, lasts, is_turn, is_close),
        closed=_any(chat[is_close], n),
        reloaded=_any(chat[is_again & ~is_double], n),
        doubled=_any(chat[is_double], n),
        late=np.bincount(chat[asked_late], minlength=n),
        retry_gaps=_gaps(at[asked_late], chat[asked_late]),
    )


def _whole_chats(events: pd.DataFrame) -> pd.DataFrame:
    """Bring events into order of time, and leave out chats that do not begin with a start."""
    events = check_events(events)
    order = in_order(events)
    if order is not None:
        events = events.iloc[order].reset_index(drop=True)
    chat, _ = pd.factorize(events["external_id"])
    _, first = np.unique(chat, return_index=True)
    begins = np.asarray(events["op"].cat.codes)[first] == _START
    whole: pd.DataFrame = events[begins[chat]].reset_index(drop=True)
    return whole


def _turns_of(events: pd.DataFrame) -> NDArray[np.int64]:
    if "turn_duration" in events:
        return milliseconds(events["turn_duration"])
    return np.full(len(events), NAT)


def _after_a_close(
    op: NDArray[np.int8], chat: NDArray[np.int64], is_first: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Find what comes after the first close of its chat."""
    closes = (op == _CLOSE).astype(np.int64)
    before = np.cumsum(closes) - closes
    later: NDArray[np.bool_] = before > before[is_first][chat]
    return later


def _thinks(
    at: NDArray[np.int64],
    chat: NDArray[np.int64],
    lasts: NDArray[np.int64],
    is_turn: NDArray[np.bool_],
    is_close: NDArray[np.bool_],
) -> NDArray[np.int64]:
    beats = np.flatnonzero(is_turn | is_close)
    one, next_one = beats[:-1], beats[1:]
    follows = (chat[one] == chat[next_one]) & is_turn[one]
    one, next_one = one[follows], next_one[follows]
    ended_at = at[one] + np.where(lasts[one] == NAT, 0, lasts[one])
    thinks: NDArray[np.int64] = np.maximum(at[next_one] - ended_at, 0)
    return thinks


def _any(chat: NDArray[np.int64], n: int) -> NDArray[np.bool_]:
    return np.bincount(chat, minlength=n) > 0


def _gaps(at: NDArray[np.int64], chat: NDArray[np.int64]) -> NDArray[np.int64]:
    gaps: NDArray[np.int64] = np.diff(at)[np.diff(chat) == 0]
    return gaps
