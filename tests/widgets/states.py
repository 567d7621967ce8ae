"""Random states of explorers, and what they keep, by reading row by row."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from session_lab.timing import instant_text
from session_lab.widgets import LifetimeState, Selection, TagState
from session_lab.widgets.data.lifetime_counts import RESOLUTIONS
from tests.widgets.sessions import AWKWARD, HOUR, ORIGIN, TASKS

__all__ = ["kept_by_hand", "lifetime_states", "selections", "tag_states"]


def _some(*values: str) -> st.SearchStrategy[tuple[str, ...]]:
    # Half of the time nothing is asked of a column, or too few sessions would be left.
    return st.just(()) | st.lists(st.sampled_from(values), unique=True).map(tuple)


@st.composite
def selections(draw: st.DrawFn) -> Selection:
    """Draw a selection of the sessions of ``sessions_frame``."""
    start = draw(st.none() | st.integers(-1, 9 * 24))
    length = draw(st.none() | st.integers(1, 11 * 24))
    shortest = draw(st.none() | st.none() | st.integers(0, 48))
    within = draw(st.none() | st.none() | st.integers(1, 100))
    begin = ORIGIN if start is None else ORIGIN + start * HOUR
    return Selection(
        status=draw(_some("ACTIVE", "CLOSED", "EXPIRED")),
        type=draw(_some("batch", "chat.agent")),
        task_identifier=draw(_some(*TASKS)),
        end_cause=draw(_some("closed", "expired", "open")),
        tags=draw(_some("plan:free", "plan:pro", "vip", *AWKWARD)),
        match=draw(st.sampled_from(["any", "all"])),
        created_from=None if start is None else instant_text(begin),
        created_to=None if length is None else instant_text(begin + length * HOUR),
        lifetime_from=None if shortest is None else f"{shortest}h",
        lifetime_to=None if within is None else f"{(shortest or 0) + within}h",
    )


tag_states = st.builds(
    TagState,
    selection=selections(),
    view=st.sampled_from(["distribution", "cooccurrence", "namespaces", "by_status", "drift"]),
    top=st.integers(1, 30),
    freq=st.sampled_from(["6h", "1d", "3d"]),
)

lifetime_states = st.builds(
    LifetimeState,
    selection=selections(),
    view=st.sampled_from(["survival", "incidence"]),
    by=st.none() | st.none() | st.sampled_from(["type", "task_identifier", "tags"]),
    top=st.integers(1, 15),
    expiry=st.sampled_from(["competes", "censors"]),
    resolution=st.none() | st.sampled_from([*RESOLUTIONS, "90s"]),
)


def kept_by_hand(rows: list[dict[str, Any]], selection: Selection) -> list[bool]:
    """Check row by row whether a selection keeps it."""
    return [_keeps(selection, row) for row in rows]


def _keeps(selection: Selection, row: dict[str, Any]) -> bool:
    for name in ("status", "type", "task_identifier", "end_cause"):
        wanted = getattr(selection, name)
        if wanted and row[name] not in wanted:
            return False
    start, end = selection.window
    created = row["created_at"].timestamp() * 1_000
    if (start is not None and created < start) or (end is not None and created >= end):
        return False
    low, high = selection.lengths
    lived = row["lifetime"].total_seconds() * 1_000
    if (low is not None and lived < low) or (high is not None and lived >= high):
        return False
    has = set(row["tags"]) if hasattr(row["tags"], "__len__") else set()
    enough = all if selection.match == "all" else any
    return not selection.tags or enough(tag in has for tag in selection.tags)
