"""Times that the environment takes: boots, resumes and turns, as samples with censoring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from session_lab.frames import NAT
from session_lab.replays.environment.fitting.evidence import (
    instants_of,
    places_of,
    session_names,
    text_of,
)
from session_lab.replays.environment.fitting.samples import Sample
from session_lab.simulator.model.run_rules import END_CAUSES, START_KINDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.replays.environment.fitting.evidence import Evidence
    from session_lab.replays.environment.recording import Recording

__all__ = ["BOOTED", "ENDED", "WOKEN", "boots", "resumes", "turn_durations"]

BOOTED = (
    "turns.started_at or waits.started_at - runs.triggered_at",
    "no run was seen to be ready",
)
"""Which columns tell a time, and why where they tell none."""
WOKEN = "turns.started_at - turns.arrived_at of resumed turns", "no turn woke a run"
ENDED = "turns.ended_at - turns.started_at", "no turn was seen to its end"

_OWN = [START_KINDS.index(kind) for kind in ("initial", "continuation", "upgrade", "queued")]
_RESUMED = START_KINDS.index("resumed")
_CUT = [END_CAUSES.index(cause) for cause in ("max_duration", "cancelled")]
"""Runs that end for these leave their last turn unfinished."""


def boots(evidence: Evidence, of_task: NDArray[np.bool_] | None) -> Sample:
    """Return the times from the trigger of some runs to their first turn, or wait for one.

    A turn that arrives when its run is ready says nothing of the boot, but then the run's wait for
    it began with its being ready. A run that is not ready yet, or ended before, had booted so far.
    """
    runs, turns, waits = evidence.runs, evidence.turns, evidence.waits
    ready = np.full(len(runs.session), NAT)
    first = (turns.number == 1) & np.isin(turns.kind, _OWN)
    ready[turns.run[first]] = turns.started[first]
    before = waits.number == 0
    ready[waits.run[before]] = waits.began[before]
    is_over = ready != NAT
    seen = np.where(runs.ended == NAT, evidence.observed_at, runs.ended)
    known = (is_over | (runs.turns == 0)) & (runs.triggered != NAT)
    if of_task is not None:
        known &= of_task
    times = np.where(is_over, ready, seen)[known] - runs.triggered[known]
    return Sample.of(times, is_over[known], runs.session[known])


def resumes(evidence: Evidence, recording: Recording, of_task: NDArray[np.bool_] | None) -> Sample:
    """Return the times from a message to a suspended run, of some, until its turn started.

    A message to a suspended run that has not been served has waited so far.
    """
    turns, session = evidence.turns, evidence.runs.session
    woke = (turns.kind == _RESUMED) & (turns.started != NAT) & (turns.arrived != NAT)
    pending, whose = _pending(evidence, recording)
    if of_task is not None:
        woke &= of_task[turns.run]
        pending, whose = pending[of_task[whose]], whose[of_task[whose]]
    times = turns.started[woke] - turns.arrived[woke]
    return Sample.of(
        np.concatenate([times, pending]),
        np.repeat([True, False], [len(times), len(pending)]),
        np.concatenate([session[turns.run[woke]], session[whose]]),
    )


def _pending(evidence: Evidence, recording: Recording) -> tuple[Any, Any]:
    """Return how long messages to sleeping runs have waited unserved, and the places of the runs."""
    waits = evidence.waits
    asleep = np.flatnonzero((waits.suspended != NAT) & (waits.ended == NAT))
    events, sessions = recording.events, recording.sessions
    of_run = text_of(recording.runs, "session_id").take(waits.run[asleep])
    place = places_of(of_run, text_of(sessions, "session_id"))
    names = session_names(sessions)
    sleeping = pd.DataFrame({"run": waits.run[asleep], "since": waits.suspended[asleep]})
    sleeping["name"] = names.take(pa.array(place, mask=place < 0)).to_pandas()
    for name in ("closed_at", "expires_at"):
        ends = instants_of(sessions, name, "sessions")
        sleeping[name] = np.where(place >= 0, ends[place], NAT) if len(ends) else NAT
    sleeping = sleeping.dropna(subset="name").drop_duplicates("name")
    told = pd.DataFrame({"name": text_of(events, "external_id").to_pandas()})
    told["at"] = instants_of(events, "at", "events")
    told = told[
        (text_of(events, "op").to_pandas() == "message") & told["name"].isin(sleeping["name"])
    ]
    messages = told.merge(sleeping, on="name")
    late = (messages["at"] > messages["since"]) & (messages["at"] <= evidence.observed_at)
    for name in ("closed_at", "expires_at"):
        late &= (messages[name] == NAT) | (messages["at"] <= messages[name])
    first = messages[late].groupby("run", as_index=False)["at"].min()
    return evidence.observed_at - first["at"].to_numpy(), first["run"].to_numpy()


def turn_durations(evidence: Evidence, of_task: NDArray[np.bool_] | None) -> tuple[Sample, int]:
    """Return how long turns of some runs lasted, and how many of them are only estimated.

    A turn that is not over, or that a cap or a cancel cut off, has lasted so far. Ends that were
    estimated are left out, unless there are no others.
    """
    runs, turns = evidence.runs, evidence.turns
    last = evidence.last_turns()
    is_last = np.zeros(len(turns.run), dtype=bool)
    is_last[last[last >= 0]] = True
    is_over = turns.ended != NAT
    seen = np.where(is_over, turns.ended, evidence.observed_at)
    # The turn of a run that ended without the turn's end being known was seen until then.
    run_ended = runs.ended[turns.run]
    seen = np.where(~is_over & (run_ended != NAT), run_ended, seen)
    is_over &= ~(is_last & np.isin(runs.cause[turns.run], _CUT))
    wanted = turns.started != NAT
    if of_task is not None:
        wanted &= of_task[turns.run]
    estimated = int((wanted & turns.is_estimated).sum())
    measured = wanted & ~turns.is_estimated
    if (measured & is_over).any():
        wanted = measured
    times = seen[wanted] - turns.started[wanted]
    return Sample.of(times, is_over[wanted], runs.session[turns.run[wanted]]), estimated
