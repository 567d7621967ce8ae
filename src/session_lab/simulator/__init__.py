"""The simulator: a deterministic world of sessions and runs.

Everything below is pure: state goes in, state comes out, time and randomness are handed in.
"""

from session_lab.simulator.ids import IdScheme
from session_lab.simulator.policy import RunPolicy, Timings
from session_lab.simulator.profiles import PROFILES, Profile, profile_named
from session_lab.simulator.randomness import Stream

__all__ = [
    "PROFILES",
    "IdScheme",
    "Profile",
    "RunPolicy",
    "Stream",
    "Timings",
    "profile_named",
]
