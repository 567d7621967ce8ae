"""A day of chats, made up by a seeded generator."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["DAY", "MIDNIGHT", "chats"]

MIDNIGHT = 1_767_225_600_000
"""2026-01-01T00:00:00Z, when the day begins."""
DAY = 86_400_000


def chats(n: int = 3_000, *, seed: int = 2026) -> list[dict[str, Any]]:
    """Make the events of n chats, six or seven for each, in order of time.

    People write again after half a minute or so, some after hours; a tenth of the chats come back
    the next morning. Pages are loaded again, which starts a chat anew and reads it, and double
    clicks send a message twice. Half of the chats are closed, some of them twice or with a message
    behind it; a few expire.

    Returns
    -------
    list of dict
        With ``at``, ``op``, ``external_id``, ``turn_duration`` and ``expires_at``, in integer
        milliseconds or None.
    """
    random = np.random.default_rng(seed)
    # More people write in the afternoon than at night.
    begins = MIDNIGHT + (random.beta(4.0, 3.0, size=n) * DAY).astype(np.int64)
    events = [
        event
        for number, begin in enumerate(begins.tolist())
        for event in _chat(f"chat-{number:05}", begin, random)
    ]
    return sorted(events, key=lambda event: event["at"])


def _chat(external_id: str, begin: int, random: np.random.Generator) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []

    def add(at: int, op: str, *, turn: bool = False, expires_at: int | None = None) -> None:
        duration = int(random.lognormal(8.7, 0.8)) if turn else None
        events.append(
            {
                "at": at,
                "op": op,
                "external_id": external_id,
                "turn_duration": duration,
                "expires_at": expires_at,
            }
        )

    expires_at = begin + 2 * 3_600_000 if random.random() < 0.05 else None
    add(begin, "start", turn=random.random() < 0.8, expires_at=expires_at)
    at = begin
    for _ in range(random.geometric(0.25)):
        at += int(random.lognormal(10.4, 1.3))
        if random.random() < 0.1:
            add(at, "start")
            add(at + 40, "retrieve")
        add(at + 900, "message", turn=True)
        if random.random() < 0.03:
            add(at + 1_050, "message", turn=True)
    if random.random() < 0.1:
        at = begin + DAY
        add(at, "start")
        add(at + 5_000, "message", turn=True)
    if random.random() < 0.5:
        add(at + 60_000, "close")
        if random.random() < 0.1:
            add(at + 60_200, "close")
            add(at + 75_000, "message", turn=True)
    return events
