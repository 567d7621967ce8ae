"""What users hold: worlds and replays, joined from the rooms below."""

from session_lab.lab.replay import ENGINES, Replay, replay
from session_lab.lab.summary import ReplaySummary

__all__ = ["ENGINES", "Replay", "ReplaySummary", "replay"]
