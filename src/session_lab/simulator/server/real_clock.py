"""A clock that goes on with the machine's, from a date and at a speed of one's choice."""

from __future__ import annotations

from dataclasses import dataclass, field

from session_lab.errors import DataError
from session_lab.timing import LAST_INSTANT, Clock, SystemClock

__all__ = ["RealClock"]


@dataclass(frozen=True, kw_only=True)
class RealClock:
    """A clock that goes on with the machine's.

    Parameters
    ----------
    began_at : int
        When it was started, by the machine's clock, in milliseconds since 1970.
    first : int, optional
        What it showed then; by default what the machine's clock did.
    speed : float
        How many of its milliseconds pass in one of the machine's.
    machine : Clock
        The machine's clock.

    Raises
    ------
    DataError
        The speed is not a number above 0.

    Examples
    --------
    >>> from session_lab.timing import VirtualClock
    >>> machine = VirtualClock("2026-06-01T00:00:00Z")
    >>> began_at = machine.milliseconds()
    >>> clock = RealClock(began_at=began_at, first=0, speed=60, machine=machine)
    >>> machine.advance("1s")
    >>> clock.milliseconds()
    60000
    """

    began_at: int
    first: int | None = None
    speed: float = 1.0
    machine: Clock = field(default_factory=SystemClock)

    def __post_init__(self) -> None:
        """Check the speed."""
        if not 0 < self.speed < float("inf"):
            message = f"{self.speed!r} is not a speed; give a number above 0, such as 60"
            raise DataError(message, column="speed")

    def milliseconds(self) -> int:
        """Milliseconds since 1970-01-01T00:00:00Z."""
        first = self.began_at if self.first is None else self.first
        passed = int((self.machine.milliseconds() - self.began_at) * self.speed)
        return min(max(first, first + passed), LAST_INSTANT)
