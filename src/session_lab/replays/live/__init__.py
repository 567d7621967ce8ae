"""Careful replay of traffic against a live environment."""

from __future__ import annotations

from session_lab.replays.live.replay_live import replay_live
from session_lab.replays.live.results import LivePlan, LiveReplay

__all__ = ["LivePlan", "LiveReplay", "replay_live"]
