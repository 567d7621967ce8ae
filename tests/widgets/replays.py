"""A small log of chats, and what a replay makes of it."""

from __future__ import annotations

import numpy as np
import pandas as pd

import session_lab as sl
from tests.widgets.sessions import DAY, HOUR, ORIGIN, TASKS

__all__ = ["EVENTS", "OPERATIONS", "RUNS", "SESSIONS", "events_frame"]


def events_frame(n: int = 150, *, seed: int = 5) -> pd.DataFrame:
    """Make events of two dozen chats over four days, in no order, a few of them refused."""
    random = np.random.default_rng(seed)
    chat = random.integers(0, 24, n)
    at = pd.to_datetime(ORIGIN + random.integers(0, 4 * DAY, n), unit="ms", utc=True)
    at = at.as_unit("ms")
    op = random.choice(["start", "message", "close", "retrieve"], n, p=[0.4, 0.5, 0.05, 0.05])
    expiry = pd.to_timedelta(random.integers(HOUR, 3 * DAY, n), unit="ms")
    return pd.DataFrame(
        {
            "at": at,
            "op": op,
            "external_id": [f"chat-{number}" for number in chat],
            "turn_duration": pd.to_timedelta(random.integers(0, HOUR, n), unit="ms"),
            "expires_at": (at + expiry).where(random.random(n) < 0.3),
            "type": np.where(chat % 2, "chat.agent", "batch"),
            "task_identifier": [TASKS[number % 3 % 2] for number in chat],
            "tags": [["vip"] if number % 4 == 0 else [] for number in chat],
        }
    )


EVENTS = events_frame()
_REPLAY = sl.replay(
    EVENTS, sl.RunPolicy(max_turns=3, turn_timeout="2h"), sl.Platform(crash_rate=0.1)
)
SESSIONS, RUNS, OPERATIONS = _REPLAY.sessions, _REPLAY.runs, _REPLAY.operations
