"""What counts as a number where users give one: NumPy's do, truth values do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from session_lab.errors import DataError

if TYPE_CHECKING:
    from typing import TypeGuard

__all__ = ["check_level", "is_integer", "is_number"]


def is_integer(value: object) -> TypeGuard[int]:
    """Check that a value is a whole number, NumPy's included, and not a truth value."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def is_number(value: object) -> TypeGuard[float]:
    """Check that a value is a number, NumPy's included, and not a truth value."""
    return is_integer(value) or isinstance(value, (float, np.floating))


def check_level(level: object, *, name: str = "level", usual: float = 0.95) -> None:
    """Refuse what is not a number between 0 and 1.

    Raises
    ------
    DataError
        It is of another kind, or lies elsewhere.

    Examples
    --------
    >>> check_level(95)
    Traceback (most recent call last):
    ...
    session_lab.errors.DataError: level: 95 is not a level between 0 and 1; 0.95 is usual
    """
    if not is_number(level) or not 0 < level < 1:
        message = f"{level!r} is not a {name} between 0 and 1; {usual} is usual"
        raise DataError(message, column=name)
