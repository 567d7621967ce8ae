"""Every operation in every outcome is explained in a sentence of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from session_lab.simulator import Platform, RunPolicy, World
from session_lab.wire.limits import MAX_RECORD_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from session_lab.simulator.world.journal import Entry

SETTINGS: dict[str, Any] = {
    "policy": RunPolicy(idle_timeout="10ms", turn_timeout="100ms", on_deploy="hand_over"),
    "platform": Platform(turn_duration="5ms", deploys=["2026-01-01T00:00:01Z"]),
}


def plain(*, end: str | None = None) -> World:
    """Make a world without a policy, with one session and its run."""
    world = World()
    world.start("chat", expires_at=world.now if end == "expired" else None)
    world.clock.advance("1ms")
    if end == "closed":
        world.close("chat")
    return world


def a_turn(*, after: str) -> Entry:
    """Send a message some time after a start whose turn takes 5 ms."""
    world = World(**SETTINGS)
    world.start("chat", turn_duration="5ms")
    world.clock.advance(after)
    return world.message("chat")


def end_and_continue(world: World, caller: str | None = None, key: str = "chat") -> Entry:
    caller = caller or world.current_run(key).run_id
    return world.end_and_continue(key, calling_run_id=caller, reason="manual")


def without_a_run(world: World, fault: str) -> World:
    """Let the session's run die, and no other be triggered."""
    world.set_run_status(world.current_run("chat").run_id, "CRASHED")
    world.trigger_fault = fault
    return world


def a_failed_start() -> Entry:
    world = World()
    world.trigger_fault = "svc_error"
    return world.start("chat")


def a_failed_end_and_continue() -> Entry:
    world = plain()
    world.trigger_fault = "throw"
    return end_and_continue(world)


def a_lost_end_and_continue() -> Entry:
    world = plain()
    return end_and_continue(world, world.start("other").run_id)


def an_end_and_continue_of_nothing() -> Entry:
    world = without_a_run(plain(), "throw")
    world.start("runless")
    world.trigger_fault = None
    return end_and_continue(world, world.current_run("chat").run_id, "runless")


def a_repeat() -> Entry:
    world = plain()
    world.append("chat", "x", part_id="p")
    return world.append("chat", "x", part_id="p")


def a_dead_run(op: str) -> Entry:
    world = plain()
    world.set_run_status(world.current_run("chat").run_id, "CRASHED")
    return world.start("chat") if op == "start" else world.append("chat", "x")


def nameless(op: str) -> Entry:
    world = World()
    name = world.start().session_id
    world.close(name)
    return world.message(name) if op == "message" else end_and_continue(world, key=name)


CLOSED = "the session was closed at 2026-01-01T00:00:00.001Z; closing is final"
CLOSED_AT_ONCE = "the session was closed at 2026-01-01T00:00:00.000Z; closing is final"
EXPIRED = "the session expired at 2026-01-01T00:00:00.000Z; expiry is final"
SPENT = "and the external id is spent, so"
OTHERWISE = "under another external id"

