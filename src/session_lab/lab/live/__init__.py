"""Careful replay of traffic against a live environment."""

from __future__ import annotations

from session_lab.lab.live.outcome import LivePlan, LiveReplay
from session_lab.lab.live.replaying import replay_live

__all__ = ["LivePlan", "LiveReplay", "replay_live"]
