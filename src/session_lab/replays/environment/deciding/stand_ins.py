"""What stands in for a time that a recording does not identify, so that nobody is sure of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from session_lab.replays.environment.deciding.variations import scaled
from session_lab.replays.environment.fitting.samples import STUDENT
from session_lab.simulator import Distribution
from session_lab.timing import to_milliseconds

if TYPE_CHECKING:
    from session_lab.replays.chats import Policies
    from session_lab.replays.environment.fitting.samples import Sample
    from session_lab.simulator import Platform
    from session_lab.timing import Duration

__all__ = ["PARTS", "FittedModel", "with_stand_ins"]

_HALF = 0.5
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


@dataclass(frozen=True)
class _Careful:
    """A model whose resumes are some part of a boot: what few sessions tell, else :data:`PARTS`."""

    policy: Policies
    platform: Platform
    fitted: FittedModel
    few: Sample | None
    caveats: tuple[str, ...]

    @property
    def parts(self) -> tuple[float, ...]:
        """The parts of a boot that resumes take in one draw after the other; none where told."""
        return PARTS if self.few is None else ()

    def draws(self, n: int, seed: int = 0) -> list[tuple[Policies, Platform]]:
        drawn = self.fitted.draws(n, seed)
        if self.few is None:
            places = [PARTS[place % len(PARTS)] for place in range(n)]
        else:
            few = self.few.resamples(n, seed=seed, name="decide-resume_time")
            boots = (platform.boot_time for _, platform in drawn)
            places = [
                _mean(time) / max(_mean(boot), 1) for time, boot in zip(few, boots, strict=True)
            ]
        return [
            (policy, replace(platform, resume_time=scaled(platform.boot_time, place)))
            for (policy, platform), place in zip(drawn, places, strict=True)
        ]


def with_stand_ins(model: FittedModel) -> FittedModel:
    """Return the model, or one that is careful where a fit does not tell how long resumes take.

    Of all that a fit may not identify that decides most: were a run woken in no time, the shortest
    idle timeout would be best whatever was asked. So resumes are taken to differ as boots do, with
    the mean that a few sessions tell, spread by how few they are. What three sessions or fewer say
    of a mean has no variance (Student's distribution with two degrees of freedom), so there is
    nothing to draw from: all of :data:`PARTS` are tried, and only what holds for each is known.
    """
    samples: Any = getattr(model, "samples", None)
    if samples is None or "boot_time" not in samples or "resume_time" in samples:
        return model
    few: Sample | None = getattr(model, "few", {}).get("resume_time")
    seen = 0 if few is None else few.sessions
    part = _HALF
    if few is not None and seen:
        part = _mean(few.distribution()) / max(_mean(model.platform.boot_time), 1)
    if seen > STUDENT:
        told = (
            f"boots are taken, brought to the mean that {seen} sessions tell, and in the samples to "
            "one that as few might"
        )
    else:
        few = None
        told = (
            f"boots are taken, brought to {'what they took' if seen else 'half their time'}, and in "
            "the samples to anything from no time to twice as long"
        )
    told = (
        f"resume_time is not identified, as hardly any turn woke a run: {told}; record under a "
        "shorter idle timeout to know"
    )
    others = (
        each for each in getattr(model, "caveats", ()) if not each.startswith("resume_time is")
    )
    platform = replace(model.platform, resume_time=scaled(model.platform.boot_time, part))
    return _Careful(model.policy, platform, model, few, (told, *others))


def _mean(time: Duration | Distribution) -> float:
    """Return the mean of a time, in milliseconds."""
    if isinstance(time, Distribution):
        return time.mean.total_seconds() * 1_000
    return to_milliseconds(time)
