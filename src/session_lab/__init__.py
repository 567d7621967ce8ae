"""session_lab: wrap, simulate, replay and explain Trigger.dev chat sessions.

``import session_lab as sl``, then read traffic and replay it::

    events = sl.traffic.read("trace.jsonl")
    replay = sl.replay(events, sl.RunPolicy(idle_timeout="60s"))
    replay.summary()
"""

from session_lab import traffic
from session_lab._version import __version__
from session_lab.errors import (
    DataError,
    DataWarning,
    MissingDependencyError,
    SessionLabError,
    SessionLabWarning,
    SimulationError,
)
from session_lab.lab import Replay, replay
from session_lab.simulator import RunPolicy
from session_lab.traffic import ChatWorkload

__all__ = [
    "ChatWorkload",
    "DataError",
    "DataWarning",
    "MissingDependencyError",
    "Replay",
    "RunPolicy",
    "SessionLabError",
    "SessionLabWarning",
    "SimulationError",
    "__version__",
    "replay",
    "traffic",
]
