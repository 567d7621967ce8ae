"""HTTP/2 in cleartext, with prior knowledge, on the port of HTTP/1.1."""

from __future__ import annotations

import gc
import socket
import struct
import threading
import time
from contextlib import ExitStack
from types import AsyncGeneratorType
from typing import TYPE_CHECKING
from urllib.parse import quote

import h2.connection
import h2.events
import h2.settings
import httpx
import pytest

from session_lab.simulator.api.auth import Environment
from session_lab.simulator.api.stores.append_messages import _messages
from session_lab.simulator.backend import Backend
from session_lab.simulator.server import app
from session_lab.simulator.server.app import make_app
from session_lab.simulator.server.connections import Http1Connection
from session_lab.simulator.server.http2 import PREFACE, Http2Connection
from session_lab.simulator.server.sequencer import Sequencer
from session_lab.simulator.server.serving import make_server
from session_lab.simulator.server.sse_follow import sse_follow

if TYPE_CHECKING:
    from collections.abc import Iterator

LAB = Environment("env_lab", "tr_dev_lab")
KEY = {"authorization": f"Bearer {LAB.secret_key}"}
LONG = "x" * 1_000_000


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A server of this process."""
    ready = threading.Event()
    backend = Backend([LAB])
    backend.world.start("chat-1")
    backend.world.append("chat-1", LONG, io="out")
    sequencer = Sequencer(backend)
    server = make_server(
        make_app(sequencer, guarded=True), on_ready=ready.set, on_stop=sequencer.stop
    )
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    assert ready.wait(timeout=30)
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join(timeout=30)
    assert not thread.is_alive()
    listener.close()


@pytest.fixture(params=["HTTP/1.1", "HTTP/2"])
def client(request: pytest.FixtureRequest, port: int) -> Iterator[httpx.Client]:
    is_new = request.param == "HTTP/2"
    with httpx.Client(
        http1=not is_new, http2=is_new, base_url=f"http://127.0.0.1:{port}", headers=KEY
    ) as client:
        yield client


def test_requests_are_answered_alike(client: httpx.Client):
    session = client.get("/api/v1/sessions/chat-1")
    assert session.json()["externalId"] == "chat-1"
    assert client.get("/api/v1/sessions/a%2Fb").status_code == 404
    assert client.get("/api/v1/sessions", params={"page[size]": "x"}).status_code == 400
    assert client.head("/realtime/v1/sessions/chat-1/out").content == b""
    reply = client.patch("/api/v1/sessions/chat-1", json={"tags": ["a"]})
    assert reply.json()["tags"] == ["a"]
    assert client.post("/_lab/clock/advance", json={"ms": 1}).status_code == 200
    foreign = client.get("/_lab/clock", headers={"origin": "https://page.example"})
    assert foreign.status_code == 403


def test_long_bodies_come_and_go_whole(client: httpx.Client):
    path = "/realtime/v1/sessions/chat-1/in"
    seq = client.post(f"{path}/append", content=LONG).json()["seq"]
    after = {"afterEventId": seq - 1} if seq else {}
    (record,) = client.get(f"{path}/records", params=after).json()["records"]
    assert record["data"] == LONG
    assert client.post(f"{path}/append", content=LONG * 3).status_code == 413


def test_streams_go_on_side_by_side_and_end(client: httpx.Client):
    with ExitStack() as stack:
        url = "/realtime/v1/sessions/chat-1/out"
        headers = {"timeout-seconds": "1"}
        streams = [
            stack.enter_context(client.stream("GET", url, headers=headers)) for _ in range(3)
        ]
        for stream in streams:
            assert stream.read().endswith(b"data: [DONE]\n\n")


def test_a_lost_reply_is_an_error(client: httpx.Client):
    plan = {"rules": [{"match": "sessions.retrieve", "nth": 1, "lost": True}]}
    client.put("/_lab/faults", json=plan).raise_for_status()
    with pytest.raises(httpx.HTTPError):
        client.get("/api/v1/sessions/chat-1")
    assert client.get("/api/v1/sessions/chat-1").status_code == 200


class RawClient:
    """A client of HTTP/2 that can misbehave."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.frames = h2.connection.H2Connection()
        self.frames.initiate_connection()
        self.flush()

    def flush(self) -> None:
        self.socket.sendall(self.frames.data_to_send())

    def ask(self, method: str, path: str, *, end: bool = True) -> int:
        stream_id = self.frames.get_next_available_stream_id()
        headers = [(":method", method), (":path", path), (":scheme", "http")]
        headers += [(":authority", "localhost"), *KEY.items()]
        self.frames.send_headers(stream_id, headers, end_stream=end)
        self.flush()
        return stream_id

    def until(self, kind: type[h2.events.Event]) -> h2.events.Event:
        """Read until an event of a kind."""
        while True:
            data = self.socket.recv(65536)
            assert data, f"the connection ended before any {kind.__name__}"
            for event in self.frames.receive_data(data):
                if isinstance(event, kind):
                    return event
            self.flush()


