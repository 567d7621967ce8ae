"""What holds for every history of a world, whatever is asked of it and in whatever order."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

import session_lab as sl
from session_lab.simulator import ENVIRONMENT, PROFILES, Snapshot, World
from session_lab.simulator.world.channels import PART_ID_LIFE
from session_lab.simulator.world.journal import to_line
from session_lab.simulator.world.snapshots.diff import differences
from session_lab.wire.run.run_status import CURRENT_STATUSES, FINAL_INTERNAL_STATUSES
from tests.strategies import ORIGIN, events_frame, histories, policies, settings_of

if TYPE_CHECKING:
    from session_lab.simulator.model.machine import Row
    from session_lab.simulator.world.channels import Record
    from session_lab.simulator.world.journal import Entry
    from session_lab.simulator.world.state import RunRecord
    from tests.oracles.simpy_model import Policy

SEED = 5

# A world that is asked anything


@dataclass
class Chat:
    """What is expected of a session, as far as no run policy is needed to know it."""

    environment: str
    external_id: str | None
    session_id: str
    expires_at: int | None
    tags: tuple[str, ...]
    metadata: dict[str, Any] | None
    trigger_config: dict[str, Any] | None
    closed_at: int | None = None
    closed_reason: str | None = None
    run_id: str | None = None
    records: dict[str, list[str]] = field(default_factory=lambda: {"in": [], "out": []})
    claims: dict[tuple[str, str], int] = field(default_factory=dict)

    def state(self, now: int) -> str:
        if self.closed_at is not None:
            return "closed"
        return "expired" if self.expires_at is not None and self.expires_at < now else "open"


@dataclass
class Expected:
    """What is expected of a world: a model so small that it can be checked by reading."""

    chats: list[Chat] = field(default_factory=list)
    dead: set[str] = field(default_factory=set)
    """Runs that were ended from outside or lost a hand-over."""
    ended: dict[str, RunRecord] = field(default_factory=dict)
    """How runs were seen when they had ended."""
    journal: list[Entry] = field(default_factory=list)
    updated_at: dict[str, int] = field(default_factory=dict)
    read: dict[tuple[str, str, str], tuple[Record, ...]] = field(default_factory=dict)
    """What was read of channels."""

    def find(self, key: str, environment: str) -> Chat | None:
        for chat in self.chats:
            if key in {chat.external_id, chat.session_id} and chat.environment == environment:
                return chat
        return None


def tells_an_end(record: Record) -> bool:
    """Return whether the world itself said with a record that a turn has ended."""
    return record.control == "turn-complete" and ("n", "1") not in record.headers


class Command(NamedTuple):
    """Something that can be done to a world, so that it can be done again to another."""

    name: str
    arguments: dict[str, Any]

    def apply(self, world: World) -> Any:
        if self.name == "advance":
            return world.clock.advance(**self.arguments)
        return getattr(world, self.name)(**self.arguments)


class Kept(NamedTuple):
    """A snapshot, the commands that led to it, and what was expected then."""

    snapshot: Snapshot
    digest: str
    commands: list[Command]
    expected: Expected


STATUS_CODES = {
    "start": {"missing": 201, "open": 200, "expired": 409, "closed": 409},
    "message": {"missing": 404, "open": 200, "expired": 400, "closed": 409},
    "append": {"missing": 404, "open": 200, "expired": 400, "closed": 409},
    "close": {"missing": 404, "open": 200, "expired": 200, "closed": 200},
    "update": {"missing": 404, "open": 200, "expired": 200, "closed": 200},
    "retrieve": {"missing": 404, "open": 200, "expired": 200, "closed": 200},
    "end_and_continue": {"missing": 404, "open": 200, "expired": 400, "closed": 400},
}

NAMES = ["a", "b", "ü"]
environments = st.sampled_from([ENVIRONMENT, ENVIRONMENT, "env_other"])
places = st.integers(0, 7)
keys = st.sampled_from(NAMES) | places
"""External ids, or places of sessions, which are then asked for by their session ids."""
channels = st.sampled_from(["in", "out"])
turn_durations = st.none() | (st.integers(0, 9) | st.sampled_from([800, 5_000])).map(
    lambda ms: timedelta(milliseconds=ms)
)
trigger_configs = st.sampled_from(
    [
        None,
        {"basePayload": {"n": 1}, "idleTimeoutInSeconds": 1},
        {"basePayload": {"message": "hi"}, "tags": ["chat"], "maxDuration": 1},
    ]
)
steps = st.integers(0, 9) | st.sampled_from([40, 1_000, PART_ID_LIFE - 1, PART_ID_LIFE])
statuses = st.sampled_from([*sorted(FINAL_INTERNAL_STATUSES), "EXECUTING", "WAITING_TO_RESUME"])


class AnyWorld(RuleBasedStateMachine):
    """Ask a world anything and compare it with what little must hold in any case."""

    kept = Bundle("kept")

    @initialize(
        profile=st.sampled_from(sorted(PROFILES)),
        policy=st.just({}) | policies.map(settings_of),
        seed=st.integers(0, 2**64 - 1),
    )
    def begin(self, profile: str, policy: dict[str, Any], seed: int):
        self.settings = {"seed": seed, **policy, "profile": profile, "now": ORIGIN}
        self.world = World(**self.settings)
        self.commands: list[Command] = []
        self.expected = Expected()

    # What is asked

    @rule(
        name=st.none() | st.sampled_from(NAMES),
        environment=environments,
        expires_in=st.none() | st.none() | st.integers(-1, 60),
        tags=st.lists(st.sampled_from(["x", "y"]), max_size=2),
        config=trigger_configs,
        turn=turn_durations,
    )
    def start(
        self,
        *,
        name: str | None,
        environment: str,
        expires_in: int | None,
        tags: list[str],
        config: dict[str, Any] | None,
        turn: timedelta | None,
    ):
        expires_at = None if expires_in is None else self.world.now + expires_in
        chat = None if name is None else self.expected.find(name, environment)
        state = self.state_of(chat)
        entry = self.ask(
            "start",
            external_id=name,
            environment=environment,
            expires_at=expires_at,
            tags=tags,
            trigger_config=config,
            turn_duration=turn,
        )
        born_expired = chat is None and expires_in is not None and expires_in < 0
        assert entry.reply.status_code == (409 if born_expired else STATUS_CODES["start"][state])
        assert entry.reply.is_cached == {201: False, 200: True}.get(entry.reply.status_code)
        if chat is None:
            chat = Chat(environment, name, entry.session_id, expires_at, tuple(tags), None, config)
            self.expected.chats.append(chat)
        elif state == "open" or self.world.profile.refused_start_rewrites:
            chat.trigger_config = config
        if entry.reply.error is None:
            self.expect_run(chat, entry)

    @rule(key=keys, environment=environments, turn=turn_durations)
    def message(self, key: str | int, environment: str, turn: timedelta | None):
        entry, chat = self.ask_session("message", key, environment, turn_duration=turn)
        if entry.reply.error is None:
            self.expect_run(chat, entry)

    @rule(
        key=keys,
        environment=environments,
        io=channels,
        data=st.sampled_from(["hello", '{"kind":"stop"}', '{"kind":"message"}']),
        part_id=st.none() | st.sampled_from(["p", "q"]),
    )
    def append(self, key: str | int, environment: str, io: str, data: str, part_id: str | None):
        arguments = {"data": data, "io": io, "part_id": part_id}
        entry, chat = self.ask_session("append", key, environment, **arguments)
        if entry.reply.error is not None:
            return
        self.expect_run(chat, entry)
        claimed_at = None if part_id is None else chat.claims.get((io, part_id))
        if claimed_at is not None and self.world.now < claimed_at + PART_ID_LIFE:
            assert entry.reply.seq is None
            return
        self.expect_last(chat, io, entry)
        chat.records[io].append(data)
        if part_id is not None:
            chat.claims[io, part_id] = self.world.now

    def expect_last(self, chat: Chat, io: str, entry: Entry) -> None:
        """Expect a record that was just stored to be the last one, whose number was told."""
        records = self.world.records(chat.session_id, io=io, environment=chat.environment)
        assert entry.reply.seq == len(records) - 1

    @rule(key=keys, environment=environments, reason=st.none() | st.sampled_from(["x", "y"]))
    def close(self, key: str | int, environment: str, reason: str | None):
        _, chat = self.ask_session("close", key, environment, reason=reason)
        if chat is not None and chat.closed_at is None:
            chat.closed_at, chat.closed_reason = self.world.now, reason

    @rule(
        key=keys,
        environment=environments,
        changes=st.fixed_dictionaries(
            {},
            optional={
                "tags": st.lists(st.sampled_from(["x", "z"]), max_size=2),
                "metadata": st.none() | st.just({"n": 1}),
            },
        ),
    )
    def update(self, key: str | int, environment: str, changes: dict[str, Any]):
        _, chat = self.ask_session("update", key, environment, changes=changes)
        if chat is not None:
            chat.tags = tuple(changes.get("tags", chat.tags))
            chat.metadata = changes.get("metadata", chat.metadata)

    @rule(key=keys, environment=environments)
    def rename(self, key: str | int, environment: str):
        changes = {"external_id": "another", "tags": ["lost"]}
        _, chat = self.ask_session("update", key, environment, renamed=True, changes=changes)
        assert chat is None or "lost" not in chat.tags

    @rule(key=keys, environment=environments)
    def retrieve(self, key: str | int, environment: str):
        before = self.world.sessions
        self.ask_session("retrieve", key, environment)
        assert self.world.sessions == before

    @rule(key=keys, environment=environments, caller=places)
    @precondition(lambda self: self.world.runs)
    def end_and_continue(self, key: str | int, environment: str, caller: int):
        calling = self.world.runs[caller % len(self.world.runs)].run_id
        key, environment = self.whom(key, environment)
        chat = self.expected.find(key, environment)
        current = self.world.current_run(key, environment=environment)
        arguments = {"calling_run_id": calling, "reason": "upgrade"}
        entry = self.ask("end_and_continue", key=key, environment=environment, **arguments)
        expected = STATUS_CODES["end_and_continue"][self.state_of(chat)]
        if expected == 200 and self.world.run(calling, environment=environment) is None:
            expected = 404
        elif expected == 200 and current is None:
            expected = 500
        assert entry.reply.status_code == expected
        if expected != 200:
            return
        assert entry.reply.swapped == (current.run_id == calling)
        if entry.reply.swapped:
            chat.run_id = entry.run_id
        else:
            self.expected.dead.update(event.run_id for event in entry.events)

    @rule(place=places, status=statuses)
    @precondition(lambda self: self.world.runs)
    def set_run_status(self, place: int, status: str):
        record = self.world.runs[place % len(self.world.runs)]
        final = status in FINAL_INTERNAL_STATUSES
        row = self.world.sessions[record.ordinal]
        current = self.world.current_run(row.session_id, environment=row.environment)
        if not final and (self.world.policy is not None or current != record):
            return
        self.ask("set_run_status", run_id=record.run_id, status=status)
        (self.expected.dead.add if final else self.expected.dead.discard)(record.run_id)
        self.expected.ended.pop(record.run_id, None)
        assert (self.world.run(record.run_id, environment=row.environment).run.status) == status

    @rule(place=places)
    @precondition(lambda self: self.world.runs)
    def cancel_run(self, place: int):
        record = self.world.runs[place % len(self.world.runs)]
        environment = self.world.sessions[record.ordinal].environment
        self.ask("cancel_run", run_id=record.run_id, environment=environment)
        self.expected.dead.add(record.run_id)
        seen = self.world.run(record.run_id, environment=environment)
        assert seen.run.ended_at is not None
        if record.run.ended_at is not None:
            assert seen == record

    @rule(place=places, io=channels)
    @precondition(lambda self: self.expected.chats)
    def write_control(self, place: int, io: str):
        key, environment = self.whom(place, ENVIRONMENT)
        chat = self.expected.find(key, environment)
        arguments = {"control": "turn-complete", "headers": {"n": "1"}, "io": io}
        entry = self.ask("write_control", key=key, environment=environment, **arguments)
        self.expect_last(chat, io, entry)
        chat.records[io].append("")

    @rule(step=steps)
    def advance(self, step: int):
        self.do(Command("advance", {"duration": timedelta(milliseconds=step)}))

    # Keeping, restoring, forking

    @rule(target=kept)
    def keep(self) -> Kept:
        snapshot, expected = self.world.snapshot(), copy.deepcopy(self.expected)
        assert Snapshot.from_json(snapshot.to_json()) == snapshot
        return Kept(snapshot, self.world.digest(), self.commands.copy(), expected)

    @rule(kept=kept, through_text=st.booleans())
    def restore(self, kept: Kept, *, through_text: bool):
        snapshot = kept.snapshot
        self.world.restore(Snapshot.from_json(snapshot.to_json()) if through_text else snapshot)
        assert self.world.digest() == kept.digest
        assert differences(self.world.snapshot(), snapshot) == ()
        self.commands = kept.commands.copy()
        self.expected = copy.deepcopy(kept.expected)

    @rule(kept=kept)
    def play_again(self, kept: Kept):
        n = len(kept.commands)
        if self.commands[:n] != kept.commands:
            return
        other = World()
        other.restore(kept.snapshot)
        for command in self.commands[n:]:
            command.apply(other)
        assert other.digest() == self.world.digest()
        assert other.diff(self.world) == ()

    @rule(name=st.sampled_from(NAMES), step=steps)
    def let_a_fork_go_its_own_way(self, name: str, step: int):
        digest, fork = self.world.digest(), self.world.fork()
        assert fork.digest() == digest
        assert self.world.diff(fork) == ()
        for command in (
            Command("start", {"external_id": name}),
            Command("advance", {"duration": timedelta(milliseconds=step)}),
            Command("append", {"key": name, "data": "fork"}),
            Command("close", {"key": name}),
        ):
            command.apply(fork)
        assert self.world.digest() == digest
        told = self.world.diff(fork)
        assert {one.name for one in told if one.kind == "request"} == {
            str(entry.seq) for entry in fork.journal[len(self.world.journal) :]
        }
        touched = {fork.session(name).session_id}
        assert {one.name for one in told if one.kind == "session"} <= touched

    # What holds at any time

    @invariant()
    def the_journal_only_grows_and_has_no_gaps(self):
        journal = list(self.world.journal)
        assert [entry.seq for entry in journal] == list(range(len(journal)))
        assert journal[: len(self.expected.journal)] == self.expected.journal
        self.expected.journal = journal

    @invariant()
    def the_rows_are_those_that_are_expected(self):
        rows = self.world.sessions
        assert [_told(row) for row in rows] == [_wanted(chat) for chat in self.expected.chats]
        names = [(row.environment, row.external_id) for row in rows if row.external_id]
        assert len(names) == len(set(names))

    @invariant()
    def ids_are_unique_and_rise_with_creation(self):
        ids = [row.session_id for row in self.world.sessions]
        assert ids == sorted(set(ids))
        run_ids = [record.run_id for record in self.world.runs]
        assert len(run_ids) == len(set(run_ids))

    @invariant()
    def lists_by_environment_hold_all_there_is_newest_first(self):
        rows = self.world.sessions
        for environment in (ENVIRONMENT, "env_other"):
            newest = self.world.newest_sessions(environment=environment)
            ids = [row.session_id for row in rows if row.environment == environment]
            assert [row.session_id for row in newest] == ids[::-1]
            runs = map(self.world.seen, self.world.newest_runs(environment=environment))
            assert list(runs) == sorted(
                (one for one in self.world.runs if rows[one.ordinal].environment == environment),
                key=lambda one: (one.run.triggered_at, one.run_id),
                reverse=True,
            )

    @invariant()
    def the_updated_instant_of_a_row_never_goes_back(self):
        for row in self.world.sessions:
            seen = self.expected.updated_at.get(row.session_id, row.created_at)
            assert seen <= row.updated_at <= self.world.now
            self.expected.updated_at[row.session_id] = row.updated_at

    @invariant()
    def at_most_one_run_of_a_session_lives_but_for_those_that_handed_over(self):
        runs = {record.run_id: record for record in self.world.runs}
        newest_by_hand_over = {
            entry.session_id: runs[entry.run_id].run.number
            for entry in self.world.journal
            if entry.reply.swapped
        }
        for ordinal, row in enumerate(self.world.sessions):
            first = newest_by_hand_over.get(row.session_id, 0)
            live = [
                record
                for record in runs.values()
                if record.ordinal == ordinal
                and record.run.number >= first
                and record.run.ended_at is None
            ]
            assert len(live) <= 1
            assert all(record.reason is not None for record in live)

    @invariant()
    def what_has_ended_never_changes(self):
        for record in self.world.runs:
            if record.run.ended_at is not None:
                assert record.run.triggered_at <= record.run.ended_at <= self.world.now
                assert self.expected.ended.setdefault(record.run_id, record) == record

    @invariant()
    def the_channels_hold_what_was_appended_under_either_id(self):
        for chat in self.expected.chats:
            for io, data in chat.records.items():
                for key in filter(None, [chat.session_id, chat.external_id]):
                    records = self.world.records(key, io=io, environment=chat.environment)
                    assert [record.data for record in records if not tells_an_end(record)] == data
                    read = self.expected.read.setdefault((key, chat.environment, io), ())
                    assert records[: len(read)] == read
                    self.expected.read[key, chat.environment, io] = records

    def teardown(self):
        again = World(**self.settings)
        for command in self.commands:
            command.apply(again)
        assert again.digest() == self.world.digest()

    # How it is asked

    def do(self, command: Command) -> Any:
        self.commands.append(command)
        return command.apply(self.world)

    def ask(self, name: str, **arguments: Any) -> Entry:
        before = self.world.snapshot()
        entry = self.do(Command(name, arguments))
        assert self.world.explain(entry).startswith(f"{entry.reply.status_code}: ")
        assert json.loads(to_line(entry))["seq"] == entry.seq
        if entry.reply.error is not None:
            self.check_what_a_refusal_changed(before, entry)
        return entry

    def ask_session(
        self, name: str, key: str | int, environment: str, *, renamed: bool = False, **more: Any
    ) -> tuple[Entry, Any]:
        """Ask about a session; return the answer and what is expected of the session."""
        key, environment = self.whom(key, environment)
        chat = self.expected.find(key, environment)
        state = self.state_of(chat)
        entry = self.ask(name, key=key, environment=environment, **more)
        expected = STATUS_CODES[name][state]
        if name in {"message", "append"} and state == "closed":
            expected = self.world.profile.append_to_closed
        if renamed and chat is not None:
            expected = 422
        assert entry.reply.status_code == expected
        assert entry.session_id == (None if chat is None else chat.session_id)
        return entry, chat

    def whom(self, key: str | int, environment: str) -> tuple[str, str]:
        if isinstance(key, str):
            return key, environment
        if not self.expected.chats:
            return "session_of_nobody", environment
        chat = self.expected.chats[key % len(self.expected.chats)]
        return chat.session_id, chat.environment

    def state_of(self, chat: Chat | None) -> str:
        return "missing" if chat is None else chat.state(self.world.now)

    def check_what_a_refusal_changed(self, before: Snapshot, entry: Entry) -> None:
        """Nothing changes, but for new rows that stay and what the August profile rewrites."""
        changed = {
            (one.kind, one.field)
            for one in differences(before, self.world.snapshot())
            if one.kind != "request"
        }
        if entry.op == "start" and entry.before is None:
            assert changed == {("session", "")}
        elif entry.op == "start" and self.world.profile.refused_start_rewrites:
            assert changed <= {("session", "updated_at"), ("session", "trigger_config")}
        elif entry.op == "end_and_continue" and entry.reply.status_code == 500:
            assert changed == {("run", "")}
        else:
            assert changed == set()

    def expect_run(self, chat: Chat, entry: Entry) -> None:
        """Without a policy the session's run serves on, and a new one only if that is dead."""
        if self.world.policy is not None:
            return
        alive = chat.run_id is not None and chat.run_id not in self.expected.dead
        triggered = [event.run_id for event in entry.events if event.event == "run_triggered"]
        assert triggered == ([] if alive else [entry.run_id])
        chat.run_id = chat.run_id if alive else entry.run_id
        assert entry.run_id == chat.run_id


