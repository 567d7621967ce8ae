"""The flags of a grid of policies: the values to try of each field."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from session_lab.cli.shared.numbers import values
from session_lab.cli.shared.options import option

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Grid", "LimitedGrid"]

_tried = partial(option, "Grid: values to try, with commas between")
_Values = str | None


@dataclass(frozen=True, kw_only=True)
class Grid:
    """What the flags say of a grid; each field is one of them."""

    idle_timeout: Annotated[
        _Values, _tried("--idle-timeout", "Awake with nothing to do, then suspended.")
    ] = None
    turn_timeout: Annotated[
        _Values, _tried("--turn-timeout", "Suspended without a message, then ended.")
    ] = None
    max_turns: Annotated[_Values, _tried("--max-turns", "Turns a run serves.")] = None
    max_duration: Annotated[
        _Values, _tried("--max-duration", "Cap on a run's active time, or none.")
    ] = None
    preload_idle_timeout: Annotated[
        _Values, _tried("--preload-idle-timeout", "The same until a preload's first turn.")
    ] = None
    preload_timeout: Annotated[
        _Values, _tried("--preload-timeout", "The same until a preload's first turn.")
    ] = None
    on_deploy: Annotated[_Values, _tried("--on-deploy", "stay, hand_over.")] = None
    expiry: Annotated[
        _Values, _tried("--expiry", "From a session's first start to its expiry, or none.")
    ] = None

    @property
    def choices(self) -> Mapping[str, list[Any]]:
        """The values of every field that a command line asks to try."""
        given = {name: text for name, text in vars(self).items() if text is not None}
        return {name: values(name, text) for name, text in given.items()}


@dataclass(frozen=True, kw_only=True)
class LimitedGrid(Grid):
    """The same with limits on executing runs."""

    concurrency_limit: Annotated[
        _Values,
        _tried("--concurrency-limit", "Runs that may execute at once, or none; others wait."),
    ] = None
