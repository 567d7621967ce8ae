"""What a log of chats shows: arrivals, turns, thinks, and the shares of what happens to chats."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from session_lab.frames import NAT, check_events, milliseconds
from session_lab.traffic.adopt import first_events
from session_lab.traffic.engine.engine_result import OPS
from session_lab.traffic.engine.time_order import sorted_by_time

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ChatStatistics", "chat_statistics"]

_START, _MESSAGE, _CLOSE = (OPS.index(name) for name in ("start", "message", "close"))
_AT_ONCE = 100
_FEWEST = 10
_LEAST_SHARE = 0.01


class ChatStatistics(NamedTuple):
    """What the chats of a log show, in order of arrival; all times in milliseconds.

    Of a window cut out of running traffic, thinks, turns and waits are those of all chats, also of
    those that began before it; else of those that begin with a start.

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
        From the end of a turn to the next message or the close, where that came after the end.
    n_messages, n_closes : int
        How many turns a message came after, and how many a close.
    n_interrupts : int
        How many messages came before the end of the turn before.
    waits : array of int
        From the end of a turn that nothing came after to the end of the log.
    first_turns, first_followed : int
        How many first turns there are, and how many of them something came after.
    began_before : int
        How many chats began before the log; 0 where it is not taken for a window cut out.
    turns_at : array of int
        When turns arrived.
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
    n_messages: int
    n_closes: int
    n_interrupts: int
    waits: NDArray[np.int64]
    first_turns: int
    first_followed: int
    began_before: int
    turns_at: NDArray[np.int64]
    closed: NDArray[np.bool_]
    reloaded: NDArray[np.bool_]
    doubled: NDArray[np.bool_]
    late: NDArray[np.int64]
    retry_gaps: NDArray[np.int64]


def chat_statistics(events: pd.DataFrame) -> ChatStatistics:
    """Measure the chats of a log."""
    events, began_before = _chats(events)
    at = milliseconds(events["at"])
    op = np.asarray(events["op"].cat.codes)
    chat, ids = pd.factorize(events["external_id"])
    n = len(ids)
    # From here on the events of each chat stand together, in order of time.
    order = np.argsort(chat, kind="stable")
    at, op, chat = at[order], op[order], chat[order]
    lasts = _turns_of(events)[order]
    is_first = np.diff(chat, prepend=-1) > 0
    begins = op[is_first] == _START
    is_late = _after_a_close(op, chat, is_first)
    is_close = (op == _CLOSE) & ~is_late
    is_again = (op == _START) & ~is_first & ~is_late
    since = at - at[is_first][chat]
    is_double = is_again & (lasts != NAT) & (since <= _AT_ONCE)
    is_turn = ((op == _MESSAGE) & ~is_late) | (is_first & (op == _START) & (lasts != NAT))
    counts = np.bincount(chat[is_turn], minlength=n)[begins]
    asked_late = is_late & ((op == _START) | (op == _MESSAGE))
    follows = _Following.of(at, chat, lasts, is_turn, is_close)
    # The first turn of a chat that began before is none that anybody saw.
    beats_first = is_first & (op == _START)
    return ChatStatistics(
        starts=events.iloc[np.sort(order[beats_first])],
        arrived_at=at[beats_first],
        turns=counts[counts > 0],
        turn_durations=lasts[is_turn & (lasts != NAT)],
        thinks=follows.spans[follows.spans > 0],
        n_messages=int((~follows.by_close).sum()),
        n_closes=int(follows.by_close.sum()),
        n_interrupts=int(((follows.spans <= 0) & ~follows.by_close).sum()),
        waits=follows.waits,
        first_turns=int((is_turn & beats_first).sum()),
        first_followed=int((beats_first[follows.turns]).sum()),
        began_before=began_before,
        turns_at=at[is_turn],
        closed=_any(chat[is_close], n)[begins],
        reloaded=_any(chat[is_again & ~is_double], n)[begins],
        doubled=_any(chat[is_double], n)[begins],
        late=np.bincount(chat[asked_late], minlength=n)[begins],
        retry_gaps=_gaps(at[asked_late], chat[asked_late]),
    )


class _Following(NamedTuple):
    """What came after turns: after which, how long after their end, and whether a close did."""

    turns: NDArray[np.int64]
    spans: NDArray[np.int64]
    by_close: NDArray[np.bool_]
    waits: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        at: NDArray[np.int64],
        chat: NDArray[np.int64],
        lasts: NDArray[np.int64],
        is_turn: NDArray[np.bool_],
        is_close: NDArray[np.bool_],
    ) -> _Following:
        beats = np.flatnonzero(is_turn | is_close)
        ended_at = at + np.where(lasts == NAT, 0, lasts)
        one, next_one = beats[:-1], beats[1:]
        follows = (chat[one] == chat[next_one]) & is_turn[one]
        last = np.append(chat[one] != chat[next_one], [True])[: len(beats)]
        open_turns = beats[last & is_turn[beats]]
        waits = at.max(initial=0) - ended_at[open_turns]
        one, next_one = one[follows], next_one[follows]
        spans = at[next_one] - ended_at[one]
        return cls(one, spans, is_close[next_one], waits[waits > 0])


def _chats(events: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Bring events into order of time, and decide on chats that do not begin with a start.

    Where there are many, the log is a window cut out of running traffic, and they stay, from their
    first message on; else they are left out.
    """
    events = sorted_by_time(check_events(events))
    first, chat = first_events(events)
    op = np.asarray(events["op"].cat.codes)
    lacks = op[first] != _START
    began_before = int((lacks & (op[first] == _MESSAGE)).sum())
    if began_before < _FEWEST or began_before < _LEAST_SHARE * len(first):
        return events[~lacks[chat]].reset_index(drop=True), 0
    return events[~(lacks & (op[first] != _MESSAGE))[chat]].reset_index(drop=True), began_before


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


def _any(chat: NDArray[np.int64], n: int) -> NDArray[np.bool_]:
    return np.bincount(chat, minlength=n) > 0


def _gaps(at: NDArray[np.int64], chat: NDArray[np.int64]) -> NDArray[np.int64]:
    gaps: NDArray[np.int64] = np.diff(at)[np.diff(chat) == 0]
    return gaps
