"""A client in children made by fork, in further event loops, in pickles and copies, and closed."""

from __future__ import annotations

import asyncio
import copy
import gc
import json
import pickle
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from session_lab import errors
from session_lab.client import AsyncClient, Client
from tests.client.raw_server import head, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "tr_dev_0123456789abcdefghijklmn"


def echo(request: bytes) -> Iterator[bytes]:
    """Answer with the path that was asked for."""
    body = json.dumps({"path": request.split(b" ")[1].decode()}).encode()
    yield head(200, length=len(body)) + body


def in_own_interpreter(program: str, address: str) -> list[Any]:
    """Run a program that forks where no threads of tests are; it prints lines of JSON."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, address],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


POOL_OF_CHILDREN = """
import asyncio, json, os, sys, threading
from session_lab.client import AsyncClient, Client

def ask(who):
    for number in range(15):
        path = f"/{who}/{number}"
        assert client.request("GET", path)["path"] == path, path

client = Client("tr_dev_x", sys.argv[1])
ask("before")
threads = [threading.Thread(target=ask, args=(f"thread-{n}",)) for n in range(3)]
for thread in threads: thread.start()
children = []
for child in range(4):
    pid = os.fork()
    if not pid:
        try:
            ask(child)
            client.close()
            os._exit(0)
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
    children.append(pid)
ask("parent")
for thread in threads: thread.join()
assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 4
ask("after")
client.close()
"""


def test_children_ask_over_connections_of_their_own_and_the_parent_keeps_its():
    with serving(echo) as server:
        in_own_interpreter(POOL_OF_CHILDREN, server.address)
        ports: dict[str, set[int]] = {}
        for port, line in server.peers:
            ports.setdefault(line.split("/")[1], set()).add(port)
    assert len(server.peers) == 15 * 10
    children = [ports[str(child)] for child in range(4)]
    # Threads of the parent leave their connections in its pool.
    earlier = set().union(
        *(ports[who] for who in ports if who.startswith(("before", "parent", "thread")))
    )
    parents = earlier | ports["after"]
    for number, mine in enumerate(children):
        others = [*children[:number], *children[number + 1 :], parents]
        assert not any(mine & theirs for theirs in others)
    # The parent's connection outlived its children.
    assert ports["after"] & earlier


ASYNCHRONOUS_CHILD = """
import asyncio, os, sys
from session_lab.client import AsyncClient

client = AsyncClient("tr_dev_x", sys.argv[1])

async def ask(who):
    for number in range(5):
        path = f"/{who}/{number}"
        assert (await client.request("GET", path))["path"] == path

asyncio.run(ask("parent"))
pid = os.fork()
asyncio.run(ask("parent" if pid else "child"))
if pid:
    assert os.waitpid(pid, 0)[1] == 0
"""


def test_an_asynchronous_client_works_on_in_a_child():
    with serving(echo) as server:
        in_own_interpreter(ASYNCHRONOUS_CHILD, server.address)
        ports = {who: {p for p, line in server.peers if who in line} for who in ("parent", "child")}
    assert len(server.peers) == 15
    assert not ports["parent"] & ports["child"]


STREAM_OF_A_PARENT = """
import json, os, sys
from session_lab.client import Client

client = Client("tr_dev_x", sys.argv[1], sleep=lambda _seconds: None)
stream = client.sessions.stream("a")
got = [next(stream).seq_num]
read, write = os.pipe()
pid = os.fork()
got += [record.seq_num for record in stream]
if not pid:
    os.write(write, json.dumps(got).encode())
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
print(os.read(read, 1000).decode())
print(json.dumps(got))
"""


def numbered(request: bytes) -> Iterator[bytes | float]:
    """Stream five records, from where the request says."""
    yield head(200, "content-type: text/event-stream", "x-stream-version: v2", "connection: close")
    start = request.lower().partition(b"last-event-id: ")[2].partition(b"\r\n")[0]
    for number in range(int(start) + 1 if start else 0, 5):
        record = {"seq_num": number, "timestamp": 1_767_225_600_000, "body": "{}"}
        yield b"event: batch\ndata: " + json.dumps({"records": [record]}).encode() + b"\n\n"
        yield 0.1
    yield -1


def test_a_stream_goes_on_in_parent_and_child_without_taking_from_each_other():
    with serving(numbered) as server:
        child, parent = in_own_interpreter(STREAM_OF_A_PARENT, server.address)
    assert child == parent == [0, 1, 2, 3, 4]


def test_a_transport_of_the_users_own_is_not_shared_with_a_child():
    program = """
