"""Connections from clients that send too much, too slowly, or nothing at all."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from session_lab.simulator.api.auth import Environment
from session_lab.simulator.backend import Backend
from session_lab.simulator.server import connections
from session_lab.simulator.server.app import make_app
from session_lab.simulator.server.sequencer import Sequencer
from session_lab.simulator.server.serving import make_server

if TYPE_CHECKING:
    from collections.abc import Iterator

LAB = Environment("env_lab", "tr_dev_lab")
SHORT = 0.3
"""What the limits of time are in these tests, in seconds."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A server of this process with short patience."""
    patch = pytest.MonkeyPatch()
    for name in ("HEAD_SECONDS", "BODY_SECONDS"):
        patch.setattr(connections, name, SHORT)
    ready = threading.Event()
    backend = Backend([LAB])
    backend.world.start("chat-1")
    sequencer = Sequencer(backend)
    app = make_app(sequencer, guarded=True)
    server = make_server(app, on_ready=ready.set, on_stop=sequencer.stop)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    assert ready.wait(timeout=30)
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join()
    listener.close()
    patch.undo()


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def read_all(connection: socket.socket) -> bytes:
    """Read until the server closes the connection."""
    received = b""
    try:
        while piece := connection.recv(65536):
            received += piece
    except ConnectionResetError:
        pass
    return received


def status_of(reply: bytes) -> int:
    return int(reply.split(b" ", 2)[1])


HEAD = b"GET /_lab/clock HTTP/1.1\r\nhost: localhost\r\n"


@pytest.mark.parametrize(
    "sent",
    [b"", b"\r\n", b"GET /_lab", HEAD, HEAD + b"x-a: b"],
    ids=["nothing", "an empty line", "half a line", "no end of the headers", "half a header"],
)
def test_who_does_not_finish_a_request_is_disconnected(port: int, sent: bytes):
    with connect(port) as connection:
        connection.sendall(sent)
        assert read_all(connection) == b""


def test_who_sends_a_header_byte_by_byte_is_disconnected(port: int):
    with connect(port) as connection:
        connection.sendall(HEAD + b"x-slow: ")
        began, closed = time.monotonic(), False
        while not closed and time.monotonic() - began < 10:
            try:
                connection.sendall(b"a")
            except OSError:
                closed = True
            time.sleep(SHORT / 10)
        assert closed


def test_who_does_not_finish_a_body_is_disconnected(port: int):
    with connect(port) as connection:
        connection.sendall(
            b"POST /_lab/reset HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{"
        )
        assert read_all(connection) == b""


@pytest.mark.parametrize(
    "head",
    [
        b"GET /_lab/clock?" + b"a" * connections.MAX_HEAD_BYTES,
        HEAD + b"x-long: " + b"a" * connections.MAX_HEAD_BYTES,
        HEAD + b"x-many: b\r\n" * (connections.MAX_HEAD_BYTES // 6),
        HEAD + b"x-endless: " + b"a" * (4 * connections.MAX_HEAD_BYTES),
    ],
    ids=["a long path", "a long header", "many headers", "a header without an end"],
)
def test_a_head_over_the_limit_is_answered_431(port: int, head: bytes):
    with connect(port) as connection:
        try:
            connection.sendall(head + b"\r\n\r\n")
        except OSError:
            return  # It was refused before all of it was sent.
        reply = read_all(connection)
        assert not reply or status_of(reply) == 431


def test_what_was_refused_leaves_the_server_as_it_was(port: int):
    request = HEAD + b"x-fine: " + b"a" * (connections.MAX_HEAD_BYTES // 2) + b"\r\n\r\n"
    with connect(port) as connection:
        for _ in range(3):
            connection.sendall(request)
            assert status_of(connection.recv(65536)) == 200


def test_a_connection_is_kept_between_requests_for_longer_than_a_head_may_take(port: int):
    with connect(port) as connection:
        for _ in range(2):
            connection.sendall(HEAD + b"\r\n")
            assert status_of(connection.recv(65536)) == 200
            time.sleep(2 * SHORT)


def test_a_stream_stays_open_for_longer_than_a_request_may_take(port: int):
    key = f"authorization: Bearer {LAB.secret_key}".encode()
    with connect(port) as connection:
        connection.sendall(
            b"GET /realtime/v1/sessions/chat-1/out HTTP/1.1\r\nhost: localhost\r\n"
            b"timeout-seconds: 1\r\nconnection: close\r\n" + key + b"\r\n\r\n"
        )
        assert b"data: [DONE]" in read_all(connection)


@pytest.mark.parametrize("body", [b"x" * 70_000, b"x" * 3_000_000])
def test_a_control_body_over_the_limit_is_refused(port: int, body: bytes):
    head = b"PUT /_lab/faults HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
    with connect(port) as connection:
        try:
            connection.sendall(head + b"content-length: %d\r\n\r\n" % len(body) + body)
        except OSError:
            return
        reply = read_all(connection)
        assert not reply or status_of(reply) == (413 if len(body) > 2**20 else 400)
