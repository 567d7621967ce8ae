"""``session-lab serve`` against servers that teams put in its place, each under the same load.

The load is that of ``load.py``: one process, 32 connections, three seconds a turn, and in every turn
it creates sessions under names that were never used before. Client and servers share the machine,
so a request per second here is no promise; the two sides have the same client, and the same cores.

``create-plain`` holds the simulator against a route that does equal work by hand (``plain.py``), in
the same uvicorn with uvloop and httptools, one worker and no access log. Prism and WireMock, which
know no state, answer each create alike: Prism from our own description, WireMock from a template
that puts the name in. Every request must succeed, on either side.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import jwt

from tests.benchmarks.harness import Benchmark, MissingProgramError, Side
from tests.benchmarks.load import create_body
from tests.benchmarks.plain import SECRET_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from jwt.types import Options

__all__ = [
    "BENCHMARKS",
    "a_server",
    "against_plain",
    "against_prism",
    "against_wiremock",
    "our_server",
    "plain_server",
]

HOST = "127.0.0.1"
PATH = "/api/v1/sessions"
HEADERS = {"Authorization": f"Bearer {SECRET_KEY}"}
SECONDS = 3
START_SECONDS = 60
WARM_UPS = 5
"""Turns that what compiles as it runs, JavaScript and Java, is given to come to its speed."""
TURNS = count(1)
AUDIENCE = "https://api.trigger.dev"
UNDATED: Options = {"verify_exp": False, "verify_iat": False}
IDS = ("id", "currentRunId", "runId")


class Load(NamedTuple):
    """What was counted in one turn."""

    requests: int
    failed: int
    microseconds: int


@contextmanager
def against_plain() -> Iterator[tuple[Side, Side]]:
    """Create sessions in the simulator and in the plain route, which must answer alike."""
    with our_server() as ours, a_server(plain_server) as theirs:
        yield (
            _side("session-lab serve", ours, partial(_reply, ours)),
            _side("plain Starlette route", theirs, partial(_reply, theirs)),
        )


@contextmanager
def against_prism() -> Iterator[tuple[Side, Side]]:
    """Create sessions in the simulator and in Prism, which mocks the simulator's description."""
    prism = _program("prism", "npm install @stoplight/prism-cli, and put it on PATH")
    with TemporaryDirectory() as folder, our_server() as ours:
        description = Path(folder, "openapi.json")
        description.write_bytes(httpx.get(f"{ours}/openapi.json").raise_for_status().content)
        command = (prism, "mock", "--host", HOST, "--verboseLevel", "error", str(description))
        with a_server(lambda port: (*command, "--port", str(port))) as theirs:
            _warm_up(theirs)
            yield (
                _side("session-lab serve", ours, dict),
                _side("prism mock of its /openapi.json", theirs, dict),
            )


@contextmanager
def against_wiremock() -> Iterator[tuple[Side, Side]]:
    """Create sessions in the simulator and in WireMock, which fills a template."""
    wiremock = _program("wiremock", "npm install wiremock, and put it on PATH")
    _program("java", "WireMock needs Java")
    options = ("--bind-address", HOST, "--no-request-journal", "--disable-banner")
    with (
        our_server() as ours,
        a_server(lambda port: (wiremock, *options, "--port", str(port))) as theirs,
    ):
        _teach(ours, theirs)
        _warm_up(theirs)
        yield (
            _side("session-lab serve", ours, dict),
            _side("WireMock with one templated stub", theirs, dict),
        )


BENCHMARKS = (
    Benchmark("create-plain", against_plain, "B/A", 0.8),
    Benchmark("create-prism", against_prism, "B/A", 3),
    Benchmark("create-wiremock", against_wiremock, "B/A", None),
)


def _program(name: str, remedy: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise MissingProgramError(f"{name} is not on PATH: {remedy}")
    return path


def _side(label: str, url: str, reply: Callable[[], dict[str, Any]]) -> Side:
    return Side(
        f"{label}, a create",
        partial(_put_under_load, url),
        lambda _: reply(),
        lambda load: load.microseconds / 1e6 / load.requests,
    )


def _put_under_load(url: str) -> Load:
    arguments = (url + PATH, SECRET_KEY, f"turn-{next(TURNS)}", str(SECONDS))
    command = [sys.executable, "-m", "tests.benchmarks.load", *arguments]
    ended = subprocess.run(command, check=True, capture_output=True, text=True)
    load = Load(**json.loads(ended.stdout))
    if load.failed or not load.requests:
        raise RuntimeError(f"{load.failed} of {load.requests} creates at {url} failed")
    return load


def _warm_up(url: str) -> None:
    for _ in range(WARM_UPS):
        _put_under_load(url)


def _reply(url: str) -> dict[str, Any]:
    """Create one more session; of the answer leave out what each server makes up."""
    reply = httpx.post(url + PATH, headers=HEADERS, json=create_body("another"))
    answer = reply.json()
    token = answer.pop("publicAccessToken")
    claims = jwt.decode(token, SECRET_KEY, ["HS256"], options=UNDATED, audience=AUDIENCE)
    return answer | dict.fromkeys(IDS) | {"claims": claims, "status": reply.status_code}


def _teach(ours: str, theirs: str) -> None:
    """Give WireMock the simulator's own answer, with the name of the request in its place."""
    answer = httpx.post(ours + PATH, headers=HEADERS, json=create_body("NAME")).text
    stub = {
        "request": {
            "method": "POST",
            "url": PATH,
            "headers": {"Authorization": {"equalTo": HEADERS["Authorization"]}},
            "bodyPatterns": [{"matchesJsonPath": "$.externalId"}],
        },
        "response": {
            "status": 201,
            "headers": {"Content-Type": "application/json"},
            "body": answer.replace("NAME", "{{jsonPath request.body '$.externalId'}}"),
            "transformers": ["response-template"],
        },
    }
    httpx.post(f"{theirs}/__admin/mappings", json=stub).raise_for_status()


@contextmanager
def our_server() -> Iterator[str]:
    code = "from session_lab.cli import main; main()"
    command = (sys.executable, "-c", code, "serve", "--host", HOST, "--secret-key", SECRET_KEY)
    with a_server(lambda port: (*command, "--port", str(port))) as url:
        yield url


def plain_server(port: int) -> Sequence[str]:
    served = (sys.executable, "-m", "uvicorn", "tests.benchmarks.plain:app", "--host", HOST)
    loop = ("--loop", "uvloop", "--http", "httptools", "--ws", "none", "--lifespan", "off")
    quiet = ("--no-access-log", "--log-level", "warning", "--no-server-header", "--no-date-header")
    return (*served, *loop, *quiet, "--workers", "1", "--port", str(port))


@contextmanager
def a_server(command: Callable[[int], Sequence[str]]) -> Iterator[str]:
    """Run a server on a free port of this machine; end it, and whatever it started."""
    with socket.create_server((HOST, 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen(command(port), stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        _wait_for(process, port)
        yield f"http://{HOST}:{port}"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def _wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"{process.args!r} does not listen on port {port}")
