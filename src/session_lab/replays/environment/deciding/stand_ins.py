"""What stands in for a time that a recording does not identify, so that nobody is sure of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from session_lab.replays.environment.caveat import Caveat
from session_lab.replays.environment.deciding.variations import scaled
from session_lab.replays.environment.fitting.samples import STUDENT, normals
from session_lab.simulator import Distribution
from session_lab.simulator.model.run_rules import LONGEST_DRAW
from session_lab.timing import duration_text, to_milliseconds

if TYPE_CHECKING:
    from session_lab.replays.chats import Policies
    from session_lab.replays.environment.fitting.samples import Sample
    from session_lab.simulator import Platform
    from session_lab.timing import Duration

__all__ = ["PARTS", "FittedModel", "with_stand_ins"]

_HALF = 0.5
_KNOTS = 512
_SCORES = np.array([NormalDist().inv_cdf((place + 0.5) / _KNOTS) for place in range(_KNOTS)])
PARTS = (0.0, 0.5, 1.0, 2.0)
"""What a resume might take, in boots, where nothing tells it."""


@runtime_checkable
class FittedModel(Protocol):
    """What a fit tells that a decision needs."""

    @property
    def policy(self) -> Policies:
        """What the team has chosen."""
        ...

    @property
    def platform(self) -> Platform:
        """What the environment does."""
        ...

    def draws(self, n: int, seed: int = 0) -> list[tuple[Policies, Platform]]:
        """Draw policies and platforms that the data would bear as well."""
        ...


class _LogNormal(NamedTuple):
    """Times whose logarithms are normal, as a few sessions tell them.

    Attributes
    ----------
    mean, deviation : float
        Of the logarithms of milliseconds.
    sessions : int
        How many tell them; what a session has several of counts for the spread alone.
    """

    mean: float
    deviation: float
    sessions: int

    @classmethod
    def of(cls, few: Sample) -> _LogNormal:
        logs = np.log(np.maximum(few.times[few.is_over], 1))
        return cls(float(logs.mean()), float(logs.std(ddof=1)), few.sessions)

    def distribution(self) -> Duration | Distribution:
        logs = np.minimum(self.mean + self.deviation * _SCORES, math.log(LONGEST_DRAW))
        times = np.rint(np.exp(logs)).astype(np.int64)
        if times[0] == times[-1]:
            return duration_text(int(times[0]))
        return Distribution.of(times.astype("timedelta64[ms]"))

    def draws(self, n: int, seed: int) -> list[Duration | Distribution]:
        """Draw mean and deviation from what is known of both after so few, beforehand nothing.

        The variance is that of the few times their degrees of freedom by a chi-squared number, the
        mean normal about theirs (Box and Tiao 1973, section 2.4).
        """
        k = self.sessions
        first, *others = normals(n * k, seed, "decide-resume_time").reshape(k, n)
        deviations = self.deviation * np.sqrt((k - 1) / np.square(others).sum(axis=0))
        means = self.mean + deviations * first / math.sqrt(k)
        return [
            _LogNormal(mean, deviation, k).distribution()
            for mean, deviation in zip(means.tolist(), deviations.tolist(), strict=True)
        ]


@dataclass(frozen=True)
class _Careful:
    """A model whose resumes are as few sessions tell, or some :data:`PARTS` of a boot."""

    policy: Policies
    platform: Platform
    fitted: FittedModel
    few: _LogNormal | None
    caveats: tuple[Caveat, ...]

    @property
    def parts(self) -> tuple[float, ...]:
        """The parts of a boot that resumes take in one draw after the other; none where told."""
        return PARTS if self.few is None else ()

    def draws(self, n: int, seed: int = 0) -> list[tuple[Policies, Platform]]:
        drawn = self.fitted.draws(n, seed)
        if self.few is None:
            times = [
                scaled(platform.boot_time, PARTS[place % len(PARTS)])
                for place, (_, platform) in enumerate(drawn)
            ]
        else:
            times = self.few.draws(n, seed)
        return [
            (policy, replace(platform, resume_time=time))
            for (policy, platform), time in zip(drawn, times, strict=True)
        ]


def with_stand_ins(model: FittedModel) -> FittedModel:
    """Return the model, or one that is careful where a fit does not tell how long resumes take.

    Of all that a fit may not identify that decides most: were a run woken in no time, the shortest
    idle timeout would be best whatever was asked. What a few sessions tell is taken for log-normal,
    and resumes are drawn with how little is known of its mean and spread. What three sessions or
    fewer say of a mean has no variance (Student's distribution with two degrees of freedom), so
    there is nothing to draw from: all of :data:`PARTS` are tried, and only what holds for each is
    known.
    """
    samples: Any = getattr(model, "samples", None)
    boot = model.platform.boot_time
    if samples is None or "boot_time" not in samples or "resume_time" in samples:
        return model
    few: Sample | None = getattr(model, "few", {}).get("resume_time")
    seen = 0 if few is None else few.sessions
    if few is not None and seen > STUDENT:
        told = _LogNormal.of(few)
        time = told.distribution()
        text = (
            f"what {seen} sessions tell is taken for log-normal, and in the samples with any mean "
            "and spread that as few might have come from"
        )
    else:
        told = None
        part = (
            _mean(few.distribution()) / max(_mean(boot), 1) if few is not None and seen else _HALF
        )
        time = scaled(boot, part)
        text = (
            f"boots are taken, brought to {'what they took' if seen else 'half their time'}, and in "
            "the samples to anything from no time to twice as long"
        )
    text = (
        f"resume_time is not identified, as hardly any turn woke a run: {text}; record under a "
        "shorter idle timeout to know"
    )
    others = (one for one in getattr(model, "caveats", ()) if one.about != "resume_time")
    platform = replace(model.platform, resume_time=time)
    return _Careful(model.policy, platform, model, told, (Caveat("resume_time", text), *others))


def _mean(time: Duration | Distribution) -> float:
    """Return the mean of a time, in milliseconds."""
    if isinstance(time, Distribution):
        return time.mean.total_seconds() * 1_000
    return to_milliseconds(time)
