"""Deciding on a policy from what was recorded of an environment."""

from session_lab.replays.environment.deciding.decide import decide
from session_lab.replays.environment.deciding.decision import Decision

__all__ = ["Decision", "decide"]


def __dir__() -> list[str]:
    return __all__
