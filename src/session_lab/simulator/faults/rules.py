"""What can go wrong with calls, as rules that users write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass, fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from session_lab.errors import DataError
from session_lab.mistyped import answer_mistyped_fields
from session_lab.simulator.faults.calls import IncomingCall
from session_lab.timing import (
    LAST_INSTANT,
    duration_text,
    instant_text,
    to_instant,
    to_milliseconds,
)
from session_lab.wire.endpoints import ENDPOINTS
from session_lab.wire.run.run_status import FINAL_INTERNAL_STATUSES

if TYPE_CHECKING:
    from session_lab.timing import Duration, Instant

__all__ = ["FaultRule"]

_METHODS: Final = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
_RATE_LIMITED: Final = 429
_STATUSES: Final = (408, _RATE_LIMITED, 500, 502, 503, 504)
_RUN_STATUSES: Final = tuple(sorted(FINAL_INTERNAL_STATUSES))
_EFFECTS: Final = ("latency", "status", "refused", "lost", "run_status", "list_lag")
_RHYTHMS: Final = ("nth", "every", "probability")

# Some effects mean something for some calls only, and rules about them see no others.
_REACH: Final[Mapping[str, frozenset[str]]] = {
    "list_lag": frozenset({"sessions.list", "runs.list"}),
    "run_status": frozenset(
        endpoint.name
        for endpoint in ENDPOINTS.values()
        if "{session}" in endpoint.path or endpoint.name == "sessions.start"
    ),
}


@answer_mistyped_fields
@dataclass(frozen=True, repr=False)
class FaultRule:
    """One thing that goes wrong: with which calls, which of them, and what.

    A rule sees the calls that ``match`` means, inside its window, and counts them. It strikes all
    of them, or those that ``nth``, ``every`` or ``probability`` pick; at most one of the three can
    be given. It has exactly one effect.

    Parameters
    ----------
    match : str
        A call's name, ``"sessions.append"``; a path, ``"/api/v1/sessions/chat-*"``; or a path with
        its method, ``"POST /api/*"``. ``*`` stands for any text, and alone for every call.
    nth : int or iterable of int, optional
        Strike these calls only, counted from 1.
    every : int, optional
        Strike each call whose number is a multiple of this.
    probability : float, optional
        Strike each call with this probability.
    from_, until : str, datetime or timedelta, optional
        The window, from its first instant to just before its last: instants, or times such as
        ``"5m"`` since the rule was set.
    latency : str or timedelta, optional
        The reply comes this much later; the call has its effect when it arrives.
    status : {408, 429, 500, 502, 503, 504}, optional
        The call is answered with this status and has no effect.
    reset : str or timedelta, optional
        How long a 429 asks to wait; a second by default.
    refused : bool
        The connection is refused: no reply and no effect.
    lost : bool
        The call has its effect, and then the reply is lost.
    run_status : str, optional
        The session's current run, if alive, ends with this status just before the call.
    list_lag : str or timedelta, optional
        The list does not show yet what was created this recently.

    Raises
    ------
    DataError
        The rule makes no sense.

    Examples
    --------
    >>> FaultRule("sessions.append", nth=3, status=503)
    FaultRule('sessions.append', nth=3, status=503)
    >>> FaultRule("sessions.*", probability=0.1, until="90s", lost=True)
    FaultRule('sessions.*', probability=0.1, until='1 min 30 s', lost=True)
    """

    match: str = "*"
    _: KW_ONLY
    nth: int | Iterable[int] | None = None
    every: int | None = None
    probability: float | None = None
    from_: Instant | Duration = "0 s"
    until: Instant | Duration | None = None
    latency: Duration | None = None
    status: int | None = None
    reset: Duration | None = None
    refused: bool = False
    lost: bool = False
    run_status: str | None = None
    list_lag: Duration | None = None

    def __post_init__(self) -> None:
        """Check every value and keep it in one canonical form."""
        self._check_rhythm()
        self._check_effect()
        self._check_match()
        self._check_window()

    def __repr__(self) -> str:
        """Show what differs from the defaults."""
        given = (f"{name}={value!r}" for name, value in self._given() if name != "match")
        return f"FaultRule({', '.join([repr(self.match), *given])})"

    @property
    def effect(self) -> str:
        """The name of the field that says what goes wrong."""
        return next(name for name, _ in self._given() if name in _EFFECTS)

    def sees(self, call: IncomingCall, since: int) -> bool:
        """Return whether the rule is about a call; ``since`` is when it was set."""
        if not (self._reaches(call.name) and call.matches(self.match)):
            return False
        last = LAST_INSTANT + 1 if self.until is None else _resolve(self.until, since)
        return _resolve(self.from_, since) <= call.at < last

    def strikes(self, count: int, uniform: float) -> bool:
        """Return whether the rule strikes the call that it sees as number ``count``.

        ``uniform`` is a random number from 0 up to 1.
        """
        if self.nth is not None:
            return count in _numbers(self.nth)
        if self.every is not None:
            return count % self.every == 0
        return self.probability is None or uniform < self.probability

    def to_dict(self) -> dict[str, Any]:
        """Return the rule as it is written in JSON: ``match`` and what differs from the defaults.

        Examples
        --------
        >>> FaultRule("*", from_="5m", nth=[1, 2], refused=True).to_dict()
        {'match': '*', 'nth': [1, 2], 'from': '5 min', 'refused': True}
        """
        given = {name.rstrip("_"): value for name, value in self._given()}
        lists = {name: list(value) for name, value in given.items() if isinstance(value, tuple)}
        return {"match": self.match} | given | lists

    @classmethod
    def from_dict(cls, document: object) -> FaultRule:
        """Read a rule as it is written in JSON; ``from_`` is ``from`` there.

        Raises
        ------
        DataError
            It is not a rule, has a field that rules do not have, or makes no sense.
        """
        if not isinstance(document, Mapping):
            example = '{"match": "sessions.append", "status": 503}'
            raise _refusal("", f"{document!r} is not an object such as {example}")
        known = {field.name.rstrip("_"): field.name for field in fields(cls)}
        for name in document:
            if name not in known:
                raise _refusal(str(name), f"there is no such field; there are {_listed(known)}")
        return cls(**{known[name]: value for name, value in document.items()})

    def _given(self) -> list[tuple[str, Any]]:
        values = ((field, getattr(self, field.name)) for field in fields(self))
        return [(field.name, value) for field, value in values if value != field.default]

    def _reaches(self, name: str | None) -> bool:
        reach = _REACH.get(self.effect)
        return reach is None or name in reach

    def _check_rhythm(self) -> None:
        if self.nth is not None:
            self._keep("nth", _nth(self.nth))
        if self.every is not None and not _is_count(self.every):
            raise _refusal("every", f"{self.every!r} is not a whole number of 1 or more")
        if self.probability is not None and not _is_probability(self.probability):
            message = f"{self.probability!r} is not a probability from 0 to 1"
            raise _refusal("probability", message)
        rhythms = [name for name, _ in self._given() if name in _RHYTHMS]
        if len(rhythms) > 1:
            message = f"give one of {_listed(_RHYTHMS)}, not {' and '.join(rhythms)}"
            raise _refusal(rhythms[-1], message)

    def _check_effect(self) -> None:
        for name in ("refused", "lost"):
            if not isinstance(getattr(self, name), bool):
                raise _refusal(name, f"{getattr(self, name)!r} is neither true nor false")
        effects = [name for name, _ in self._given() if name in _EFFECTS]
        if len(effects) != 1:
            found = " and ".join(effects) or "none"
            message = f"a rule has one effect, of {_listed(_EFFECTS)}; this one has {found}"
            raise _refusal("".join(effects[-1:]), message)
        if self.status is not None and not _is_one_of(self.status, _STATUSES):
            raise _refusal("status", f"{self.status!r} is not one of {_listed(_STATUSES)}")
        if self.run_status is not None and not _is_one_of(self.run_status, _RUN_STATUSES):
            message = (
                f"{self.run_status!r} is not a status that ends a run: {_listed(_RUN_STATUSES)}"
            )
            raise _refusal("run_status", message)
        if self.reset is not None and self.status != _RATE_LIMITED:
            raise _refusal("reset", "only a 429 tells when the limit resets; give status=429 too")
        for name in ("latency", "list_lag", "reset"):
            if getattr(self, name) is not None:
                self._keep(name, _duration(name, getattr(self, name)))

    def _check_match(self) -> None:
        if not isinstance(self.match, str):
            raise _refusal("match", f"{self.match!r} is not text such as 'sessions.append' or '*'")
        method, blank, path = self.match.rpartition(" ")
        if path.startswith("/") and (method in _METHODS or not blank):
            return
        meant = [name for name in ENDPOINTS if IncomingCall(name, "", "", 0).matches(self.match)]
        if not meant:
            message = (
                f"{self.match!r} matches no call; the calls are {_listed(ENDPOINTS)}; a path starts "
                f"with '/', if need be after its method ({_listed(_METHODS)}) and a blank"
            )
            raise _refusal("match", message)
        if not any(self._reaches(name) for name in meant):
            reached = _listed(sorted(_REACH[self.effect]))
            message = f"{self.match!r} cannot have the effect {self.effect}; that is for {reached}"
            raise _refusal("match", message)

    def _check_window(self) -> None:
        self._keep("from_", _moment("from", self.from_))
        if self.until is None:
            return
        self._keep("until", _moment("until", self.until))
        is_comparable = _is_instant(self.from_) == _is_instant(self.until)
        if is_comparable and _resolve(self.until, 0) <= _resolve(self.from_, 0):
            message = f"the window ends at {self.until}, which is not after its start {self.from_}"
            raise _refusal("until", message)

    def _keep(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)


def _nth(value: object) -> int | tuple[int, ...]:
    numbers: list[Any] = [value]
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes, Mapping)):
        numbers = list(value)
    if not numbers or not all(_is_count(number) for number in numbers):
        message = f"{value!r} is neither a whole number of 1 or more nor a list of such"
        raise _refusal("nth", message)
    first, *rest = sorted(set(numbers))
    return (first, *rest) if rest else first


def _numbers(nth: int | Iterable[int]) -> tuple[int, ...]:
    return (nth,) if isinstance(nth, int) else tuple(nth)


def _duration(name: str, value: object) -> str:
    try:
        length = to_milliseconds(value, name=name)
    except DataError as error:
        raise _refusal(name, str(error.args[0])) from None
    if length == 0 and name != "reset":
        raise _refusal(name, "must be longer than nothing")
    return duration_text(length)


def _moment(name: str, value: object) -> str:
    """Write an instant, or a time since the rule was set, in its canonical form."""
    for read, write in ((to_milliseconds, duration_text), (to_instant, instant_text)):
        if isinstance(value, (str, datetime, timedelta)):
            with suppress(DataError):
                return write(read(value, name=name))
    message = (
        f"{value!r} is neither an instant such as 2026-01-01T00:00:00Z nor a time such as '5m' "
        "since the rule was set"
    )
    raise _refusal(name, message)


def _is_instant(moment: object) -> bool:
    """Return which of the two canonical forms this is."""
    return "T" in str(moment)


def _resolve(moment: object, since: int) -> int:
    return to_instant(moment) if _is_instant(moment) else since + to_milliseconds(moment)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_probability(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1


def _is_one_of(value: object, allowed: tuple[object, ...]) -> bool:
    return any(type(value) is type(other) and value == other for other in allowed)


def _listed(names: Iterable[object]) -> str:
    return ", ".join(str(name) for name in names)


def _refusal(field: str, message: str) -> DataError:
    return DataError(message, source="FaultRule", column=field)
