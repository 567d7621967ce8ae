"""What goes into the kernel and what comes out of it: named tuples of columns and numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from session_lab.simulator.model.machine import ERRORS
from session_lab.traffic.engine_result import NONE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from session_lab.simulator import Profile, Timings

__all__ = [
    "ANSWERS",
    "ANSWER_OPS",
    "FOR_EVER",
    "VERDICTS",
    "Answers",
    "Columns",
    "Int64",
    "Rulebook",
    "RunColumns",
    "SessionColumns",
    "Told",
    "rulebook",
    "verdict_table",
]

Int64: TypeAlias = Any
"""A whole number of 64 bits, in compiled code, where numpy's and Python's own are the same."""

FOR_EVER = 2**63 - 1
"""A horizon, a cap or an instant that is never reached."""

_ANSWERS: dict[str, tuple[str, int, str | None, int]] = {
    "created": ("start", 201, None, 0),
    "cached": ("start", 200, None, 1),
    "start closed": ("start", 409, ERRORS[0], NONE),
    "start expired": ("start", 409, ERRORS[1], NONE),
    "accepted": ("message", 200, None, NONE),
    "append missing": ("message", 404, ERRORS[2], NONE),
    "append closed": ("message", 409, ERRORS[3], NONE),
    "append expired": ("message", 400, ERRORS[4], NONE),
    "close": ("close", 200, None, NONE),
    "close missing": ("close", 404, ERRORS[5], NONE),
    "retrieve": ("retrieve", 200, None, NONE),
    "retrieve missing": ("retrieve", 404, ERRORS[6], NONE),
}

ANSWERS = tuple(_ANSWERS)
"""Every answer to an event; its place here times 8, plus the code of the kind of the turn it
serves plus 1, is the event's *verdict*: one byte that says all but when and by which run."""

ANSWER_OPS = tuple(op for op, *_ in _ANSWERS.values())
"""The operation that each answer belongs to."""

VERDICTS = 8 * len(ANSWERS)
"""How many verdicts there may be."""


class Columns(NamedTuple):
    """Events grouped by session.

    Those of session ``s`` are the events ``order[bounds[s]:bounds[s + 1]]``, in order of time; the
    first of them is the start that creates it. ``turn_duration`` is empty where no event has one,
    ``policy`` where there is but one, and ``hashes`` where nothing crashes.
    """

    bounds: NDArray[np.int64]
    order: NDArray[np.int32]
    at: NDArray[np.int64]
    op: NDArray[np.int8]
    turn_duration: NDArray[np.int64]
    expires_at: NDArray[np.int64]
    policy: NDArray[np.int64]
    hashes: NDArray[np.uint64]


class Rulebook(NamedTuple):
    """Policies and everything else that is the same for all sessions.

    A row of ``timings`` holds a policy's idle timeout, turn timeout, most turns, longest active
    time, boot time, resume time, turn duration, and which of ``deploys`` are its own: the first and
    the one behind the last. The keys are what crashes draw on.
    """

    timings: NDArray[np.int64]
    crash_rates: NDArray[np.float64]
    deploys: NDArray[np.int64]
    key_0: np.uint64
    key_1: np.uint64
    until: int
    refused_start_rewrites: bool


class Answers(NamedTuple):
    """For each event its verdict, its wait (or NAT), and the number in its session of its run."""

    verdict: NDArray[np.int8]
    waited: NDArray[np.int64]
    number: NDArray[np.int32]

    @classmethod
    def empty(cls, n: int) -> Answers:
        """Allocate columns."""
        return cls(np.empty(n, np.int8), np.empty(n, np.int64), np.empty(n, np.int32))


class Told(NamedTuple):
    """Verdicts spelled out, as :class:`session_lab.traffic.engine_result.Played` has them."""

    status_code: NDArray[np.int16]
    error: NDArray[np.int8]
    is_cached: NDArray[np.int8]
    start_kind: NDArray[np.int8]

    @classmethod
    def empty(cls, n: int) -> Told:
        """Allocate columns."""
        return cls(np.empty(n, np.int16), *(np.empty(n, np.int8) for _ in range(3)))


class SessionColumns(NamedTuple):
    """For each session what its row says at the end, and how many runs it shows."""

    updated_at: NDArray[np.int64]
    closed_at: NDArray[np.int64]
    n_runs: NDArray[np.int32]

    @classmethod
    def empty(cls, n: int) -> SessionColumns:
        """Allocate columns."""
        return cls(np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int32))


class RunColumns(NamedTuple):
    """The runs' columns, as :class:`session_lab.traffic.engine_result.Played` has them."""

    owner: NDArray[np.int32]
    number: NDArray[np.int32]
    reason: NDArray[np.int8]
    triggered_at: NDArray[np.int64]
    status: NDArray[np.int8]
    ended_at: NDArray[np.int64]
    end_cause: NDArray[np.int8]
    turns: NDArray[np.int32]
    resumes: NDArray[np.int32]
    active: NDArray[np.int64]
    idle: NDArray[np.int64]
    suspended: NDArray[np.int64]

    @classmethod
    def of(cls, rows: NDArray[np.int64]) -> RunColumns:
        """Turn rows into columns, each as narrow as what it holds."""
        return cls(*(rows[:, place].astype(dtype) for place, dtype in enumerate(_RUN_DTYPES)))


_RUN_DTYPES = ("i4", "i4", "i1", "i8", "i1", "i8", "i1", "i4", "i4", "i8", "i8", "i8")


def rulebook(
    policies: Sequence[Timings], profile: Profile, key: tuple[int, int], until: int | None
) -> Rulebook:
    """Say policies as numbers."""
    bounds = np.concatenate([[0], np.cumsum([len(policy.deploys) for policy in policies])])
    rows = [
        (
            policy.idle_timeout,
            policy.turn_timeout,
            policy.max_turns,
            FOR_EVER if policy.max_duration is None else policy.max_duration,
            policy.boot_time,
            policy.resume_time,
            policy.turn_duration,
            bounds[place],
            bounds[place + 1],
        )
        for place, policy in enumerate(policies)
    ]
    deploys = [deploy for policy in policies for deploy in policy.deploys]
    return Rulebook(
        timings=np.array(rows, dtype=np.int64),
        crash_rates=np.array([policy.crash_rate for policy in policies], dtype=np.float64),
        deploys=np.array(deploys, dtype=np.int64),
        key_0=np.uint64(key[0]),
        key_1=np.uint64(key[1]),
        until=FOR_EVER if until is None else until,
        refused_start_rewrites=profile.refused_start_rewrites,
    )


def verdict_table(profile: Profile) -> NDArray[np.int16]:
    """Tell for each verdict the status code, and the codes of error, caching and kind."""
    rows: list[tuple[int, int, int, int]] = []
    for name, (_, usual, error, is_cached) in _ANSWERS.items():
        status = profile.append_to_closed if name == "append closed" else usual
        code = NONE if error is None else ERRORS.index(error)
        rows += [(status, code, is_cached, kind) for kind in range(NONE, 7)]
    return np.array(rows, dtype=np.int16)
