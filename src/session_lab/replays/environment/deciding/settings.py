"""The policies to choose from: a grid around what holds today."""

from __future__ import annotations

import functools
import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

from session_lab.errors import DataError
from session_lab.frames import NAT
from session_lab.replays.environment.deciding.outcomes import with_settings
from session_lab.replays.grid import EXPIRY, Grid, checked_choices, lay_out
from session_lab.simulator import RunPolicy
from session_lab.timing import to_milliseconds

if TYPE_CHECKING:
    import pandas as pd

    from session_lab.replays.chats import Policies

__all__ = ["DEFAULT_GRID", "Candidates", "candidates"]

DEFAULT_GRID: Grid = {
    "idle_timeout": ["5s", "10s", "20s", "30s", "1m", "2m", "5m"],
    "turn_timeout": ["10m", "1h", "6h", "1d"],
}
"""What is tried where nobody says: the two times that decide how a turn finds its run."""


_EDGES = "shortest", "longest"


class Candidates(NamedTuple):
    """Policies to choose from.

    Attributes
    ----------
    choices : dict of str to list
        The values of each field that are tried, in order; today's is one of them.
    settings : list of dict
        The fields of each policy; those of a row that stands for today's policies of several tasks
        are empty.
    today : int
        The row of what holds today.
    """

    choices: dict[str, list[Any]]
    settings: list[dict[str, Any]]
    today: int

    def policies(self, policy: Policies) -> list[tuple[Policies, int | None]]:
        """Return each policy, and its expiry, where it changes the recorded one."""
        made = []
        for settings in self.settings:
            fields = {name: value for name, value in settings.items() if name != EXPIRY}
            made.append((with_settings(policy, fields), settings.get(EXPIRY)))
        return made

    def frame(self) -> pd.DataFrame:
        """Return the settings as columns; missing where each task keeps its own."""
        rows = [tuple(each.get(name) for name in self.choices) for each in self.settings]
        return lay_out(self.choices, rows)

    def edges(self, row: int) -> dict[str, str]:
        """Return the fields of a policy whose value lies at the edge of several, and at which."""
        found = {}
        for name, values in self.choices.items():
            value = self.settings[row].get(name)
            words = _EDGES if name != "max_turns" else ("smallest", "largest")
            ordered = len(values) > 1 and name not in {"on_deploy", "exit_after_preload_idle"}
            if ordered and name in self.settings[row] and value in {values[0], values[-1]}:
                found[name] = words[value == values[-1]]
        return found


def candidates(grid: Grid | None, policy: Policies) -> Candidates:
    """Return the policies of a grid, today's among them.

    Raises
    ------
    DataError
        The grid names an assumption or an unknown field, or has no value for one.
    """
    choices = checked_choices(DEFAULT_GRID if grid is None else grid)
    held = _held(policy, choices)
    for name, values in choices.items():
        if held is not None and held[name] not in values:
            values.append(held[name])
        distinct = list(dict.fromkeys(values))
        choices[name] = sorted(distinct, key=functools.partial(_size, name))
    settings = [
        dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())
    ]
    if held is None:
        return Candidates(choices, [*settings, {}], len(settings))
    return Candidates(choices, settings, settings.index(held))


def _held(policy: Policies, choices: dict[str, list[Any]]) -> dict[str, Any] | None:
    """Return what holds today for some fields; None where tasks differ, or it is not one value."""
    if EXPIRY in choices:
        return None
    policies = [policy] if isinstance(policy, RunPolicy) else list(policy.values())
    if not policies:
        raise DataError("there is no policy", column="policy")
    first, *others = ({name: getattr(one, name) for name in choices} for one in policies)
    return first if all(other == first for other in others) else None


def _size(name: str, value: Any) -> tuple[int, Any]:  # noqa: ANN401  as various as the fields
    if value is None or value == NAT:
        return 1, 0  # No cap and no expiry are longer than any.
    if isinstance(value, str) and name != "on_deploy":
        return 0, to_milliseconds(value)
    return 0, value
