"""What the team has chosen: timeouts, caps and preloads, from the waits and ends of runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from session_lab.frames import NAT
from session_lab.replays.environment.fitting.constants import Bounds, constants
from session_lab.replays.environment.fitting.parameters import (
    OWN,
    Parameter,
    of_constants,
    unknown,
)
from session_lab.simulator.model.run_rules import END_CAUSES, FOR_EVER, START_KINDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.replays.environment.fitting.evidence import Evidence

__all__ = ["choices"]

Integers = Any

_TURN_TIMEOUT, _MAX_TURNS, _MAX_DURATION, _CRASH, _PRELOAD_EXIT, _OPEN, _CLOSED = map(
    END_CAUSES.index,
    (
        "turn_timeout",
        "max_turns",
        "max_duration",
        "crash",
        "preload_exit",
        "open",
        "session_closed",
    ),
)
_WARM, _RESUMED = map(START_KINDS.index, ("warm", "resumed"))


def choices(
    evidence: Evidence, task: str | None, of_task: NDArray[np.bool_] | None
) -> list[Parameter]:
    """Return the rows of everything that a policy holds, but for what it does on a deploy."""
    runs, waits = evidence.runs, evidence.waits
    mine = np.ones(len(runs.session), dtype=bool) if of_task is None else of_task
    of_wait = mine[waits.run]
    is_preload = (waits.number == 0) & runs.is_initial[waits.run]
    usual, preload = of_wait & ~is_preload, of_wait & is_preload
    idle, source = _idle(evidence, usual), "waits.suspended_at - waits.started_at"
    if not len(idle.at):
        idle, source = _gaps(evidence, mine), "turns.arrived_at - turns.ended_at of the turn before"
    return [
        *of_constants(
            "idle_timeout",
            constants(idle),
            task=task,
            source=source,
            nothing="no run was suspended",
            own="idleTimeoutInSeconds",
        ),
        *of_constants(
            "turn_timeout",
            constants(_asleep(evidence, usual)),
            task=task,
            source="waits.ended_at - waits.suspended_at of runs that ended by it",
            nothing="no run ended by it",
        ),
        *_caps(evidence, mine, task),
        *_preloads(evidence, preload, task),
    ]


def _idle(evidence: Evidence, chosen: NDArray[np.bool_]) -> Bounds:
    """Return what waits say of how long a run stays awake."""
    runs, waits = evidence.runs, evidence.waits
    at = runs.triggered[waits.run]
    chosen = chosen & (waits.began != NAT) & (at != NAT)
    slept = waits.suspended != NAT
    leaves = (runs.cause[waits.run] == _PRELOAD_EXIT) & (waits.ended == runs.ended[waits.run])
    measured = chosen & (slept | (leaves & (waits.ended != NAT)))
    over = np.where(slept, waits.suspended, waits.ended)[measured] - waits.began[measured]
    awake = chosen & ~slept & ~measured
    seen = np.where(waits.ended == NAT, evidence.observed_at, waits.ended)
    return _join(at, measured, over, awake, seen[awake] - waits.began[awake])


def _gaps(evidence: Evidence, mine: NDArray[np.bool_]) -> Bounds:
    """Return what the pauses between turns say of how long a run stays awake."""
    runs, turns = evidence.runs, evidence.turns
    before = evidence.of_turn(turns.run, turns.number - 1)
    ended = np.where(before >= 0, turns.ended[before], NAT) if len(turns.run) else turns.ended
    known = (ended != NAT) & (turns.arrived != NAT) & mine[turns.run]
    gap = turns.arrived - np.where(known, ended, 0)
    known &= (gap > 0) & (runs.triggered[turns.run] != NAT)
    at = runs.triggered[turns.run]
    warm, woken = known & (turns.kind == _WARM), known & (turns.kind == _RESUMED)
    return Bounds.of(
        (at[warm], gap[warm], np.full(warm.sum(), FOR_EVER)),
        (at[woken], np.zeros(woken.sum(), dtype=np.int64), gap[woken]),
    )


def _asleep(evidence: Evidence, chosen: NDArray[np.bool_]) -> Bounds:
    """Return what waits say of how long a suspended run lives."""
    runs, waits = evidence.runs, evidence.waits
    at = runs.triggered[waits.run]
    chosen = chosen & (waits.suspended != NAT) & (at != NAT)
    ends_run = (waits.ended != NAT) & (waits.ended == runs.ended[waits.run])
    cause = runs.cause[waits.run]
    died = chosen & ends_run & (cause == _TURN_TIMEOUT)
    # Woken by a message: alive at its arrival, which comes before the turn.
    turn = evidence.of_turn(waits.run, waits.number + 1)
    woken = chosen & (turn >= 0)
    seen = np.where(woken, evidence.turns.arrived[turn], NAT) if len(evidence.turns.run) else at
    seen = np.where(waits.ended == NAT, evidence.observed_at, seen)
    seen = np.where(ends_run & (cause == _CLOSED), waits.ended, seen)
    woken = chosen & ~died & (woken | (waits.ended == NAT) | (ends_run & (cause == _CLOSED)))
    woken &= seen != NAT
    over = waits.ended[died] - waits.suspended[died]
    return _join(at, died, over, woken, seen[woken] - waits.suspended[woken])


def _caps(evidence: Evidence, mine: NDArray[np.bool_], task: str | None) -> list[Parameter]:
    runs = evidence.runs
    mine = mine & (runs.triggered != NAT)
    rows: list[Parameter] = []
    for name, cause, counted, unit in (
        ("max_turns", _MAX_TURNS, runs.turns, "turns"),
        ("max_duration", _MAX_DURATION, runs.active, "ms"),
    ):
        if unit == "ms" and (told := mine & (runs.max_duration != NAT)).any():
            rows += _told_cap(evidence, mine, told, task)
            continue
        known = mine & (counted != NAT) & (counted > 0)
        capped = known & (runs.cause == cause)
        others = known & ~capped
        # What ended otherwise had still some to go; a turn may be the last although it is not over.
        spare = ~np.isin(runs.cause[others], [_OPEN, _CRASH, _MAX_DURATION])
        bounds = _join(runs.triggered, capped, counted[capped], others, counted[others] + spare)
        rows += of_constants(
            name,
            constants(bounds, grain=1 if unit == "turns" else 1_000),
            task=task,
            source=f"runs.{'turns' if unit == 'turns' else 'active'} of runs that ended by it",
            nothing="no run ended by it",
            unit=unit,
            own="maxDuration" if unit == "ms" else None,
        )
    return rows


def _told_cap(
    evidence: Evidence, mine: NDArray[np.bool_], told: NDArray[np.bool_], task: str | None
) -> list[Parameter]:
    """Return the rows of a cap on active time that runs tell; those that tell none have none."""
    runs, source = evidence.runs, "runs.max_duration"
    free = int(mine.sum() - told.sum())
    note = f"{OWN.format('maxDuration')}: {free:,} of {mine.sum():,} runs have no cap"
    if free > told.sum():
        n = int(told.sum())
        row = unknown("max_duration", note, task=task, source=source, observations=n)
        return [row._replace(is_own=True)]
    caps = runs.max_duration[told]
    found = constants(Bounds.of((runs.triggered[told], caps, caps)))
    rows = of_constants(
        "max_duration", found, task=task, source=source, nothing="", own="maxDuration"
    )
    if not free:
        return rows
    return [
        row._replace(note="; ".join(filter(None, (row.note, note))), is_own=True) for row in rows
    ]


def _preloads(evidence: Evidence, chosen: NDArray[np.bool_], task: str | None) -> list[Parameter]:
    """Return the rows of what holds until the first turn of runs that a start only booted."""
    runs, waits = evidence.runs, evidence.waits
    slept = chosen & (waits.suspended != NAT)
    left = chosen & (runs.cause[waits.run] == _PRELOAD_EXIT)
    exits, stays = int(left.sum()), int(slept.sum())
    source = "runs.end_cause"
    if not chosen.any():
        why = "no run was preloaded and waited for its first turn"
    else:
        why = "no preloaded run waited for as long as that"
    if exits + stays:
        leaves = Parameter(
            "exit_after_preload_idle",
            task,
            None,
            None,
            exits / (exits + stays),
            exits / (exits + stays),
            exits / (exits + stays),
            unit="share",
            observations=exits + stays,
            at_least=0,
            source=source,
            note="some did and some did not" if exits and stays else "",
        )
    else:
        leaves = unknown("exit_after_preload_idle", why, task=task, unit="share", source=source)
    return [
        *of_constants(
            "preload_idle_timeout",
            constants(_idle(evidence, chosen)),
            task=task,
            source="waits.suspended_at - waits.started_at before a first turn",
            nothing=why,
        ),
        *of_constants(
            "preload_timeout",
            constants(_asleep(evidence, chosen)),
            task=task,
            source="waits.ended_at - waits.suspended_at before a first turn",
            nothing=why if not stays else "no preloaded run ended by it",
        ),
        leaves,
    ]


def _join(
    at: Integers,
    measured: NDArray[np.bool_],
    values: Integers,
    bounded: NDArray[np.bool_],
    least: Integers,
) -> Bounds:
    """Put measurements and what is only known to be at least something together."""
    return Bounds.of(
        (at[measured], values, values),
        (at[bounded], np.maximum(least, 0), np.full(bounded.sum(), FOR_EVER)),
    )
