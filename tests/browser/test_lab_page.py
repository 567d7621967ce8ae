"""The page of a simulated world, in a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import session_lab as sl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page

pytestmark = pytest.mark.needs_chromium

START = {"type": "chat", "task_identifier": "agent", "trigger_config": {"base_payload": {}}}
HOSTILE = '<img src=x onerror="window.pwned = 1">'


@pytest.fixture
def server() -> Iterator[sl.LocalServer]:
    """A world with two sessions, one of which has a hostile name and text."""
    with sl.LocalServer() as server:
        with server.client() as client:
            client.sessions.start(external_id="chat-1", tags=["vip", "eu"], **START)
            client.sessions.append("chat-1", {"kind": "message", "text": HOSTILE})
            client.sessions.start(external_id=HOSTILE, tags=[HOSTILE], **START)
        yield server


@pytest.fixture
def opened(page: Page, server: sl.LocalServer) -> Page:
    """The page, and no request of it that leaves the server."""
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(f"{server.url}/_lab/")
    page.get_by_role("button", name="Show chat-1").wait_for()
    assert all(url.startswith(server.url) for url in requests)
    return page


def status_of(server: sl.LocalServer, external_id: str) -> Any:
    with server.client() as client:
        return next(row for row in client.sessions.list() if row.external_id == external_id)


def test_it_shows_sessions_runs_and_the_journal_and_looks_well(opened: Page, screenshots: Path):
    assert "virtual clock, seed 0, profile 2026-10" in opened.locator("#world").inner_text()
    assert opened.locator("#sessions tbody tr").count() == 2
    assert opened.locator("#runs tbody tr").count() == 2
    assert '"append"' in opened.locator("#journal").inner_text()
    opened.get_by_role("button", name="Show chat-1").click()
    opened.locator("#records-in li").wait_for()
    for scheme in ("light", "dark"):
        opened.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        opened.screenshot(path=screenshots / f"lab-page-{scheme}.png", full_page=True)


def test_it_says_what_serves_turns(opened: Page, server: sl.LocalServer):
    server.agent = "echo"
    opened.get_by_label("Advance by").fill("1")
    opened.get_by_role("button", name="Advance", exact=True).click()
    opened.get_by_text("a scripted agent serves turns").wait_for()


def test_nothing_in_the_world_is_taken_for_markup(opened: Page):
    opened.get_by_role("button", name="Show chat-1").click()
    opened.locator("#records-in li").wait_for()
    assert HOSTILE.split(maxsplit=1)[0] in opened.locator("#records-in").inner_text()
    assert opened.locator("img").count() == 0
    assert opened.evaluate("window.pwned") is None


def test_what_an_agent_writes_is_shown_as_it_is(opened: Page, server: sl.LocalServer):
    server.agent = "echo"
    with server.client() as client:
        message = {"id": "m", "role": "user", "parts": [{"type": "text", "text": "Hello"}]}
        payload = {"trigger": "submit-message", "message": message}
        client.sessions.append("chat-1", {"kind": "message", "payload": payload})
    opened.get_by_role("button", name="Show chat-1").click()
    opened.locator("#records-out").get_by_text("[turn-complete]").wait_for()
    assert '{"type":"text-delta"' in opened.locator("#records-out").inner_text()


def test_a_long_name_leaves_room_for_the_rest(opened: Page, server: sl.LocalServer):
    name = "w" * 250
    with server.client() as client:
        client.sessions.start(external_id=name, **START)
    opened.set_viewport_size({"width": 800, "height": 900})
    opened.get_by_role("button", name=f"Show {name}").click()
    opened.get_by_text(f"{name} (ACTIVE)").wait_for()
    assert opened.get_by_text(f"{name} (ACTIVE)").evaluate(
        "it => it.getBoundingClientRect().top < 900"
    )
    assert opened.evaluate("document.documentElement.scrollWidth") == 800
    status = opened.locator("#sessions td").nth(1)
    assert status.evaluate("it => it.getBoundingClientRect().right < 800")


def test_a_world_with_nothing_in_it_says_so(page: Page, server: sl.LocalServer):
    server.control("POST", "/reset", {})
    page.goto(f"{server.url}/_lab/")
    page.get_by_text("virtual clock, seed 0").wait_for()
    for part in ("#sessions tbody", "#runs tbody", "#faults", "#journal"):
        shown = page.locator(part).evaluate("it => getComputedStyle(it, '::after').content")
        assert shown == '"none"', part
    assert page.get_by_role("button", name="Clear faults").is_disabled()


def test_time_passes_at_a_click(opened: Page, server: sl.LocalServer):
    opened.get_by_label("Advance by").fill("90")
    opened.get_by_role("button", name="Advance", exact=True).click()
    opened.get_by_text("2026-01-01T01:30:00.000Z").first.wait_for()
    assert server.now() == "2026-01-01T01:30:00.000Z"


def test_a_session_is_closed_at_a_click(opened: Page, server: sl.LocalServer):
    opened.get_by_role("button", name="Show chat-1").click()
    opened.get_by_role("button", name="Close session").click()
    opened.get_by_text("chat-1 (CLOSED)").wait_for()
    assert opened.get_by_role("button", name="Close session").is_disabled()
    assert status_of(server, "chat-1").closed_at is not None


def test_a_run_is_crashed_at_a_click(opened: Page):
    opened.locator("#runs").get_by_role("button").first.click()
    opened.locator("#runs").get_by_text("CRASHED").wait_for()
    assert opened.locator("#runs").get_by_role("button").count() == 1


def test_what_others_do_appears_by_itself(opened: Page, server: sl.LocalServer):
    with server.client() as client:
        client.sessions.start(external_id="chat-2", **START)
    opened.get_by_role("button", name="Show chat-2").wait_for()
    server.control("PUT", "/faults", {"trigger": "throw"})
    opened.locator("#faults").get_by_text("throw").wait_for()
    opened.get_by_role("button", name="Clear faults").click()
    opened.get_by_text("Cleared the faults").wait_for()
    assert server.control("GET", "/faults")["trigger"] is None


def test_a_server_that_is_gone_is_said(opened: Page, server: sl.LocalServer):
    server.stop()
    opened.get_by_text("The server does not answer").wait_for()
