"""A React page on ``useChat`` and the SDK's transport, in a browser, against a scripted agent."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.jupyter import FLAGS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    import session_lab as sl
    from session_lab.testing.plugin import SetAgent

pytestmark = [pytest.mark.needs_node, pytest.mark.needs_chromium]

PAGE = """<!doctype html><meta charset="utf-8"><title>Chat</title>
<body data-address="{address}"><div id="root"></div><script src="/page.js"></script></body>"""


@pytest.fixture(scope="module")
def script(sdk: Path) -> bytes:
    """Bundle the page as an application's build does."""
    bundle = [
        *("node", "node_modules/esbuild/bin/esbuild", "chat-page.jsx", "--bundle"),
        *("--jsx=automatic", "--external:node:http2", "--log-level=warning"),
    ]
    return subprocess.run(bundle, cwd=sdk, capture_output=True, check=True).stdout


@pytest.fixture
def site(script: bytes, session_lab_server: sl.LocalServer) -> Iterator[str]:
    """Serve the page, and start its sessions, from a port of its own."""
    client = session_lab_server.client()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_script = self.path == "/page.js"
            page = PAGE.format(address=session_lab_server.url).encode()
            kind = "text/javascript" if is_script else "text/html"
            self._answer(script if is_script else page, kind)

        def do_POST(self) -> None:
            chat = self.path.removeprefix("/start/")
            session = client.sessions.start(
                type="chat.agent",
                external_id=chat,
                task_identifier="assistant",
                trigger_config={"base_payload": {"chatId": chat, "trigger": "preload"}},
            )
            token = {"publicAccessToken": session.public_access_token}
            self._answer(json.dumps(token).encode(), "application/json")

        def _answer(self, body: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Keep the output of tests clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server, client:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start headless Chromium."""
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        path = shutil.which("chromium")
        browser = started.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, site: str) -> Iterator[Page]:
    """Open the page with nothing kept from another one."""
    with browser.new_context() as context:
        context.set_default_timeout(30_000)
        new = context.new_page()
        new.goto(site)
        yield new


def say(page: Page, text: str) -> None:
    page.get_by_label("Message").fill(text)
    page.get_by_role("button", name="Send").click()


def ask(page: Page, text: str) -> None:
    """Send a message, and wait until the answer has begun."""
    say(page, text)
    shows(page, "status", "streaming")


def shows(page: Page, what: str, text: str) -> None:
    """Wait until the last of something on the page has a text."""
    from playwright.sync_api import expect  # noqa: PLC0415

    expect(page.get_by_test_id(what).last).to_have_text(text, timeout=30_000)


def test_tokens_appear_one_by_one_as_the_clock_advances(
    page: Page, session_lab_server: sl.LocalServer, scripted_agent: SetAgent
):
    scripted_agent("echo", pace="1s")
    ask(page, "one two three")
    for text in ("one", "one two", "one two three"):
        session_lab_server.advance("1s")
        shows(page, "assistant", text)
    shows(page, "status", "ready")
    ask(page, "four")
    session_lab_server.advance("1s")
    shows(page, "assistant", "four")


def test_a_stop_ends_the_answer_and_the_next_one_is_whole(
    page: Page, session_lab_server: sl.LocalServer, scripted_agent: SetAgent
):
    scripted_agent("echo", pace="1s")
    ask(page, "one two three")
    session_lab_server.advance("2s")
    shows(page, "assistant", "one two")
    page.get_by_role("button", name="Stop").click()
    shows(page, "status", "ready")
    assert session_lab_server.control("GET", "/overview")["runs"][0]["activeMs"] == 2000
    session_lab_server.advance("1m")
    shows(page, "assistant", "one two")
    ask(page, "four")
    session_lab_server.advance("1s")
    shows(page, "assistant", "four")


def test_a_reload_in_mid_stream_resumes(
    page: Page, session_lab_server: sl.LocalServer, scripted_agent: SetAgent
):
    scripted_agent("echo", pace="1s")
    ask(page, "one two three")
    session_lab_server.advance("1s")
    shows(page, "assistant", "one")
    page.reload()
    shows(page, "user", "one two three")
    shows(page, "assistant", "one")
    session_lab_server.advance("2s")
    shows(page, "assistant", "one two three")
    shows(page, "status", "ready")


def test_an_error_of_the_agent_reaches_the_page(page: Page, scripted_agent: SetAgent):
    scripted_agent([["So", {"error": "The model is overloaded."}]])
    say(page, "Hello")
    shows(page, "error", "The model is overloaded.")
    shows(page, "status", "error")
