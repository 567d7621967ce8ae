"""Hypothesis strategies: histories of chats and the policies they are played under.

Times are small and lie on a coarse grid, so that ties and boundaries, where the rules say "strictly
before" or "at exactly", turn up all the time.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
from hypothesis import settings
from hypothesis import strategies as st

import session_lab as sl
from tests.oracles.simpy_model import Policy, Time

if TYPE_CHECKING:
    from collections.abc import Callable

ORIGIN = 1_767_225_600_000
"""2026-01-01T00:00:00Z."""

replays = settings(max_examples=settings().max_examples // 4)
"""For properties of whole replays, which take longer than plain functions: fewer examples."""

instants = st.integers(0, 60)
durations = st.integers(0, 12)
times = st.integers(0, 4) | st.lists(st.integers(0, 6), min_size=2, max_size=3).map(
    lambda values: tuple((i / (len(values) - 1), ms) for i, ms in enumerate(sorted(values)))
)
"""Boot times and the like: always the same, or quantiles of what is drawn."""

policies = st.builds(
    Policy,
    idle_timeout=st.integers(0, 6),
    turn_timeout=st.integers(0, 15),
    max_turns=st.integers(1, 4),
    max_duration=st.none() | st.integers(1, 20),
    preload_idle_timeout=st.none() | st.integers(0, 9),
    preload_timeout=st.none() | st.integers(0, 9),
    exit_after_preload_idle=st.booleans(),
    on_deploy=st.sampled_from(["stay", "hand_over", "hand_over"]),
    boot_time=times,
    resume_time=times,
    turn_duration=st.integers(0, 6) | times,
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


def settings_of(policy: Policy) -> dict[str, Any]:
    """Return the policy and the platform that the oracle has in one, as arguments."""
    chosen = {
        name: None if (value := getattr(policy, name)) is None else _span(value)
        for name in (
            "idle_timeout",
            "turn_timeout",
            "max_duration",
            "preload_idle_timeout",
            "preload_timeout",
        )
    }
    assumed = {
        name: _time(getattr(policy, name)) for name in ("boot_time", "resume_time", "turn_duration")
    }
    return {
        "policy": sl.RunPolicy(
            **chosen,
            max_turns=policy.max_turns,
            exit_after_preload_idle=policy.exit_after_preload_idle,
            on_deploy=policy.on_deploy,
        ),
        "platform": sl.Platform(
            **assumed,
            crash_rate=policy.crash_rate,
            deploys=[pd.Timestamp(at, unit="ms", tz="UTC") for at in policy.deploys],
        ),
    }


def drawn(policy: Policy, seed: int) -> Callable[[str, str, int, int], int]:
    """Return where the oracle gets its times from that are not always the same."""
    made = settings_of(policy)
    timings = made["policy"].timings(made["platform"], seed)

    def draw(name: str, external_id: str, accepted: int, triggered: int) -> int:
        if name == "turn_duration":
            return timings.duration(external_id, accepted)
        kind = timings.boot if name == "boot_time" else timings.resume
        return kind(external_id, accepted, triggered)

    return draw


def _span(milliseconds: int) -> timedelta:
    return timedelta(milliseconds=milliseconds)


def _time(time: Time) -> timedelta | sl.Distribution:
    if isinstance(time, int):
        return _span(time)
    return sl.Distribution({p: _span(ms) for p, ms in time})


def events_frame(events: list[dict[str, Any]]) -> pd.DataFrame:
    """Say a history as an events frame."""
    rows = pd.DataFrame(events, columns=["at", "op", "external_id", "turn_duration", "expires_at"])
    for name in ("at", "expires_at"):
        rows[name] = pd.to_datetime(rows[name].astype("Int64"), unit="ms", utc=True)
    rows["turn_duration"] = pd.to_timedelta(rows["turn_duration"].astype("Int64"), unit="ms")
    return rows
