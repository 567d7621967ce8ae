"""From the facts of a pull to a recording."""

from __future__ import annotations

from collections import Counter
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from session_lab.frames import (
    EVENTS,
    NAT,
    RUNS,
    TURNS,
    WAITS,
    build,
    observe,
)
from session_lab.replays.environment.assembling.chats import Clocks, chats_of
from session_lab.replays.environment.assembling.clocks import clocks_of
from session_lab.replays.environment.assembling.estimate import typical
from session_lab.replays.environment.assembling.events import Event, events_of
from session_lab.replays.environment.assembling.notes import notes_of
from session_lab.replays.environment.assembling.runs import (
    Accounts,
    accounts,
    end_causes,
    reasons,
    start_kinds,
)
from session_lab.replays.environment.assembling.tables import column, runs_table, sessions_table
from session_lab.replays.environment.assembling.turns import has_gap, needs_payload, serve
from session_lab.replays.environment.recording import Period, Recording, names_of
from session_lab.timing import instant_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from session_lab.replays.environment.assembling.chats import Chat
    from session_lab.replays.environment.assembling.estimate import Typical
    from session_lab.replays.environment.assembling.runs import Inferred
    from session_lab.replays.environment.assembling.turns import ServedChat, Turn
    from session_lab.replays.environment.evidence.owners import Owners
    from session_lab.replays.environment.evidence.pieces import Facts

__all__ = ["assemble", "unsure_starts"]

_ACCOUNTS = Accounts._fields


def assemble(facts: Facts, owners: Owners, period: Period, observed_at: int) -> Recording:
    """Make a recording of what is known, as it stood at an instant."""
    sessions, runs, chats, clocks = _known(facts, owners, observed_at)
    middle = typical(chats)
    found = _Found(middle, observed_at)
    for chat in chats:
        found.take(chat, facts)
    found.counts["later"] = len(facts.sessions) - len(sessions)
    found.counts["lost runs"] = len(owners.unsure)
    found.counts["foreign runs"] = len(facts.runs) - len(owners.known) - len(owners.unsure)
    found.counts["gone runs"] = sum(
        run is not None and run not in facts.runs
        for run in (row.get("currentRunId") for row in facts.sessions.values())
    )
    found.counts["lag"] = round(median(found.lags)) if found.lags else 0
    found.counts["unknown ends"] = sum(cause is None for cause, _ in found.end_causes)
    return Recording(
        sessions,
        _with_inferred(runs, found),
        observe(build(TURNS, _columns(_TURN_FIELDS, found.turns), n=len(found.turns)), observed_at),
        observe(build(WAITS, _columns(_WAIT_FIELDS, found.waits), n=len(found.waits)), observed_at),
        _events(found.events, sessions),
        instant_text(observed_at),
        period,
        tuple(notes_of(facts, found.counts, runs, middle, clocks)),
    )


def unsure_starts(facts: Facts, owners: Owners, observed_at: int) -> list[str]:
    """Return the first runs of sessions of which only the payload tells if the start had a turn."""
    chats = _known(facts, owners, observed_at).chats
    asked = (chat.runs[0].run_id for chat in chats if needs_payload(chat))
    return [run for run in asked if run not in facts.payloads]


def runs_behind_gaps(facts: Facts, owners: Owners, observed_at: int) -> list[str]:
    """Return the runs before which others must have been that no list told, if not asked before."""
    return [
        run.run_id
        for chat in _known(facts, owners, observed_at).chats
        for index, run in enumerate(chat.runs)
        if run.run_id not in facts.payloads
        and has_gap(chat, index, [one for one in chat.arrivals if one.is_turn])
    ]


class _Known(NamedTuple):
    """What is known of an environment, session by session."""

    sessions: pd.DataFrame
    runs: pd.DataFrame
    chats: list[Chat]
    clocks: Clocks


def _known(facts: Facts, owners: Owners, observed_at: int) -> _Known:
    sessions = sessions_table(facts.sessions.values(), observed_at)
    place = {name: row for row, name in enumerate(sessions["session_id"])}
    wanted = sorted(
        (run for run, owner in owners.known.items() if owner in place and run in facts.runs),
        key=lambda run: place[owners.known[run]],
    )
    owned = pd.Series([owners.known[run] for run in wanted], index=wanted, dtype=object)
    runs = runs_table(facts.runs, owned, observed_at)
    chats = list(chats_of(facts, sessions, runs, observed_at, Clocks()))
    clocks = clocks_of(chats)
    if any(clocks):
        chats = list(chats_of(facts, sessions, runs, observed_at, clocks))
    return _Known(sessions, runs, chats, clocks)


_TURN_FIELDS = (
    "session_id",
    "external_id",
    "run_id",
    "number",
    "arrived_at",
    "started_at",
    "ended_at",
    "ended_at_rule",
    "start_kind",
    "waited",
    "trigger",
    "first_chunk_at",
)
_WAIT_FIELDS = ("session_id", "run_id", "number", "started_at", "suspended_at", "ended_at")
_TEXTS = {"session_id", "external_id", "run_id", "ended_at_rule", "start_kind", "trigger"}


