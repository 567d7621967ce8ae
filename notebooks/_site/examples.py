"""One example of every type of result, all of the same made-up chats."""

from __future__ import annotations

from typing import NamedTuple

TRAFFIC = """\
import pandas as pd
import session_lab as sl

workload = sl.ChatWorkload(
    duration="5d",
    chats_per_hour=8,
    return_share=0.3,
    return_after="6h",
    expires_after="18h",
    close_share=0.6,
    late_message_share=0.3,
    retry_share=0.3,
    duplicate_start_share=0.1,
)
events = sl.traffic.generate(workload, seed=1)
policy = sl.RunPolicy()
platform = sl.Platform(boot_time="3s", resume_time="1s", crash_rate=0.02)
replay = sl.replay(events, policy, platform, until="2026-01-06T00:00:00Z")
sessions, runs, operations = replay.sessions, replay.runs, replay.operations
"""
"""What every example begins with."""


class Example(NamedTuple):
    """How to get a result: its page, the documented call, and code that ends in an expression."""

    page: str
    call: str
    code: str


_LIVE = """\
sim = sl.Simulator(seed=1)
few = sl.traffic.generate(sl.ChatWorkload(chats_per_hour=30), seed=1)
live = sl.replay_live(few, sim.client(), prefix="demo-", dry_run=False)
"""
_POLLS = """\
polls = pd.DataFrame(
    {
        "session_id": "session_1",
        "current_run_id": ["run_1", "run_1", "run_2", "run_2", "run_3"],
        "polled_at": pd.date_range("2026-01-01T09:00Z", periods=5, freq="5min"),
    }
)
"""
_BY_PLAN = """\
planned = sessions.assign(plan=sessions["tags"].map(lambda tags: tags[0]))
"""
_LONGER = """\
longer = sl.RunPolicy(idle_timeout="2m")
other = sl.replay(events, longer, platform, until="2026-01-06T00:00:00Z")
"""
_RECORDED = """\
recording = sl.Recording.of_replay(replay, events)
grid = {"idle_timeout": ["5s", "30s", "2m", "5m"]}
"""
_SWEEP = """\
grid = {"idle_timeout": ["5s", "30s", "2m", "5m"], "turn_timeout": ["10m", "1h", "8h"]}
policies = sl.sweep(events, grid, policy=policy, platform=platform)
"""

_TAGS, _LIFE, _CHURN = (f"session_lab.analysis.{room}" for room in ("tags", "lifetimes", "churn"))
_REPLAY, _LIVE_REPLAY = "session_lab.Replay", "session_lab.replays.live.LiveReplay"

