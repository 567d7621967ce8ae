"""Run policies: how runs behave, as users write it and as the run model computes with it."""

from __future__ import annotations

import functools
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, NamedTuple

from session_lab.errors import DataError
from session_lab.simulator.model.randomness import crash_uniform
from session_lab.timing import duration_text, instant_text, to_instant, to_milliseconds

if TYPE_CHECKING:
    from session_lab.timing import Duration, Instant

__all__ = ["RunPolicy", "Timings"]


class Timings(NamedTuple):
    """A policy as numbers: milliseconds, instants since 1970, and the seed that crashes draw on."""

    idle_timeout: int
    turn_timeout: int
    max_turns: int
    max_duration: int | None
    boot_time: int
    resume_time: int
    turn_duration: int
    deploys: tuple[int, ...]
    crash_rate: float
    seed: int

    def latest_deploy(self, at: int) -> int:
        """Return the last deploy at or before an instant, or -1 when there is none."""
        place = bisect_right(self.deploys, at)
        return self.deploys[place - 1] if place else -1

    def crashes(self, external_id: str, accepted: int) -> bool:
        """Decide whether the turn that follows ``accepted`` accepted turns crashes."""
        return crash_uniform(self.seed, external_id, accepted) < self.crash_rate


@dataclass(frozen=True, kw_only=True)
class RunPolicy:
    """How the runs behind sessions behave.

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
    boot_time : str or timedelta
        From the trigger of a run to its being ready.
    resume_time : str or timedelta
        From a message to a suspended run until its turn starts.
    turn_duration : str or timedelta
        How long a turn lasts whose event does not say.
    deploys : iterable of str or datetime
        When new versions went live; a run older than the latest deploy hands its next turn to a
        run of the new version.
    crash_rate : float
        Probability that a turn crashes its run at its end.

    Raises
    ------
    DataError
        A value out of range, or a duration without a unit.

    Examples
    --------
    >>> RunPolicy(idle_timeout="90s", max_turns=10)
    RunPolicy(idle_timeout='1 min 30 s', max_turns=10)
    """

    idle_timeout: Duration = "30 s"
    turn_timeout: Duration = "1 h"
    max_turns: int = 100
    max_duration: Duration | None = None
    boot_time: Duration = "0 s"
    resume_time: Duration = "0 s"
    turn_duration: Duration = "0 s"
    deploys: Iterable[Instant] = ()
    crash_rate: float = 0.0

    def __post_init__(self) -> None:
        """Check every value and keep it in one canonical form."""
        for name in ("idle_timeout", "turn_timeout", "boot_time", "resume_time", "turn_duration"):
            self._keep(name, duration_text(self._duration(name)))
        if self.max_duration is not None:
            cap = self._duration("max_duration")
            if cap == 0:
                raise _refusal("max_duration", "must be longer than nothing; use None for no cap")
            self._keep("max_duration", duration_text(cap))
        if not _is_int(self.max_turns) or self.max_turns < 1:
            raise _refusal("max_turns", f"{self.max_turns!r} is not a whole number of 1 or more")
        if not _is_number(self.crash_rate) or not 0 <= self.crash_rate <= 1:
            raise _refusal("crash_rate", f"{self.crash_rate!r} is not a probability from 0 to 1")
        deploys: object = self.deploys
        if isinstance(deploys, str) or not isinstance(deploys, Iterable):
            raise _refusal("deploys", f"{deploys!r} is not a list of instants")
        instants = sorted({_instant("deploys", deploy) for deploy in self.deploys})
        self._keep("deploys", tuple(instant_text(instant) for instant in instants))

    def __repr__(self) -> str:
        """Show what differs from the defaults."""
        changed = (
            f"{field.name}={getattr(self, field.name)!r}"
            for field in fields(self)
            if getattr(self, field.name) != field.default
        )
        return f"RunPolicy({', '.join(changed)})"

    def timings(self, seed: int = 0) -> Timings:
        """Return the policy as the numbers that the run model computes with."""
        return _timings(self, seed)

    def _duration(self, name: str) -> int:
        try:
            return to_milliseconds(getattr(self, name), name=name)
        except DataError as error:
            raise _refusal(name, str(error.args[0])) from None

    def _keep(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)


@functools.lru_cache(maxsize=1024)
def _timings(policy: RunPolicy, seed: int) -> Timings:
    cap = policy.max_duration
    return Timings(
        idle_timeout=to_milliseconds(policy.idle_timeout),
        turn_timeout=to_milliseconds(policy.turn_timeout),
        max_turns=policy.max_turns,
        max_duration=None if cap is None else to_milliseconds(cap),
        boot_time=to_milliseconds(policy.boot_time),
        resume_time=to_milliseconds(policy.resume_time),
        turn_duration=to_milliseconds(policy.turn_duration),
        deploys=tuple(to_instant(deploy) for deploy in policy.deploys),
        crash_rate=float(policy.crash_rate),
        seed=seed,
    )


def _instant(name: str, value: object) -> int:
    try:
        return to_instant(value, name=name)
    except DataError as error:
        raise _refusal(name, str(error.args[0])) from None


def _refusal(field: str, message: str) -> DataError:
    return DataError(message, source="RunPolicy", column=field)


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
