"""What stands in for a time that a recording does not identify, so that nobody is sure of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from session_lab.replays.environment.deciding.variations import scaled
from session_lab.replays.environment.fitting.samples import STUDENT
from session_lab.simulator import Distribution, RandomStream
from session_lab.timing import to_milliseconds

if TYPE_CHECKING:
    from session_lab.replays.chats import Policies
    from session_lab.replays.environment.fitting.samples import Sample
    from session_lab.simulator import Platform
    from session_lab.timing import Duration

__all__ = ["FittedModel", "with_stand_ins"]

_HALF = 0.5


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
    """A model whose resumes are some part of a boot: what few sessions tell, else any in draws."""

    policy: Policies
    platform: Platform
    fitted: FittedModel
    few: Sample | None
    caveats: tuple[str, ...]

    def draws(self, n: int, seed: int = 0) -> list[tuple[Policies, Platform]]:
        drawn = self.fitted.draws(n, seed)
        if self.few is None:
            places = RandomStream(seed, "decide-resume_time").uniforms(n).tolist()
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
    the mean that a few sessions tell, spread by how few they are. Where these are too few for that,
    half of a boot is assumed, and in the samples any part from none to all of it, as waking a run is
    less work than starting one.
    """
    samples: Any = getattr(model, "samples", None)
    if samples is None or "boot_time" not in samples or "resume_time" in samples:
        return model
    few: Sample | None = getattr(model, "few", {}).get("resume_time")
    if few is None or few.sessions <= STUDENT:
        few, part = None, _HALF
        told = "half of a boot is assumed, and in the samples any part of one"
    else:
        part = _mean(few.distribution()) / max(_mean(model.platform.boot_time), 1)
        told = (
            f"boots are taken, brought to the mean that {few.sessions} sessions tell, and in the "
            "samples to one that as few might"
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