class _Found:
    """What was found of all sessions: rows of the frames, and counts of what is missing."""

    def __init__(self, middle: Typical, observed_at: int) -> None:
        self._typical, self._observed_at = middle, observed_at
        self.turns: list[tuple[Any, ...]] = []
        self.waits: list[tuple[Any, ...]] = []
        self.events: list[Event] = []
        self.reasons: list[Inferred] = []
        self.end_causes: list[Inferred] = []
        self.accounts: list[Accounts | None] = []
        self.counts: Counter[str] = Counter()
        self.lags: list[int] = []

    def take(self, chat: Chat, facts: Facts) -> None:
        """Add what is known of a session."""
        served = serve(chat, self._typical)
        why = reasons(chat)
        kinds = start_kinds(chat, served.turns, why, self._typical.idle_of(chat.task))
        self.reasons += why
        self.end_causes += end_causes(chat, why)
        for place, run in enumerate(chat.runs):
            own = [n for n, turn in enumerate(served.turns) if turn.run == place]
            turns, own_kinds = [served.turns[n] for n in own], [kinds[n] for n in own]
            self.accounts.append(accounts(run, turns, own_kinds, self._observed_at))
            self.waits += [
                (chat.session_id, run.run_id, w.number, w.started_at, w.suspended_at, w.ended_at)
                for w in (run.trace.waits if run.trace is not None else ())
            ]
        name = facts.sessions[chat.session_id].get("externalId")
        for turn, kind in zip(served.turns, kinds, strict=True):
            arrival, waited = turn.arrival, turn.waited
            if waited is not None and kind == "warm":
                self.lags.append(waited)
            self.turns.append(
                (
                    chat.session_id,
                    name,
                    chat.runs[turn.run].run_id,
                    turn.number,
                    None if waited is None else turn.arrived_at,
                    turn.started_at,
                    turn.ended_at,
                    turn.rule,
                    kind,
                    waited,
                    "submit-message" if arrival is None else arrival.trigger,
                    _first_chunk(chat.answers, turn, self._observed_at),
                )
            )
        self.events += events_of(chat, served, why, self._typical.of_task(chat.task))
        self._count(chat, served)

    def _count(self, chat: Chat, served: ServedChat) -> None:
        counts = self.counts
        skew = max(counts["skew"], served.counts["skew"])
        counts.update(served.counts)
        counts["skew"] = skew
        counts["sessions without runs"] += not chat.runs
        counts["spent"] += chat.expires_at is not None and chat.expires_at < chat.created_at
        counts["waiting"] += len(served.waiting)
        counts["moved"] += chat.moved
        counts["instant"] += sum(
            turn.rule == "billed" and turn.ended_at == turn.started_at for turn in served.turns
        )
        answered = {turn.event_id for turn in served.turns}
        ends = [at for at in (chat.closed_at, chat.expires_at) if at is not None]
        for arrival in chat.arrivals:
            is_odd = arrival.seq in answered and not arrival.is_turn
            counts["served anyway" if is_odd else f"trigger {arrival.trigger}"] += 1
            counts["late"] += arrival.is_turn and any(arrival.at > at for at in ends)
        for run in chat.runs:
            counts["truncated"] += run.trace is not None and run.trace.is_truncated
            counts["loops"] += run.trace is not None and run.trace.is_loop
            counts["actions"] += 0 if run.trace is None else run.trace.actions


def _first_chunk(
    answers: Mapping[int, list[int | None]], turn: Turn, observed_at: int
) -> int | None:
    """Return when the first of a turn's answer was seen."""
    first, _ = answers.get(turn.event_id, (None, None))
    return None if first is None or first > observed_at else first


def _columns(names: Sequence[str], rows: list[tuple[Any, ...]]) -> dict[str, Any]:
    """Turn rows into the columns that a frame is built of; one that says nothing is left out."""
    columns: dict[str, Any] = {}
    for name, values in zip(names, zip(*rows, strict=True), strict=True) if rows else ():
        if name == "first_chunk_at" and not any(values):
            continue
        is_text = name in _TEXTS
        columns[name] = list(values) if is_text else _numbers(values)
    return columns


def _numbers(values: Iterable[int | None]) -> Any:  # noqa: ANN401  what build takes
    return pd.array([NAT if value is None else value for value in values], "int64").to_numpy()


def _with_inferred(runs: pd.DataFrame, found: _Found) -> pd.DataFrame:
    inferred = {"reason": found.reasons, "end_cause": found.end_causes}
    for name, values in inferred.items():
        runs[name] = column(RUNS, name, [value for value, _ in values])
        runs[f"{name}_rule"] = column(RUNS, f"{name}_rule", [rule for _, rule in values])
    for place, name in enumerate(_ACCOUNTS):
        values = _numbers(None if one is None else one[place] for one in found.accounts)
        if name in {"turns", "resumes"}:
            counts = pd.array(values, "Int64")
            counts[values == NAT] = pd.NA
            runs[name] = counts if counts.isna().any() else values
        else:
            runs[name] = column(RUNS, name, values)
    names = [one.name for one in RUNS.columns if one.name in runs]
    kept = runs[names]
    kept.attrs = dict(runs.attrs)
    return kept


def _events(events: list[Event], sessions: pd.DataFrame) -> pd.DataFrame:
    """Make an events frame, in order of time."""
    events = sorted(events, key=lambda event: event.at)
    rows = [event.session for event in events]
    is_first = pd.Series([event.is_first for event in events], dtype=bool)
    picked = sessions.iloc[rows].reset_index(drop=True)
    data: dict[str, Any] = {
        "at": _numbers(event.at for event in events),
        "op": [event.op for event in events],
        "external_id": names_of(picked).array,
        "turn_duration": _numbers(event.turn_duration for event in events),
    }
    frame = build(EVENTS, data, n=len(events))
    for name in ("expires_at", "tags", "type", "task_identifier"):
        frame[name] = picked[name].where(is_first)
    return frame[[one.name for one in EVENTS.columns if one.name in frame]]
