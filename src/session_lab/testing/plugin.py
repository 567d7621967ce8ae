"""The pytest plugin: fixtures that are there wherever session_lab is installed.

``simulator`` is a fresh world in process, ``clock`` its virtual clock; ``session_lab_server`` is a
fresh world on a port of this machine, which the environment variables of the test name;
``scripted_agent`` makes either answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

import session_lab as sl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from session_lab.timing import Duration, VirtualClock

__all__ = ["SetAgent", "clock", "scripted_agent", "session_lab_server", "simulator"]


class SetAgent(Protocol):
    """What the fixture ``scripted_agent`` is: a function that sets what serves turns."""

    def __call__(self, replies: object = "echo", *, pace: Duration = "0s") -> sl.ScriptedAgent:
        """Make an agent, as ``ScriptedAgent`` does, and let it serve turns."""
        ...


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


@pytest.fixture
def scripted_agent(request: pytest.FixtureRequest) -> SetAgent:
    """Return a function that sets what serves turns, in every simulated API that the test uses.

    ``scripted_agent(["Hello!"], pace="50ms")``; without arguments the agent is an echo.
    """
    used = {"simulator", "session_lab_server"} & set(request.fixturenames)
    served = [request.getfixturevalue(name) for name in sorted(used)]
    if not served:
        message = "scripted_agent needs the fixture simulator or session_lab_server beside it"
        raise pytest.UsageError(message)

    def set_agent(replies: object = "echo", *, pace: Duration = "0s") -> sl.ScriptedAgent:
        agent = sl.ScriptedAgent(replies, pace=pace)
        for one in served:
            one.agent = agent
        return agent

    return set_agent
