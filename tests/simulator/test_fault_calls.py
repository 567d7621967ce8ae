"""The API's calls and the patterns that mean them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import session_lab.client as client_room
from session_lab.simulator.faults.calls import IncomingCall
from session_lab.wire.endpoints import endpoint_of

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("name", "ask"),
    [
        (
            "sessions.start",
            lambda client: client.sessions.start(
                type="chat", task_identifier="agent", trigger_config={"basePayload": {}}
            ),
        ),
        ("sessions.retrieve", lambda client: client.sessions.retrieve("a/b c")),
        ("sessions.update", lambda client: client.sessions.update("a", tags=["t"])),
        ("sessions.close", lambda client: client.sessions.close("a")),
        ("sessions.append", lambda client: client.sessions.append("a", "hello")),
        ("sessions.records", lambda client: client.sessions.records("a", io="in")),
        ("runs.retrieve", lambda client: client.runs.retrieve("run_1")),
        ("runs.cancel", lambda client: client.runs.cancel("run_1")),
    ],
)
def test_a_call_is_named_as_the_client_method_that_makes_it(
    name: str, ask: Callable[[object], object]
):
    prepared = ask(client_room.Client("tr_dev_example", base_url="https://lab.test").dry_run)
    path = prepared.url.removeprefix("https://lab.test").partition("?")[0]
    assert endpoint_of(prepared.method, path).name == name


APPEND = IncomingCall("sessions.append", "POST", "/realtime/v1/sessions/chat-1/in/append", 0)


@pytest.mark.parametrize(
    "pattern",
    [
        "*",
        "sessions.append",
        "sessions.*",
        "*.append",
        "/realtime/*",
        "POST /realtime/*",
        "/realtime/v1/sessions/chat-1/in/append",
        "*/in/append",
    ],
)
def test_a_pattern_means_a_call_by_its_name_or_its_path(pattern: str):
    assert APPEND.matches(pattern)


@pytest.mark.parametrize(
    "pattern",
    ["sessions", "append", "runs.*", "SESSIONS.APPEND", "/api/*", "GET /realtime/*", "/realtime"],
)
def test_a_pattern_means_the_whole_name_or_path_in_its_own_letters(pattern: str):
    assert not APPEND.matches(pattern)


def test_a_request_without_a_name_is_meant_by_its_path_and_by_a_lone_star():
    call = IncomingCall(None, "PUT", "/realtime/v1/sessions/chat-1/elsewhere", 0)
    assert call.matches("PUT /realtime/*")
    assert call.matches("*")
    assert not call.matches("*.*")


@pytest.mark.parametrize("pattern", ["*", "/api/*", "OPTIONS /api/*"])
def test_no_pattern_means_a_preflight(pattern: str):
    assert not IncomingCall(None, "OPTIONS", "/api/v1/sessions", 0).matches(pattern)