CASES: list[tuple[Callable[[], Entry], str]] = [
    # start
    (
        lambda: World().start("chat"),
        "201: the id was new, so the session was created and its first run triggered",
    ),
    (
        lambda: World().start(),
        "201: no external id was given, so the session was created and its first run triggered",
    ),
    (
        lambda: World(**SETTINGS).start("chat", turn_duration="1s"),
        "201: the session was created, and its first run serves the turn that came with the start",
    ),
    (lambda: plain().start("chat"), "200: the session was there and its run alive, so only its "),
    (lambda: a_dead_run("start"), "200: the session was there but no run was alive, so a contin"),
    (
        lambda: plain(end="closed").start("chat"),
        f"409: {CLOSED} {SPENT} start a new session {OTHERWISE}",
    ),
    (
        lambda: plain(end="expired").start("chat"),
        f"409: {EXPIRED} {SPENT} start a new session {OTHERWISE}",
    ),
    (
        lambda: World().start("chat", expires_at=0),
        (
            "409: the start asked for the expiry 1970-01-01T00:00:00.000Z, which was past already; "
            f"the row stays {SPENT} start a new session {OTHERWISE}"
        ),
    ),
    (a_failed_start, "422: its run was made to fail when it was triggered; the session is there"),
    (
        lambda: without_a_run(plain(), "throw").start("chat"),
        "500: its run was made to fail when it was triggered; the session is there",
    ),
    # message and append
    (lambda: a_turn(after="2ms"), "200: the run was booting, busy or out of turns"),
    (lambda: a_turn(after="6ms"), "200: the run was awake and idle, so the turn started at once"),
    (lambda: a_turn(after="50ms"), "200: the run was suspended and had to be resumed"),
    (lambda: a_turn(after="1h"), "200: no run was alive, so a continuation was triggered for the"),
    (
        lambda: World(**SETTINGS, now="2026-01-01T00:00:01Z").message("chat"),
        "404: nothing was ever started under the external id 'chat'",
    ),
    (lambda: plain().message("chat"), "200: the session was open and its run alive, so no run"),
    (lambda: plain().append("chat", "x"), "200: the session was open and its run alive, so no ru"),
    (lambda: a_dead_run("append"), "200: the session was open but no run was alive, so a contin"),
    (a_repeat, "200: the part id was used less than five minutes before, so nothing was stored"),
    (
        lambda: without_a_run(plain(), "throw").append("chat", "x"),
        "200: no run was alive and triggering one was made to fail, which no sender is told",
    ),
    (
        lambda: plain().append("chat", "x" * (MAX_RECORD_BYTES + 1)),
        "413: the record is larger than a channel takes, so make it smaller or split it",
    ),
    (
        lambda: World().append("session_x", "x"),
        "404: this environment has no session 'session_x'",
    ),
    (
        lambda: plain(end="closed").message("chat"),
        f"409: {CLOSED} {SPENT} send the message to a new session {OTHERWISE}",
    ),
    (
        lambda: plain(end="expired").append("chat", "x"),
        f"400: {EXPIRED} {SPENT} append to a new session {OTHERWISE}",
    ),
    (
        lambda: nameless("message"),
        f"409: {CLOSED_AT_ONCE}, so send the message to a new session",
    ),
    # the rest
    (lambda: plain().update("chat", {"tags": []}), "200: tags and metadata can be replaced in "),
    (
        lambda: plain().update("chat", {"external_id": "other"}),
        "422: an external id can be repeated but not changed, so nothing was changed",
    ),
    (lambda: World().update("chat", {}), "404: nothing was ever started under"),
    (lambda: plain().close("chat"), "200: the session is closed from now on"),
    (lambda: plain(end="expired").close("chat"), "200: the session is closed from now on"),
    (lambda: plain(end="closed").close("chat"), "200: the session was closed before; the first"),
    (lambda: World().close("chat"), "404: nothing was ever started under"),
    (lambda: plain().retrieve("chat"), "200: a session can be read in every state"),
    (lambda: plain(end="closed").retrieve("chat"), "200: a session can be read in every state"),
    (lambda: World().retrieve("chat"), "404: nothing was ever started under"),
    (
        lambda: end_and_continue(plain()),
        "200: the calling run was the current one, so a new run took o",
    ),
    (
        a_lost_end_and_continue,
        "200: the calling run was not the current one, so the new run was cancel",
    ),
    (
        lambda: end_and_continue(plain(), "run_x"),
        "404: no run of this environment is called 'run_x', so none can hand over",
    ),
    (lambda: end_and_continue(World(), "run_x"), "404: nothing was ever started under"),
    (
        lambda: end_and_continue(plain(end="closed")),
        f"400: {CLOSED} {SPENT} go on in a new session {OTHERWISE}",
    ),
    (
        lambda: end_and_continue(plain(end="expired")),
        f"400: {EXPIRED} {SPENT} go on in a new session {OTHERWISE}",
    ),
    (
        lambda: nameless("hand over"),
        f"400: {CLOSED_AT_ONCE}, so go on in a new session",
    ),
    (
        lambda: plain().cancel_run(plain().current_run("chat").run_id),
        "200: a run that has not ended is cancelled, and one that has stays as it is",
    ),
    (
        lambda: plain(end="closed").write_control("chat", "turn-complete"),
        "200: what an agent writes goes to its stream past the API, in every state of a session",
    ),
    (
        a_failed_end_and_continue,
        "500: the new run was made to fail when it was triggered, so nothing",
    ),
    (
        an_end_and_continue_of_nothing,
        "500: the session has no run that could hand over, so the new run",
    ),
]


@pytest.mark.parametrize(("ask", "beginning"), CASES)
def test_the_sentence_gives_the_status_code_and_the_reason(
    ask: Callable[[], Entry], beginning: str
):
    sentence = World().explain(ask())
    assert sentence.startswith(beginning)
    assert "\n" not in sentence
    assert not sentence.endswith(".")


def test_a_turn_that_a_deploy_moved_is_explained_by_the_deploy():
    world = World(**SETTINGS)
    world.start("chat")
    world.clock.advance("990ms")
    world.message("chat", turn_duration="20ms")
    entry = world.message("chat")
    assert entry.reply.start_kind == "upgrade"
    assert world.explain(entry) == (
        "200: a newer version was deployed, so the turn moved to a run of that version"
    )


def test_a_forced_run_is_explained_by_the_status_it_was_given():
    world = plain()
    forced = world.set_run_status(world.current_run("chat").run_id, "TIMED_OUT")
    assert world.explain(forced) == ("200: the run was put into the status TIMED_OUT from outside")
