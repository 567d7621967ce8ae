"""Faults: what goes wrong with a simulated API, decided call by call.

A plan is a value and so is what it has counted; deciding changes neither::

    state = plan.begin(seed=0, now=now)
    faults, state = plan.decide(call, state)

Random numbers come from a stream of their own, one for each rule and each call that the rule sees,
so that faults disturb nothing else in a world, and a rule added at the end disturbs no other rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from session_lab.errors import DataError
from session_lab.simulator.faults.rules import FaultRule
from session_lab.simulator.model.randomness import RandomStream
from session_lab.timing import to_milliseconds

if TYPE_CHECKING:
    from session_lab.simulator.faults.calls import IncomingCall
    from session_lab.timing import Duration

__all__ = ["ConnectionLost", "ConnectionRefused", "FaultPlan", "FaultState", "Faults"]

_DEFAULT_RESET = 1_000
"""How many milliseconds a 429 asks to wait whose rule does not say."""


class ConnectionRefused(Exception):  # noqa: N818  a signal to what carries requests, not an error
    """No reply comes, and the request had no effect."""

    def __init__(self) -> None:
        super().__init__("a fault refused the connection before the request had any effect")


class ConnectionLost(Exception):  # noqa: N818  a signal to what carries requests, not an error
    """No reply comes, though the request had its effect."""

    def __init__(self) -> None:
        super().__init__("a fault lost the reply after the request had its effect")


class FaultState(NamedTuple):
    """What a plan knows of the past, as a part of a world's state.

    Attributes
    ----------
    seed : int
        What the plan's random numbers draw on.
    since : int
        When the plan was set, in milliseconds since 1970.
    counts : tuple of int
        How many calls each rule has seen.
    """

    seed: int
    since: int
    counts: tuple[int, ...]


class Faults(NamedTuple):
    """What goes wrong with one call.

    The first of its rules that takes the reply away or gives another decides how the call ends;
    latencies add up; the first death and the longest lag count.

    Attributes
    ----------
    rules : tuple of FaultRule
        The rules that strike it, in the plan's order.
    at : int
        When the call arrived.
    """

    rules: tuple[FaultRule, ...]
    at: int

    @property
    def run_status(self) -> str | None:
        """The status with which the session's live run ends before the call; None: it goes on."""
        return next((rule.run_status for rule in self.rules if rule.run_status), None)

    @property
    def list_lag(self) -> int:
        """How recent, in milliseconds, is what the list does not show yet."""
        return max((_length(rule.list_lag) for rule in self.rules), default=0)

    @property
    def is_refused(self) -> bool:
        """Whether the connection is refused: no reply and no effect."""
        return self._end is not None and self._end.refused

    @property
    def status(self) -> int | None:
        """The status that answers in place of any effect; None: the call is handled."""
        return None if self._end is None else self._end.status

    @property
    def reset(self) -> int:
        """When a 429 lets the caller try again, in milliseconds since 1970."""
        given = None if self._end is None else self._end.reset
        return self.at + (_DEFAULT_RESET if given is None else _length(given))

    @property
    def is_lost(self) -> bool:
        """Whether the reply is lost after the call had its effect."""
        return self._end is not None and self._end.lost

    @property
    def latency(self) -> int:
        """How much later the reply comes, in milliseconds."""
        return sum(_length(rule.latency) for rule in self.rules)

    @property
    def _end(self) -> FaultRule | None:
        ends = (rule for rule in self.rules if rule.effect in {"status", "refused", "lost"})
        return next(ends, None)


