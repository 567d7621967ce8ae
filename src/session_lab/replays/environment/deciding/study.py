"""Candidates played on samples of the recorded chats, on one platform after the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from session_lab.replays.environment.deciding.outcomes import MEASURES, Chats

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from session_lab.replays.environment.deciding.outcomes import Policies
    from session_lab.replays.environment.deciding.pricing import Pricing
    from session_lab.replays.environment.deciding.question import Question
    from session_lab.replays.environment.deciding.settings import Candidates
    from session_lab.simulator import Platform

__all__ = ["MEASURED", "PER_SESSION", "Sampled", "Study"]

Floats = Any

_COUNTED = ("runs", "billed", "cost")
PER_SESSION = tuple(f"{name}_per_session" for name in _COUNTED)
MEASURED = (*MEASURES, *_COUNTED, *PER_SESSION)
"""What is told of a policy: waits in seconds, shares, what comes of a month and of a session."""


class Sampled(NamedTuple):
    """What came of all candidates in some samples.

    Attributes
    ----------
    chosen : ndarray of int64, shape (samples,)
        The candidate that the rule chooses in each.
    as_good : ndarray of bool, shape (samples, candidates)
        Which are as good as that one.
    wait, cost, waited : ndarray of float64, shape (samples, candidates)
        What it was chosen by; costs and waited seconds of a month.
    measures : dict of int to dict of str to ndarray of float64, shape (samples,)
        Everything in :data:`MEASURED`, of the candidates of which all was asked.
    refused : ndarray of int64, shape (candidates,)
        Events answered with an error, in the whole.
    """

    chosen: Any
    as_good: Any
    wait: Floats
    cost: Floats
    waited: Floats
    measures: dict[int, dict[str, Floats]]
    refused: Any


@dataclass(frozen=True, eq=False)
class Study:
    """What is chosen among, by which question, at which prices.

    Attributes
    ----------
    chats : Chats
        The recorded events.
    candidates : Candidates
        The policies.
    question : Question
        What they are chosen by.
    pricing : Pricing
        What they cost.
    months : float
        By how much to multiply what comes of the recording to get a month.
    seed : int
        What crashes and random times draw on.
    progress : callable
        Told how many policies were played.
    """

    chats: Chats
    candidates: Candidates
    question: Question
    pricing: Pricing
    months: float
    seed: int
    progress: Callable[[int], object]

    def on(self, events: pd.DataFrame, policy: Policies) -> Study:
        """Return the same study of other events."""
        return replace(self, chats=Chats.of(events, policy, seed=self.seed))

    def play(
        self,
        policy: Policies,
        platform: Platform,
        weights: Floats,
        *,
        counts: Floats = 1.0,
        considered: Any = None,  # noqa: ANN401  an array of bool
        tells_all: Any = (),  # noqa: ANN401  places of candidates
    ) -> Sampled:
        """Play every candidate in some samples.

        Parameters
        ----------
        policy : RunPolicy or dict
            What holds for fields that the grid does not name.
        platform : Platform
            What the environment does.
        weights : ndarray of float64, shape (samples, blocks)
            The samples.
        counts : float or ndarray of float64, shape (samples,)
            How many chats come, by how many did.
        considered : ndarray of bool, shape (candidates,), optional
            Which of them may be chosen; by default those that refuse fewest.
        tells_all : sequence of int
            The candidates of which all measures are told.
        """
        outcomes = self.chats.play(
            self.candidates.policies(policy),
            platform,
            self.question.wait,
            self.question.limit,
            weights,
            seed=self.seed,
            tells_all=tells_all,
            progress=self.progress,
        )
        wait, billed, runs, waited = (
            np.stack([getattr(one, name) for one in outcomes], axis=1)
            for name in ("wait", "billed", "runs", "waited")
        )
        refused = np.array([one.refused for one in outcomes])
        months = np.broadcast_to(self.months * np.asarray(counts), len(weights))[:, None]
        cost = (billed * self.pricing.per_second + runs * self.pricing.per_run) * months
        waited *= months
        kept = refused == refused.min() if considered is None else considered
        shown = [np.where(kept, column, np.nan) for column in (wait, cost, waited)]
        rule = self.question.on_samples
        return Sampled(
            rule.choose(*shown),
            np.stack([rule.nearly(*shown, policy=place) for place in range(len(kept))], axis=1),
            wait,
            cost,
            waited,
            {
                place: self._measures(
                    outcomes[place].measures,
                    {
                        "runs": runs[:, place] * months[:, 0],
                        "billed": billed[:, place] * months[:, 0],
                        "cost": cost[:, place],
                    },
                    months[:, 0],
                )
                for place in tells_all
            },
            refused,
        )

    def _measures(
        self, waits: dict[str, Floats], counted: dict[str, Floats], months: Floats
    ) -> dict[str, Floats]:
        """Add what comes of one session to what comes of a month."""
        each = {
            f"{name}_per_session": value / months / self.chats.sessions
            for name, value in counted.items()
        }
        return {**waits, **counted, **each}
