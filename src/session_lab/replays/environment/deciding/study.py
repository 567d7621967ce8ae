"""Candidates played on samples of the recorded chats, on one platform after the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from session_lab.replays.environment.deciding.outcomes import MEASURES, Chats

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
    wait, cost, waited : ndarray of float64, shape (samples, candidates)
        What is chosen by; costs and waited seconds of a month.
    measures : dict of int to dict of str to ndarray of float64, shape (samples,)
        Everything in :data:`MEASURED`, of the candidates of which all was asked.
    refused : ndarray of int64, shape (candidates,)
        Events answered with an error, in the whole.
    """

    wait: Floats
    cost: Floats
    waited: Floats
    measures: dict[int, dict[str, Floats]]
    refused: Any

    @property
    def kept(self) -> Any:  # noqa: ANN401  an array of bool
        """The candidates that refuse fewest; others are not to be chosen."""
        return self.refused == self.refused.min()

    def moved(self, base: Sampled, others: Sequence[Sampled]) -> Sampled:
        """Return the samples as they would be elsewhere, the first in the first place, and so on.

        What a place changes in the whole is added to each sample: of two small changes at once,
        what one changes in the other is smaller still.

        Parameters
        ----------
        base : Sampled
            The whole, where these samples are.
        others : sequence of Sampled
            The whole in other places, which are taken in turn; with as many samples as places or
            more, or with one sample, which is brought to each.
        """
        n = max(len(self.wait), len(others))

        def add(own: Floats, here: Floats, there: list[Floats]) -> Floats:
            changes = np.concatenate(there) - here
            return own + changes[np.arange(n) % len(changes)]

        wait, cost, waited = (
            add(getattr(self, name), getattr(base, name), [getattr(each, name) for each in others])
            for name in ("wait", "cost", "waited")
        )
        measures = {
            place: {
                name: np.maximum(
                    add(own, base.measures[place][name], [o.measures[place][name] for o in others]),
                    0.0,
                )
                for name, own in told.items()
            }
            for place, told in self.measures.items()
            if place in others[0].measures
        }
        return Sampled(wait, cost, waited, measures, self.refused)


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
        """Return the same study of other events, that come to as many chats a month."""
        chats = Chats.of(events, policy, seed=self.seed)
        months = self.months * self.chats.sessions / chats.sessions
        return replace(self, chats=chats, months=months)

    def play(
        self,
        policy: Policies,
        platform: Platform,
        weights: Floats,
        *,
        counts: Floats = 1.0,
        tells_all: Any = (),  # noqa: ANN401  places of candidates
        told: Sequence[str] = MEASURES,
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
        tells_all : sequence of int
            The candidates of which all measures are told.
        told : sequence of str
            Which of :data:`MEASURES` that is.
        """
        outcomes = self.chats.play(
            self.candidates.policies(policy),
            platform,
            self.question.wait,
            self.question.limit,
            weights,
            seed=self.seed,
            tells_all=tells_all,
            told=told,
            progress=self.progress,
        )
        wait, billed, runs, waited = (
            np.stack([getattr(one, name) for one in outcomes], axis=1)
            for name in ("wait", "billed", "runs", "waited")
        )
        each = (weights.shape[1] / weights.sum(axis=1))[:, None]
        billed, runs, waited = billed * each, runs * each, waited * each
        cost = billed * self.pricing.per_second + runs * self.pricing.per_run
        months = np.broadcast_to(self.months * np.asarray(counts), len(weights))
        measures = {
            place: {
                **outcomes[place].measures,
                **self._counted(runs[:, place], billed[:, place], cost[:, place], months),
            }
            for place in tells_all
        }
        refused = np.array([one.refused for one in outcomes])
        return Sampled(wait, cost * months[:, None], waited * months[:, None], measures, refused)

    def chosen(self, found: Sampled, kept: Any) -> Any:  # noqa: ANN401  arrays of bool and int
        """Return the candidate that the rule chooses in each sample, of those that may be."""
        return self.question.on_samples.choose(*_shown(found, kept))

    def as_good(self, found: Sampled, kept: Any) -> Any:  # noqa: ANN401  arrays of bool
        """Return which candidates are as good as that in each sample."""
        shown, rule = _shown(found, kept), self.question.on_samples
        return np.stack([rule.nearly(*shown, policy=place) for place in range(len(kept))], axis=1)

    def _counted(
        self, runs: Floats, billed: Floats, cost: Floats, months: Floats
    ) -> dict[str, Floats]:
        """Return what comes of a month, and of one session."""
        counted = dict(zip(_COUNTED, (runs, billed, cost), strict=True))
        of_month = {name: value * months for name, value in counted.items()}
        sessions = self.chats.sessions
        return {
            **of_month,
            **{f"{name}_per_session": value / sessions for name, value in counted.items()},
        }


def _shown(found: Sampled, kept: Any) -> tuple[Floats, Floats, Floats]:  # noqa: ANN401
    columns = (found.wait, found.cost, found.waited)
    wait, cost, waited = (np.where(kept, column, np.nan) for column in columns)
    return wait, cost, waited