import os, sys, httpx
import session_lab as sl
client = sl.Client("tr_dev_x", sys.argv[1], transport=httpx.HTTPTransport())
client.request("GET", "/parent")
pid = os.fork()
if not pid:
    try:
        client.request("GET", "/child")
    except sl.SessionLabError as error:
        os._exit("another process" not in str(error))
    os._exit(2)
assert os.waitpid(pid, 0)[1] == 0
client.request("GET", "/parent")
client.close()
"""
    with serving(echo) as server:
        in_own_interpreter(program, server.address)
        assert [line.split(" ")[1] for _, line in server.peers] == ["/parent", "/parent"]


def test_an_asynchronous_client_works_in_one_event_loop_after_the_other():
    with serving(echo) as server:
        client = AsyncClient(KEY, server.address)

        async def ask() -> Any:
            return await asyncio.gather(*(client.request("GET", f"/{n}") for n in range(5)))

        for _ in range(3):
            assert asyncio.run(ask()) == [{"path": f"/{n}"} for n in range(5)]
        asyncio.run(client.close())
        gc.collect()  # A connection that nobody closed would warn here.


def test_an_asynchronous_client_works_in_loops_of_several_threads_at_once():
    with serving(echo) as server:
        client = AsyncClient(KEY, server.address)
        wrong: list[object] = []

        async def ask(who: int) -> None:
            for number in range(20):
                path = f"/{who}/{number}"
                reply = await client.request("GET", path)
                if reply != {"path": path}:
                    wrong.append(reply)

        threads = [threading.Thread(target=asyncio.run, args=(ask(who),)) for who in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong
        assert len(server.peers) == 80


def test_a_transport_of_another_event_loop_is_refused_by_name():
    client = AsyncClient(KEY, "http://127.0.0.1:9", transport=httpx.AsyncHTTPTransport())

    async def ask() -> None:
        await client.request("GET", "/a")

    with pytest.raises(errors.APIConnectionError):
        asyncio.run(ask())
    with pytest.raises(errors.SessionLabError, match="belongs to another event loop"):
        asyncio.run(ask())


def test_a_closed_client_says_so():
    client = Client(KEY)
    client.close()
    client.close()
    with pytest.raises(errors.SessionLabError, match="this client is closed"):
        client.sessions.retrieve("a")
    with pytest.raises(errors.SessionLabError, match="this client is closed"):
        list(client.sessions.stream("a"))

    async def main() -> None:
        asynchronous = AsyncClient(KEY)
        await asynchronous.close()
        await asynchronous.close()
        with pytest.raises(errors.SessionLabError, match="this client is closed"):
            await asynchronous.sessions.retrieve("a")

    asyncio.run(main())


def a_key() -> str:
    return "tr_prod_from_a_function"


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize(
    "twin",
    [copy.copy, copy.deepcopy, lambda client: pickle.loads(pickle.dumps(client))],  # noqa: S301  our own
)
def test_a_client_pickles_and_copies_to_its_settings(kind: Any, twin: Any, monkeypatch: Any):
    monkeypatch.setenv("TRIGGER_PREVIEW_BRANCH", "here")
    client = kind(KEY, "http://127.0.0.1:8787", timeout="3s", max_retries=7, max_connections=3)
    monkeypatch.setenv("TRIGGER_PREVIEW_BRANCH", "there")

    other = twin(client)

    assert other is not client
    assert repr(other) == repr(client)
    shown, again = (one.dry_run.sessions.retrieve("a") for one in (client, other))
    assert shown == again
    assert again.headers["x-trigger-branch"] == "here"
    assert other._settings == client._settings  # noqa: SLF001  nothing else shows all of them


def test_a_pickle_of_a_client_whose_key_a_function_gives_holds_no_key():
    pickled = pickle.dumps(Client(a_key, "http://127.0.0.1:8787"))

    assert b"tr_prod" not in pickled
    assert pickle.loads(pickled).environment == "prod"  # noqa: S301  our own


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_function_is_asked_for_the_key_before_each_attempt(asynchronous: bool):  # noqa: FBT001
    keys = iter(["first", "second", "third"])
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"])
        return httpx.Response(503 if len(seen) == 1 else 200, json={})

    def pass_the_time(_seconds: float) -> None:
        """Wait for nothing."""

    async def pass_the_time_asynchronously(_seconds: float) -> None:
        """Wait for nothing."""

    transport = httpx.MockTransport(answer)
    if not asynchronous:
        client = Client(lambda: next(keys), transport=transport, sleep=pass_the_time)
        client.request("GET", "/a")
        client.request("GET", "/b")
    else:

        async def give() -> str:
            return next(keys)

        async def main() -> None:
            client = AsyncClient(give, transport=transport, sleep=pass_the_time_asynchronously)
            await client.request("GET", "/a")
            await client.request("GET", "/b")
            assert client.environment is None

        asyncio.run(main())
    assert seen == ["Bearer first", "Bearer second", "Bearer third"]


@pytest.mark.parametrize("key", ["", "two words", 3, None, "\n"])
def test_a_function_that_gives_no_key_is_refused_without_showing_it(key: Any):
    client = Client(lambda: key, transport=httpx.MockTransport(lambda _r: httpx.Response(200)))

    with pytest.raises(errors.DataError, match="api_key"):
        client.request("GET", "/a")


def test_running_out_of_connections_has_an_error_of_its_own():
    def quiet(_request: bytes) -> Iterator[bytes | float]:
        yield head(200, "content-type: text/event-stream", "x-stream-version: v2")
        record = {"seq_num": 0, "timestamp": 0, "body": "{}"}
        yield b"event: batch\ndata: " + json.dumps({"records": [record]}).encode() + b"\n\n"
        yield 30

    with serving(quiet) as server:
        client = Client(KEY, server.address, max_connections=2, timeout="100ms", max_retries=0)
        streams = [client.sessions.stream(name) for name in "ab"]
        assert [next(stream).seq_num for stream in streams] == [0, 0]
        with pytest.raises(errors.ConnectionLimitError, match="all 2 connections of this client"):
            client.request("GET", "/a")
        for stream in streams:
            stream.close()
        client.close()


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_client_that_was_never_made_can_still_be_shown(kind: Any):
    assert repr(kind.__new__(kind)) == f"{kind.__name__}(base_url=None)"
    with pytest.raises(errors.DataError):
        kind("two words")


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_views_and_calls_pickle_with_their_client(kind: Any):
    client = kind(KEY, "http://127.0.0.1:8787", timeout="3s")
    for call in (
        client.dry_run.sessions.retrieve,
        client.with_raw_response.runs.retrieve,
        client.runs.retrieve,
        client.dry_run.request,
    ):
        again = pickle.loads(pickle.dumps(call))  # noqa: S301  our own
        assert repr(again.__self__) == repr(call.__self__)
        assert type(again.__self__.engine) is type(call.__self__.engine)
    shown = pickle.loads(pickle.dumps(client.dry_run.sessions)).retrieve("a")  # noqa: S301
    assert shown == client.dry_run.sessions.retrieve("a")
