"""A model of how people chat: the distributions that traffic is drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from session_lab.errors import DataError
from session_lab.timing import duration_text, instant_text, to_instant, to_milliseconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from session_lab.timing import Duration, Instant

__all__ = ["ChatWorkload"]

_HOUR = 3_600_000
_MOST_TURNS_PER_CHAT = 10_000
_MOST_TURNS = 100_000_000
_WIDEST_SPREAD = 5


@dataclass(frozen=True, kw_only=True)
class ChatWorkload:
    """How people chat, as a few distributions.

    Every distribution here is a modelling choice. Chats arrive independently of each other, as a
    Poisson process. A chat is a start, which carries the first turn, and messages, which carry the
    others; their number K is geometric, ``P(K = k) = p * (1 - p)**(k - 1)`` with
    ``p = 1 / turns_per_chat``. Turn k arrives at ``m[k]`` and lasts ``S[k]``; a think later,
    ``m[k + 1] = m[k] + S[k] + T[k]``, comes the next message or, after the last turn, the close of
    a chat that is closed. Turns and thinks are log-normal, ``median * exp(spread * Z)`` with Z
    standard normal, so their mean is ``median * exp(spread**2 / 2)``. People answer a turn as if
    it had started when it arrived: what a run policy makes of it does not change the traffic.

    Each start asks for two tags, drawn independently: a plan (free 82 %, pro 18 %) and a language
    (en 58 %, es 15 %, de 10 %, fr 8 %, ja 6 %, pt 3 %).

    Durations carry a unit (``"30s"``, ``timedelta(minutes=5)``) and are kept as text.

    Parameters
    ----------
    duration : str or timedelta
        How long chats arrive. Those that have arrived go on to their end.
    start : str or datetime
        When the first may arrive.
    chats_per_hour : float
        The mean number of arrivals an hour, 0.001 to 100 million.
    turns_per_chat : float
        The mean number of turns, 1 to 10,000.
    think_time : str or timedelta
        Median of the time from the end of a turn to what comes next.
    think_spread : float
        Standard deviation of its logarithm, 0 to 5.
    return_share : float
        The share of thinks in which people are away and return later.
    return_after : str or timedelta
        Median of such a think.
    return_spread : float
        Standard deviation of its logarithm, 0 to 5.
    turn_duration : str or timedelta
        Median of how long a turn lasts.
    turn_spread : float
        Standard deviation of its logarithm, 0 to 5.
    close_share : float
        The share of chats that are closed.
    expires_after : str, timedelta or None
        How long after its own instant a start asks its session to expire.
    duplicate_start_share : float
        The share of chats whose page is reloaded during the first turn, at an instant uniform in
        it: a second start, which carries no turn.
    late_message_share : float
        The share of closed chats in which, a short think after the close, something is asked that
        is refused: as often a message as a start.
    task_identifier : str
        The task that every start asks for.

    Raises
    ------
    DataError
        A value out of range, a duration without a unit, or more than 100 million turns.

    Examples
    --------
    >>> ChatWorkload(duration="90m").duration
    '1h30m'
    """

    duration: Duration = "1h"
    start: Instant = "2026-01-01T00:00:00Z"
    chats_per_hour: float = 60.0
    turns_per_chat: float = 4.0
    think_time: Duration = "30s"
    think_spread: float = 1.0
    return_share: float = 0.05
    return_after: Duration = "4h"
    return_spread: float = 1.0
    turn_duration: Duration = "6s"
    turn_spread: float = 0.8
    close_share: float = 0.4
    expires_after: Duration | None = None
    duplicate_start_share: float = 0.05
    late_message_share: float = 0.1
    task_identifier: str = "chat"

    def __post_init__(self) -> None:
        """Check every value and keep it in one canonical form."""
        for name in ("duration", "think_time", "return_after", "turn_duration"):
            self._keep(name, _checked(name, self._duration))
        if self.expires_after is not None:
            self._keep("expires_after", _checked("expires_after", self._duration))
        self._keep("start", _checked("start", self._instant))
        for name in ("think_spread", "return_spread", "turn_spread"):
            self._check_range(name, 0, _WIDEST_SPREAD)
        for name in ("return_share", "close_share", "duplicate_start_share", "late_message_share"):
            self._check_range(name, 0, 1)
        self._check_range("turns_per_chat", 1, _MOST_TURNS_PER_CHAT)
        self._check_range("chats_per_hour", 0.001, _MOST_TURNS)
        turns = self.chats_per_hour * self.turns_per_chat * to_milliseconds(self.duration) / _HOUR
        if turns > _MOST_TURNS:
            message = f"that makes about {turns:.0g} turns, more than {_MOST_TURNS:,}; ask for less"
            raise _refusal("chats_per_hour", message)
        self._check_text("task_identifier")

    def _duration(self, name: str) -> str:
        return duration_text(to_milliseconds(getattr(self, name), name=name))

    def _instant(self, name: str) -> str:
        return instant_text(to_instant(getattr(self, name), name=name))

    def _check_range(self, name: str, low: float, high: float) -> None:
        value = getattr(self, name)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or not low <= value <= high:
            raise _refusal(name, f"{value!r} is not a number from {low} to {high:,}")

    def _check_text(self, name: str) -> None:
        value = getattr(self, name)
        if not isinstance(value, str) or not value:
            raise _refusal(name, f"{value!r} is not a text of one character or more")

    def _keep(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)


def _checked(name: str, read: Callable[[str], str]) -> str:
    try:
        return read(name)
    except DataError as error:
        raise _refusal(name, str(error.args[0])) from None


def _refusal(field: str, message: str) -> DataError:
    return DataError(message, source="ChatWorkload", column=field)