def _told(row: Row) -> tuple[Any, ...]:
    return (
        row.environment,
        row.external_id,
        row.session_id,
        row.expires_at,
        row.tags,
        row.metadata,
        row.trigger_config,
        row.closed_at,
        row.closed_reason,
    )


def _wanted(chat: Chat) -> tuple[Any, ...]:
    return (
        chat.environment,
        chat.external_id,
        chat.session_id,
        chat.expires_at,
        chat.tags,
        chat.metadata,
        chat.trigger_config,
        chat.closed_at,
        chat.closed_reason,
    )


AnyWorld.TestCase.settings = settings(stateful_step_count=50)
test_any_world = AnyWorld.TestCase


# A world under a policy, against a replay


def or_none(value: Any) -> Any:
    return None if pd.isna(value) else value


def ms(value: Any) -> int | None:
    if pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        value -= pd.Timestamp(0, tz="UTC")
    return value // pd.Timedelta(1, unit="ms")


def play(world: World, event: dict[str, Any]) -> Entry:
    """Do what an event says, messages of the default length through the channel."""
    world.clock.advance_to(event["at"])
    key, duration = event["external_id"], event.get("turn_duration")
    turn = None if duration is None else timedelta(milliseconds=duration)
    if event["op"] == "start":
        return world.start(key, expires_at=event["expires_at"], turn_duration=turn)
    if event["op"] == "message":
        return (
            world.append(key, "hello") if turn is None else world.message(key, turn_duration=turn)
        )
    return getattr(world, event["op"])(key)


