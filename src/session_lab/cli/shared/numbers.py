"""Values of options that are more than one text: lists, numbers, prices."""

from __future__ import annotations

import math
from typing import Any

import session_lab as sl

__all__ = ["number", "price", "values"]


def values(name: str, text: str) -> list[Any]:
    """Split the values of an option of a grid; only counts and rates are numbers."""
    parts: list[str | None] = [part.strip() for part in text.split(",") if part.strip()]
    if name in {"max_duration", "expiry", "concurrency_limit"}:
        parts = [None if part == "none" else part for part in parts]
    if name in {"max_turns", "crash_rate", "concurrency_limit"}:
        flag = f"--{name.replace('_', '-')}"
        numbers = [None if part is None else number(flag, part) for part in parts]
        return [int(n) if n is not None and n.is_integer() else n for n in numbers]
    return parts


def number(flag: str, text: str) -> float:
    """Read a number, or refuse it by the name of its option."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise sl.DataError(f"{text!r} is not a number", column=flag)
    return value


def price(pair: str) -> tuple[str, float]:
    """Read the price of a second on a machine preset."""
    machine, equals, text = pair.partition("=")
    if not (machine and equals):
        raise sl.DataError(
            f"{pair!r} is not MACHINE=PRICE, as in small-1x=0.00003", column="--price"
        )
    return machine, number("--price", text)
