"""Candidates played on samples of the recorded chats, on one platform after the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from session_lab.replays.environment.deciding.outcomes import (
    MEASURES,
    Asked,
    in_samples,
    in_the_whole,
    plays_of,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from session_lab.replays.chats import Chats, Policies
    from session_lab.replays.environment.deciding.outcomes import Outcome
    from session_lab.replays.environment.deciding.pricing import Pricing
    from session_lab.replays.environment.deciding.question import Question
    from session_lab.replays.environment.deciding.sampling import Play
    from session_lab.replays.environment.deciding.settings import Candidates
    from session_lab.simulator import Platform
    from session_lab.traffic import columnar

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
        Those that are played.
    candidates : Candidates
        The policies.
    question : Question
        What they are chosen by.
    pricing : Pricing
        What they cost.
    months : float
        By how much to multiply what comes of the chats to get a month.
    seed : int
        What crashes and random times draw on.
    progress : callable
        Told of how many policies were played.
    """

    chats: Chats
    candidates: Candidates
    question: Question
    pricing: Pricing
    months: float
    seed: int
    progress: Callable[[float], object]

    def on(self, chats: Chats) -> Study:
        """Return the same study of other chats, that come to as many a month."""
        return replace(self, chats=chats, months=self.months * self.chats.sessions / chats.sessions)

    def plays(self, policy: Policies, platform: Platform) -> list[Play]:
        """Return every candidate as numbers, to be played on a platform.

        Parameters
        ----------
        policy : RunPolicy or dict
            What holds for fields that the grid does not name.
        platform : Platform
            What the environment does.
        """
        return plays_of(self.candidates.policies(policy), platform, self.seed)

    def played(self, policy: Policies, platform: Platform) -> list[columnar.Outcome]:
        """Play every candidate, as :meth:`plays`, and return what comes of it in the whole."""
        jobs = [partial(whole, play) for play in self.plays(policy, platform)]
        return [made for (made,) in self.chats.add_up(jobs, progress=self.progress)]

    def told(
        self,
        wholes: Sequence[columnar.Outcome],
        *,
        sessions: int | None = None,
        tells_all: Any = (),  # noqa: ANN401  places of candidates
        told: Sequence[str] = MEASURES,
    ) -> Sampled:
        """Return what came of every candidate, with every chat once.

        Parameters
        ----------
        wholes : sequence of Outcome
            What came of each.
        sessions : int
            Of how many sessions, if not of all; they come to as many a month.
        tells_all : sequence of int
            The candidates of which all measures are told.
        told : sequence of str
            Which of :data:`MEASURES` that is.
        """
        outcomes = [
            in_the_whole(whole, asked)
            for whole, asked in zip(wholes, self._asked(tells_all, told), strict=True)
        ]
        sessions = self.chats.sessions if sessions is None else sessions
        months = np.array([self.months * self.chats.sessions / sessions])
        return self._sampled(outcomes, months, sessions, tells_all)

    def in_samples(
        self,
        policy: Policies,
        platform: Platform,
        wholes: Sequence[columnar.Outcome],
        samples: Floats,
        *,
        counts: Floats,
        tells_all: Sequence[int],
    ) -> Sampled:
        """Play every candidate, and return what comes of it in samples of the chats.

        Parameters
        ----------
        policy, platform
            As in :meth:`plays`.
        wholes : sequence of Outcome
            What came of each in the whole.
        samples : ndarray of float64, shape (samples, blocks)
            How often each sample has each block of chats.
        counts : ndarray of float64, shape (samples,)
            How many chats come, by how many did.
        tells_all : sequence of int
            The candidates of which all measures are told.
        """
        outcomes = in_samples(
            self.chats,
            self.plays(policy, platform),
            self._asked(tells_all, MEASURES),
            wholes,
            samples,
            progress=self.progress,
        )
        each = samples.shape[1] / samples.sum(axis=1)
        outcomes = [
            one._replace(billed=one.billed * each, runs=one.runs * each, waited=one.waited * each)
            for one in outcomes
        ]
        return self._sampled(outcomes, self.months * counts, self.chats.sessions, tells_all)

    def _asked(self, tells_all: Sequence[int], told: Sequence[str]) -> list[Asked]:
        wait, limit = self.question.wait, self.question.limit
        return [
            Asked(wait, limit, told if place in tells_all else ())
            for place in range(len(self.candidates.settings))
        ]

    def _sampled(
        self, outcomes: Sequence[Outcome], months: Floats, sessions: int, tells_all: Sequence[int]
    ) -> Sampled:
        wait, billed, runs, waited = (
            np.stack([getattr(one, name) for one in outcomes], axis=1)
            for name in ("wait", "billed", "runs", "waited")
        )
        cost = billed * self.pricing.per_second + runs * self.pricing.per_run
        measures = {}
        for place in tells_all:
            counted = dict(
                zip(_COUNTED, (runs[:, place], billed[:, place], cost[:, place]), strict=True)
            )
            measures[place] = {
                **outcomes[place].measures,
                **{name: value * months for name, value in counted.items()},
                **{f"{name}_per_session": value / sessions for name, value in counted.items()},
            }
        refused = np.array([one.refused for one in outcomes])
        return Sampled(wait, cost * months[:, None], waited * months[:, None], measures, refused)

    def chosen(self, found: Sampled, kept: Any) -> Any:  # noqa: ANN401  arrays of bool and int
        """Return the candidate that the rule chooses in each sample, of those that may be."""
        return self.question.on_samples.choose(*_shown(found, kept))

    def wins(self, found: Sampled, kept: Any) -> Any:  # noqa: ANN401  arrays of bool
        """Return which candidate that is, as one column for each; shape (samples, candidates)."""
        return self.chosen(found, kept)[:, None] == np.arange(len(kept))

    def as_good(self, found: Sampled, kept: Any) -> Any:  # noqa: ANN401  arrays of bool
        """Return which candidates are as good as that in each sample."""
        shown, rule = _shown(found, kept), self.question.on_samples
        return np.stack([rule.nearly(*shown, policy=place) for place in range(len(kept))], axis=1)


def _shown(found: Sampled, kept: Any) -> tuple[Floats, Floats, Floats]:  # noqa: ANN401
    columns = (found.wait, found.cost, found.waited)
    wait, cost, waited = (np.where(kept, column, np.nan) for column in columns)
    return wait, cost, waited
