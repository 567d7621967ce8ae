"""Starts that are tried again until they are answered: none is lost and none is done twice.

All waiting happens in the simulator's own time.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import session_lab as sl
from session_lab.simulator.faults.rules import FaultRule

if TYPE_CHECKING:
    from session_lab.client import Client

EVERYTHING = [
    FaultRule("sessions.start", probability=0.1, refused=True),
    FaultRule("sessions.start", probability=0.15, lost=True),
    FaultRule("sessions.start", probability=0.05, status=500),
    FaultRule("sessions.start", probability=0.05, status=503),
    FaultRule("sessions.start", probability=0.05, status=429, reset="3s"),
    FaultRule("sessions.start", probability=0.1, latency="2s"),
    FaultRule("sessions.start", probability=0.05, latency="45s"),  # Longer than a client waits.
]
PASSING = (sl.APIConnectionError, sl.InternalServerError, sl.RateLimitError)
"""What a client raises when it gives up although asking again might help."""


def start(client: Client, external_id: str | None) -> Any:
    config = {"base_payload": {}, "tags": [f"chat:{external_id}"]}
    return client.sessions.start(
        type="chat", task_identifier="agent", trigger_config=config, external_id=external_id
    )


@pytest.mark.parametrize("n_starts", [1_000, pytest.param(10_000, marks=pytest.mark.long)])
def test_retried_starts_make_one_session_and_one_run_each(n_starts: int):
    sim = sl.Simulator(seed=7, faults=EVERYTHING)
    client = sim.client(max_retries=30, deadline="1h")
    names = [f"chat-{number}" for number in range(n_starts)]
    answered = {name: start(client, name) for name in names}

    acted = Counter(entry.key for entry in sim.journal if entry.op == "start")
    assert acted.total() > n_starts  # Some lost their reply and were done again,
    assert any(session.is_cached for session in answered.values())  # which found the first's row.

    sim.faults = None
    rows = list(client.sessions.list(limit=100))
    assert {row.external_id: row.id for row in rows} == {
        name: session.id for name, session in answered.items()
    }
    assert len(rows) == n_starts
    runs = [run.id for run in client.runs.list(limit=100, from_="2026-01-01T00:00:00Z")]
    assert sorted(runs) == sorted(session.run_id for session in answered.values())


@pytest.mark.parametrize("n_starts", [1_000, pytest.param(10_000, marks=pytest.mark.long)])
def test_starts_without_an_external_id_are_never_done_twice(n_starts: int):
    """One whose reply is lost is not tried again; its session is there and nobody knows its id."""
    sim = sl.Simulator(seed=7, faults=EVERYTHING)
    client = sim.client(max_retries=30, deadline="1h")
    answered, unknown = list[str](), 0
    for _ in range(n_starts):
        before = len(sim.journal)
        try:
            answered.append(start(client, None).id)
        except PASSING:
            unknown += len(sim.journal) - before
        assert len(sim.journal) - before <= 1
    sim.faults = None
    rows = [row.id for row in client.sessions.list(limit=100)]
    assert unknown > 0
    assert len(rows) == len(answered) + unknown
    assert set(answered) <= set(rows)


OVER_SOCKETS = [
    {"match": "sessions.start", "probability": 0.1, "refused": True},
    {"match": "sessions.start", "probability": 0.1, "lost": True},
    {"match": "sessions.start", "probability": 0.05, "status": 503},
    {"match": "sessions.start", "probability": 0.05, "status": 429, "reset": "1ms"},
    {"match": "sessions.list", "probability": 0.3, "lost": True},
]


@pytest.mark.parametrize("n_starts", [600, pytest.param(10_000, marks=pytest.mark.long)])
def test_starts_from_threads_loops_and_children_make_every_session_once(
    socket_url: str, n_starts: int
):
    """With 30 % faults: nobody gets another's answer, and no call is longer than its deadline."""
    with sl.Client("tr_dev_contract", socket_url) as client:
        client.request("POST", "/_lab/reset", json={})
        client.request("PUT", "/_lab/faults", json={"rules": OVER_SOCKETS})
        program = [sys.executable, str(Path(__file__).with_name("starts_by_many.py"))]
        done = subprocess.run(
            [*program, socket_url, "tr_dev_contract", str(n_starts), "4"],
            capture_output=True,
            text=True,
            timeout=60 + n_starts / 20,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        found = json.loads(done.stdout)
        client.request("DELETE", "/_lab/faults")
        rows = list(client.sessions.list(limit=100))

    assert found["wrong"] == []
    assert found["longest"] < 20 + 2
    assert len(found["answers"]) == n_starts
    assert all(asked == answered for asked, answered, _ in found["answers"])
    ids = {row.external_id: row.id for row in rows}
    assert len(ids) == len(rows)
    assert {asked: identifier for asked, _, identifier in found["answers"]} == ids


NAMES = ["a", "b", "c"]
STATUSES = [408, 429, 500, 502, 503, 504]
whens: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.lists(st.integers(1, 6), min_size=1, unique=True).map(lambda nth: {"nth": nth}),
    st.integers(1, 4).map(lambda every: {"every": every}),
    st.floats(0.1, 1.0).map(lambda probability: {"probability": probability}),
)
effects: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({"refused": True}),
    st.just({"lost": True}),
    st.sampled_from(STATUSES).map(lambda status: {"status": status}),
    st.sampled_from(["1ms", "29s", "31s", "3m"]).map(lambda latency: {"latency": latency}),
)
rules = st.tuples(whens, effects).map(
    lambda both: FaultRule("sessions.start", **both[0], **both[1])
)
plans = st.lists(rules, max_size=3)


class Starts(RuleBasedStateMachine):
    """Start sessions with clients of any patience while anything goes wrong."""

    @initialize(seed=st.integers(0, 2**32), plan=plans)
    def begin(self, seed: int, plan: list[FaultRule]):
        self.sim = sl.Simulator(seed=seed, faults=plan)
        self.ids: dict[str, str] = {}
        self.attempted: set[str] = set()

    @rule(plan=plans)
    def change_what_goes_wrong(self, plan: list[FaultRule]):
        self.sim.faults = plan

    @rule(
        name=st.sampled_from(NAMES),
        retries=st.integers(0, 4),
        deadline=st.sampled_from(["1s", "40s", "10m"]),
    )
    def start(self, *, name: str, retries: int, deadline: str):
        self.attempted.add(name)
        client = self.sim.client(max_retries=retries, deadline=deadline)
        try:
            session = start(client, name)
        except sl.APIConnectionError:
            return
        except sl.APIStatusError as error:
            assert error.status_code in STATUSES  # noqa: PT017  others are no faults of the plan
            return
        assert session.id == self.ids.setdefault(name, session.id)

    @invariant()
    def every_session_is_there_once_with_one_run(self):
        client = self.sim.client()
        rows = list(client.sessions.list())
        found = {row.external_id: row.id for row in rows}
        assert len(found) == len(rows)
        assert found.items() >= self.ids.items()
        assert found.keys() <= self.attempted
        assert sorted(run.id for run in client.runs.list()) == sorted(
            str(row.current_run_id) for row in rows
        )

    def teardown(self):
        """Once nothing goes wrong, whatever was attempted can be finished."""
        self.sim.faults = None
        for name in self.attempted:
            self.start(name=name, retries=0, deadline="1s")
        assert self.ids.keys() == self.attempted


TestStarts = Starts.TestCase
TestStarts.settings = settings(max_examples=settings().max_examples // 4, stateful_step_count=20)
