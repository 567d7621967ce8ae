"""The C loop that the kernel is measured against, compiled where gcc is installed."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from session_lab.simulator.model.randomness import fnv1a, stream_key
from session_lab.simulator.model.run_rules import FOR_EVER
from session_lab.traffic.columnar.sums import OutcomeSums
from session_lab.traffic.engine.engine_result import EngineResult
from tests.benchmarks.harness import MissingProgramError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.simulator import Timings
    from session_lab.traffic.columnar.layout import Columns

__all__ = ["hashes_of", "play_in_c", "sum_in_c"]

EVENTS = {
    "status_code": "i2",
    "error": "i1",
    "is_cached": "i1",
    "start_kind": "i1",
    "waited": "i8",
    "session": "i4",
    "run": "i4",
}
SESSIONS = {
    "created_by": "i4",
    "created_at": "i8",
    "updated_at": "i8",
    "closed_at": "i8",
    "expires_at": "i8",
    "current_run": "i4",
}
RUNS = {
    "owner": "i4",
    "number": "i4",
    "reason": "i1",
    "status": "i1",
    "triggered_at": "i8",
    "ended_at": "i8",
    "end_cause": "i1",
    "turns": "i4",
    "resumes": "i4",
    "active": "i8",
    "idle": "i8",
    "suspended": "i8",
}


class Policy(ctypes.Structure):
    _fields_ = (
        *(
            (name, ctypes.c_int64)
            for name in (
                "idle_timeout",
                "turn_timeout",
                "max_turns",
                "max_duration",
                "preload_idle_timeout",
                "preload_timeout",
                "exits_preload",
                "hands_over",
                "boot_time",
                "resume_time",
                "turn_duration",
            )
        ),
        ("crash_rate", ctypes.c_double),
        ("key", ctypes.c_uint64 * 2),
        ("deploys", ctypes.c_void_p),
        ("n_deploys", ctypes.c_int64),
        ("until", ctypes.c_int64),
    )


def _policy(timings: Timings, until: int = FOR_EVER) -> Policy:
    deploys = np.array(timings.deploys, dtype=np.int64)
    policy = Policy(
        timings.idle_timeout,
        timings.turn_timeout,
        timings.max_turns,
        timings.max_duration,
        *timings.preload(),
        timings.exit_after_preload_idle,
        bool(timings.deploys),
        timings.boot_time,
        timings.resume_time,
        timings.turn_duration,
        timings.crash_rate,
        (ctypes.c_uint64 * 2)(*stream_key(timings.seed, "crashes")),
        deploys.ctypes.data,
        len(deploys),
        until,
    )
    # The pointer alone does not keep them.
    policy.kept = deploys
    return policy


def play_in_c(  # noqa: PLR0917
    at: NDArray[np.int64],
    op: NDArray[np.int8],
    chat: NDArray[np.int64],
    turn_duration: NDArray[np.int64],
    expires_at: NDArray[np.int64],
    timings: Timings,
    hashes: NDArray[np.uint64] | None = None,
) -> EngineResult:
    """Play columns in the C loop."""
    policy = _policy(timings)
    library, n = compiled("kernel_peer.c"), len(at)
    library.play.restype = ctypes.c_void_p
    library.collect.restype = None
    events = {name: np.empty(n, dtype) for name, dtype in EVENTS.items()}
    n_sessions, n_runs = ctypes.c_int64(), ctypes.c_int64()
    table = _pointers(events)
    world = library.play(
        ctypes.c_int64(n),
        ctypes.c_int64(int(chat.max()) + 1),
        *map(_pointer, (at, op, chat, turn_duration, expires_at)),
        None if hashes is None else _pointer(hashes),
        ctypes.byref(policy),
        table,
        ctypes.byref(n_sessions),
        ctypes.byref(n_runs),
    )
    sessions = {name: np.empty(n_sessions.value, dtype) for name, dtype in SESSIONS.items()}
    runs = {name: np.empty(n_runs.value, dtype) for name, dtype in RUNS.items()}
    library.collect(
        ctypes.c_void_p(world),
        ctypes.c_int64(n),
        _pointer(at),
        _pointer(chat),
        table,
        _pointers(sessions),
        _pointers(runs),
    )
    return EngineResult(**events, **sessions, **runs)


def sum_in_c(
    columns: Columns, hashes: NDArray[np.uint64], timings: Timings, until: int = FOR_EVER
) -> OutcomeSums:
    """Play events that are grouped by session in the C loop, and add up what comes of them."""
    policy, sums = _policy(timings, until), OutcomeSums.empty()
    compiled("sweep_peer.c").sweep(
        ctypes.c_int64(len(columns.bounds) - 1),
        *map(_pointer, (columns.bounds, columns.at, columns.op, columns.turn_duration)),
        *map(_pointer, (columns.expires_at, hashes)),
        ctypes.byref(policy),
        *map(_pointer, sums),
    )
    return sums


def hashes_of(chat: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return what crashes draw on for each chat, whose external id is its number."""
    return np.array([fnv1a(str(number)) for number in range(int(chat.max()) + 1)], np.uint64)


@cache
def compiled(source: str) -> ctypes.CDLL:
    """Compile a loop and load it; the file may go once it is loaded."""
    gcc = shutil.which("gcc")
    if gcc is None:
        raise MissingProgramError("gcc is not installed; the package manager of the system has it")
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder, "peer.so")
        subprocess.run(
            [
                gcc,
                "-O3",
                "-std=c11",
                "-shared",
                "-fPIC",
                "-o",
                library,
                Path(__file__).with_name(source),
            ],
            check=True,
        )
        return ctypes.CDLL(str(library))


def _pointer(column: NDArray[np.generic]) -> ctypes.c_void_p:
    return ctypes.c_void_p(column.ctypes.data)


def _pointers(columns: dict[str, NDArray[np.generic]]) -> ctypes.Array[ctypes.c_void_p]:
    return (ctypes.c_void_p * len(columns))(*(column.ctypes.data for column in columns.values()))
