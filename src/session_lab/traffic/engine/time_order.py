"""Events in order of time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from session_lab.frames import milliseconds

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["in_order", "sorted_by_time"]


def in_order(events: pd.DataFrame) -> np.ndarray | None:
    """Return the stable order of events by time, or None when they are in order already."""
    at = milliseconds(events["at"])
    return None if (at[1:] >= at[:-1]).all() else np.argsort(at, kind="stable")


def sorted_by_time(events: pd.DataFrame) -> pd.DataFrame:
    """Return events in order of time; those of one instant keep their order."""
    order = in_order(events)
    return events if order is None else events.iloc[order].reset_index(drop=True)
