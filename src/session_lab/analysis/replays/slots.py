"""When runs hold a concurrency slot."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from session_lab.frames import NAT

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RunSpans", "ServedTurns", "SlotChanges", "slot_changes"]

_FAR = 1 << 62
"""An instant that nothing reaches."""


class ServedTurns(NamedTuple):
    """Turns that were served, in order of arrival.

    Attributes
    ----------
    run : ndarray of int64, shape (n,)
        The row of the run that served each.
    arrived_at, ended_at : ndarray of int64, shape (n,)
        Instants in milliseconds.
    woke : ndarray of bool, shape (n,)
        Whether it woke a suspended run.
    """

    run: NDArray[np.int64]
    arrived_at: NDArray[np.int64]
    ended_at: NDArray[np.int64]
    woke: NDArray[np.bool_]


class RunSpans(NamedTuple):
    """Runs, one entry each; times in milliseconds.

    Attributes
    ----------
    triggered_at, ready_at, ended_at : ndarray of int64, shape (m,)
        Instants; an end that has not come is NAT. When a run was ready counts only where its first
        turn woke it, or where it served none.
    suspended : ndarray of int64, shape (m,)
        How long it was suspended in all, by its end or the horizon; NAT where that is not known,
        and then it is taken to have been so from the end of its last idle time on.
    first_idle, idle : ndarray of int64, shape (m,)
        How long it stays awake with nothing to do before its first turn, and after a turn.
    """

    triggered_at: NDArray[np.int64]
    ready_at: NDArray[np.int64]
    ended_at: NDArray[np.int64]
    suspended: NDArray[np.int64]
    first_idle: NDArray[np.int64]
    idle: NDArray[np.int64]


class SlotChanges(NamedTuple):
    """The instants at which slots are taken and given back, in no order.

    A run that still holds its slot at the horizon has not given it back.
    """

    taken: NDArray[np.int64]
    given_back: NDArray[np.int64]


def slot_changes(turns: ServedTurns, runs: RunSpans, *, until: int | None = None) -> SlotChanges:
    """Find the instants at which runs take and give back their slots, where no run waits for one.

    A run holds a slot from its trigger until it is suspended, and from each turn that wakes it on
    (Trigger.dev docs: Concurrency; the open-source run queue takes the slot when it hands a run
    out, before the run boots or is restored).

    Parameters
    ----------
    turns : ServedTurns
        The turns of these runs.
    runs : RunSpans
        The runs.
    until : int, optional
        The horizon, in milliseconds since 1970.

    Examples
    --------
    A run of 10 ms of idle time serves a turn until 5, is suspended at 15, and woken at 40.

    >>> one = np.array
    >>> turns = ServedTurns(one([0, 0]), one([0, 40]), one([5, 46]), one([False, True]))
    >>> spans = RunSpans(one([0]), one([0]), one([156]), one([125]), one([10]), one([10]))
    >>> taken, given_back = slot_changes(turns, spans)
    >>> taken.tolist(), given_back.tolist()
    ([0, 40], [15, 56])
    """
    order = np.argsort(turns.run, kind="stable")
    run, arrived, ended, woke = (column[order] for column in turns)
    n = len(runs.triggered_at)
    is_first = np.diff(run, prepend=-1) != 0
    # When a run became free before each turn, and when it was, or would have been, suspended then.
    free = np.where(is_first, runs.ready_at[run], np.roll(ended, 1))
    slept = free + np.where(is_first, runs.first_idle[run], runs.idle[run])
    free_last, idle_last = runs.ready_at.copy(), runs.first_idle.copy()
    free_last[run], idle_last[run] = ended, runs.idle[run]  # of several turns the last one stays
    slept_last = free_last + idle_last
    stop = np.where(runs.ended_at == NAT, _FAR if until is None else until, runs.ended_at)
    before = np.bincount(run[woke], weights=(arrived - slept)[woke], minlength=n).astype(np.int64)
    asleep = np.where(
        runs.suspended == NAT, np.maximum(stop - slept_last, 0), runs.suspended - before
    )
    # A run that was woken by a turn which it has not begun, or passed on, holds a slot again.
    woken_last = (asleep > 0) & (slept_last + asleep < stop)
    ends = (runs.ended_at != NAT) & ((asleep <= 0) | woken_last)
    taken = (runs.triggered_at, arrived[woke], (slept_last + asleep)[woken_last])
    given_back = (slept[woke], slept_last[asleep > 0], runs.ended_at[ends])
    return SlotChanges(
        np.concatenate(taken).astype(np.int64), np.concatenate(given_back).astype(np.int64)
    )
