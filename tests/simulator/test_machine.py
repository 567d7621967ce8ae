"""What each operation answers in each state of a session, and what it leaves behind."""

from __future__ import annotations

import pytest

from session_lab.errors import DataError
from session_lab.simulator import PROFILES, Platform, Profile, RunPolicy, profile_named
from session_lab.simulator.model import machine
from session_lab.simulator.model.machine import Row, SessionState, Step

TIMINGS = RunPolicy(idle_timeout="10ms", turn_timeout="100ms").timings(
    Platform(turn_duration="5ms")
)
AUGUST, OCTOBER = PROFILES["2026-08"], PROFILES["2026-10"]
AT = 1_000
"""When the operations under test arrive."""


def a_session(state: str, *, alive: bool = True) -> SessionState | None:
    """Make a session that is in a state at ``AT``, with a live run or one that timed out."""
    if state == "missing":
        return None
    born = AT - 50 if alive else AT - 500
    row = Row("a", born, born, expires_at=AT - 1 if state == "expired" else None)
    session = machine.start(None, row, None, born, TIMINGS, profile=OCTOBER).session
    if state == "closed":
        return machine.close(session, "first", AT - 10, TIMINGS).session
    return session


def ask(op: str, session: SessionState | None, profile: Profile = OCTOBER) -> Step:
    if op == "start":
        return machine.start(session, Row("a", AT, AT), None, AT, TIMINGS, profile=profile)
    if op == "message":
        return machine.message(session, None, AT, TIMINGS, profile=profile)
    if op == "close":
        return machine.close(session, "second", AT, TIMINGS)
    return machine.retrieve(session)


ANSWERS = [
    ("start", "missing", 201, 201),
    ("start", "open", 200, 200),
    ("start", "expired", 409, 409),
    ("start", "closed", 409, 409),
    ("message", "missing", 404, 404),
    ("message", "open", 200, 200),
    ("message", "expired", 400, 400),
    ("message", "closed", 400, 409),
    ("close", "missing", 404, 404),
    ("close", "open", 200, 200),
    ("close", "expired", 200, 200),
    ("close", "closed", 200, 200),
    ("retrieve", "missing", 404, 404),
    ("retrieve", "open", 200, 200),
    ("retrieve", "expired", 200, 200),
    ("retrieve", "closed", 200, 200),
]


@pytest.mark.parametrize(("op", "state", "august", "october"), ANSWERS)
def test_every_operation_is_answered_by_the_state_of_the_session(
    op: str, state: str, august: int, october: int
):
    assert ask(op, a_session(state), AUGUST).reply.status_code == august
    assert ask(op, a_session(state), OCTOBER).reply.status_code == october


@pytest.mark.parametrize(("op", "state", "august", "october"), ANSWERS)
@pytest.mark.parametrize("profile", PROFILES.values(), ids=list(PROFILES))
def test_what_is_refused_says_why_and_what_is_accepted_does_not(
    op: str, state: str, august: int, october: int, profile: Profile
):
    reply = ask(op, a_session(state), profile).reply
    refused = (august if profile is AUGUST else october) >= 400
    assert (reply.error in machine.ERRORS) == refused
    assert (reply.error is None) != refused


def test_refusals_speak_in_the_words_of_the_api():
    said = {(op, state): ask(op, a_session(state)).reply.error for op, state, *_ in ANSWERS}
    assert said["start", "closed"] == (
        "Session is closed; use a different externalId to create a new session"
    )
    assert said["start", "expired"] == (
        "Session is expired; use a different externalId to create a new session"
    )
    assert said["message", "closed"] == "Cannot append to a closed session"
    assert said["message", "expired"] == "Cannot append to an expired session"


@pytest.mark.parametrize("op", ["start", "message"])
def test_an_accepted_start_or_message_triggers_a_run_only_when_none_lives(op: str):
    kept = ask(op, a_session("open")).session
    assert (kept.run.number, kept.run.reason) == (0, "initial")
    step = ask(op, a_session("open", alive=False))
    assert (step.session.run.number, step.session.run.reason) == (1, "continuation")
    assert step.session.run.triggered_at == AT
    assert [(run.number, run.end_cause) for run in step.superseded] == [(0, "turn_timeout")]


@pytest.mark.parametrize(
    ("op", "state"),
    [("start", "expired"), ("start", "closed"), ("message", "expired"), ("message", "closed")],
)
def test_what_is_refused_changes_nothing(op: str, state: str):
    session = a_session(state)
    step = ask(op, session)
    assert step.session == session
    assert step.superseded == ()


@pytest.mark.parametrize("state", ["expired", "closed"])
def test_in_the_august_profile_a_refused_start_has_already_written_the_row(state: str):
    session = a_session(state)
    after = ask("start", session, AUGUST).session
    assert after.row.updated_at == AT
    assert after.row._replace(updated_at=session.row.updated_at) == session.row
    assert after.run == session.run


def test_a_message_to_nothing_and_a_close_of_nothing_create_nothing():
    for op in ("message", "close", "retrieve"):
        assert ask(op, None).session is None


def test_the_first_reason_of_a_close_is_kept():
    again = ask("close", a_session("closed")).session
    assert (again.row.closed_at, again.row.closed_reason) == (AT - 10, "first")
    assert ask("close", a_session("open")).session.row.closed_reason == "second"


def test_closing_an_expired_session_closes_it():
    row = ask("close", a_session("expired")).session.row
    assert row.closed_at == AT


def test_a_start_that_is_born_expired_is_refused_and_leaves_its_row():
    step = machine.start(None, Row("a", AT, AT, expires_at=AT - 1), 5, AT, TIMINGS, profile=OCTOBER)
    assert step.reply.status_code == 409
    assert step.session.row.external_id == "a"
    assert step.session.run is None


def test_a_burnt_id_without_a_run_can_be_closed():
    burnt = machine.start(
        None, Row("a", AT, AT, expires_at=AT - 1), 5, AT, TIMINGS, profile=OCTOBER
    )
    step = machine.close(burnt.session, None, AT, TIMINGS)
    assert (step.reply.status_code, step.session.run) == (200, None)


def test_without_a_policy_a_run_lives_until_it_is_ended_from_outside():
    row = Row("a", 0, 0)
    session = machine.start(None, row, 5, 0, None, profile=OCTOBER).session
    century = 100 * 365 * 86_400_000
    step = machine.message(session, 5, century, None, profile=OCTOBER)
    assert (step.reply.status_code, step.reply.start_kind) == (200, None)
    assert step.session.run.number == 0
    closed = machine.close(session, None, century, None).session
    assert closed.run.ended_at is None


def test_asking_changes_no_session_in_place():
    session = a_session("open")
    before = session._replace()
    for op in ("start", "message", "close", "retrieve"):
        ask(op, session)
    assert session == before


def test_an_unknown_profile_is_refused_with_the_known_ones():
    with pytest.raises(DataError, match="2026-08, 2026-10"):
        profile_named("2025-01")
