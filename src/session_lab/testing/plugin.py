"""The pytest plugin: fixtures that are there wherever session_lab is installed.

``simulator`` is a fresh world in process, ``clock`` its virtual clock; ``session_lab_server`` is a
fresh world on a port of this machine, which the environment variables of the test name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import session_lab as sl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from session_lab.timing import VirtualClock

__all__ = ["clock", "session_lab_server", "simulator"]


@pytest.fixture
def simulator() -> sl.Simulator:
    """Return a simulated API in process: ``simulator.client()`` talks to it."""
    return sl.Simulator()


@pytest.fixture
def clock(simulator: sl.Simulator) -> VirtualClock:
    """Return the simulator's virtual clock: ``clock.advance("90m")``."""
    return simulator.clock


@pytest.fixture(scope="session")
def _session_lab_process() -> Iterator[sl.LocalServer]:
    with sl.LocalServer() as server:
        yield server


@pytest.fixture
def session_lab_server(
    _session_lab_process: sl.LocalServer, monkeypatch: pytest.MonkeyPatch
) -> sl.LocalServer:
    """Return a simulated API on a port, empty for each test.

    ``TRIGGER_API_URL`` and ``TRIGGER_SECRET_KEY`` name it while the test runs, so that clients made
    without arguments, and programs that the test starts, talk to it.
    """
    _session_lab_process.reset()
    for name, value in _session_lab_process.environment.items():
        monkeypatch.setenv(name, value)
    return _session_lab_process
