"""A whole world as one value, and as JSON."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any, TypeVar

from session_lab.errors import DataError
from session_lab.simulator.agent.answers import Answer, Part
from session_lab.simulator.agent.scripted_agent import ScriptedAgent
from session_lab.simulator.model.machine import Row, SessionState, WorldReply
from session_lab.simulator.model.records import Record, StreamKey, metered_bytes
from session_lab.simulator.model.runs import Run
from session_lab.simulator.model.settings.platform import Platform
from session_lab.simulator.model.settings.policy import RunPolicy
from session_lab.simulator.model.settings.profiles import profile_named
from session_lab.simulator.model.waitpoints import Waitpoint
from session_lab.simulator.world.channels import Stream
from session_lab.simulator.world.journal import Entry, RunEvent
from session_lab.simulator.world.snapshots.snapshot_checks import check_document, check_state
from session_lab.simulator.world.state import ChatSnapshot, RunRecord, State
from session_lab.timing import instant_text

__all__ = ["Snapshot"]

FORMAT = 3


@dataclass(frozen=True, repr=False)
class Snapshot:
    """A whole world as one value.

    Attributes
    ----------
    seed : int
        The world's seed.
    now : int
        The instant its clock showed, in milliseconds since 1970.
    policy : RunPolicy or None
        How its runs behave.
    platform : Platform or None
        What the environment does to them.
    profile : str
        The state of the API it follows.
    trigger_fault : str or None
        How triggers of runs are made to fail.
    state : State
        Its sessions, runs, channels and journal.
    agent : ScriptedAgent or None
        What serves its turns.
    """

    seed: int
    now: int
    policy: RunPolicy | None
    platform: Platform | None
    profile: str
    trigger_fault: str | None
    state: State
    agent: ScriptedAgent | None = None

    def __repr__(self) -> str:
        """Show the seed, the instant and how much it holds."""
        n_sessions, n_entries = len(self.state.sessions), len(self.state.journal)
        return (
            f"Snapshot(seed={self.seed}, now={instant_text(self.now)!r}, "
            f"{n_sessions:,} sessions, {n_entries:,} requests)"
        )

    def to_json(self) -> str:
        """Write the snapshot as JSON; equal worlds give equal text."""
        state = self.state
        document: dict[str, Any] = {
            "format": FORMAT,
            "seed": self.seed,
            "now": self.now,
            "policy": None if self.policy is None else self.policy.to_dict(),
            "platform": None if self.platform is None else self.platform.to_dict(),
            "profile": self.profile,
            "trigger_fault": self.trigger_fault,
            "rank": state.rank,
            "sessions": state.sessions,
            "runs": [record for _, record in sorted(state.runs.items())],
            "streams": [
                [
                    *key,
                    stream.records,
                    list(stream.claims.items()),
                    *(stream.completed, stream.first, stream.fence),
                ]
                for key, stream in sorted(state.streams.items())
            ],
            "waitpoints": list(state.waitpoints.values()),
            "chat_snapshots": [
                [session_id, kept.at, kept.content_type, base64.b64encode(kept.body).decode()]
                for session_id, kept in sorted(state.chat_snapshots.items())
            ],
            "agent": None if self.agent is None else self.agent.to_dict(),
            "answers": [[seq, *kept] for seq, kept in sorted(state.answers.items())],
            "journal": state.journal,
        }
        return json.dumps(document, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Snapshot:
        """Read a snapshot that :meth:`to_json` wrote.

        Raises
        ------
        DataError
            The text is not such a snapshot.
        """
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as error:
            message = f"this is not a snapshot of a world: it cannot be read ({error})"
            raise DataError(message, source="snapshot") from None
        found = document.get("format") if isinstance(document, dict) else None
        if isinstance(found, int) and found != FORMAT:
            message = f"format {found} is not {FORMAT}, the one that this version reads"
            raise DataError(message, source="snapshot")
        check_document(document)
        snapshot = cls(
            seed=document["seed"],
            now=document["now"],
            policy=_fields(RunPolicy, document["policy"]),
            platform=_fields(Platform, document["platform"]),
            profile=profile_named(document["profile"]).name,
            trigger_fault=document["trigger_fault"],
            state=_state(document),
            agent=ScriptedAgent.from_dict(document["agent"]),
        )
        check_state(snapshot.state, snapshot.now, has_policy=snapshot.policy is not None)
        return snapshot


_Model = TypeVar("_Model", RunPolicy, Platform)


def _fields(model: type[_Model], document: dict[str, Any] | None) -> _Model | None:
    try:
        return None if document is None else model(**document)
    except TypeError:
        message = f"this is not a snapshot of a world: its fields are not those of {model.__name__}"
        raise DataError(message, source="snapshot") from None


def _state(document: dict[str, Any]) -> State:
    sessions = [_session(value) for value in document["sessions"]]
    runs = [RunRecord(*value)._replace(run=_run(value[2])) for value in document["runs"]]
    rows = [session.row for session in sessions]
    return State(
        sessions=sessions,
        session_ids={row.session_id: ordinal for ordinal, row in enumerate(rows)},
        external_ids={
            (row.environment, row.external_id): ordinal
            for ordinal, row in enumerate(rows)
            if row.external_id is not None
        },
        runs={(record.ordinal, record.run.number): record for record in runs},
        run_ids={record.run_id: (record.ordinal, record.run.number) for record in runs},
        streams=dict(_stream(value) for value in document["streams"]),
        rank=document["rank"],
        waitpoints={value[0]: _waitpoint(value) for value in document["waitpoints"]},
        chat_snapshots={
            session_id: ChatSnapshot(at, content_type, base64.b64decode(body))
            for session_id, at, content_type, body in document["chat_snapshots"]
        },
        answers={seq: _answer(kept) for seq, *kept in document["answers"]},
        journal=[_entry(value) for value in document["journal"]],
    )


def _stream(value: list[Any]) -> tuple[StreamKey, Stream]:
    *key, records, claims, completed, first, fence = value
    kept = [_record(record) for record in records]
    n_bytes = sum(metered_bytes(record.body, record.headers) for record in kept)
    return StreamKey(*key), Stream(kept, dict(claims), completed, first, fence, n_bytes)


def _answer(value: list[Any]) -> Answer:
    answer = Answer(*value)
    return answer._replace(parts=tuple(Part(*part) for part in answer.parts))


def _record(value: list[Any]) -> Record:
    record = Record(*value)
    return record._replace(headers=tuple((name, text) for name, text in record.headers))


def _waitpoint(value: list[Any]) -> Waitpoint:
    waitpoint = Waitpoint(*value)
    return waitpoint._replace(stream=StreamKey(*waitpoint.stream), tags=tuple(waitpoint.tags))


def _session(value: list[Any]) -> SessionState:
    row, run, *counts = value
    return SessionState(_row(row), None if run is None else _run(run), *counts)


def _row(value: list[Any]) -> Row:
    row = Row(*value)
    return row._replace(tags=tuple(row.tags))


def _run(value: list[Any]) -> Run:
    run = Run(*value)
    return run._replace(ahead=tuple((start, end, resumed) for start, end, resumed in run.ahead))


def _entry(value: list[Any]) -> Entry:
    entry = Entry(*value)
    return entry._replace(
        asked=tuple((name, argument) for name, argument in entry.asked),
        reply=WorldReply(*entry.reply),
        before=None if entry.before is None else _row(list(entry.before)),
        events=tuple(RunEvent(*event) for event in entry.events),
    )