def operation_of(entry: Entry) -> tuple[Any, ...]:
    reply = entry.reply
    waited = None if reply.start is None else reply.start - entry.at
    kept = (reply.status_code, reply.error, reply.is_cached, reply.start_kind)
    return (*kept, waited, entry.session_id, entry.run_id)


@given(events=histories(), policy=policies)
def test_a_world_answers_a_history_as_a_replay_does(events: list[dict[str, Any]], policy: Policy):
    world = World(seed=SEED, **settings_of(policy), now=ORIGIN)
    entries = [play(world, event) for event in events]
    replay = sl.replay(events_frame(events), **settings_of(policy), seed=SEED)
    assert [operation_of(entry) for entry in entries] == [
        (
            row.status_code,
            or_none(row.error),
            or_none(row.is_cached),
            or_none(row.start_kind),
            ms(row.waited),
            or_none(row.session_id),
            or_none(row.run_id),
        )
        for row in replay.operations.itertuples()
    ]


def run_of(record: RunRecord) -> tuple[Any, ...]:
    run = record.run
    kept = (record.run_id, run.reason, CURRENT_STATUSES[run.status], run.end_cause)
    times = (run.triggered_at, run.ended_at, run.active, run.idle, run.suspended)
    return (*kept, *times, run.turns, run.resumes)


