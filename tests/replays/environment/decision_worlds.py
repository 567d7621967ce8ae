"""Worlds whose best policy is known: traffic, platform and question drawn at random.

A world is recorded once, with as many chats as a team has in some days; the truth is that of some
hundred times as many chats on the true platform.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

import session_lab as sl
from session_lab.analysis.replays.rules import Rule
from session_lab.replays.chats import Chats
from session_lab.replays.environment.deciding.outcomes import Asked, in_the_whole, plays_of, whole
from session_lab.replays.environment.deciding.question import SHARES
from session_lab.replays.environment.deciding.settings import candidates

if TYPE_CHECKING:
    from numpy.typing import NDArray

GRID = {"idle_timeout": ["5s", "10s", "20s", "30s", "1m", "2m", "5m"]}
WAITS = ("wait_mean", "wait_p95", "resumed")
TRUTH = 25_000
"""How many chats the truth is taken from."""
_TELLS = 0.05
"""Where the waits of all policies differ by less, relatively, a limit asks for nothing: a decision
says so, and such worlds are drawn anew."""


class Truth(NamedTuple):
    """What is true of each policy of the grid, and what a decision made of it."""

    best: int
    chosen: int
    certainty: float
    as_good: float
    is_as_good: bool
    within: bool
    regret: float
    """By what share the recommended policy costs more than the best, where it is within the limit."""
    excess: float
    """By what share it is beyond the limit, where it is."""
    chats: int


def distribution(rng: np.random.Generator, median: float) -> sl.Distribution:
    times = np.sort(rng.lognormal(np.log(median), rng.uniform(0.1, 0.6), 400))
    return sl.Distribution.of((times * 1000).astype("timedelta64[ms]"))


class World(NamedTuple):
    """A recording, what is asked of it, and what is true of each policy of the grid."""

    seed: int
    recording: sl.Recording
    wait: str
    at_most: str | float
    limit: float
    """The same, as waits are told."""
    waits: NDArray[np.float64]
    cost: NDArray[np.float64]


def drawn(seed: int, *, truth: int = TRUTH) -> World | None:
    """Draw a world; None where nothing is asked."""
    rng = np.random.default_rng(seed)
    workload = {
        "chats_per_hour": float(rng.uniform(5, 40)),
        "turns_per_chat": float(rng.uniform(2, 8)),
        "think_time": f"{rng.integers(15, 120)}s",
        "think_spread": float(rng.uniform(0.5, 1.2)),
        "return_share": float(rng.uniform(0.0, 0.1)),
        "turn_duration": f"{rng.integers(3, 15)}s",
    }
    chats_recorded = float(np.exp(rng.uniform(np.log(40), np.log(1_500))))
    hours = chats_recorded / workload["chats_per_hour"]
    policy = sl.RunPolicy(idle_timeout=str(rng.choice(GRID["idle_timeout"])))
    platform = sl.Platform(
        boot_time=distribution(rng, rng.uniform(1, 5)),
        resume_time=distribution(rng, rng.uniform(0.3, 2)),
        crash_rate=float(rng.uniform(0, 0.01)),
    )
    wait = str(rng.choice(WAITS))

    # The truth: a long time of the same traffic.
    longer = truth / workload["chats_per_hour"]
    many = sl.traffic.generate(
        sl.ChatWorkload(duration=f"{longer:.0f}h", **workload), seed=1_000_000 + seed
    )
    tried = candidates(GRID, policy)
    chats = Chats.of(many, policy, seed=7 * seed + 1)
    plays = plays_of(tried.policies(policy), platform, seed)
    wholes = chats.add_up([partial(whole, play) for play in plays])
    outcomes = [in_the_whole(one, Asked(wait, None)) for (one,) in wholes]
    waits, billed, runs = (
        np.array([getattr(one, name)[0] for one in outcomes]) for name in ("wait", "billed", "runs")
    )
    low, high = waits.min(), waits.max()
    if low > high * (1 - _TELLS):
        return None
    # What someone asks knows nothing of the world: perhaps all policies meet it, or none does.
    limit = float(low + rng.uniform(-0.4, 1.4) * (high - low))
    if limit <= 0:
        return None
    at_most = max(round(limit, 4), 0.0) if wait in SHARES else f"{max(round(limit * 1000), 1)}ms"

    events = sl.traffic.generate(
        sl.ChatWorkload(duration=f"{hours * 60:.0f}min", **workload), seed=seed
    )
    recording = sl.Recording.of_replay(sl.replay(events, policy, platform, seed=seed), events)
    cost = billed * 3.38e-5 + runs * 2.5e-5
    return World(seed, recording, wait, at_most, limit, waits, cost)


def decided(world: World, *, draws: int = 20, resamples: int = 400) -> Truth:
    """Decide in a world, and look at what was right."""
    decision = sl.decide(
        world.recording,
        GRID,
        at_most=world.at_most,
        wait=world.wait,
        draws=draws,
        resamples=resamples,
        calibrated=False,
        # Boots and resumes must not be those that were recorded, drawn again.
        seed=world.seed + 500_000,
    )
    waits, cost = world.waits, world.cost
    rule = Rule("at_most", world.limit * (1 + 1e-4))
    asked = waits[None], cost[None], waits[None]
    best, chosen = int(rule.choose(*asked)[0]), decision.chosen
    # Where no policy is within the limit, those that wait as little as the best are.
    allowed = max(world.limit, float(waits[best])) * (1 + 1e-4)
    within = waits <= allowed
    return Truth(
        best,
        chosen,
        decision.certainty,
        decision.as_good,
        bool(rule.nearly(*asked, policy=chosen)[0]),
        bool(within[chosen]),
        float(cost[chosen] / cost[best] - 1),
        float(max(waits[chosen] / allowed - 1, 0.0)),
        len(world.recording.sessions),
    )


class Summary(NamedTuple):
    """What many worlds come to.

    Attributes
    ----------
    worlds : int
        How many were decided in.
    right : float
        The share in which the recommended policy was the best, or within the limit and not more
        than a fiftieth dearer.
    regret : float
        By what share the recommended policy costs more than the best, on average over the worlds in
        which it is within the limit.
    beyond : float
        The share of worlds in which it is beyond the limit.
    excess : float
        By what share it is beyond it there, on average.
    said : tuple of (float, float, int)
        By how sure decisions were (mean of each fifth and of the very sure): how sure, how often
        they were right, and how many they are.
    """

    worlds: int
    right: float
    regret: float
    beyond: float
    excess: float
    said: tuple[tuple[float, float, int], ...]


BINS = (0.0, 0.5, 0.7, 0.85, 0.95, 0.995, 1.01)


def summary_of(truths: list[Truth]) -> Summary:
    """Sum worlds up."""
    within = [one for one in truths if one.within]
    beyond = [one for one in truths if not one.within]
    said = []
    for low, high in pairwise(BINS):
        some = [one for one in truths if low <= one.as_good < high]
        if some:
            said.append(
                (
                    float(np.mean([one.as_good for one in some])),
                    float(np.mean([one.is_as_good for one in some])),
                    len(some),
                )
            )
    return Summary(
        len(truths),
        float(np.mean([one.is_as_good for one in truths])),
        float(np.mean([one.regret for one in within])),
        len(beyond) / len(truths),
        float(np.mean([one.excess for one in beyond])) if beyond else 0.0,
        tuple(said),
    )