@dataclass(frozen=True)
class FaultPlan:
    """Everything that is to go wrong, as rules in order.

    Each call is shown to every rule, and every rule counts and draws for itself.

    Parameters
    ----------
    rules : sequence of FaultRule
        The rules; kept as a tuple.

    Raises
    ------
    DataError
        These are not rules.

    Examples
    --------
    >>> from session_lab.simulator.faults.calls import IncomingCall
    >>> plan = FaultPlan([FaultRule("sessions.append", nth=2, lost=True)])
    >>> state = plan.begin(seed=0, now=0)
    >>> append = IncomingCall("sessions.append", "POST", "/realtime/v1/sessions/chat-1/in/append", at=0)
    >>> faults, state = plan.decide(append, state)
    >>> faults.is_lost
    False
    >>> faults, state = plan.decide(append, state)
    >>> faults.is_lost, state.counts
    (True, (2,))
    """

    rules: Sequence[FaultRule] = ()

    def __post_init__(self) -> None:
        """Check that these are rules, and keep them where nobody can change them."""
        object.__setattr__(self, "rules", _rules(self.rules))

    @classmethod
    def of(cls, choice: object) -> FaultPlan:
        """Read a plan in any of the forms in which one can be given.

        Parameters
        ----------
        choice : FaultPlan, FaultRule, iterable, mapping or None
            A plan; a rule; several rules; what :meth:`to_dict` returned; None for no faults. A
            rule can be given as it is written in JSON.

        Raises
        ------
        DataError
            It is none of these, or a rule makes no sense; the error says which and why.

        Examples
        --------
        >>> FaultPlan.of({"rules": [{"match": "sessions.list", "list_lag": "2s"}]})
        FaultPlan(rules=(FaultRule('sessions.list', list_lag='2 s'),))
        """
        if isinstance(choice, FaultPlan):
            return choice
        if isinstance(choice, FaultRule):
            return cls([choice])
        if isinstance(choice, Mapping):
            return cls.from_dict(choice)
        return cls() if choice is None else cls(_rules(choice))

    @classmethod
    def from_dict(cls, document: object) -> FaultPlan:
        """Read a plan as it is written in JSON.

        Raises
        ------
        DataError
            It is not a plan, or a rule makes no sense; the error says which and why.
        """
        if not isinstance(document, Mapping) or set(document) != {"rules"}:
            message = f'{document!r} is not an object of the form {{"rules": [...]}}'
            raise DataError(message, column="rules")
        return cls(_rules(document["rules"]))

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as it is written in JSON."""
        return {"rules": [rule.to_dict() for rule in self.rules]}

    def begin(self, *, seed: int, now: int) -> FaultState:
        """Return the state in which a plan is set."""
        return FaultState(seed, now, (0,) * len(self.rules))

    def decide(self, call: IncomingCall, state: FaultState) -> tuple[Faults, FaultState]:
        """Decide what goes wrong with a call.

        Parameters
        ----------
        call : IncomingCall
            The call, before it had any effect.
        state : FaultState
            What :meth:`begin` or the last decision returned.

        Returns
        -------
        Faults
            What goes wrong.
        FaultState
            The state after it.
        """
        counts: list[int] = []
        striking: list[FaultRule] = []
        for number, (rule, count) in enumerate(zip(self.rules, state.counts, strict=True)):
            seen = rule.sees(call, state.since)
            counts.append(count + seen)
            if seen and rule.strikes(counts[number], _uniform(rule, state.seed, number, count)):
                striking.append(rule)
        return Faults(tuple(striking), call.at), state._replace(counts=tuple(counts))


def _rules(values: object) -> tuple[FaultRule, ...]:
    if not isinstance(values, Iterable) or isinstance(values, (str, bytes, Mapping)):
        raise DataError(f"{values!r} is not a list of rules", column="rules")
    return tuple(_rule(value, number) for number, value in enumerate(values))


def _rule(value: object, number: int) -> FaultRule:
    if isinstance(value, FaultRule):
        return value
    try:
        return FaultRule.from_dict(value)
    except DataError as error:
        message, source = str(error.args[0]), f"rules[{number}]"
        raise DataError(message, source=source, column=error.column) from None


def _uniform(rule: FaultRule, seed: int, number: int, count: int) -> float:
    if rule.probability is None:
        return 0.0
    return float(RandomStream(seed, f"faults/{number}/{count}").uniforms(1)[0])


def _length(duration: Duration | None) -> int:
    return 0 if duration is None else to_milliseconds(duration)
