"""Concurrency limits: how many runs may execute at once in an environment, and of one task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, Final

from session_lab.errors import DataError
from session_lab.mistyped import answer_mistyped_fields
from session_lab.numbers import is_integer, is_number
from session_lab.simulator.model.settings.checks import Checks

__all__ = ["PLANS", "PLANS_AS_OF", "ConcurrencyLimits"]

PLANS_AS_OF: Final = "2026-10"
"""When the limits of the plans were published so: docs/limits.mdx of @trigger.dev/sdk 4.8.3."""

PLANS: Final[Mapping[str, Mapping[str, int]]] = MappingProxyType(
    {
        "free": {"production": 20, "staging": 10, "preview": 10, "development": 25},
        "hobby": {"production": 50, "staging": 25, "preview": 25, "development": 25},
        "pro": {"production": 200, "staging": 100, "preview": 100, "development": 25},
    }
)
"""The base limit of each plan, by environment."""

MOST = 2**31 - 1
_MOST_BURST = 1_000.0


@answer_mistyped_fields
@dataclass(frozen=True, init=False, repr=False)
class ConcurrencyLimits(Checks):
    """How many runs of an environment may hold a slot at once; all others wait in line.

    A run holds a slot from the moment it is dequeued, before it boots or is restored, until it is
    suspended or has ended. An environment has ``floor(base * burst_factor)`` slots, but one task
    may hold no more than ``base`` of them, nor more than its own limit. So an environment with a
    single chat task never profits from the burst.

    Parameters
    ----------
    base : int
        The environment's limit.
    burst_factor : float
        By how much all tasks together may exceed it: 2 on the platform's cloud, where a self-hosted
        server has 1 unless it is told otherwise.
    per_task : mapping of str to int, optional
        The own limits of tasks, by task identifier; none above ``base``.

    Raises
    ------
    DataError
        A limit below 1, a burst factor below 1, or a task's limit above the base.

    Notes
    -----
    Sources: Trigger.dev docs, *Concurrency* and *Limits*; the run queue of the open-source server.

    Examples
    --------
    >>> ConcurrencyLimits(50)
    ConcurrencyLimits(base=50, burst_factor=2.0): at most 50 runs of one task at once, 100 of \
several; a single task never profits from the burst
    >>> limits = ConcurrencyLimits(50, per_task={"support-agent": 20})
    >>> limits.of_task("support-agent"), limits.of_task("other"), limits.total
    (20, 50, 100)
    """

    base: int
    burst_factor: float
    per_task: Mapping[str, int]

    def __init__(
        self, base: int, burst_factor: float = 2.0, per_task: Mapping[str, int] | None = None
    ) -> None:
        self._keep("base", self._limit("base", base))
        factor: object = burst_factor
        if not is_number(factor) or not 1 <= factor <= _MOST_BURST:
            message = f"{factor!r} is not a factor from 1 to {_MOST_BURST:,.0f}"
            raise self._refusal("burst_factor", message)
        self._keep("burst_factor", float(factor))
        self._keep("per_task", MappingProxyType(self._own_limits(per_task)))

    @classmethod
    def plan(
        cls,
        name: str,
        *,
        environment: str = "production",
        burst_factor: float = 2.0,
        per_task: Mapping[str, int] | None = None,
    ) -> ConcurrencyLimits:
        """Return the limits of a plan as they were published in October 2026.

        Plans change and can be enlarged (on Pro by 50 at a time); what your dashboard shows is what
        holds for you.

        Parameters
        ----------
        name : {"free", "hobby", "pro"}
            The plan.
        environment : {"production", "staging", "preview", "development"}
            Which of its environments.
        burst_factor, per_task
            As in :class:`ConcurrencyLimits`.

        Raises
        ------
        DataError
            The plan or the environment is not one of them.

        Examples
        --------
        >>> ConcurrencyLimits.plan("hobby").base
        50
        """
        if not isinstance(name, str) or name not in PLANS:
            known = ", ".join(PLANS)
            message = f"{name!r} is not a known plan; those of {PLANS_AS_OF} are {known}"
            raise DataError(message, source=cls.__name__, column="plan")
        if not isinstance(environment, str) or environment not in PLANS[name]:
            known = ", ".join(PLANS[name])
            message = f"{environment!r} is not an environment of a plan; they are {known}"
            raise DataError(message, source=cls.__name__, column="environment")
        return cls(PLANS[name][environment], burst_factor, per_task)

    @classmethod
    def of(cls, limits: ConcurrencyLimits | int) -> ConcurrencyLimits:
        """Return limits as they are, or those that a whole number stands for: no burst.

        Raises
        ------
        DataError
            It is neither.
        """
        if isinstance(limits, ConcurrencyLimits):
            return limits
        if not is_integer(limits):
            message = f"{limits!r} is neither ConcurrencyLimits nor a whole number of slots"
            raise DataError(message, column="limits")
        return cls(limits, burst_factor=1.0)

    @property
    def total(self) -> int:
        """How many runs of all tasks together may hold a slot at once."""
        return min(int(self.base * self.burst_factor), MOST)

    def of_task(self, task_identifier: str | None) -> int:
        """Return how many runs of one task may hold a slot at once."""
        if task_identifier is None:
            return self.base
        return self.per_task.get(task_identifier, self.base)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON takes them; they are the arguments that make the limits again."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        return plain | {"per_task": dict(self.per_task)}

    def __hash__(self) -> int:
        """Return a hash: a view of a mapping has none of its own."""
        return hash((self.base, self.burst_factor, tuple(sorted(self.per_task.items()))))

    def __reduce__(self) -> tuple[type[ConcurrencyLimits], tuple[Any, ...]]:
        """Return how to make it again: a view of a mapping does not pickle."""
        return type(self), (self.base, self.burst_factor, dict(self.per_task))

    def __repr__(self) -> str:
        """Show the limits, and what they come to."""
        own = f", per_task={dict(self.per_task)!r}" if self.per_task else ""
        call = f"ConcurrencyLimits(base={self.base}, burst_factor={self.burst_factor!r}{own})"
        if self.total == self.base:
            return f"{call}: at most {self.base:,} runs at once"
        return (
            f"{call}: at most {self.base:,} runs of one task at once, {self.total:,} of several; a "
            "single task never profits from the burst"
        )

    def _own_limits(self, given: object) -> dict[str, int]:
        if given is None:
            return {}
        if not isinstance(given, Mapping):
            message = f'{given!r} is not a mapping such as {{"support-agent": 20}}'
            raise self._refusal("per_task", message)
        kept: dict[str, int] = {}
        for task, limit in given.items():
            if not isinstance(task, str):
                raise self._refusal("per_task", f"{task!r} is not a task identifier")
            kept[task] = self._limit("per_task", limit, of=f", given for {task!r},")
            if limit > self.base:
                message = (
                    f"the limit of {limit:,} for {task!r} lies above the base of {self.base:,}, "
                    "beyond which no task may go: lower it, or raise the base"
                )
                raise self._refusal("per_task", message)
        return kept

    def _limit(self, name: str, value: object, *, of: str = "") -> int:
        if not is_integer(value) or not 1 <= value <= MOST:
            message = f"{value!r}{of} is not a limit of 1 or more"
            if is_number(value) and value == 0:
                message = f"a limit of 0{of} would let no run execute; the lowest is 1"
            raise self._refusal(name, message)
        return int(value)
