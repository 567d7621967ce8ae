"""Laws of how long something lasts, each with its survival function and a way to draw from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from session_lab.errors import DataError
from session_lab.simulator.model.randomness import exponential, logarithm
from session_lab.timing import to_milliseconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from session_lab.simulator.model.randomness import RandomStream
    from session_lab.timing import Duration

__all__ = ["Constant", "Fixed", "Law", "Mixture", "Weibull"]


class Law(Protocol):
    """How long something lasts, in milliseconds."""

    def survival(self, ages: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of lasting longer than each age."""
        ...

    def draw(self, stream: RandomStream, n: int) -> NDArray[np.float64]:
        """Draw ``n`` durations, with the same bits on every machine."""
        ...


@dataclass(frozen=True)
class Constant:
    """A constant hazard of one over the mean: ``S(t) = exp(-t / mean)``.

    Examples
    --------
    >>> Constant("2h").survival(np.array([7_200_000.0])).round(4).tolist()
    [0.3679]
    """

    mean: Duration

    def __post_init__(self) -> None:
        """Check the mean."""
        _positive(self.mean, "mean")

    def survival(self, ages: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of lasting longer than each age."""
        return exponential(-ages / to_milliseconds(self.mean))

    def draw(self, stream: RandomStream, n: int) -> NDArray[np.float64]:
        """Draw durations by inverting the survival function."""
        return _log_of_uniform(stream, n) * to_milliseconds(self.mean)


@dataclass(frozen=True)
class Weibull:
    """A hazard that rises (``shape`` above 1) or falls: ``S(t) = exp(-(t / scale) ** shape)``."""

    scale: Duration
    shape: float

    def __post_init__(self) -> None:
        """Check the scale and the shape."""
        _positive(self.scale, "scale")
        if not 0 < self.shape < np.inf:
            raise DataError(f"{self.shape!r} is not a number above 0", column="shape")

    def survival(self, ages: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of lasting longer than each age."""
        return exponential(-((ages / to_milliseconds(self.scale)) ** self.shape))

    def draw(self, stream: RandomStream, n: int) -> NDArray[np.float64]:
        """Draw durations by inverting the survival function."""
        # A draw of 0, whose logarithm would be minus infinity, stands for the least above it.
        drawn = np.maximum(_log_of_uniform(stream, n), np.finfo(np.float64).tiny)
        return exponential(logarithm(drawn) / self.shape) * to_milliseconds(self.scale)


@dataclass(frozen=True)
class Mixture:
    """Each lasts by one of several laws: ``S(t)`` is their survival, weighted by their shares.

    Parameters
    ----------
    parts : sequence of (float, Law)
        Shares, which add up to 1, and laws.

    Examples
    --------
    >>> law = Mixture([(0.5, Fixed("1h")), (0.5, Fixed("3h"))])
    >>> law.survival(np.array([0, 3_600_000, 10_800_000])).tolist()
    [1.0, 0.5, 0.0]
    """

    parts: Sequence[tuple[float, Law]]

    def __post_init__(self) -> None:
        """Check the shares."""
        shares = [share for share, _ in self.parts]
        if any(share < 0 for share in shares) or not np.isclose(sum(shares), 1):
            raise DataError(f"the shares {shares} do not add up to 1", column="parts")

    def survival(self, ages: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of lasting longer than each age."""
        whole = np.zeros(len(ages))
        for share, law in self.parts:
            whole += share * law.survival(ages)
        return whole

    def draw(self, stream: RandomStream, n: int) -> NDArray[np.float64]:
        """Draw whose law each lasts by, then from every law, so that all draws stay independent."""
        bounds = np.cumsum([share for share, _ in self.parts])[:-1]
        whose = np.searchsorted(bounds, stream.uniforms(n), side="right")
        drawn = np.stack([law.draw(stream, n) for _, law in self.parts])
        picked: NDArray[np.float64] = drawn[whose, np.arange(n)]
        return picked


@dataclass(frozen=True)
class Fixed:
    """Everything lasts equally long, as an expiry that is set when a session starts."""

    after: Duration

    def __post_init__(self) -> None:
        """Check the duration."""
        _positive(self.after, "after")

    def survival(self, ages: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return 1 before the end and 0 from it on."""
        return np.where(ages < to_milliseconds(self.after), 1.0, 0.0)

    def draw(self, stream: RandomStream, n: int) -> NDArray[np.float64]:  # noqa: ARG002  as all laws
        """Return the same duration ``n`` times."""
        return np.full(n, float(to_milliseconds(self.after)))


def _log_of_uniform(stream: RandomStream, n: int) -> NDArray[np.float64]:
    """Draw from the exponential law of mean 1."""
    return -logarithm(1 - stream.uniforms(n))


def _positive(duration: Duration, name: str) -> None:
    if to_milliseconds(duration, name=name) == 0:
        raise DataError("a duration of 0 is over before it begins; give a longer one", column=name)
