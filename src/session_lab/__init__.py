"""session_lab: wrap, simulate, replay and explain Trigger.dev chat sessions.

``import session_lab as sl``, then read traffic and replay it::

    events = sl.traffic.read("trace.jsonl")
    replay = sl.replay(events, sl.RunPolicy(idle_timeout="60s"))
    replay.summary()
"""

from session_lab import traffic
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

__version__ = "0.1.0"

__all__ = [
    "DataError",
    "DataWarning",
    "MissingDependencyError",
    "Replay",
    "RunPolicy",
    "SessionLabError",
    "SessionLabWarning",
    "SimulationError",
    "replay",
    "traffic",
]