@pytest.fixture
def raw(port: int) -> Iterator[RawClient]:
    client = RawClient(port)
    yield client
    client.socket.close()


def test_a_path_that_is_no_path_ends_its_stream_alone(raw: RawClient):
    raw.frames.config.validate_outbound_headers = False
    raw.ask("GET", "no path")
    raw.until(h2.events.StreamReset)
    raw.ask("GET", "/_lab/clock")
    raw.until(h2.events.ResponseReceived)


def test_headers_over_the_limit_end_the_connection(raw: RawClient):
    stream_id = raw.frames.get_next_available_stream_id()
    headers = [(":method", "GET"), (":path", "/"), (":scheme", "http"), (":authority", "a")]
    raw.frames.send_headers(stream_id, [*headers, ("x-long", "a" * 70_000)], end_stream=True)
    raw.flush()
    raw.until(h2.events.ConnectionTerminated)


def test_garbage_after_the_preface_ends_the_connection(port: int):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        for piece in (PREFACE[:5], PREFACE[5:], b"\0\0\x09" + b"\0" * 6 + b"garbage" * 100):
            connection.sendall(piece)
        while connection.recv(65536):
            pass


def test_a_reader_that_goes_away_in_mid_stream_leaves_the_others(raw: RawClient, port: int):
    stream_id = raw.ask("GET", "/realtime/v1/sessions/chat-1/out")
    raw.until(h2.events.DataReceived)  # More is there than the window takes.
    raw.frames.reset_stream(stream_id)
    raw.flush()
    raw.ask("GET", "/_lab/clock")
    raw.until(h2.events.ResponseReceived)
    raw.ask("GET", "/realtime/v1/sessions/chat-1/out")
    raw.until(h2.events.DataReceived)
    raw.socket.close()
    with httpx.Client() as client:
        assert client.get(f"http://127.0.0.1:{port}/_lab/clock").status_code == 200


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/2"])
def test_what_a_client_leaves_unread_is_gone_with_it(port: int, version: str):
    path, gone = "/realtime/v1/sessions/chat-1/out", struct.pack("ii", 1, 0)
    head = f"GET {path} HTTP/1.1\r\nauthorization: {KEY['authorization']}\r\n\r\n".encode()
    gc.collect()
    gc.disable()  # Of what refers to itself, nothing would go.
    try:
        for _ in range(3):
            if version == "HTTP/2":
                raw = RawClient(port)
                raw.ask("GET", path)
                connection = raw.socket
            else:
                connection = socket.create_connection(("127.0.0.1", port), timeout=20)
                connection.sendall(head)
            assert connection.recv(4096)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, gone)
            connection.close()
        deadline = time.monotonic() + 5
        while (kept := kept_for_clients()) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert kept == []
    finally:
        gc.enable()


