"""A decision: the policy that is recommended, how sure that is, and what to expect of it."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd

from session_lab.analysis.churn.prices import prices
from session_lab.analysis.display import money, read_duration
from session_lab.analysis.pages import write_page
from session_lab.analysis.replays.recommend import settings_of
from session_lab.analysis.results import Result
from session_lab.errors import DataError
from session_lab.frames import whole_file
from session_lab.frames.files.places import written_suffix
from session_lab.replays.environment.caveat import texts_of
from session_lab.simulator import RunPolicy
from session_lab.simulator.model.settings.concurrency import PLANS_AS_OF

if TYPE_CHECKING:
    import os

    from session_lab.analysis.replays.rules import Rule
    from session_lab.replays.chats import Policies
    from session_lab.replays.environment.caveat import Caveat
    from session_lab.simulator import Platform

__all__ = ["Decision", "Recorded"]

_LIKELY = 0.8
_FIRST = ("resume_time", "tasks", "period")
"""What caveats are about that come before the recommendation."""
_ALIKE = 0.05
_PROMISED = (
    "wait_mean",
    "wait_p50",
    "wait_p95",
    "wait_p99",
    "runs_per_session",
    "billed_per_session",
    "cost_per_session",
)
_ASSUMPTIONS = (
    "people write what and when they wrote in the recording, however long a reply takes",
    "chats are independent of each other, and no run waits for a concurrency slot",
    "boot time is not billed (fact), nor is resume time (assumption); a suspended run costs nothing",
    "the traffic of a month is that of the recorded time, as many times as it fits into one",
    "what a sample of chats cannot show, such as a launch or a holiday, is in no interval",
)


class Recorded(NamedTuple):
    """What a decision rests on.

    Attributes
    ----------
    begin, end : str
        When sessions were recorded, as ISO 8601 text.
    days : float
        How long that is.
    sessions, turns : int
        How many there are.
    resamples, draws : int
        How many samples of the chats were taken, and on how many platforms they were played.
    """

    begin: str
    end: str
    days: float
    sessions: int
    turns: int
    resamples: int
    draws: int


@dataclass(frozen=True, repr=False, eq=False)
class Decision(Result):
    """The policy that is recommended, how sure that is, and what to expect of it.

    Attributes
    ----------
    policies : DataFrame
        One row per policy: its settings; ``wait_mean``, ``wait_p50``, ``wait_p95``, ``wait_p99``,
        ``cold_starts`` and ``resumed`` (shares of the turns); ``runs``, ``billed`` and ``cost`` of
        a month; ``refused``; ``front``; and in what share of the samples of chats
        (``wins_chats``), of the platforms (``wins_parameters``) and of both (``wins``) it wins, and
        in what share of the last it is as good as the best (``as_good``); where the recording does
        not tell how long a resume takes, the least share over what it may take.
    chosen, today : int
        The rows of the recommended policy, and of what holds today.
    unknown : str
        Why it is not known how sure the recommendation is; empty where it is.
    wait : str
        What waiting was measured by.
    question : str
        What was asked, in words.
    rule : Rule
        The same as a rule: waits in seconds, costs a month.
    limit : str
        The limit or the budget, in words; empty without one.
    is_met : bool
        Whether the recommended policy is within it; without one it is.
    expected : DataFrame
        ``measure, unit``, and ``today``, ``proposed`` and ``difference`` with their 95 % intervals.
    sensitivity : DataFrame
        What would be recommended under other assumptions.
    policy_today, policy : RunPolicy or dict of str to RunPolicy
        What holds today, and what is recommended.
    platform : Platform
        What the environment does.
    peaks : dict of str to int
        The most runs that execute at once, ``today`` and ``proposed``.
    cost_unit : str
        What costs are counted in: dollars or, where no price is known, billed hours.
    edges : dict of str to str
        The fields of the recommended policy whose value lies at the edge of what was tried, and
        which it is: the shortest, longest, smallest or largest.
    recorded : Recorded
        What all this rests on.
    caveats : tuple of Caveat
        Where the price comes from, and what the fit says of itself, with what each is about.
    calibration : str
        How well the model reproduces what was recorded, in a sentence; empty where nobody looked.
    """

    policies: pd.DataFrame
    chosen: int
    today: int
    unknown: str
    wait: str
    question: str
    rule: Rule
    limit: str
    is_met: bool
    expected: pd.DataFrame
    sensitivity: pd.DataFrame
    policy_today: Policies
    policy: Policies
    platform: Platform
    peaks: dict[str, int]
    cost_unit: str
    edges: dict[str, str]
    recorded: Recorded
    caveats: tuple[Caveat, ...] = ()
    calibration: str = ""

    title: ClassVar[str] = "A policy for this environment"
    formula: ClassVar[str] = (
        "certainty: the share of samples in which the policy wins, each of chats drawn with "
        "replacement, three fewer so that they vary as Student's distribution does, with what a "
        "platform changes that the recording bears as well; intervals hold 95 % of the samples"
    )

    @property
    def settings(self) -> dict[str, str]:
        """The fields of the grid that make the recommended policy, as text."""
        return settings_of(self.policies, self.chosen)

    @property
    def certainty(self) -> float:
        """The share of samples in which the recommended policy wins; NaN where not known."""
        return math.nan if self.unknown else float(self.policies["wins"].iloc[self.chosen])

    @property
    def as_good(self) -> float:
        """The share of samples in which the recommended policy is as good as the best.

        It is within the limit, if any is, and not more than a fiftieth dearer (or, within a budget,
        slower) than the one that wins. NaN where it is not known; see :attr:`unknown`.
        """
        return math.nan if self.unknown else float(self.policies["as_good"].iloc[self.chosen])

    @property
    def is_change(self) -> bool:
        """Whether something else is recommended than what holds today."""
        return self.chosen != self.today

    @property
    def headline(self) -> str:
        """The recommendation in one sentence."""
        told = ", ".join(f"{name} {value}" for name, value in self.settings.items())
        if not self.is_met:
            return f"No policy that was tried comes to {self.limit}; the nearest is {told}"
        if not self.is_change:
            return f"Keep what you have: {told}"
        held = settings_of(self.policies, self.today) if self.has_today else {}
        changes = [
            f"{name} from {held[name]} to {value}" if name in held else f"{name} {value}"
            for name, value in self.settings.items()
            if held.get(name) != value
        ]
        return f"Set {' and '.join(changes)}"

    @property
    def has_today(self) -> bool:
        """Whether what holds today is one policy of the grid, and not another for each task."""
        return isinstance(self.policy_today, RunPolicy) or self.today != len(self.policies) - 1

    @property
    def sureness(self) -> str:
        """How sure the recommendation is, in a sentence."""
        if self.unknown:
            return f"how sure that is, is not known: {self.unknown}"
        row = self.policies.iloc[self.chosen]
        told = (
            f"it wins in {row['wins']:.0%} of {self.recorded.resamples:,} samples "
            f"({row['wins_chats']:.0%} where only the chats vary, {row['wins_parameters']:.0%} "
            f"where only the fitted platform does)"
        )
        if round(self.as_good, 2) > round(self.certainty, 2):
            told = f"{told}; in {self.as_good:.0%} it is as good as the best, but for a fiftieth"
        rivals = self.policies["wins"].drop(index=self.chosen)
        if not len(rivals) or rivals.max() == 0:
            return told
        rival = int(rivals.index[int(rivals.to_numpy().argmax())])
        other = ", ".join(f"{name} {v}" for name, v in settings_of(self.policies, rival).items())
        return f"{told}; next comes {other}, with {rivals.max():.0%}"

    @property
    def remarks(self) -> tuple[str, ...]:
        """What to look at before the recommendation is followed."""
        told = []
        if not self.is_met:
            told.append(f"no policy that was tried comes to {self.limit}")
        told += texts_of(one for one in self.caveats if one.about in _FIRST)
        if self.as_good < _LIKELY:
            told.append(
                f"the recording does not settle it: in {1 - self.as_good:.0%} of the samples "
                "another policy is better; record for longer, or ask for something less tight"
            )
        for name, which in self.edges.items():
            value = self.settings[name]
            told.append(
                f"{name} {value} is the {which} that was tried: a better one may lie beyond"
            )
        told += self._ties()
        changed = self.sensitivity[~self.sensitivity["same"]]
        if len(changed):
            listed = ", ".join(changed["assumption"])
            told.append(f"the recommendation changes if: {listed}")
        return tuple(told)

    def _ties(self) -> list[str]:
        """Return a sentence where the policies hardly differ in how long people wait."""
        kept = self.policies[self.policies["refused"] == self.policies["refused"].min()]
        waits = kept[self.wait].dropna()
        if len(waits) < 2 or waits.min() < waits.max() * (1 - _ALIKE):
            return []
        if waits.min() == waits.max():
            return [f"{self.wait} is the same under every policy: only the cost was weighed"]
        span = f"{_shown(waits.min())} to {_shown(waits.max())}"
        why = "boots that no policy can spare people may decide it"
        told = f"{self.wait} hardly differs between the policies ({span}): {why}"
        return [f"{told}; another measure of waiting may tell more"]

    @property
    def slots(self) -> str:
        """How many runs execute at once, beside what plans allow."""
        listed = prices()
        plans = ", ".join(
            f"{plan.name} {plan.limits['production']}" for plan in listed.plans.values()
        )
        today, proposed = self.peaks["today"], self.peaks["proposed"]
        return (
            f"at most {proposed:,} runs execute at once (today {today:,}); plans allow as many in "
            f"production: {plans} (as of {PLANS_AS_OF}; sl.replay(limits=) plays the waiting beyond)"
        )

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What all numbers rest on."""
        return _ASSUMPTIONS

    @property
    def rest(self) -> tuple[str, ...]:
        """The caveats that are none of the :attr:`remarks`."""
        return texts_of(one for one in self.caveats if one.about not in _FIRST)

    @property
    def notes(self) -> tuple[str, ...]:
        """The recommendation, how sure it is, and what to bear in mind."""
        calibrated = (self.calibration,) if self.calibration else ()
        told = (self.headline, f"asked: {self.question}", self.sureness)
        return (*told, *self.remarks, self.slots, *calibrated, *self.rest)

    def to_frame(self) -> pd.DataFrame:
        """Return :attr:`policies`."""
        return self.policies.copy()

    def overview(self) -> pd.DataFrame:
        """Return what is expected today and under the proposed policy, as it is read."""
        rows = []
        for row in self.expected.to_dict("records"):
            if str(row["measure"]).endswith("_per_session"):
                continue
            cells = {
                side: self._with_interval(row, side) for side in ("today", "proposed", "difference")
            }
            rows.append({"measure": self._label(row), **cells})
        return pd.DataFrame(rows)

    def _label(self, row: dict[Any, Any]) -> str:
        name = row["measure"]
        if name == "cost":
            return f"cost a month ({self.cost_unit})"
        if name in {"runs", "billed"}:
            return f"{'billed hours' if name == 'billed' else 'runs'} a month"
        return str(name).replace("_", " ")

    def _with_interval(self, row: dict[Any, Any], side: str) -> str:
        value, lower, upper = (
            self._number(row, row[f"{side}{end}"]) for end in ("", "_lower", "_upper")
        )
        return value if lower == upper else f"{value} ({lower} to {upper})"

    def _number(self, row: dict[Any, Any], value: float) -> str:
        if np.isnan(value):
            return "not known"
        if row["measure"] == "billed":
            return f"{value / 3600:,.1f}"
        if row["unit"] == "s":
            return read_duration(round(value * 1000))
        if row["unit"] == "share":
            return f"{value:.1%}"
        if row["measure"] == "cost":
            return money(value, "$" if self.cost_unit == "dollars" else "")
        return f"{value:,.0f}"

    def promise(self) -> dict[str, Any]:
        """Return what was decided and promised as plain JSON values, to be checked afterwards.

        ``policy`` and ``platform`` are as ``--policy`` takes them; ``promised`` is what
        ``sl.calibrate`` takes, by measure: the interval is that of a recording of as many sessions
        under the recommended policy, which is wider than that of the expectation.
        """
        promised = {
            row["measure"]: _prediction(
                *(row[f"proposed{end}"] for end in ("", "_lower", "_upper"))
            )
            for row in self.expected.to_dict("records")
            if row["measure"] in _PROMISED and not np.isnan(row["proposed"])
        }
        if self.cost_unit != "dollars":
            promised.pop("cost_per_session", None)
        return {
            "question": self.question,
            "settings": self.settings,
            "certainty": _plain(self.certainty),
            "as_good": _plain(self.as_good),
            "unknown": self.unknown,
            "is_met": self.is_met,
            "policy": _policies(self.policy),
            "policy_today": _policies(self.policy_today),
            "platform": self.platform.to_dict(),
            "promised": promised,
            "expected": [
                {name: _plain(value) for name, value in row.items()}
                for row in self.expected.to_dict("records")
            ],
            "cost_unit": self.cost_unit,
            "peaks": self.peaks,
            "recorded": self.recorded._asdict(),
            "remarks": list(self.remarks),
            "calibration": self.calibration,
        }

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the promise as JSON, whole or not at all."""
        with whole_file(path) as draft:
            draft.write_text(json.dumps(self.promise(), indent=2) + "\n", encoding="utf-8")
        return Path(path)

    def report(self, path: str | os.PathLike[str], *, title: str = "Run policy") -> Path:
        """Write the decision as a page to be sent: ``.html``, which needs nothing else, or ``.md``.

        Parameters
        ----------
        path : path
            Replaced whole or not at all.
        title : str
            The heading.

        Raises
        ------
        DataError
            The name ends in neither.
        """
        if written_suffix(path) not in {".html", ".md"}:
            raise DataError(f"{path} does not end in .html or .md", column="path")
        with whole_file(path) as draft:
            draft.write_text(write_page(self, written_suffix(path), title), encoding="utf-8")
        return Path(path)


def _shown(wait: Any) -> str:  # noqa: ANN401  a duration or a share
    if isinstance(wait, pd.Timedelta):
        return read_duration(round(wait / pd.Timedelta(1, "ms")))
    return f"{wait:.1%}"


def _policies(policy: Policies) -> dict[str, Any]:
    if isinstance(policy, RunPolicy):
        return policy.to_dict()
    return {task: one.to_dict() for task, one in policy.items()}


def _prediction(value: float, lower: float, upper: float) -> dict[str, float]:
    """Widen an interval of an expectation to one of another sample of as many sessions."""
    wide = math.sqrt(2)
    return {
        "value": value,
        "lower": max(value - wide * (value - lower), 0.0),
        "upper": value + wide * (upper - value),
    }


def _plain(value: Any) -> Any:  # noqa: ANN401  a number or text
    if isinstance(value, str):
        return value
    return None if np.isnan(value) else float(value)
