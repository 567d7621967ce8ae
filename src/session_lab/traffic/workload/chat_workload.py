"""A model of how people chat: the distributions that traffic is drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from session_lab.errors import DataError
from session_lab.mistyped import answer_mistyped_fields
from session_lab.numbers import is_integer, is_number
from session_lab.timing import duration_text, instant_text, to_instant, to_milliseconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from session_lab.timing import Duration, Instant

__all__ = ["ChatWorkload", "check_workload"]

_HOUR = 3_600_000
_MOST_TURNS_PER_CHAT = 10_000
_MOST_TURNS = 100_000_000
_MOST_WEIGHT = 1_000_000
_DURATIONS = (
    "duration",
    "burst_length",
    "think_time",
    "return_after",
    "turn_duration",
    "long_turn_duration",
    "retry_after",
)
_SPREAD = (0, 5)
_SHARE = (0, 1)
_RANGES = {
    "think_spread": _SPREAD,
    "return_spread": _SPREAD,
    "turn_spread": _SPREAD,
    "long_turn_spread": _SPREAD,
    "topic_skew": _SPREAD,
    "single_turn_share": _SHARE,
    "return_share": _SHARE,
    "interrupt_share": _SHARE,
    "long_turn_share": _SHARE,
    "close_share": _SHARE,
    "expires_share": _SHARE,
    "duplicate_start_share": _SHARE,
    "concurrent_start_share": _SHARE,
    "late_message_share": _SHARE,
    "retry_share": (0, 0.99),
    "turns_per_chat": (1, _MOST_TURNS_PER_CHAT),
    "chats_per_hour": (0.001, _MOST_TURNS),
    "bursts_per_day": (0, 10_000),
    "burst_chats": (1, 1_000_000),
    "topics": (0, 100_000),
}


@answer_mistyped_fields
@dataclass(frozen=True, kw_only=True)
class ChatWorkload:
    """How people chat, as a few distributions.

    Every distribution here is a modelling choice. Chats arrive independently of each other, as a
    Poisson process whose rate may differ by hour and weekday (UTC); bursts, such as a mailing sets
    off, add to it. A chat is a start, which carries the first turn, and messages, which carry the
    others; their number K is geometric, ``P(K = k) = p * (1 - p)**(k - 1)`` with
    ``p = 1 / turns_per_chat``, but for a share of chats that have one turn in any case. Turn k
    arrives at ``m[k]`` and lasts ``S[k]``; a think later, ``m[k + 1] = m[k] + S[k] + T[k]``, comes
    the next message or, after the last turn, the close of a chat that is closed. Turns and thinks
    are log-normal, ``median * exp(spread * Z)`` with Z standard normal, so their mean is
    ``median * exp(spread**2 / 2)``; where some turns are long, or some people return, they are
    mixtures of two such kinds. Where people interrupt, a share of messages comes
    during the turn before. People answer a turn as if it had started when it arrived: what a
    run policy makes of it does not change the traffic.

    Each start asks for two tags, drawn independently: a plan (free 82 %, pro 18 %) and a language
    (en 58 %, es 15 %, de 10 %, fr 8 %, ja 6 %, pt 3 %); and, where there are topics, for a third,
    ``topic:1`` and so on, whose shares follow Zipf's law, ``P(k)`` in proportion to
    ``k**-topic_skew``.

    Durations carry a unit (``"30s"``, ``timedelta(minutes=5)``) and are kept as text.

    Parameters
    ----------
    duration : str or timedelta
        How long chats arrive. Those that have arrived go on to their end.
    start : str or datetime
        When the first may arrive.
    chats_per_hour : float
        The mean number of arrivals an hour, 0.001 to 100 million, without those of bursts.
    hourly : sequence of 24 float, optional
        How busy each hour of the day is (UTC, from midnight), in proportion to each other.
    weekly : sequence of 7 float, optional
        How busy each day of the week is, from Monday on, in proportion to each other. Over whole
        weeks the mean stays ``chats_per_hour``.
    bursts_per_day : float
        The mean number of bursts a day, which come as a Poisson process of their own, 0 to 10,000.
    burst_chats : float
        The mean number of chats that a burst adds (geometric), 1 to 1 million.
    burst_length : str or timedelta
        The mean time from a burst to each of its chats (exponential).
    turns_per_chat : float
        The mean number of turns, 1 to 10,000, of the chats that may have more than one.
    single_turn_share : float
        The share of chats that have one turn in any case.
    think_time : str or timedelta
        Median of the time from the end of a turn to what comes next.
    think_spread : float
        Standard deviation of its logarithm, 0 to 5.
    interrupt_share : float
        The share of messages that come before the answer before is there, at an instant uniform in
        the turn.
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
    long_turn_share : float
        The share of turns that are of a longer kind, such as those that write at length.
    long_turn_duration : str or timedelta
        Median of how long such a turn lasts.
    long_turn_spread : float
        Standard deviation of its logarithm, 0 to 5.
    close_share : float
        The share of chats that are closed.
    expires_after : str, timedelta or None
        How long after its own instant a start asks its session to expire.
    expires_share : float
        The share of chats whose starts ask for an expiry at all.
    duplicate_start_share : float
        The share of chats whose page is reloaded during the first turn, at an instant uniform in
        it: a second start, which carries no turn.
    concurrent_start_share : float
        The share of chats that two places start at once: a second start at most 100 ms after the
        first, which carries the same turn, and which a platform answers from what is there.
    late_message_share : float
        The share of closed chats in which, a short think after the close, something is asked that
        is refused: as often a message as a start.
    retry_share : float
        How often what was refused is asked again, 0 to 0.99: each time with this probability.
    retry_after : str or timedelta
        How long after the refusal.
    topics : int
        How many topics there are, 0 to 100,000.
    topic_skew : float
        The exponent of Zipf's law, 0 (all alike) to 5.
    task_identifier : str
        The task that every start asks for.

    Raises
    ------
    DataError
        A value out of range, a duration without a unit, or more than 100 million turns.

    Examples
    --------
    >>> ChatWorkload(duration="90m").duration
    '1 h 30 min'
    """

    duration: Duration = "1 h"
    start: Instant = "2026-01-01T00:00:00Z"
    chats_per_hour: float = 60.0
    hourly: Sequence[float] | None = None
    weekly: Sequence[float] | None = None
    bursts_per_day: float = 0.0
    burst_chats: float = 20.0
    burst_length: Duration = "10 min"
    turns_per_chat: float = 4.0
    single_turn_share: float = 0.0
    think_time: Duration = "30 s"
    think_spread: float = 1.0
    interrupt_share: float = 0.0
    return_share: float = 0.05
    return_after: Duration = "4 h"
    return_spread: float = 1.0
    turn_duration: Duration = "6 s"
    turn_spread: float = 0.8
    long_turn_share: float = 0.0
    long_turn_duration: Duration = "30 s"
    long_turn_spread: float = 0.5
    close_share: float = 0.4
    expires_after: Duration | None = None
    expires_share: float = 1.0
    duplicate_start_share: float = 0.05
    concurrent_start_share: float = 0.0
    late_message_share: float = 0.1
    retry_share: float = 0.0
    retry_after: Duration = "1 s"
    topics: int = 0
    topic_skew: float = 1.0
    task_identifier: str = "chat"

    def __post_init__(self) -> None:
        """Check every value and keep it in one canonical form."""
        for name in _DURATIONS:
            self._keep(name, _checked(name, self._duration))
        if self.expires_after is not None:
            self._keep("expires_after", _checked("expires_after", self._duration))
        self._keep("start", _checked("start", self._instant))
        for name, (low, high) in _RANGES.items():
            self._check_range(name, low, high)
        if not is_integer(self.topics):
            raise _refusal("topics", f"{self.topics!r} is not a whole number")
        for name, n in (("hourly", 24), ("weekly", 7)):
            self._keep(name, self._weights(name, n))
        hours = to_milliseconds(self.duration) / _HOUR
        chats = (self.chats_per_hour + self.bursts_per_day * self.burst_chats / 24) * hours
        if chats * self.turns_per_chat > _MOST_TURNS:
            n_turns = f"{chats * self.turns_per_chat:.0g}"
            message = f"that makes about {n_turns} turns, more than {_MOST_TURNS:,}; ask for less"
            raise _refusal("chats_per_hour", message)
        self._check_text("task_identifier")

    def _duration(self, name: str) -> str:
        return duration_text(to_milliseconds(getattr(self, name), name=name))

    def _instant(self, name: str) -> str:
        return instant_text(to_instant(getattr(self, name), name=name))

    def _check_range(self, name: str, low: float, high: float) -> None:
        value = getattr(self, name)
        if not is_number(value) or not low <= value <= high:
            raise _refusal(name, f"{value!r} is not a number from {low} to {high:,}")
        if isinstance(value, np.generic):
            self._keep(name, value.item())

    def _weights(self, name: str, n: int) -> tuple[float, ...] | None:
        given = getattr(self, name)
        if given is None:
            return None
        weights = tuple(given) if isinstance(given, Sequence) and not isinstance(given, str) else ()
        usable = all(is_number(one) and 0 <= one <= _MOST_WEIGHT for one in weights)
        if len(weights) != n or not usable or not any(weights):
            raise _refusal(name, f"{given!r} is not {n} numbers of zero or more, one above zero")
        return tuple(map(float, weights))

    def _check_text(self, name: str) -> None:
        value = getattr(self, name)
        try:
            usable = isinstance(value, str) and bool(value.encode())
        except UnicodeEncodeError:  # Half of a character.
            usable = False
        if not usable:
            raise _refusal(name, f"{value!r} is not a text of one character or more")

    def _keep(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)


def check_workload(given: object) -> None:
    """Refuse what is not a workload.

    Raises
    ------
    DataError
        It is something else.
    """
    if not isinstance(given, ChatWorkload):
        message = (
            f"{type(given).__name__} is not a ChatWorkload; sl.traffic.fit(events) estimates one"
        )
        raise DataError(message, column="workload")


def _checked(name: str, read: Callable[[str], str]) -> str:
    try:
        return read(name)
    except DataError as error:
        raise _refusal(name, str(error.args[0])) from None


def _refusal(field: str, message: str) -> DataError:
    return DataError(message, source="ChatWorkload", column=field)
