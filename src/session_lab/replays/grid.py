"""Grids: the values to try, in the form in which policies and platforms keep them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd

from session_lab.errors import DataError
from session_lab.frames import NAT
from session_lab.simulator import ConcurrencyLimits, Platform, RunPolicy
from session_lab.timing import to_milliseconds

__all__ = [
    "EXPIRY",
    "LIMIT",
    "Grid",
    "checked_assumptions",
    "checked_choices",
    "durations",
    "label",
    "lay_out",
]

Grid = Mapping[str, Iterable[Any]]

EXPIRY = "expiry"
LIMIT = "concurrency_limit"
_CHOICES = (*(field.name for field in fields(RunPolicy)), EXPIRY, LIMIT)
_ASSUMPTIONS = tuple(field.name for field in fields(Platform))
_AS_THEY_ARE = ("max_turns", "exit_after_preload_idle")


def checked_choices(grid: Grid, *, couples: bool = False) -> dict[str, list[Any]]:
    """Return the choices of a grid in canonical form.

    Parameters
    ----------
    grid : mapping of str to list
        The values to try.
    couples : bool
        Whether a limit on executing runs may be tried, which makes chats wait for each other.

    Raises
    ------
    DataError
        A field is unknown or an assumption, or has no value or one out of range; or limits are
        tried where chats must be independent.
    """
    choices = _checked(grid, "grid", _CHOICES)
    if LIMIT in choices and not couples:
        message = (
            "under a limit chats wait for each other, and here they must be independent: try limits "
            "with sl.sweep or sl.smallest_limit on a log in memory"
        )
        raise DataError(message, source="grid", column=LIMIT)
    return choices


def checked_assumptions(sensitivity: Grid | None) -> dict[str, list[Any]]:
    """Return the assumptions that are to be varied, in canonical form.

    Raises
    ------
    DataError
        A field is unknown or a choice, or has no value or one out of range.
    """
    return {} if sensitivity is None else _checked(sensitivity, "sensitivity", _ASSUMPTIONS)


def label(name: str, value: object) -> str:
    """Return an assumption as text."""
    return f"{name} {(', '.join(value) or 'none') if isinstance(value, tuple) else value}"


def lay_out(values: dict[str, list[Any]], combinations: list[tuple[Any, ...]]) -> pd.DataFrame:
    """Lay the policies out: counts and flags as they are, words as text, all else as durations."""
    columns: dict[str, Any] = {}
    for name, tried in zip(values, zip(*combinations, strict=True), strict=True):
        if name in _AS_THEY_ARE:
            columns[name] = list(tried)
        elif name == LIMIT:
            columns[name] = pd.array(list(tried), dtype="Int64")
        elif name == "on_deploy":
            columns[name] = pd.array(tried, dtype="string[pyarrow]")
        else:
            columns[name] = durations([_milliseconds(value) for value in tried])
    return pd.DataFrame(columns)


def _milliseconds(value: str | int | None) -> int:
    if isinstance(value, int):
        return value
    return NAT if value is None else to_milliseconds(value)


def durations(numbers: list[Any]) -> Any:  # noqa: ANN401 (an array of pandas)
    """Return milliseconds, or NAT, as durations."""
    return pd.array(np.array(numbers, dtype=np.int64).view("timedelta64[ms]"))


def _checked(grid: Grid, source: str, known: tuple[str, ...]) -> dict[str, list[Any]]:
    """Return every value of a grid in the form in which policies and platforms keep it."""
    if not isinstance(grid, Mapping) or not grid:
        message = f'the {source} is not a mapping such as {{"{known[0]}": ["5s"]}}'
        raise DataError(message, source=source)
    values: dict[str, list[Any]] = {}
    for name, given in grid.items():
        if name not in known:
            raise DataError(_unknown(name, source, known), source=source, column=str(name))
        values[name] = [_canonical(name, value, source) for value in _listed(given, name, source)]
        if not values[name]:
            raise DataError("there is no value to try", source=source, column=name)
    return values


def _listed(given: object, name: str, source: str) -> list[Any]:
    is_text_or_set = isinstance(given, (str, bytes, AbstractSet))
    try:
        if isinstance(given, Iterable) and not is_text_or_set:
            return list(given)
    except TypeError:  # An array without a dimension.
        pass
    order = ", since a set has no order" if isinstance(given, AbstractSet) else ""
    raise DataError(f"{given!r} is not a list of values{order}", source=source, column=name)


def _unknown(name: str, source: str, known: tuple[str, ...]) -> str:
    if name in _ASSUMPTIONS:
        return (
            f"{name!r} is an assumption about the platform, not a choice; give it in platform=, or "
            "other values of it in sensitivity="
        )
    if name in _CHOICES:
        return f"{name!r} is a choice, not an assumption about the platform; try it in the grid"
    return f"{name!r} is not a field of the {source}; they are {', '.join(known)}"


def _canonical(name: str, value: Any, source: str) -> Any:  # noqa: ANN401 (as various as the fields)
    changed: dict[str, Any] = {name: value}
    try:
        if name == LIMIT and isinstance(value, ConcurrencyLimits):
            message = (
                "a sweep tries whole numbers of slots; sl.replay(limits=) takes burst and tasks"
            )
            raise DataError(message)  # noqa: TRY301 (it is named as the others are)
        if name == EXPIRY:
            return NAT if value is None else to_milliseconds(value, name=name)
        if name == LIMIT:
            return None if value is None else ConcurrencyLimits.of(value).base
        owner = Platform if name in _ASSUMPTIONS else RunPolicy
        return getattr(owner(**changed), name)
    except DataError as error:
        raise DataError(str(error.args[0]), source=source, column=name) from None
