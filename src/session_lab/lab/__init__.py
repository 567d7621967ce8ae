"""What users hold: worlds and replays, joined from the rooms below."""

from session_lab.lab.replay import Replay, replay
from session_lab.lab.summary import ReplaySummary

__all__ = ["Replay", "ReplaySummary", "replay"]
