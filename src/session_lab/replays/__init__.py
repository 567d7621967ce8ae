"""What users hold: worlds and replays, joined from the rooms below."""

from session_lab.replays.replay import ENGINES, Replay, replay
from session_lab.replays.summary import ReplaySummary

__all__ = ["ENGINES", "Replay", "ReplaySummary", "replay"]


def __dir__() -> list[str]:
    return __all__
