"""The columnar engine's outcome is that of the readable engine, in every column, to the bit."""

from __future__ import annotations

import importlib
from dataclasses import fields, replace
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import session_lab as sl
from session_lab.errors import DataError
from session_lab.simulator import PROFILES, Platform, RunPolicy
from session_lab.simulator.model.randomness import fnv1a, stream_key
from session_lab.traffic.columnar import GroupedLog, draws
from session_lab.traffic.columnar.layout import STREAMS
from session_lab.traffic.engine import reference_engine
from session_lab.traffic.engine.engine_result import NAT, OPS, EngineResult, Log
from tests.oracles.simpy_model import Policy, Time
from tests.replays.test_determinism import GOLDEN, POLICIES, history
from tests.strategies import ORIGIN, histories, instants, policies, settings_of

if TYPE_CHECKING:
    from session_lab.simulator import Timings

PLATFORM = [field.name for field in fields(Platform)]

many_examples = settings(max_examples=settings().max_examples * 20)
"""For the property that the engine stands on: 2,000 examples, and 40,000 with ``--long``."""


class Case(NamedTuple):
    """A log, what else it is played with, and a horizon."""

    log: Log
    until: int | None


def timings(policy: Policy, seed: int) -> Timings:
    """Say a policy of the oracle as the engines want it."""
    made = settings_of(policy)
    return made["policy"].timings(made["platform"], seed)


