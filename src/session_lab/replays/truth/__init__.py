"""Worlds whose hazards are known, and how often the estimators' intervals hold the truth in them.

A :class:`KnownWorld` says by which :class:`Law` sessions are closed and expire, plays them through
the simulator's rules, and tells the true curves beside; :func:`coverage` does so many times over::

    from session_lab.replays.truth import Constant, KnownWorld, coverage

    world = KnownWorld(closes=Constant("2h"), expires=Constant("4h"))
    coverage(world, ages=["1h", "3h"], worlds=200)
"""

from session_lab.replays.truth.coverage import coverage
from session_lab.replays.truth.distributions import Constant, Fixed, Law, Mixture, Weibull
from session_lab.replays.truth.worlds import KnownWorld

__all__ = ["Constant", "Fixed", "KnownWorld", "Law", "Mixture", "Weibull", "coverage"]
