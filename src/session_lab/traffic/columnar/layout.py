"""What goes into the kernel and what comes out of it: named tuples of columns and numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from session_lab.simulator.model.machine import ERRORS
from session_lab.simulator.model.randomness import stream_key
from session_lab.simulator.model.run_rules import FOR_EVER
from session_lab.traffic.engine.engine_result import NAT, NONE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from session_lab.simulator import Profile, Timings

__all__ = [
    "ANSWERS",
    "ANSWER_OPS",
    "STREAMS",
    "VERDICTS",
    "Answers",
    "Columns",
    "Demand",
    "ExpandedAnswers",
    "Int64",
    "Rulebook",
    "RunColumns",
    "SessionColumns",
    "Times",
    "rulebook",
    "verdict_table",
]

Int64: TypeAlias = Any
"""A whole number of 64 bits, in compiled code, where numpy's and Python's own are the same."""

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
    """Sessions, and their events.

    The events of session ``s`` are ``order[bounds[s]:bounds[s + 1]]``, in order of time; the first
    of them is the start that creates it. Where ``order`` is empty the columns of events have one
    session behind the other.
    ``turn_duration`` is empty where no event has one, ``policy`` where there is but one, and
    ``hashes`` where nothing is drawn.
    """

    bounds: NDArray[np.int64]
    order: NDArray[np.int32]
    at: NDArray[np.int64]
    op: NDArray[np.int8]
    turn_duration: NDArray[np.int64]
    expires_at: NDArray[np.int64]
    policy: NDArray[np.int64]
    hashes: NDArray[np.uint64]

    def expiring(self, created_at: NDArray[np.int64], after: int) -> Columns:
        """Return columns whose sessions expire so many ms after they begin; NAT for never."""
        expires_at = np.full_like(created_at, NAT) if after == NAT else created_at + after
        return self._replace(expires_at=expires_at)


class Times(NamedTuple):
    """How long boots, resumes and turns take that no event tells of.

    The tables are the quantiles of times that are drawn, and empty where one is always the same.
    The keys are what is drawn on, two words for each of ``STREAMS``.
    """

    boot_time: int
    resume_time: int
    turn_duration: int
    boots: NDArray[np.int64]
    resumes: NDArray[np.int64]
    durations: NDArray[np.int64]
    keys: NDArray[np.uint64]


class Rulebook(NamedTuple):
    """Policies, and everything else that is the same for all sessions.

    A row of ``timings`` holds a policy as :class:`session_lab.traffic.columnar.run_row.Rules` has
    it.
    """

    timings: NDArray[np.int64]
    times: Times
    crash_rate: float
    deploys: NDArray[np.int64]
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


class ExpandedAnswers(NamedTuple):
    """Verdicts spelled out, as :class:`session_lab.traffic.engine.engine_result.EngineResult` has them."""

    status_code: NDArray[np.int16]
    error: NDArray[np.int8]
    is_cached: NDArray[np.int8]
    start_kind: NDArray[np.int8]

    @classmethod
    def empty(cls, n: int) -> ExpandedAnswers:
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


class Demand(NamedTuple):
    """How many slots are asked for in each stretch of time, by task, where no run waits.

    A slot counts in every stretch in which it is held at all, if only for an instant. ``changes``
    are by how much the number changes with each stretch; the stretches begin at ``first`` and are
    ``2**shift`` milliseconds long, and the last has no end. ``tasks`` are those of the sessions.
    """

    changes: NDArray[np.int32]
    tasks: NDArray[np.int64]
    first: int
    shift: int


class RunColumns(NamedTuple):
    """The runs' columns, as :class:`session_lab.traffic.engine.engine_result.EngineResult` has them."""

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
    def empty(cls, n: int) -> RunColumns:
        """Allocate columns, each as narrow as what it holds."""
        return cls(*(np.empty(n, dtype) for dtype in _RUN_DTYPES))


_RUN_DTYPES = ("i4", "i4", "i1", "i8", "i1", "i8", "i1", "i4", "i4", "i8", "i8", "i8")


STREAMS = ("crashes", "boots", "resumes", "durations")
"""What is drawn by counter, in the order of the keys."""


def rulebook(policies: Sequence[Timings], profile: Profile, until: int | None) -> Rulebook:
    """Encode policies on one platform as arrays."""
    platform = policies[0]
    rows = [
        (
            policy.idle_timeout,
            policy.turn_timeout,
            policy.max_turns,
            policy.max_duration,
            *policy.preload(),
            policy.exit_after_preload_idle,
            bool(policy.deploys),
        )
        for policy in policies
    ]
    boot_time, boots = _constant_or_table(platform.boot_time)
    resume_time, resumes = _constant_or_table(platform.resume_time)
    turn_duration, durations = _constant_or_table(platform.turn_duration)
    keys = [word for stream in STREAMS for word in stream_key(platform.seed, stream)]
    deploys = max((policy.deploys for policy in policies), key=len)
    return Rulebook(
        timings=np.array(rows, dtype=np.int64),
        times=Times(
            boot_time=boot_time,
            resume_time=resume_time,
            turn_duration=turn_duration,
            boots=boots,
            resumes=resumes,
            durations=durations,
            keys=np.array(keys, dtype=np.uint64),
        ),
        crash_rate=platform.crash_rate,
        deploys=np.array(deploys, dtype=np.int64),
        until=FOR_EVER if until is None else until,
        refused_start_rewrites=profile.refused_start_rewrites,
    )


def _constant_or_table(time: int | tuple[int, ...]) -> tuple[int, NDArray[np.int64]]:
    if isinstance(time, int):
        return time, np.empty(0, dtype=np.int64)
    return 0, np.array(time, dtype=np.int64)


def verdict_table(profile: Profile) -> ExpandedAnswers:
    """Map each verdict to what it says."""
    rows: list[tuple[int, int, int, int]] = []
    for name, (_, usual, error, is_cached) in _ANSWERS.items():
        status = profile.append_to_closed if name == "append closed" else usual
        code = NONE if error is None else ERRORS.index(error)
        rows += [(status, code, is_cached, kind) for kind in range(NONE, 7)]
    status_code, *codes = np.array(rows, dtype=np.int16).T
    return ExpandedAnswers(status_code.copy(), *(column.astype(np.int8) for column in codes))
