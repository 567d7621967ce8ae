"""Hypothesis strategies: histories of chats and the policies they are played under.

Times are small and lie on a coarse grid, so that ties and boundaries, where the rules say "strictly
before" or "at exactly", turn up all the time.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from hypothesis import settings
from hypothesis import strategies as st

import session_lab as sl
from tests.oracles.simpy_model import Policy

ORIGIN = 1_767_225_600_000
"""2026-01-01T00:00:00Z."""

replays = settings(max_examples=settings().max_examples // 4)
"""For properties of whole replays, which take longer than plain functions: fewer examples."""

instants = st.integers(0, 60)
durations = st.integers(0, 12)

policies = st.builds(
    Policy,
    idle_timeout=st.integers(0, 6),
    turn_timeout=st.integers(0, 15),
    max_turns=st.integers(1, 4),
    max_duration=st.none() | st.integers(1, 20),
    boot_time=st.integers(0, 4),
    resume_time=st.integers(0, 4),
    turn_duration=st.integers(0, 6),
    deploys=st.lists(instants.map(lambda at: ORIGIN + at), max_size=3).map(
        lambda deploys: tuple(sorted(set(deploys)))
    ),
    crash_rate=st.sampled_from([0.0, 0.0, 0.3, 1.0]),
)
"""Policies in the oracle's terms: whole milliseconds."""

ops = st.sampled_from(["start", "message", "message", "message", "close", "retrieve"])


@st.composite
def histories(draw: st.DrawFn, *, max_events: int = 25) -> list[dict[str, Any]]:
    """Draw events of up to three chats in order of time; most chats begin with a start."""
    gaps = draw(st.lists(st.integers(0, 9), min_size=1, max_size=max_events))
    events: list[dict[str, Any]] = []
    at = ORIGIN
    for gap in gaps:
        at += gap
        chat = draw(st.sampled_from(["a", "b", "ü"]))
        seen = any(event["external_id"] == chat for event in events)
        op = draw(ops) if seen else draw(st.sampled_from(["start", "start", "start", "message"]))
        event: dict[str, Any] = {"at": at, "op": op, "external_id": chat}
        if op in {"start", "message"}:
            event["turn_duration"] = draw(st.none() | durations)
        if op == "start":
            event["expires_at"] = draw(
                st.none() | st.none() | instants.map(lambda ms: ORIGIN - 1 + ms)
            )
        events.append(event)
    return events


def run_policy(policy: Policy) -> sl.RunPolicy:
    """Say a policy in the package's own terms."""
    durations = {
        name: pd.Timedelta(getattr(policy, name), unit="ms").to_pytimedelta()
        for name in ("idle_timeout", "turn_timeout", "boot_time", "resume_time", "turn_duration")
    }
    cap = policy.max_duration
    return sl.RunPolicy(
        **durations,
        max_turns=policy.max_turns,
        max_duration=None if cap is None else pd.Timedelta(cap, unit="ms").to_pytimedelta(),
        deploys=[pd.Timestamp(at, unit="ms", tz="UTC") for at in policy.deploys],
        crash_rate=policy.crash_rate,
    )


def events_frame(events: list[dict[str, Any]]) -> pd.DataFrame:
    """Say a history as an events frame."""
    rows = pd.DataFrame(events, columns=["at", "op", "external_id", "turn_duration", "expires_at"])
    for name in ("at", "expires_at"):
        rows[name] = pd.to_datetime(rows[name].astype("Int64"), unit="ms", utc=True)
    rows["turn_duration"] = pd.to_timedelta(rows["turn_duration"].astype("Int64"), unit="ms")
    return rows
