"""A recording as arrays: what every estimate is made from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from session_lab.frames import NAT, check_frame, durations, in_one_piece, instants, observed_at
from session_lab.simulator.model.run_rules import END_CAUSES, START_KINDS
from session_lab.timing import to_instant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from session_lab.replays.environment.recording import Recording

__all__ = [
    "Evidence",
    "Runs",
    "Turns",
    "Waits",
    "instants_of",
    "places_of",
    "session_names",
    "text_of",
]

Integers = Any
"""An array of whole numbers, shape (n,); NAT is missing. Codes are -1 where nothing is known."""


class Runs(NamedTuple):
    """One entry for each run; instants and durations in milliseconds."""

    session: Integers
    task: Integers
    triggered: Integers
    ended: Integers
    cause: Integers
    turns: Integers
    active: Integers
    max_duration: Integers
    billed: Integers
    cents: NDArray[np.float64]
    base_cents: NDArray[np.float64]
    machine: Integers
    version: Integers
    is_initial: NDArray[np.bool_]


class Turns(NamedTuple):
    """One entry for each turn, by run and in order; ``run`` is the place of its run."""

    run: Integers
    number: Integers
    arrived: Integers
    started: Integers
    ended: Integers
    kind: Integers
    is_estimated: NDArray[np.bool_]


class Waits(NamedTuple):
    """One entry for each wait of a run for a message, by run and in order."""

    run: Integers
    number: Integers
    began: Integers
    suspended: Integers
    ended: Integers


class Evidence(NamedTuple):
    """What a recording tells, as arrays.

    Attributes
    ----------
    observed_at : int
        Until when, in milliseconds since 1970.
    runs, turns, waits : Runs, Turns, Waits
        Turns and waits of runs that are not recorded are left out.
    tasks, machines, versions : sequence of str
        What the codes of runs stand for.
    lost_turns : int
        How many turns were left out.
    """

    observed_at: int
    runs: Runs
    turns: Turns
    waits: Waits
    tasks: Sequence[str]
    machines: Sequence[str]
    versions: Sequence[str]
    lost_turns: int

    @classmethod
    def of(cls, recording: Recording) -> Evidence:
        """Read a recording; a column that is not there is missing throughout.

        Raises
        ------
        DataError
            A frame is not a DataFrame, or a column holds something else than it should.
        """
        for name in ("runs", "turns", "waits"):
            check_frame(getattr(recording, name), name)
        ids = text_of(recording.runs, "run_id")
        runs, names = _runs(recording, ids)
        turns = _turns(recording.turns, places_of(text_of(recording.turns, "run_id"), ids))
        waits = _waits(recording.waits, places_of(text_of(recording.waits, "run_id"), ids))
        lost = len(recording.turns) - len(turns.run)
        return cls(_horizon(recording), runs, turns, waits, *names, lost)

    def of_turn(self, run: Integers, number: Integers) -> Integers:
        """Return the places of turns by their run and their number in it; -1 where there is none."""
        keys = _key(self.turns.run, self.turns.number)
        wanted = _key(run, number)
        place = np.searchsorted(keys, wanted)
        if not len(keys):
            return np.full(len(wanted), -1)
        found = keys[np.minimum(place, len(keys) - 1)] == wanted
        return np.where(found, place, -1)

    def last_turns(self) -> Integers:
        """Return for each run the place of its last turn; -1 where it has none."""
        last = np.full(len(self.runs.session), -1)
        # Of several values for one place the last stays.
        last[self.turns.run] = np.arange(len(self.turns.run))
        return last


def session_names(sessions: pd.DataFrame) -> pa.Array:
    """Return what sessions go by in events, as text: the external id, else the session's own."""
    own, ids = text_of(sessions, "external_id"), text_of(sessions, "session_id")
    return pc.call_function("coalesce", [own, ids])


def _horizon(recording: Recording) -> int:
    given: Any = recording.observed_at
    told = observed_at(recording.sessions) if given is None else to_instant(given)
    return 0 if told is None else told


def _runs(
    recording: Recording, ids: pa.Array
) -> tuple[Runs, tuple[Sequence[str], Sequence[str], Sequence[str]]]:
    frame, n = recording.runs, len(recording.runs)
    sessions = text_of(frame, "session_id").dictionary_encode().indices
    session = np.asarray(sessions.fill_null(-1)).astype(np.int64)
    # A run without a session stands for one of its own.
    alone = session < 0
    session[alone] = session.max(initial=-1) + 1 + np.arange(alone.sum())
    task, tasks = _codes(_tasks(recording, ids))
    machine, machines = _codes(text_of(frame, "machine"))
    version, versions = _codes(text_of(frame, "version"))
    causes = _codes(text_of(frame, "end_cause"), END_CAUSES)[0]
    reasons = _codes(text_of(frame, "reason"), ("initial",))[0]
    billed = durations_of(frame, "billed", "runs")
    active, idle = durations_of(frame, "active", "runs"), durations_of(frame, "idle", "runs")
    both = (active != NAT) & (idle != NAT)
    billed = np.where((billed == NAT) & both, active + np.where(both, idle, 0), billed)
    runs = Runs(
        session=session,
        task=task,
        triggered=instants_of(frame, "triggered_at", "runs"),
        ended=instants_of(frame, "ended_at", "runs"),
        cause=causes,
        turns=_whole(frame, "turns", n),
        active=active,
        max_duration=durations_of(frame, "max_duration", "runs"),
        billed=billed,
        cents=_numbers(frame, "cost_in_cents", n),
        base_cents=_numbers(frame, "base_cost_in_cents", n),
        machine=machine,
        version=version,
        is_initial=reasons == 0,
    )
    return runs, (tasks, machines, versions)


