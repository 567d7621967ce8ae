"""How often fitted intervals hold the truth, over worlds of many sizes, policies and platforms."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import session_lab as sl
from session_lab.timing import to_instant, to_milliseconds

if TYPE_CHECKING:
    from numpy.random import Generator

    from session_lab.replays.environment.fitting.parameters import Parameter

START = "2026-01-05T00:00:00Z"
HOUR = 3_600_000
SHAPES = (
    None,
    {0: 0.5, 0.5: 1, 1: 3},
    {0: 0.2, 0.5: 1, 0.9: 2, 1: 10},
    {0: 0.9, 0.3: 1, 0.31: 4, 1: 5},
)
"""Quantiles of times, as multiples of a scale: constant, skewed, with a long tail, in two heaps."""
SAMPLED = ("boot_time", "resume_time", "turn_duration")


def after(hours: float) -> str:
    return pd.Timestamp(to_instant(START) + int(hours * HOUR), unit="ms", tz="UTC").isoformat()


def drawn_time(rng: Generator, low: float, high: float) -> Any:
    scale, shape = np.exp(rng.uniform(np.log(low), np.log(high))), SHAPES[rng.integers(4)]
    if shape is None:
        return f"{int(scale)}ms"
    return {p: f"{int(scale * factor)}ms" for p, factor in shape.items()}


def drawn_policy(rng: Generator) -> sl.RunPolicy:
    fields: dict[str, Any] = {
        "idle_timeout": f"{rng.choice([2_000, 5_000, 10_000, 30_000, 47_123, 300_000])}ms",
        "turn_timeout": f"{rng.choice([60, 600, 3_600, 14_400])}s",
        "max_turns": int(rng.choice([2, 5, 100])),
        "on_deploy": str(rng.choice(["stay", "hand_over"])),
        "exit_after_preload_idle": bool(rng.random() < 0.3),
    }
    if rng.random() < 0.3:
        fields["max_duration"] = f"{rng.choice([20, 60, 300])}s"
    if rng.random() < 0.5:
        fields["preload_idle_timeout"] = f"{rng.choice([3_000, 60_000, 7_777])}ms"
    if rng.random() < 0.5:
        fields["preload_timeout"] = f"{rng.choice([30, 300])}s"
    return sl.RunPolicy(**fields)


def drawn_world(number: int) -> tuple[sl.Recording, sl.RunPolicy, sl.Platform]:
    """Draw a world of 15 to 1,500 chats within 2 to 48 hours, and record it until some instant."""
    rng = np.random.default_rng([77, number])
    chats, hours = np.exp(rng.uniform(np.log(15), np.log(1_500))), int(rng.choice([2, 12, 48]))
    policy = drawn_policy(rng)
    deploys = rng.choice([0, 1, 3])
    platform = sl.Platform(
        boot_time=drawn_time(rng, 500, 8_000),
        resume_time=drawn_time(rng, 100, 3_000),
        turn_duration=drawn_time(rng, 1_000, 20_000),
        crash_rate=float(rng.choice([0, 0.002, 0.01, 0.05, 0.2])),
        deploys=[after(hours * part) for part in rng.uniform(0.1, 0.9, deploys)],
    )
    workload = sl.ChatWorkload(
        start=START,
        duration=f"{hours}h",
        chats_per_hour=chats / hours,
        turns_per_chat=float(rng.choice([1.5, 4, 10])),
        close_share=float(rng.choice([0, 0.4, 0.9])),
        think_time=f"{rng.choice([5, 30, 120])}s",
        return_share=0.1,
        return_after="1h",
    )
    events = sl.traffic.generate(workload, seed=int(rng.integers(1 << 30)))
    # Messages last as the platform's turns do, and so do the first turns of starts, but preloads.
    starts = (events["op"] == "start").to_numpy()
    preloaded = rng.random(len(events)) < rng.choice([0, 0.3])
    times, place = platform.turn_duration, rng.random(len(events))
    table = times.table if isinstance(times, sl.Distribution) else [to_milliseconds(times)] * 2
    lasts = np.interp(place, np.linspace(0, 1, len(table)), table).astype("timedelta64[ms]")
    carries = starts & ~preloaded
    events["turn_duration"] = pd.Series(lasts, events.index).where(carries)
    until = after(hours * rng.uniform(0.3, 1.1)) if rng.random() < 0.6 else None
    replay = sl.replay(events, policy, platform, until=until, seed=int(rng.integers(1 << 30)))
    return sl.Recording.of_replay(replay, events), policy, platform


def truth_of(
    policy: sl.RunPolicy, platform: sl.Platform
) -> dict[tuple[str, str | None], float | None]:
    one = pd.Timedelta("1ms")
    truth: dict[tuple[str, str | None], float | None] = {
        ("crash_rate", None): platform.crash_rate,
        ("max_turns", None): policy.max_turns,
        ("exit_after_preload_idle", None): float(policy.exit_after_preload_idle),
        ("on_deploy", None): float(policy.on_deploy == "hand_over"),
        ("price_small-1x", None): 0.00338 / 100,
        ("price_per_run", None): 0.0025 / 100,
    }
    usual = {"preload_idle_timeout": "idle_timeout", "preload_timeout": "turn_timeout"}
    for name in ("idle_timeout", "turn_timeout", "max_duration", *usual):
        value = getattr(policy, name)
        value = getattr(policy, usual[name]) if value is None and name in usual else value
        truth[name, None] = None if value is None else to_milliseconds(value)
    for name in SAMPLED:
        times = getattr(platform, name)
        for statistic, p in (("mean", None), ("p50", 0.5), ("p95", 0.95)):
            if not isinstance(times, sl.Distribution):
                truth[name, statistic] = to_milliseconds(times)
            elif p is None:
                # What is drawn is cut to whole milliseconds.
                truth[name, statistic] = times.mean / one - 0.5
            else:
                truth[name, statistic] = times.quantile(p) / one
    return truth


def holds(row: Parameter, truth: float | None) -> bool:
    if truth is None:
        return False
    above = row.lower is None or row.lower <= truth
    return above and (row.upper is None or truth <= row.upper)


def held(worlds: range) -> tuple[dict[tuple[str, str | None], list[bool]], dict[str, int]]:
    """Return for each identified parameter in which worlds its interval holds the truth.

    Of times and crashes that do not differ there is nothing to sample; they are counted by
    themselves, as ``exact``. The second result is how often a parameter was not identified.
    """
    found: dict[tuple[str, str | None], list[bool]] = defaultdict(list)
    unknown: dict[str, int] = defaultdict(int)
    for number in worlds:
        recording, policy, platform = drawn_world(number)
        truth = truth_of(policy, platform)
        live = [to_instant(at) for at in platform.deploys]
        for row in sl.fit(recording).rows:
            key = row.parameter, row.statistic
            if row.value is None:
                unknown[row.parameter] += 1
                assert row.note.startswith("not identified: ")
                # What bounds there are hold all the same.
                assert truth.get(key) is None or holds(row, truth[key])
            elif row.parameter == "deploys":
                found["deploys", None].append(any(holds(row, at) for at in live))
            else:
                times = getattr(platform, row.parameter, None)
                is_exact = row.parameter in SAMPLED and not isinstance(times, sl.Distribution)
                is_exact |= row.parameter == "crash_rate" and not platform.crash_rate
                key = (row.parameter, "exact") if is_exact else key
                real = truth[row.parameter, row.statistic]
                found[key].append(holds(row, real))
    return found, unknown


def is_sampled(key: tuple[str, str | None]) -> bool:
    return key[0] in (*SAMPLED, "crash_rate") and key[1] != "exact"


def test_fitted_intervals_hold_the_truth_in_a_few_worlds():
    found, _ = held(range(100, 108))
    assert {"idle_timeout", "turn_timeout", "boot_time", "crash_rate"} <= {
        name for name, _ in found
    }
    for key, several in found.items():
        assert np.mean(several) >= (0.75 if is_sampled(key) else 1), key


@pytest.mark.long
def test_fitted_intervals_hold_the_truth_as_often_as_they_say():
    found, unknown = held(range(200))
    whole: dict[str, list[bool]] = defaultdict(list)
    for key, several in sorted(found.items(), key=str):
        print(f"{key[0]:<24} {key[1] or '':<6} {len(several):>4} {np.mean(several):.3f}")  # noqa: T201
        if is_sampled(key):
            whole[key[0]] += several
        else:
            assert all(several), key
    print("not identified:", dict(sorted(unknown.items())))  # noqa: T201
    for name, several in whole.items():
        assert 0.93 <= np.mean(several) <= 0.98, name
