"""What stands in for a time that a recording does not identify, so that nobody is sure of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from session_lab.replays.environment.deciding.variations import scaled
from session_lab.simulator import RandomStream

if TYPE_CHECKING:
    from session_lab.replays.environment.deciding.outcomes import Policies
    from session_lab.simulator import Platform

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
class _Assumed:
    """A model whose resumes are some part of a boot: half of it, or in draws any."""

    policy: Policies
    platform: Platform
    fitted: FittedModel
    caveats: tuple[str, ...]

    def draws(self, n: int, seed: int = 0) -> list[tuple[Policies, Platform]]:
        parts = RandomStream(seed, "resumes-unknown").uniforms(n).tolist()
        return [
            (policy, _with_resumes(platform, part))
            for (policy, platform), part in zip(self.fitted.draws(n, seed), parts, strict=True)
        ]


def with_stand_ins(model: FittedModel) -> FittedModel:
    """Return the model, or one that assumes something of resumes where the fit knows nothing.

    Of all that a fit may not identify this decides most: were a run woken in no time, the shortest
    idle timeout would be best whatever was asked. So half of a boot is assumed, and in the samples
    any part from none to all of it, as waking a run is less work than starting one.
    """
    samples: Any = getattr(model, "samples", None)
    if samples is None or "resume_time" in samples or "boot_time" not in samples:
        return model
    told = (
        "resume_time is not identified, as hardly any turn woke a run: half of a boot is assumed, "
        "and in the samples any part of one; record under a shorter idle timeout to know"
    )
    kept = tuple(
        each for each in getattr(model, "caveats", ()) if not each.startswith("resume_time is")
    )
    platform = _with_resumes(model.platform, _HALF)
    return _Assumed(model.policy, platform, model, (told, *kept))


def _with_resumes(platform: Platform, part: float) -> Platform:
    return replace(platform, resume_time=scaled(platform.boot_time, part))
