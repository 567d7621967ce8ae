"""What a policy is to be chosen by, as it was asked and as a rule."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from session_lab.analysis.display import money
from session_lab.analysis.replays.rules import Rule
from session_lab.errors import DataError
from session_lab.replays.environment.deciding.outcomes import MEASURES
from session_lab.replays.environment.deciding.sampling import QUANTILES
from session_lab.timing import duration_text, to_milliseconds

if TYPE_CHECKING:
    from session_lab.timing import Duration

__all__ = ["SHARES", "Question", "question_of"]

SHARES = ("cold_starts", "resumed")
"""Measures of waiting that are shares of the turns; the others are durations."""


class Question(NamedTuple):
    """What a policy is to be chosen by.

    Attributes
    ----------
    wait : str
        What waiting is measured by.
    rule : Rule
        How to choose; waits are in seconds, costs a month.
    text : str
        The rule in words.
    limit_text : str
        What a policy has to be within, in words; empty where there is no limit.
    """

    wait: str
    rule: Rule
    text: str
    limit_text: str = ""

    @property
    def limit(self) -> float | None:
        """A limit of a quantile of the waits, in seconds; None where there is none."""
        is_limit = self.rule.kind == "at_most" and self.wait in QUANTILES
        return self.rule.number if is_limit else None

    @property
    def on_samples(self) -> Rule:
        """The rule where the wait of a sample is told as :func:`outcomes.play` tells it."""
        return self.rule if self.limit is None else Rule("at_most", 0.0)


def question_of(
    wait: str,
    *,
    at_most: Duration | float | None,
    budget: float | None,
    waited_second: float | None,
    is_priced: bool,
) -> Question:
    """Return what was asked.

    Raises
    ------
    DataError
        The measure is unknown, more than one thing was asked, a number is out of range, or there is
        no price for what is asked in money.
    """
    if wait not in MEASURES:
        message = f"{wait!r} is not a measure of waiting; they are {', '.join(MEASURES)}"
        raise DataError(message, column="wait")
    asked = {"at_most": at_most, "budget": budget, "waited_second": waited_second}
    asked = {name: value for name, value in asked.items() if value is not None}
    if len(asked) > 1:
        raise DataError(f"{' and '.join(asked)} are two questions; ask one", column="at_most")
    if at_most is not None:
        limit, text = _limit(at_most, wait)
        within = f"{wait} of at most {text}"
        told = f"the cheapest policy with {within}"
        return Question(wait, Rule("at_most", limit), told, within)
    for name, value in asked.items():
        if (
            isinstance(value, bool)
            or not isinstance(value, (int, float))
            or not 0 <= value < math.inf
        ):
            raise DataError(f"{value!r} is not a number of dollars", column=name)
        if not is_priced:
            message = "no price is known: the runs tell no cost; give prices="
            raise DataError(message, column=name)
    if budget is not None:
        within = f"at most {money(budget, '$')} a month"
        return Question(
            wait, Rule("budget", float(budget)), f"the smallest {wait} for {within}", within
        )
    if waited_second is not None:
        told = f"the smallest sum of cost and waiting, at {money(waited_second, '$')} for a second"
        return Question(wait, Rule("waited_second", float(waited_second)), f"{told} waited")
    told = f"the knee of the front: the smallest sum of {wait} and cost, each scaled to its range"
    return Question(wait, Rule("knee"), told)


def _limit(at_most: Duration | float, wait: str) -> tuple[float, str]:
    if wait not in SHARES:
        span = to_milliseconds(at_most, name="at_most")
        return span / 1000, duration_text(span)
    if isinstance(at_most, bool) or not isinstance(at_most, (int, float)):
        raise DataError(f"{at_most!r} is not a share; write a number such as 0.1", column="at_most")
    return float(at_most), f"{at_most:.3g}"
