"""What stands in for a time that a recording does not identify, so that nobody is sure of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from session_lab.replays.environment.deciding.variations import scaled
from session_lab.simulator import RandomStream

if TYPE_CHECKING:
    from session_lab.replays.environment.deciding.outcomes import Policies
    from session_lab.simulator import Platform

__all__ = ["FittedModel", "with_stand_ins"]

_HALF = 0.5
_SPREAD = 2.0
"""By how much, on the scale of logarithms, the time that a single session tells may be off."""


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
    """A model of which nobody is surer than it can be.

    Where hardly any turn woke a run, resumes are some part of a boot: half of it, or in draws any.
    Where few sessions tell a time, its draws are spread further: resamples of a few differ less from
    each other than from what else might have been observed.
    """

    policy: Policies
    platform: Platform
    fitted: FittedModel
    sessions: dict[str, int]
    caveats: tuple[str, ...]

    def draws(self, n: int, seed: int = 0) -> list[tuple[Policies, Platform]]:
        drawn = self.fitted.draws(n, seed)
        for name in ("boot_time", "resume_time"):
            places = RandomStream(seed, f"decide-{name}").uniforms(n).tolist()
            known = self.sessions.get(name)
            if known is None and name == "boot_time":
                continue
            drawn = [
                (policy, _drawn(platform, name, place, known))
                for (policy, platform), place in zip(drawn, places, strict=True)
            ]
        return drawn


def with_stand_ins(model: FittedModel) -> FittedModel:
    """Return the model, or one that is careful where a fit rests on little.

    Of all that a fit may not identify the time of a resume decides most: were a run woken in no
    time, the shortest idle timeout would be best whatever was asked. So half of a boot is assumed,
    and in the samples any part from none to all of it, as waking a run is less work than starting
    one.
    """
    samples: Any = getattr(model, "samples", None)
    if samples is None or "boot_time" not in samples:
        return model
    platform, caveats = model.platform, tuple(getattr(model, "caveats", ()))
    if "resume_time" not in samples:
        told = (
            "resume_time is not identified, as hardly any turn woke a run: half of a boot is "
            "assumed, and in the samples any part of one; record under a shorter idle timeout to "
            "know"
        )
        caveats = (told, *(each for each in caveats if not each.startswith("resume_time is")))
        platform = replace(platform, resume_time=scaled(platform.boot_time, _HALF))
    sessions = {name: one.sessions for name, one in samples.items()}
    return _Careful(model.policy, platform, model, sessions, caveats)


def _drawn(platform: Platform, name: str, place: float, sessions: int | None) -> Platform:
    """Return a platform with a time spread by how few sessions tell it, or with a part of a boot."""
    if sessions is None:
        return replace(platform, resume_time=scaled(platform.boot_time, place))
    factor = math.exp(_SPREAD / sessions * NormalDist().inv_cdf(max(place, 1e-9)))
    times: dict[str, Any] = {name: scaled(getattr(platform, name), factor)}
    return replace(platform, **times)