def kept_for_clients() -> list[str]:
    """Return what the server still has of connections and streams."""
    return [
        type(it).__name__
        for it in gc.get_objects()
        if isinstance(it, (Http1Connection, Http2Connection))
        or (isinstance(it, AsyncGeneratorType) and it.ag_code is sse_follow.__code__)
        or (isinstance(it, h2.connection.H2Connection) and not is_of_a_client(it))
    ]


def is_of_a_client(connection: h2.connection.H2Connection) -> bool:
    config = getattr(connection, "config", None)  # The server may be about to forget it.
    return config is not None and config.client_side


def test_a_reply_may_come_before_the_body_has_ended(raw: RawClient):
    raw.ask("POST", "/_lab/nothing", end=False)
    raw.frames.send_data(1, b"{" * 1_000)
    raw.frames.reset_stream(1)
    raw.flush()
    raw.ask("GET", "/_lab/clock")
    raw.until(h2.events.ResponseReceived)


@pytest.mark.parametrize("sent", [b"", b"{"], ids=["nothing", "a piece"])
def test_a_body_that_does_not_end_ends_its_stream(
    raw: RawClient, sent: bytes, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(app, "BODY_SECONDS", 0.2)
    stream_id = raw.ask("POST", "/_lab/clock/advance", end=False)
    raw.frames.send_data(stream_id, sent)
    raw.flush()
    raw.until(h2.events.StreamReset)
    raw.ask("GET", "/_lab/clock")
    raw.until(h2.events.ResponseReceived)


def test_an_append_session_is_acknowledged_frame_by_frame_while_it_goes_on(port: int):
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=KEY) as client:
        opened = client.put("/realtime/v1/sessions/chat-1/in").headers
        raw = RawClient(port)
        stream_id = raw.frames.get_next_available_stream_id()
        path = f"/v1/streams/{quote(opened['x-s2-stream-name'], safe='')}/records"
        headers = [(":method", "POST"), (":path", path), (":scheme", "http")]
        headers += [(":authority", "localhost"), ("content-type", "s2s/proto")]
        headers += [("authorization", f"Bearer {opened['x-s2-access-token']}")]
        raw.frames.send_headers(stream_id, headers)
        # An AppendInput with one record, whose body is one byte.
        message = bytes([0x0A, 3, 0x1A, 1, 0x78])
        frame = bytes([0, 0, len(message) + 1, 0]) + message
        acks = []
        for piece, n_acks in ((frame[:3], 0), (frame[3:] + frame, 2), (frame, 1)):
            raw.frames.send_data(stream_id, piece)
            raw.flush()
            acks += acknowledged(raw, n_acks)
        stored = client.get("/realtime/v1/sessions/chat-1/in/records").json()["records"]
        assert [record["seqNum"] for record in stored[-3:]] == acks
        # A client that vanishes in mid-frame leaves what was acknowledged.
        raw.frames.send_data(stream_id, frame[:5])
        raw.flush()
        raw.socket.close()
        assert client.get("/realtime/v1/sessions/chat-1/in/records").json()["records"] == stored


def acknowledged(raw: RawClient, n: int) -> list[int]:
    """Read the acknowledgements of n appends of one record each."""
    data, found = b"", []
    while len(found) < n:
        for event in raw.frames.receive_data(raw.socket.recv(65536)):
            data += event.data if isinstance(event, h2.events.DataReceived) else b""
        found, rest = [], data
        while len(rest) >= 4 and len(rest) >= 3 + int.from_bytes(rest[:3], "big"):
            found.append(ack_start(rest[4 : 3 + int.from_bytes(rest[:3], "big")]))
            rest = rest[3 + int.from_bytes(rest[:3], "big") :]
    return found


def ack_start(message: bytes) -> int:
    ack = _messages()["AppendAck"]()
    ack.ParseFromString(message)
    return ack.start.seq_num
