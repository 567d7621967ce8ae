"""The official TypeScript SDK, installed from npm and pointed at ``session-lab serve``."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY = "tr_dev_sdk"
SERVE = [sys.executable, "-c", "from session_lab.cli import main; main()", "serve"]
FILES = [Path(__file__).with_name(name) for name in ("package.json", "package-lock.json")]
SCENARIOS = Path(__file__).with_name("scenarios.mjs")
INSTALLED = Path(__file__).parents[2] / "build" / "sdk"
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
    # npm writes this file last, so what an interrupted installation left is installed again.
    if not (folder / "node_modules" / ".package-lock.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for path in FILES:
            shutil.copy(path, folder)
        done = subprocess.run(INSTALL, cwd=folder, capture_output=True, text=True, check=False)
        if "request to http" in done.stderr:  # npm's words when it reaches nobody.
            pytest.skip("the SDK is not installed, and npm does not reach its registry")
        assert done.returncode == 0, done.stderr
    shutil.copy(SCENARIOS, folder)
    return folder


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def node(sdk: Path, address: str) -> Iterator[subprocess.Popen[str]]:
    """A process that runs scenarios."""
    # Nothing else of the environment: variables with which the SDK tells branches and deployments
    # apart may be set.
    environment = {
        "PATH": os.environ["PATH"],
        "TRIGGER_API_URL": address,
        "TRIGGER_SECRET_KEY": KEY,
    }
    with subprocess.Popen(
        ["node", SCENARIOS.name],
        cwd=sdk,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


@pytest.fixture
def run_scenario(node: subprocess.Popen[str], address: str) -> Callable[[str], Any]:
    """Run a scenario against an empty world, and return what the SDK saw."""
    httpx.post(f"{address}/_lab/reset", json={}).raise_for_status()

    def run(name: str) -> Any:
        assert node.stdin is not None
        assert node.stdout is not None
        print(name, file=node.stdin, flush=True)
        outcome = json.loads(node.stdout.readline())
        assert "error" not in outcome, outcome["error"]
        return outcome["seen"]

    return run
