"""The simulator: a deterministic world of sessions and runs.

Everything below is pure: state goes in, state comes out, time and randomness are handed in.
"""

from session_lab.simulator.agent.agent_turn import AgentTurn
from session_lab.simulator.agent.scripted_agent import ScriptedAgent
from session_lab.simulator.model.ids import IdScheme
from session_lab.simulator.model.randomness import RandomStream
from session_lab.simulator.model.settings.concurrency import ConcurrencyLimits
from session_lab.simulator.model.settings.platform import Distribution, Platform
from session_lab.simulator.model.settings.policy import RunPolicy, Timings
from session_lab.simulator.model.settings.profiles import PROFILES, Profile, profile_named
from session_lab.simulator.world.snapshots.snapshot import Snapshot
from session_lab.simulator.world.world import ENVIRONMENT, World

__all__ = [
    "ENVIRONMENT",
    "PROFILES",
    "AgentTurn",
    "ConcurrencyLimits",
    "Distribution",
    "IdScheme",
    "Platform",
    "Profile",
    "RandomStream",
    "RunPolicy",
    "ScriptedAgent",
    "Snapshot",
    "Timings",
    "World",
    "profile_named",
]


def __dir__() -> list[str]:
    return __all__
