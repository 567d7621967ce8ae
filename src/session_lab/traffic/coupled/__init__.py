"""The coupled engine: runs that wait for slots, compiled to machine code.

Sessions share the slots, so they are played together in order of time, on one processor. Where the
limit is not reached, the engine that plays them apart has the same outcome.
"""

from session_lab.traffic.coupled.coupled_engine import play_coupled
from session_lab.traffic.coupled.limited_outcome import LimitedOutcome, play_outcome
from session_lab.traffic.coupled.look_first import play_apart_or_coupled

__all__ = ["LimitedOutcome", "play_apart_or_coupled", "play_coupled", "play_outcome"]
