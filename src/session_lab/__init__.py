"""session_lab: wrap, simulate, replay and explain Trigger.dev chat sessions.

``import session_lab as sl``, then read traffic and replay it::

    events = sl.traffic.read("trace.jsonl")
    replay = sl.replay(events, sl.RunPolicy(idle_timeout="60s"))
    replay.summary()

or simulate the API and talk to it::

    sim = sl.Simulator()
    client = sim.client()

The clients and the simulator load with first use.
"""

import typing

from session_lab import traffic
from session_lab._version import __version__
from session_lab.errors import (
    APIConnectionError,
    APIError,
    APIResponseError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    DataError,
    DataWarning,
    InternalServerError,
    MissingDependencyError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RequestTooLargeError,
    SessionClosedError,
    SessionExpiredError,
    SessionLabError,
    SessionLabWarning,
    SimulationError,
    StatisticalWarning,
    UnprocessableEntityError,
)
from session_lab.lab import Replay, replay
from session_lab.simulator import RunPolicy
from session_lab.traffic import ChatWorkload

if typing.TYPE_CHECKING:
    from session_lab import widgets
    from session_lab.analysis import churn, conflicts, lifetimes, tags
    from session_lab.analysis.sweeping import recommend
    from session_lab.client import AsyncClient, Client
    from session_lab.frames import validate, write_frame
    from session_lab.frames.loading import runs_frame, sessions_frame
    from session_lab.frames.reading import read_runs, read_sessions
    from session_lab.lab.live import replay_live
    from session_lab.lab.simulator import Simulator
    from session_lab.lab.sweeping import sweep
    from session_lab.simulator.fault_rules import FaultRule
    from session_lab.widgets import explore
else:
    # Type checkers read the imports above; at run time this table stands for them.
    import importlib

    _HOMES = {
        "AsyncClient": "client",
        "Client": "client",
        "FaultRule": "simulator.fault_rules",
        "Simulator": "lab.simulator",
        "churn": "analysis.churn",
        "conflicts": "analysis.conflicts",
        "explore": "widgets",
        "lifetimes": "analysis.lifetimes",
        "read_runs": "frames.reading",
        "read_sessions": "frames.reading",
        "recommend": "analysis.sweeping",
        "replay_live": "lab.live",
        "runs_frame": "frames.loading",
        "sessions_frame": "frames.loading",
        "sweep": "lab.sweeping",
        "tags": "analysis.tags",
        "validate": "frames",
        "widgets": "widgets",
        "write_frame": "frames",
    }

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        home = importlib.import_module(f"{__name__}.{_HOMES[name]}")
        # Some of the names are modules themselves.
        return home if home.__name__.endswith(f".{name}") else getattr(home, name)

    def __dir__() -> list[str]:
        return sorted({*globals(), *_HOMES})


__all__ = [
    "APIConnectionError",
    "APIError",
    "APIResponseError",
    "APIStatusError",
    "APITimeoutError",
    "AsyncClient",
    "AuthenticationError",
    "BadRequestError",
    "ChatWorkload",
    "Client",
    "ConflictError",
    "DataError",
    "DataWarning",
    "FaultRule",
    "InternalServerError",
    "MissingDependencyError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "Replay",
    "RequestTooLargeError",
    "RunPolicy",
    "SessionClosedError",
    "SessionExpiredError",
    "SessionLabError",
    "SessionLabWarning",
    "SimulationError",
    "Simulator",
    "StatisticalWarning",
    "UnprocessableEntityError",
    "__version__",
    "churn",
    "conflicts",
    "explore",
    "lifetimes",
    "read_runs",
    "read_sessions",
    "recommend",
    "replay",
    "replay_live",
    "runs_frame",
    "sessions_frame",
    "sweep",
    "tags",
    "traffic",
    "validate",
    "widgets",
    "write_frame",
]