def as_log(events: list[dict[str, Any]], chosen: list[Policy], seed: int) -> Log:
    """Return a history as columns; each chat follows the policy that its place among chats says.

    They are on one platform, that of the first policy.
    """
    platform = {name: getattr(chosen[0], name) for name in PLATFORM}
    chosen = [replace(policy, **platform) for policy in chosen]
    external_ids = list(dict.fromkeys(event["external_id"] for event in events))
    chat = np.array([external_ids.index(event["external_id"]) for event in events], np.int64)

    def optional(name: str) -> np.ndarray:
        values = [event.get(name) for event in events]
        return np.array([NAT if value is None else value for value in values], np.int64)

    return Log(
        at=np.array([event["at"] for event in events], np.int64),
        op=np.array([OPS.index(event["op"]) for event in events], np.int8),
        chat=chat,
        external_ids=pa.array(external_ids, pa.large_string()),
        turn_duration=optional("turn_duration"),
        expires_at=optional("expires_at"),
        policy=chat % len(chosen),
        timings=tuple(timings(policy, seed) for policy in chosen),
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    events = draw(histories())
    chosen = draw(st.lists(policies, min_size=1, max_size=2))
    until = draw(st.none() | instants.map(lambda at: ORIGIN + at))
    if until is not None:
        events = [event for event in events if event["at"] <= until]
    return Case(as_log(events, chosen, seed=draw(st.sampled_from([0, 5]))), until)


def played_readably(case: Case, profile: str = "2026-10") -> EngineResult:
    return reference_engine.play(
        case.log, PROFILES[profile], until=case.until, progress=lambda _: None
    )


def differing(one: EngineResult, other: EngineResult) -> list[str]:
    """Name the columns that are not equal."""
    names = [field.name for field in fields(EngineResult)]
    return [name for name in names if not np.array_equal(getattr(one, name), getattr(other, name))]


def random_time(dice: Random, below: int) -> Time:
    """Make up a time that is always the same, or quantiles."""
    if dice.random() < 0.6:
        return dice.randrange(below)
    low = dice.randrange(below)
    return (0.0, low), (0.5, low + dice.randrange(3)), (1.0, low + 2 + dice.randrange(9))


def random_policy(dice: Random, *, longest_suspension: int) -> Policy:
    """Make up a policy of few milliseconds."""
    return Policy(
        idle_timeout=dice.randrange(7),
        turn_timeout=dice.randrange(longest_suspension + 1),
        max_turns=dice.randrange(1, 6),
        max_duration=dice.choice((None, dice.randrange(1, 21))),
        preload_idle_timeout=dice.choice((None, dice.randrange(9))),
        preload_timeout=dice.choice((None, dice.randrange(9))),
        exit_after_preload_idle=dice.random() < 0.3,
        on_deploy=dice.choice(("stay", "hand_over", "hand_over")),
        boot_time=random_time(dice, 5),
        resume_time=random_time(dice, 5),
        turn_duration=random_time(dice, 7),
        deploys=tuple(sorted({ORIGIN + dice.randrange(90) for _ in range(dice.randrange(4))})),
        crash_rate=dice.choice((0.0, 0.0, 0.3, 1.0)),
    )


def random_case(seed: int) -> Case:
    """Make up a case all at once, which takes hypothesis far less time than to draw each value."""
    dice = Random(seed)
    events: list[dict[str, Any]] = []
    at = ORIGIN
    for _ in range(dice.randrange(1, 40)):
        at += dice.choice((0, 0, 1, 2, 5, 9, 20))
        expires_at = dice.choice((None, None, ORIGIN - 1 + dice.randrange(90)))
        op = dice.choice(("start", "start", "message", "message", "message", "close", "retrieve"))
        if op == "close" and dice.random() < 0.6:
            op = "message"
        events.append(
            {
                "at": at,
                "op": op,
                "external_id": dice.choice("abü"),
                "turn_duration": dice.choice((None, dice.randrange(13))),
                "expires_at": expires_at,
            }
        )
    chosen = [random_policy(dice, longest_suspension=15) for _ in range(dice.choice((1, 1, 2)))]
    until = dice.choice((None, ORIGIN + dice.randrange(90)))
    if until is not None:
        events = [event for event in events if event["at"] <= until]
    return Case(as_log(events, chosen, seed), until)


def check(case: Case) -> None:
    played = GroupedLog.of(case.log).play(case.log.timings, until=case.until, workers=1)
    assert differing(played, played_readably(case)) == []


@given(cases())
def test_every_column_is_that_of_the_readable_engine(case: Case):
    check(case)


@many_examples
@given(st.integers(0, 2**64).map(random_case))
def test_many_cases_come_out_as_in_the_readable_engine(case: Case):
    check(case)


@given(cases(), st.sampled_from(sorted(PROFILES)))
def test_the_outcome_adds_up_what_the_columns_say(case: Case, profile: str):
    played = played_readably(case, profile)
    outcome = GroupedLog.of(case.log).outcome(
        case.log.timings, profile=PROFILES[profile], until=case.until
    )
    served = np.sort(played.waited[played.waited != NAT])
    assert outcome.events == len(played.status_code)
    assert outcome.sessions == len(played.created_by)
    assert outcome.runs == len(played.owner)
    assert outcome.turns == played.turns.sum() == len(served)
    assert outcome.billed == played.active.sum() + played.idle.sum()
    assert outcome.suspended == played.suspended.sum()
    ranks = (np.arange(len(served)) + 0.5) / max(1, len(served))
    assert [outcome.wait(q) for q in ranks] == served.tolist()
    codes = sorted(
        int(answer.split()[1]) for answer, n in outcome.answers.items() for _ in range(n)
    )
    assert codes == sorted(played.status_code.tolist())
    for counts, column in (
        (outcome.start_kinds, played.start_kind[played.start_kind >= 0]),
        (outcome.reasons, played.reason),
        (outcome.end_causes, played.end_cause),
    ):
        assert list(counts.values()) == np.bincount(column, minlength=len(counts)).tolist()


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_the_engine_follows_the_profile(profile: str):
    events = [
        {"at": ORIGIN, "op": "start", "external_id": "a", "turn_duration": 5},
        {"at": ORIGIN + 9, "op": "close", "external_id": "a"},
        {"at": ORIGIN + 10, "op": "message", "external_id": "a"},
        {"at": ORIGIN + 11, "op": "start", "external_id": "a"},
    ]
    case = Case(as_log(events, [Policy()], seed=0), None)
    played = GroupedLog.of(case.log).play(case.log.timings, profile=PROFILES[profile])
    assert differing(played, played_readably(case, profile)) == []


@pytest.mark.parametrize("name", POLICIES)
def test_a_replay_has_the_digest_it_always_had(name: str):
    horizons = (None, "2026-01-01T00:00:00.141Z")
    replays = [
        sl.replay(history(), *POLICIES[name], seed=11, until=until, engine="columnar")
        for until in horizons
    ]
    assert [replay.digest() for replay in replays] == GOLDEN[name]


def many_chats(n: int = 12_000) -> Log:
    """Draw a log that is cut into several chunks."""
    random = np.random.default_rng(7)
    at = ORIGIN + np.sort(random.integers(0, 3_600_000, 10 * n))
    chat = random.integers(0, n, len(at))
    expires_at = np.where(random.random(len(at)) < 0.1, at + random.integers(-5, 9_000), NAT)
    return Log(
        at=at,
        op=random.choice(4, len(at), p=[0.2, 0.6, 0.05, 0.15]).astype(np.int8),
        chat=chat,
        external_ids=pa.array([str(number) for number in range(n)], pa.large_string()),
        turn_duration=np.where(
            random.random(len(at)) < 0.8, random.integers(0, 60_000, len(at)), NAT
        ),
        expires_at=expires_at,
        policy=np.zeros(len(at), np.int64),
        timings=(
            RunPolicy(turn_timeout="5m", max_turns=4, on_deploy="hand_over").timings(
                Platform(
                    boot_time={0: "1s", 0.5: "2s", 1: "20s"},
                    resume_time="300ms",
                    turn_duration={0: "1s", 1: "9s"},
                    crash_rate=0.05,
                    deploys=["2026-01-01T00:20:00Z", "2026-01-01T00:40:00Z"],
                ),
                seed=3,
            ),
        ),
    )


def test_neither_workers_nor_the_shape_of_the_ids_matter():
    log = many_chats()
    expected = GroupedLog.of(log).play(log.timings, workers=1)
    columns = {name: getattr(log, name) for name in ("turn_duration", "expires_at", "policy")}
    with_numbers = GroupedLog(log.at, log.op, log.chat.astype(np.int32), **columns)
    for other in (
        GroupedLog.of(log).play(log.timings, workers=3),
        with_numbers.play(log.timings, workers=2),
        played_readably(Case(log, None)),
    ):
        assert differing(expected, other) == []


def test_progress_counts_every_event_of_a_session():
    log, told = many_chats(), []
    played = GroupedLog.of(log).play(log.timings, progress=told.append)
    assert len(told) > 1
    assert sum(told) == len(log.at) - (played.session < 0).sum()


def test_outcomes_of_shards_add_up_to_that_of_the_whole():
    log = many_chats()

    def outcome(chosen: np.ndarray) -> Any:
        columns = (log.at, log.op, log.chat)
        options = {"turn_duration": log.turn_duration, "expires_at": log.expires_at}
        return GroupedLog(
            *(column[chosen] for column in columns),
            **{name: column[chosen] for name, column in options.items()},
        ).outcome(log.timings, workers=2, keep_waits=False)

    whole = outcome(np.ones(len(log.at), bool))
    shards = [outcome(log.chat % 3 == shard) for shard in range(3)]
    total = shards[0] + shards[1] + shards[2]
    for name in ("events", "sessions", "runs", "billed", "answers", "start_kinds", "mean_wait"):
        assert getattr(total, name) == getattr(whole, name)
    assert [total.wait(q) for q in (0, 0.5, 0.99, 1)] == [whole.wait(q) for q in (0, 0.5, 0.99, 1)]


def test_counted_waits_are_exact_to_a_minute_and_to_a_thousandth_beyond():
    log = many_chats()
    group = GroupedLog.of(log)
    kept, counted = (group.outcome(log.timings, keep_waits=keep) for keep in (True, False))
    waited = group.play(log.timings).waited
    served = np.sort(waited[waited != NAT])
    assert served[0] < 2**16 <= served[-1]
    for q in np.linspace(0, 1, 201):
        exact, told = kept.wait(q), counted.wait(q)
        assert exact == np.quantile(served, q, method="inverted_cdf")
        assert told == exact if exact < 2**16 else exact <= told <= exact * (1 + 1 / 1024)
    assert kept.mean_wait == counted.mean_wait == pytest.approx(served.mean())


def test_an_empty_log_has_an_empty_outcome():
    nothing = np.empty(0, np.int64)
    log = GroupedLog(nothing, nothing.astype(np.int8), nothing)
    timings = [RunPolicy().timings()]
    assert len(log.play(timings).owner) == 0
    outcome = log.outcome(timings)
    assert (outcome.events, outcome.runs, outcome.wait(0.5), outcome.mean_wait) == (0, 0, 0, 0.0)


@given(
    st.integers(),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.integers(0, 2**40),
    st.integers(0, 99),
)
def test_compiled_draws_are_those_of_the_reference_engine(
    seed: int, text: str, accepted: int, triggered: int
):
    platform = Platform(boot_time={0: "0s", 0.3: "1s", 1: "500h"}, crash_rate=0.5)
    timings = RunPolicy().timings(platform, seed)
    keys = np.array([stream_key(seed, stream) for stream in STREAMS], np.uint64).ravel()
    table, hashed = np.array(timings.boot_time, np.int64), np.uint64(fnv1a(text))
    assert draws.crashes(keys, hashed, accepted, 0.5) == timings.crashes(text, accepted)
    drawn = draws.draw(table, keys, STREAMS.index("boots"), hashed, accepted, triggered)
    assert drawn == timings.boot(text, accepted, triggered)


@given(st.lists(st.integers(0, 2**63 - 1), min_size=1))
def test_whole_numbers_are_hashed_as_their_digits(values: list[int]):
    hashes = draws.hash_integers(np.array(values, np.int64))
    assert hashes.tolist() == [fnv1a(str(value)) for value in values]


def test_large_logs_are_played_by_the_columnar_engine_and_small_ones_are_not(
    monkeypatch: pytest.MonkeyPatch,
):
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the readable engine was asked")

    module = importlib.import_module("session_lab.replays.replay")
    monkeypatch.setattr(module, "COLUMNAR_FROM", len(history()))
    monkeypatch.setattr(module, "play", refuse)
    assert len(sl.replay(history()).operations) == len(history())
    with pytest.raises(AssertionError):
        sl.replay(history().iloc[1:])


def test_more_events_than_a_log_can_number_are_refused():
    many = np.broadcast_to(np.int64(0), 2**31)
    with pytest.raises(DataError, match="play them in shards"):
        GroupedLog(many, many, many)
