"""A client over real sockets on the loopback interface."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from session_lab.client import AsyncClient, Client
from session_lab.errors import APIConnectionError, APITimeoutError, DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "tr_dev_0123456789abcdefghijklmn"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/cut":
            self._send(b'{"ok": tr', length=1000)
            self.close_connection = True
        elif self.path == "/silent":
            self.server.released.wait(30)  # type: ignore[attr-defined]
            self.close_connection = True
        else:
            self._send(json.dumps({"path": self.path}).encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self._send(json.dumps({"ok": True, "seq": len(body)}).encode())

    def _send(self, body: bytes, *, length: int | None = None) -> None:
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_details: object) -> None:
        """Say nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.released = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.released.set()  # type: ignore[attr-defined]
    server.shutdown()
    thread.join()
    server.server_close()


def get(address: str, path: str, **options: Any) -> Any:
    with Client(KEY, address, max_retries=0, **options) as client:
        return client.request("GET", path)


def test_an_encoded_slash_arrives_as_it_was_sent(address: str):
    assert get(address, "/a%2Fb/%E2%9C%93") == {"path": "/a%2Fb/%E2%9C%93"}


def test_a_body_has_its_length_announced(address: str):
    with Client(KEY, address) as client:
        assert client.sessions.append("a", "é").seq == 2
        assert client.sessions.append("a", "").seq == 0


def test_the_asynchronous_client_speaks_the_same(address: str):
    async def main() -> Any:
        async with AsyncClient(KEY, address) as client:
            return await client.sessions.append("a", "é"), await client.request("GET", "/x")

    reply, decoded = asyncio.run(main())

    assert (reply.seq, decoded) == (2, {"path": "/x"})


def test_a_reply_that_is_cut_is_no_reply(address: str):
    with pytest.raises(APIConnectionError, match="no reply"):
        get(address, "/cut")


def test_a_server_that_stays_silent_is_given_up(address: str):
    with pytest.raises(APITimeoutError, match=r"timed out after 0\.1 s"):
        get(address, "/silent", timeout="100ms")


def test_the_deadline_bounds_how_long_a_name_is_looked_up(
    address: str, monkeypatch: pytest.MonkeyPatch
):
    port = address.rpartition(":")[2]
    get(f"http://localhost:{port}", "/a")
    done, look_up = threading.Event(), socket.getaddrinfo

    def slow(*arguments: Any, **options: Any) -> Any:
        done.wait(30)
        return look_up(*arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    began = time.monotonic()
    with pytest.raises(APITimeoutError, match=r"the deadline passed after 0\.3 s"):
        get(f"http://localhost:{port}", "/a", deadline="300ms")
    with pytest.raises(APITimeoutError, match=r"timed out after 0\.1 s"):
        get(f"http://localhost:{port}", "/a", timeout="100ms")
    assert time.monotonic() - began < 10
    done.set()


@pytest.mark.parametrize(
    "host", ["nosuch.invalid", f"{'a' * 70}.test", "a..b", "[::ffff:127.0.0.1]"]
)
def test_a_name_that_leads_nowhere_is_told_with_what_to_check(host: str):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(APIConnectionError, match="check base_url and the network"):
            get(f"http://{host}:{port}", "/a")


def test_a_name_of_another_alphabet_that_is_none_is_refused_by_name():
    with pytest.raises(DataError, match="not allowed"):
        get(f"http://xn--{'a' * 20}", "/a")


def test_a_port_where_nobody_listens_is_told_with_what_to_check():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"

        with pytest.raises(APIConnectionError, match="check base_url and the network"):
            get(address, "/a")
