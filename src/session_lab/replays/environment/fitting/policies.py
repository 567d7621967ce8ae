"""From the rows of a fit to the policies and the platform that a replay takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from session_lab.simulator import RunPolicy
from session_lab.timing import duration_text, instant_text, to_milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from session_lab.replays.environment.fitting.parameters import Parameter

__all__ = ["Period", "held", "periods", "policy_of"]

_TIMES = ("idle_timeout", "turn_timeout", "max_duration", "preload_idle_timeout", "preload_timeout")
_AS_USUAL = {"preload_idle_timeout": "idle_timeout", "preload_timeout": "turn_timeout"}
_CHOICES = (*_TIMES, "max_turns", "exit_after_preload_idle", "on_deploy")
_NEAR = 0.01
"""Changes with less than this share of the runs between them are one change."""


class Period(NamedTuple):
    """A time in which one policy held.

    Attributes
    ----------
    since : str or None
        From when on, as ISO 8601 text; None for the first.
    policy : RunPolicy or dict of str to RunPolicy
        The policy, or that of each task.
    """

    since: str | None
    policy: RunPolicy | dict[str, RunPolicy]


def periods(
    rows: Sequence[Parameter],
    tasks: Sequence[str | None],
    triggered: Any,  # noqa: ANN401
) -> tuple[Period, ...]:
    """Return the policies in order of time; the last is the one that holds now.

    Parameters
    ----------
    rows : sequence of Parameter
        All that was found.
    tasks : sequence of str or None
        The agents; just None where they are not told apart.
    triggered : ndarray of int64
        When runs were triggered.
    """
    begins: list[int | None] = [None]
    ordered = np.sort(triggered)
    for since in sorted({row.since for row in rows if row.since is not None}):
        last = begins[-1]
        between = np.searchsorted(ordered, [last or since, since])
        if last is None or between[1] - between[0] > max(_NEAR * len(ordered), 5):
            begins.append(since)
    found = []
    ends = [*begins[1:], None]
    for begin, end in zip(begins, ends, strict=True):
        known = [row for row in rows if end is None or row.since is None or row.since < end]
        policies = {task: policy_of(row for row in known if row.task == task) for task in tasks}
        told = None if begin is None else instant_text(begin)
        if None in policies:
            found.append(Period(told, policies[None]))
        else:
            found.append(Period(told, {str(task): one for task, one in policies.items()}))
    return tuple(found)


def policy_of(rows: Iterable[Parameter]) -> RunPolicy:
    """Return the policy of one agent; of several values of a field the last counts."""
    fields: dict[str, Any] = {}
    for row in rows:
        if row.parameter in _CHOICES:
            value = held(row)
            fields[row.parameter] = value
    kept: Any = {name: value for name, value in fields.items() if value is not None}
    policy = RunPolicy(**kept)
    # What is as for other runs needs no saying.
    same: Any = {
        name: None
        for name, usual in _AS_USUAL.items()
        if getattr(policy, name) == getattr(policy, usual)
    }
    return RunPolicy(**(kept | same))


def held(row: Parameter) -> Any:  # noqa: ANN401  what the field takes
    """Return the value of a field of the policy; None for its default.

    Where none was identified it is the default, or what lies nearest to that within the bounds.
    """
    if row.parameter == "on_deploy":
        return None if row.value is None else "hand_over" if row.value > 0.5 else "stay"
    if row.parameter == "exit_after_preload_idle":
        return None if row.value is None else row.value > 0.5
    default = getattr(RunPolicy(), row.parameter)
    if row.value is not None:
        chosen = round(row.value)
    elif default is None:
        return None
    else:
        usual = default if row.parameter == "max_turns" else to_milliseconds(default)
        least = usual if row.lower is None else max(usual, round(row.lower))
        chosen = least if row.upper is None else min(least, round(row.upper))
    return max(chosen, 1) if row.parameter == "max_turns" else duration_text(chosen)
