"""Run policies: what a team chooses about its runs, and the numbers that the rules compute with."""

from __future__ import annotations

import functools
from bisect import bisect_right
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, NamedTuple

from session_lab.mistyped import answer_mistyped_fields
from session_lab.numbers import is_integer
from session_lab.simulator.model.randomness import crash_uniform, keyed_word, to_seed
from session_lab.simulator.model.run_rules import FOR_EVER, quantile
from session_lab.simulator.model.settings.checks import Checks
from session_lab.simulator.model.settings.platform import Distribution, Platform
from session_lab.timing import to_instant, to_milliseconds

if TYPE_CHECKING:
    from session_lab.timing import Duration

__all__ = ["RunPolicy", "Timings"]

ON_DEPLOY = ("stay", "hand_over")
_MOST_TURNS = 2**31 - 1

Time = int | tuple[int, ...]
"""Milliseconds, or a table of quantiles to draw them from."""


class Timings(NamedTuple):
    """A policy on a platform as numbers: milliseconds, instants since 1970, and the seed.

    ``deploys`` is empty where runs stay on their version.
    """

    idle_timeout: int
    turn_timeout: int
    max_turns: int
    max_duration: int
    preload_idle_timeout: int | None
    preload_timeout: int | None
    exit_after_preload_idle: bool
    boot_time: Time
    resume_time: Time
    turn_duration: Time
    crash_rate: float
    deploys: tuple[int, ...]
    seed: int

    def preload(self) -> tuple[int, int]:
        """Return how long a preloaded run stays awake, and suspended, until its first turn."""
        idle, patience = self.preload_idle_timeout, self.preload_timeout
        idle = self.idle_timeout if idle is None else idle
        if self.exit_after_preload_idle:
            return idle, 0
        return idle, self.turn_timeout if patience is None else patience

    def boot(self, external_id: str, accepted: int, triggered: int) -> int:
        """Return how long a run boots.

        ``accepted`` turns of the session came before it, and ``triggered`` runs since the last.
        """
        time = self.boot_time
        if isinstance(time, int):
            return time
        return _draw(time, self.seed, "boots", external_id, accepted, triggered)

    def resume(self, external_id: str, accepted: int, triggered: int) -> int:
        """Return how long it takes to wake a run for the turn that follows."""
        time = self.resume_time
        if isinstance(time, int):
            return time
        return _draw(time, self.seed, "resumes", external_id, accepted, triggered)

    def duration(self, external_id: str, accepted: int) -> int:
        """Return how long a turn lasts whose event does not say."""
        time = self.turn_duration
        if isinstance(time, int):
            return time
        return _draw(time, self.seed, "durations", external_id, accepted, 0)

    def latest_deploy(self, at: int) -> int:
        """Return the last deploy at or before an instant, or -1 when there is none."""
        place = bisect_right(self.deploys, at)
        return self.deploys[place - 1] if place else -1

    def crashes(self, external_id: str, accepted: int) -> bool:
        """Decide whether the turn that follows ``accepted`` accepted turns crashes."""
        return crash_uniform(self.seed, external_id, accepted) < self.crash_rate


