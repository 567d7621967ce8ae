"""Sessions for explorers: a few hundred of all kinds, with tags that want to break out of HTML."""

from __future__ import annotations

import numpy as np
import pandas as pd

from session_lab.frames import NAT, SESSIONS, Coded, build, derive_lifetimes

__all__ = ["AWKWARD", "DAY", "HOUR", "ORIGIN", "TASKS", "sessions_frame"]

ORIGIN = 1_767_225_600_000
"""2026-01-01T00:00:00Z."""
HOUR = 3_600_000
DAY = 24 * HOUR

TASKS = ("chat", "support <b>bot</b>")
AWKWARD = (
    "<script>alert('x')</script>",
    "**bold** [link](http://example.invalid) `code`",
    "price:$5_000$",
    "👩‍🚀 emoji",
    "שלום עולם",
    "\u202eturned around",
    "very-long-" + "x" * 300,
    "_hidden",
    "two\nlines",
    "quote\"'&amp;",
)


def sessions_frame(n: int = 300, *, seed: int = 7) -> pd.DataFrame:
    """Make a sessions frame of ten days, observed at their end."""
    random = np.random.default_rng(seed)
    created = np.sort(ORIGIN + random.integers(0, 10 * DAY, n))
    closed = np.where(random.random(n) < 0.5, created + random.integers(0, 2 * DAY, n), NAT)
    expires = np.where(random.random(n) < 0.4, created + random.integers(HOUR, DAY, n), NAT)
    observed_at = ORIGIN + 10 * DAY
    closed = np.where(closed > observed_at, NAT, closed)
    names = ("plan:free", "plan:pro", "vip", *AWKWARD)
    weights = 1 / np.arange(1, len(names) + 1)
    tags = [
        None
        if random.random() < 0.05
        else random.choice(names, random.integers(0, 4), replace=False, p=weights / weights.sum())
        for _ in range(n)
    ]
    data = {
        "session_id": [f"session_{number}" for number in range(n)],
        "external_id": [f"chat-{number}" for number in range(n)],
        "type": Coded(random.integers(-1, 2, n), ("batch", "chat.agent")),
        "task_identifier": Coded(random.integers(0, 2, n), TASKS),
        "tags": [None if one is None else list(one) for one in tags],
        "created_at": created,
        "closed_at": closed,
        "expires_at": expires,
        **derive_lifetimes(created, closed, expires, observed_at),
    }
    frame = build(SESSIONS, data, n=n)
    frame.attrs["observed_at"] = pd.Timestamp(observed_at, unit="ms", tz="UTC").isoformat()
    return frame