def _tasks(recording: Recording, ids: pa.Array) -> pa.Array:
    """Return the task of each run, where need be that of its session."""
    told = text_of(recording.runs, "task_identifier")
    if told.null_count < len(ids):
        return told
    place = places_of(
        text_of(recording.runs, "session_id"), text_of(recording.sessions, "session_id")
    )
    tasks = text_of(recording.sessions, "task_identifier")
    return tasks.take(pa.array(place, mask=place < 0))


def _turns(frame: pd.DataFrame, run: Integers) -> Turns:
    number = _whole(frame, "number", len(frame))
    rules = text_of(frame, "ended_at_rule")
    is_estimated = np.asarray(rules.is_valid()) & (_codes(rules, ("trace", "waits"))[0] < 0)
    columns = (
        number,
        instants_of(frame, "arrived_at", "turns"),
        instants_of(frame, "started_at", "turns"),
        instants_of(frame, "ended_at", "turns"),
        _codes(text_of(frame, "start_kind"), START_KINDS)[0],
        is_estimated,
    )
    order = _by_run(run, number)
    return Turns(run[order], *(column[order] for column in columns))


def _waits(frame: pd.DataFrame, run: Integers) -> Waits:
    number = _whole(frame, "number", len(frame))
    names = ("started_at", "suspended_at", "ended_at")
    columns = (number, *(instants_of(frame, name, "waits") for name in names))
    order = _by_run(run, number)
    return Waits(run[order], *(column[order] for column in columns))


def _by_run(run: Integers, number: Integers) -> Integers:
    """Return the order by run and number, without the rows of unknown runs."""
    rows = np.flatnonzero(run >= 0)
    key = _key(run, number)[rows]
    if (key[1:] >= key[:-1]).all():
        return rows
    return rows[np.argsort(key, kind="stable")]


def _key(run: Integers, number: Integers) -> Integers:
    return (run << 32) + np.clip(number, -1, 1 << 31)


def text_of(frame: pd.DataFrame, name: str) -> pa.Array:
    """Return a column as Arrow text; all null where there is none, or several of this name."""
    if list(frame.columns).count(name) != 1:
        return pa.nulls(len(frame), pa.large_string())
    column = frame[name]
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes = column.cat.codes.to_numpy()
        names = pa.array([str(one) for one in column.cat.categories], pa.large_string())
        return names.take(pa.array(codes, mask=codes < 0))
    values = in_one_piece(pa.array(column.astype("string[pyarrow]")))
    return values.cast(pa.large_string())


def _codes(text: pa.Array, names: Sequence[str] | None = None) -> tuple[Integers, Sequence[str]]:
    """Return text as places in a list of names, and the list: by default what occurs, sorted."""
    encoded = text.dictionary_encode()
    found: list[str] = encoded.dictionary.to_pylist()
    wanted = sorted(found) if names is None else names
    places = {name: place for place, name in enumerate(wanted)}
    recode = np.array([*(places.get(name, -1) for name in found), -1], dtype=np.int64)
    codes = np.asarray(encoded.indices.fill_null(-1)).astype(np.int64)
    return recode[codes], wanted


def places_of(ids: pa.Array, among: pa.Array) -> Integers:
    """Return for each id its place among others; -1 where it is not there or missing."""
    if not len(among):
        return np.full(len(ids), -1)
    found = pc.call_function(
        "index_in", [ids], pc.SetLookupOptions(value_set=among, skip_nulls=True)
    )
    return np.asarray(found.fill_null(-1)).astype(np.int64)


def instants_of(frame: pd.DataFrame, name: str, source: str) -> Integers:
    """Return a column of instants in milliseconds since 1970; NAT throughout where there is none.

    Raises
    ------
    DataError
        There are several of this name, or it holds something else.
    """
    if name not in frame:
        return np.full(len(frame), NAT)
    return instants(frame, name, source=source, required=False)


def durations_of(frame: pd.DataFrame, name: str, source: str) -> Integers:
    """Return a column of durations in milliseconds; NAT throughout where there is none.

    Raises
    ------
    DataError
        There are several of this name, or it holds something else.
    """
    if name not in frame:
        return np.full(len(frame), NAT)
    return durations(frame, name, source=source)


def _numbers(frame: pd.DataFrame, name: str, n: int) -> NDArray[np.float64]:
    if name not in frame:
        return np.full(n, np.nan)
    numbers = pd.to_numeric(frame[name], errors="coerce")
    return numbers.to_numpy(dtype=np.float64, na_value=np.nan)


def _whole(frame: pd.DataFrame, name: str, n: int) -> Integers:
    numbers = _numbers(frame, name, n)
    known = np.isfinite(numbers)
    return np.where(known, np.where(known, numbers, 0), NAT).astype(np.int64)