def session_of(world: World, row: Row) -> tuple[Any, ...]:
    run = world.current_run(row.session_id)
    times = (row.created_at, row.updated_at, row.closed_at, row.expires_at)
    return (row.session_id, row.external_id, None if run is None else run.run_id, *times)


@given(events=histories(), policy=policies, rest=st.integers(0, 40) | st.just(10**6))
def test_the_accounts_of_a_world_are_those_of_a_replay_until_now(
    events: list[dict[str, Any]], policy: Policy, rest: int
):
    world = World(seed=SEED, **settings_of(policy), now=ORIGIN)
    for event in events:
        play(world, event)
    world.clock.advance(timedelta(milliseconds=rest))
    replay = sl.replay(
        events_frame(events), **settings_of(policy), seed=SEED, until=world.clock.now
    )
    assert [run_of(record) for record in world.runs] == [
        (
            row.run_id,
            row.reason,
            row.status,
            row.end_cause,
            *map(ms, (row.triggered_at, row.ended_at, row.active, row.idle, row.suspended)),
            row.turns,
            row.resumes,
        )
        for row in replay.runs.itertuples()
    ]
    assert [session_of(world, row) for row in world.sessions] == [
        (
            row.session_id,
            row.external_id,
            or_none(row.current_run_id),
            *map(ms, (row.created_at, row.updated_at, row.closed_at, row.expires_at)),
        )
        for row in replay.sessions.itertuples()
    ]