@answer_mistyped_fields
@dataclass(frozen=True, kw_only=True)
class RunPolicy(Checks):
    """What a team chooses about the runs behind its sessions.

    Durations carry a unit (``"30s"``, ``timedelta(minutes=5)``) and are kept as text.

    Parameters
    ----------
    idle_timeout : str or timedelta
        How long a run with nothing to do stays awake, and billed, before it is suspended. The
        platform's ``idleTimeoutInSeconds``.
    turn_timeout : str or timedelta
        How long a suspended run waits for a message before it ends.
    max_turns : int
        How many turns a run serves before it ends.
    max_duration : str, timedelta or None
        Cap on a run's active time. The platform's ``maxDuration``.
    preload_idle_timeout, preload_timeout : str, timedelta or None
        What stands for ``idle_timeout`` and ``turn_timeout`` until the first turn of a run that was
        triggered by a start without a turn; None for the same.
    exit_after_preload_idle : bool
        Whether such a run ends after that idle time instead of being suspended.
    on_deploy : {"stay", "hand_over"}
        Whether a run keeps the version it started on, or hands its next turn to a run of the new
        one, as agents that request upgrades do.

    Raises
    ------
    DataError
        A value out of range, or a duration without a unit.

    See Also
    --------
    session_lab.Platform : What the environment does: boots, resumes, crashes, deploys.

    Examples
    --------
    >>> RunPolicy(idle_timeout="90s", max_turns=10)
    RunPolicy(idle_timeout='1 min 30 s', max_turns=10)
    """

    idle_timeout: Duration = "30 s"
    turn_timeout: Duration = "1 h"
    max_turns: int = 100
    max_duration: Duration | None = None
    preload_idle_timeout: Duration | None = None
    preload_timeout: Duration | None = None
    exit_after_preload_idle: bool = False
    on_deploy: str = "stay"

    def __post_init__(self) -> None:
        """Check every value and keep it in one canonical form."""
        for name in ("idle_timeout", "turn_timeout"):
            self._keep_duration(name)
        for name in ("preload_idle_timeout", "preload_timeout"):
            if getattr(self, name) is not None:
                self._keep_duration(name)
        if self.max_duration is not None and self._keep_duration("max_duration") == 0:
            message = "must be longer than nothing; use None for no cap"
            raise self._refusal("max_duration", message)
        if not is_integer(self.max_turns) or not 1 <= self.max_turns <= _MOST_TURNS:
            message = f"{self.max_turns!r} is not a whole number of 1 or more"
            if is_integer(self.max_turns) and self.max_turns > 0:
                message = f"{self.max_turns:,} is more than {_MOST_TURNS:,}, the highest"
            raise self._refusal("max_turns", message)
        self._keep("max_turns", int(self.max_turns))
        leaves: object = self.exit_after_preload_idle
        if not isinstance(leaves, bool):
            raise self._refusal("exit_after_preload_idle", f"{leaves!r} is not True or False")
        if self.on_deploy not in ON_DEPLOY:
            message = f"{self.on_deploy!r} is not one of {', '.join(ON_DEPLOY)}"
            raise self._refusal("on_deploy", message)

    def __repr__(self) -> str:
        """Show what differs from the defaults."""
        return self._shown()

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON takes them; ``RunPolicy(**fields)`` makes the policy again."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def timings(self, platform: Platform | None = None, seed: int = 0) -> Timings:
        """Return the policy on a platform as the numbers that the rules of runs compute with."""
        # As a plain number: to the cache 1.0 is 1.
        return _timings(self, Platform() if platform is None else platform, to_seed(seed))


@functools.lru_cache(maxsize=1024)
def _timings(policy: RunPolicy, platform: Platform, seed: int) -> Timings:
    def optional(value: Duration | None) -> int | None:
        return None if value is None else to_milliseconds(value)

    cap = optional(policy.max_duration)
    hands_over = policy.on_deploy == "hand_over"
    return Timings(
        idle_timeout=to_milliseconds(policy.idle_timeout),
        turn_timeout=to_milliseconds(policy.turn_timeout),
        max_turns=policy.max_turns,
        max_duration=FOR_EVER if cap is None else cap,
        preload_idle_timeout=optional(policy.preload_idle_timeout),
        preload_timeout=optional(policy.preload_timeout),
        exit_after_preload_idle=policy.exit_after_preload_idle,
        boot_time=_table(platform.boot_time),
        resume_time=_table(platform.resume_time),
        turn_duration=_table(platform.turn_duration),
        crash_rate=float(platform.crash_rate),
        deploys=tuple(map(to_instant, platform.deploys)) if hands_over else (),
        seed=seed,
    )


def _table(time: Duration | Distribution) -> Time:
    if not isinstance(time, Distribution):
        return to_milliseconds(time)
    table = time.table
    return table[0] if table[0] == table[-1] else table


def _draw(  # noqa: PLR0917
    table: tuple[int, ...], seed: int, stream: str, external_id: str, accepted: int, triggered: int
) -> int:
    word = keyed_word(seed, stream, external_id, accepted, triggered)
    drawn: int = quantile(table, word >> 54, word >> 22 & 0xFFFFFFFF)
    return drawn
