"""Which kind of frame a frame is, told by its columns, so that a wrong one is refused by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from session_lab.errors import DataError
from session_lab.frames.columns import check_frame

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["check_kind", "kind_of"]

_SIGNS = (
    ("operations", ("op", "status_code")),
    ("events", ("op", "external_id")),
    ("turns", ("number", "arrived_at")),
    ("runs", ("triggered_at",)),
    ("runs", ("run_id", "reason")),
    ("policies", ("wait_mean", "front")),
    ("sessions", ("created_at",)),
    ("sessions", ("lifetime", "end_cause")),
)
"""Columns that only one kind of frame has, the surest first."""


def kind_of(df: pd.DataFrame) -> str | None:
    """Return the kind of a frame: sessions, runs, turns, operations, events or the policies of a sweep.

    None if unclear.

    Examples
    --------
    >>> import pandas as pd
    >>> kind_of(pd.DataFrame(columns=["op", "external_id", "at"]))
    'events'
    """
    columns = set(df.columns)
    return next((kind for kind, signs in _SIGNS if columns.issuperset(signs)), None)


def check_kind(df: object, wanted: str) -> None:
    """Check that a frame may be of the wanted kind; one that is joined of several is of each.

    Raises
    ------
    DataError
        It is not a pandas DataFrame, or plainly a frame of another kind; the error names both.
    """
    check_frame(df, wanted)
    kind = kind_of(df)  # type: ignore[arg-type]  # checked in the line above
    columns = set(df.columns)  # type: ignore[attr-defined]
    # Operations have all that events have, and are none.
    is_joined = wanted != "events" and any(
        known == wanted and columns.issuperset(signs) for known, signs in _SIGNS
    )
    if kind is not None and kind != wanted and not is_joined:
        signs = next(signs for known, signs in _SIGNS if known == kind)
        message = (
            f"this is a frame of {kind} (it has {' and '.join(signs)}); give it as {kind}, and "
            f"{wanted} here"
        )
        raise DataError(message, source=wanted)
