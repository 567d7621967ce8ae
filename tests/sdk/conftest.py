"""The official TypeScript SDK, installed from npm and pointed at ``session-lab serve``."""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Scenario = Callable[[str], Any]

KEY = "tr_dev_sdk"
TWO_DELTAS = [
    "start",
    "start-step",
    "text-start",
    "text-delta",
    "text-delta",
    "text-end",
    "finish-step",
    "finish",
]
"""The chunks of an answer whose text comes in two pieces."""
SEEDS = itertools.count()
SERVE = [sys.executable, "-c", "from session_lab.cli import main; main()", "serve"]
HERE = Path(__file__).parent
FILES = [HERE / name for name in ("package.json", "package-lock.json")]
INSTALLED = HERE.parents[1] / "build" / "sdk"
INSTALL = [
    *("npm", "ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"),
    *("--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=1000"),
]


@pytest.fixture(scope="session")
def sdk() -> Path:
    """A folder that holds the scenarios and, beside them, the SDK they import."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    versions = hashlib.sha256(b"".join(path.read_bytes() for path in FILES)).hexdigest()
    folder = INSTALLED / versions[:12]
    folder.mkdir(parents=True, exist_ok=True)
    with alone_in(folder):
        # npm writes this file last, so what an interrupted installation left is installed again.
        if not (folder / "node_modules" / ".package-lock.json").exists():
            for path in FILES:
                put(path, folder)
            done = subprocess.run(INSTALL, cwd=folder, capture_output=True, text=True, check=False)
            if "request to http" in done.stderr:  # npm's words when it reaches nobody.
                pytest.skip("the SDK is not installed, and npm does not reach its registry")
            assert done.returncode == 0, done.stderr
        for path in (*HERE.glob("*.mjs"), *HERE.glob("*.jsx")):
            put(path, folder)
    return folder


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Wait until no other process of tests installs into a folder, and keep them out meanwhile."""
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def put(path: Path, folder: Path) -> None:
    """Copy a file whole: who reads it meanwhile has the old one or the new one."""
    incoming = Path(shutil.copy(path, folder / ".incoming"))
    incoming.replace(folder / path.name)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where a simulated API is served."""
    command = [*SERVE, "--port", "0", "--secret-key", KEY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            line = server.stdout.readline()
            assert line, "the server ended before it was ready"
            yield line.split()[-1]
        finally:
            server.terminate()


@pytest.fixture(scope="module")
def driver(request: pytest.FixtureRequest, sdk: Path, address: str) -> Iterator[Scenario]:
    """Run scenarios of the file that the module names in SCENARIOS, in one process."""
    with node(sdk / request.module.SCENARIOS, address) as run:
        yield run


@contextmanager
def node(file: Path, address: str, **variables: str) -> Iterator[Scenario]:
    """Start a process that runs the scenarios of a file."""
    # Nothing else of the environment: variables with which the SDK tells branches and deployments
    # apart may be set.
    environment = {
        "PATH": os.environ["PATH"],
        "TRIGGER_API_URL": address,
        "TRIGGER_SECRET_KEY": KEY,
        **variables,
    }
    with subprocess.Popen(
        ["node", file.name],
        cwd=file.parent,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as process:

        def run(name: str) -> Any:
            assert process.stdin is not None
            assert process.stdout is not None
            print(name, file=process.stdin, flush=True)
            outcome = json.loads(process.stdout.readline())
            assert "error" not in outcome, outcome["error"]
            return outcome["seen"]

        try:
            yield run
        finally:
            process.terminate()


@pytest.fixture
def run_scenario(driver: Scenario, address: str) -> Scenario:
    """Run a scenario against an empty world, and return what the SDK saw."""
    # With ids of its own: what the SDK remembers in a process it keeps by the ids of sessions.
    httpx.post(f"{address}/_lab/reset", json={"seed": next(SEEDS)}).raise_for_status()
    return driver
