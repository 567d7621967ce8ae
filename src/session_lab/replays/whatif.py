"""What if: one log, grouped once, under other timeouts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
import pandas as pd

from session_lab.analysis.recommend import pareto_front
from session_lab.analysis.results import Result
from session_lab.simulator import Platform, RunPolicy
from session_lab.timing import to_milliseconds
from session_lab.traffic.engine_frames import to_log

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = ["Played", "WhatIf", "WhatIfLog"]

_COLD = ("initial", "continuation", "upgrade")
_QUANTILES = {"wait_p50": 0.5, "wait_p95": 0.95, "wait_p99": 0.99}


class Played(NamedTuple):
    """A log under one policy; times are milliseconds."""

    idle_timeout: int
    turns: int
    cold_starts: int
    wait_mean: int
    wait_p50: int
    wait_p95: int
    wait_p99: int
    billed: int


_DURATIONS = tuple(name for name in Played._fields if name not in {"turns", "cold_starts"})


@dataclass(frozen=True, repr=False)
class WhatIf(Result):
    """A log under a policy, and under the same policy with other idle timeouts.

    Attributes
    ----------
    policy : RunPolicy
        The policy.
    current : Played
        What comes of it.
    points : tuple of Played
        What comes of each idle timeout, the current one among them, the shortest first.
    """

    policy: RunPolicy
    current: Played
    points: tuple[Played, ...]

    title: ClassVar[str] = "What if: waits against billed time"
    formula: ClassVar[str] = (
        "billed = active + idle; mean wait and quantiles (nearest rank) over served turns; "
        "cold starts = turns that triggered a run"
    )

    @property
    def notes(self) -> tuple[str, ...]:
        """What a front is, and what nobody pays for."""
        return (
            (
                "on the front: no idle timeout here has both less billed time and a shorter mean "
                "wait; a tail quantile is the boot time wherever cold starts are frequent"
            ),
            "boot and resume time is not billed (assumption)",
        )

    @property
    def front(self) -> NDArray[np.bool_]:
        """Tell which points no other beats: less in billed time or mean wait, more in neither."""
        return pareto_front(pd.DataFrame(list(self.points)), "billed", "wait_mean")

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each idle timeout: the numbers, ``front``, and which is ``current``."""
        frame = pd.DataFrame(list(self.points), columns=list(Played._fields))
        for name in _DURATIONS:
            frame[name] = frame[name].to_numpy(np.int64).view("timedelta64[ms]")
        return frame.assign(front=self.front, current=[one == self.current for one in self.points])

    def summary(self) -> pd.Series:
        """Return the numbers of the policy; times in milliseconds."""
        return pd.Series(self.current._asdict(), name=self.title, dtype=object)


class WhatIfLog:
    """Events grouped by session, to be played under many policies.

    Parameters
    ----------
    events : DataFrame
        A checked events frame in order of time.
    """

    def __init__(self, events: pd.DataFrame) -> None:
        # It loads numba.
        from session_lab.traffic.columnar import GroupedLog  # noqa: PLC0415

        self._log = GroupedLog.of(to_log(events, RunPolicy(), Platform(), seed=0))
        self._played: dict[tuple[RunPolicy, Platform, str | None], Played] = {}

    def what_if(
        self,
        policy: RunPolicy,
        platform: Platform,
        idle_timeouts: Iterable[str],
        expiry: str | None = None,
    ) -> WhatIf:
        """Play a policy, and the same with other idle timeouts.

        Sessions expire so long after their first start; by default as recorded.
        """
        current = self._play(policy, platform, expiry)
        others = {
            self._play(replace(policy, idle_timeout=one), platform, expiry) for one in idle_timeouts
        }
        return WhatIf(policy, current, tuple(sorted({current, *others})))

    def _play(self, policy: RunPolicy, platform: Platform, expiry: str | None) -> Played:
        """Play a policy, once: a slider comes back to where it was."""
        if (policy, platform, expiry) not in self._played:
            log = self._log if expiry is None else self._log.expiring(to_milliseconds(expiry))
            outcome = log.outcome([policy.timings(platform)], workers=None)
            kinds = outcome.start_kinds
            self._played[policy, platform, expiry] = Played(
                idle_timeout=to_milliseconds(policy.idle_timeout),
                turns=sum(kinds.values()),
                cold_starts=sum(kinds[kind] for kind in _COLD),
                billed=outcome.billed,
                wait_mean=round(outcome.mean_wait),
                **{name: outcome.wait(q) for name, q in _QUANTILES.items()},
            )
        return self._played[policy, platform, expiry]
