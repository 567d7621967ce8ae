"""The flags of limits on executing runs."""

from __future__ import annotations

from typing import Annotated

import typer

import session_lab as sl

__all__ = ["ConcurrencyLimit", "Plan", "limits_of"]

_PANEL = "Limits on executing runs"

ConcurrencyLimit = Annotated[
    int | None,
    typer.Option(
        "--concurrency-limit",
        "--limits",
        help="How many runs may execute at once; the others wait in line.",
        rich_help_panel=_PANEL,
        show_default=False,
    ),
]
Plan = Annotated[
    str | None,
    typer.Option(
        "--plan",
        help="The published limits of free, hobby or pro in production, or as in hobby:staging.",
        rich_help_panel=_PANEL,
        show_default=False,
    ),
]


def limits_of(concurrency_limit: int | None, plan: str | None) -> sl.ConcurrencyLimits | None:
    """Return the limits that flags name; None where there are none."""
    if plan is None:
        return None if concurrency_limit is None else sl.ConcurrencyLimits(concurrency_limit, 1.0)
    if concurrency_limit is not None:
        raise sl.DataError("give one of --plan and --concurrency-limit", column="--plan")
    name, _, environment = plan.partition(":")
    return sl.ConcurrencyLimits.plan(name, environment=environment or "production")