EXAMPLES = {
    "Tags": (
        Example("tags-distribution", f"{_TAGS}.distribution", "sl.tags.distribution(sessions)"),
        Example("tags-namespaces", f"{_TAGS}.namespaces", "sl.tags.namespaces(sessions)"),
        Example("tags-cooccurrence", f"{_TAGS}.cooccurrence", "sl.tags.cooccurrence(sessions)"),
        Example("tags-drift", f"{_TAGS}.drift", 'sl.tags.drift(sessions, "1d", top=5)'),
        Example("tags-by-status", f"{_TAGS}.by_status", "sl.tags.by_status(sessions)"),
    ),
    "Lifetimes": (
        Example("lifetimes-survival", f"{_LIFE}.survival", "sl.lifetimes.survival(sessions)"),
        Example(
            "lifetimes-survival-by-group",
            f"{_LIFE}.survival",
            f'{_BY_PLAN}sl.lifetimes.survival(planned, by="plan")',
        ),
        Example("lifetimes-incidence", f"{_LIFE}.incidence", "sl.lifetimes.incidence(sessions)"),
        Example(
            "lifetimes-incidence-by-group",
            f"{_LIFE}.incidence",
            f'{_BY_PLAN}sl.lifetimes.incidence(planned, by="plan")',
        ),
        Example(
            "lifetimes-compare",
            f"{_LIFE}.compare",
            f'{_BY_PLAN}sl.lifetimes.compare(planned, "plan")',
        ),
        Example(
            "lifetimes-hazard",
            f"{_LIFE}.Survival.hazard",
            'sl.lifetimes.survival(sessions).hazard("2h")',
        ),
        Example("lifetimes-cox", f"{_LIFE}.cox", f'{_BY_PLAN}sl.lifetimes.cox(planned, ["plan"])'),
        Example(
            "lifetimes-turnbull",
            f"{_LIFE}.turnbull",
            'sl.lifetimes.turnbull([0, 1, 2, 2, 4], [2, 3, 3, 5, float("inf")])',
        ),
        Example(
            "lifetimes-cumulative-hazard",
            f"{_LIFE}.nelson_aalen",
            'sl.lifetimes.nelson_aalen(sessions["lifetime"], sessions["ended_at"].notna())',
        ),
    ),
    "Churn": (
        Example("churn-reasons", f"{_CHURN}.reasons", "sl.churn.reasons(runs)"),
        Example("churn-start-kinds", f"{_CHURN}.start_kinds", "sl.churn.start_kinds(operations)"),
        Example(
            "churn-runs-per-session",
            f"{_CHURN}.runs_per_session",
            "sl.churn.runs_per_session(runs, sessions)",
        ),
        Example("churn-transitions", f"{_CHURN}.transitions", "sl.churn.transitions(runs)"),
        Example("churn-gaps", f"{_CHURN}.gaps", "sl.churn.gaps(runs)"),
        Example("churn-rate", f"{_CHURN}.rate", "sl.churn.rate(runs, sessions)"),
        Example("churn-handovers", f"{_CHURN}.handovers", f"{_POLLS}sl.churn.handovers(polls)"),
        Example(
            "churn-cost",
            f"{_CHURN}.cost",
            'sl.churn.cost(runs, sl.prices("2026-05"))',
        ),
        Example("prices", "session_lab.prices", 'sl.prices("2026-05")'),
        Example("churn-cohorts", f"{_CHURN}.cohorts", "sl.churn.cohorts(operations)"),
        Example("churn-identities", f"{_CHURN}.identities", "sl.churn.identities(operations)"),
    ),
    "Conflicts": (
        Example(
            "conflicts",
            "session_lab.analysis.conflicts.summary",
            "sl.conflicts.summary(operations, sessions)",
        ),
    ),
    "Replays": (
        Example("replay-summary", f"{_REPLAY}.summary", "replay.summary()"),
        Example("replay-concurrency", f"{_REPLAY}.concurrency", "replay.concurrency()"),
        Example(
            "replay-slots",
            f"{_REPLAY}.slots",
            "sl.replay(events, policy, platform, limits=2).slots()",
        ),
        Example("replay-compare", f"{_REPLAY}.compare", f"{_LONGER}replay.compare(other)"),
        Example(
            "recommend",
            "session_lab.recommend",
            f'{_SWEEP}sl.recommend(policies, wait="wait_mean", at_most="1500ms")',
        ),
        Example(
            "live-agreement",
            f"{_LIVE_REPLAY}.divergence",
            f"{_LIVE}live.divergence(sl.replay(few))",
        ),
        Example(
            "decide",
            "session_lab.decide",
            f"{_RECORDED}sl.decide(recording, grid, at_most='2s', wait='wait_mean')",
        ),
        Example(
            "fit",
            "session_lab.fit",
            "sl.fit(sl.Recording.of_replay(replay, events))",
        ),
        Example(
            "calibration",
            "session_lab.calibrate",
            "recording = sl.Recording.of_replay(replay, events)\n"
            'sl.calibrate(recording, sl.RunPolicy(idle_timeout="45s"), platform)',
        ),
        Example("live-lateness", f"{_LIVE_REPLAY}.lateness", f"{_LIVE}live.lateness()"),
    ),
}
"""Examples of each field, in the order of their pages."""
