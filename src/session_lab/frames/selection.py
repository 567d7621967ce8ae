"""A choice of sessions as one frozen value, and the rows of a frame that it keeps."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from session_lab.errors import DataError
from session_lab.frames.build import NAT, in_one_piece
from session_lab.frames.columns import check_frame, column_of, durations, instants
from session_lab.frames.schema import SESSIONS
from session_lab.mistyped import answer_mistyped, answer_mistyped_fields, meant
from session_lab.timing import Duration, duration_text, instant_text, to_instant, to_milliseconds

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from numpy.typing import NDArray

    from session_lab.timing import Instant

__all__ = ["CATEGORIES", "Match", "Selection", "between", "one_of", "select"]

CATEGORIES = ("status", "type", "task_identifier", "end_cause")
"""The columns of few values that sessions are selected by."""

Match = Literal["any", "all"]
"""Whether one of several tags is enough."""


@answer_mistyped_fields
@dataclass(frozen=True)
class Selection:
    """A choice of sessions; without any criterion, all of them.

    Attributes
    ----------
    status, type, task_identifier, end_cause : tuple of str
        The values to keep; an empty tuple keeps all.
    tags : tuple of str
        The tags to keep; an empty tuple keeps all sessions.
    match : {"any", "all"}
        Whether a session needs one of the tags or all of them.
    created_from, created_to : str or datetime, optional
        Created at or after the one and before the other; kept as text in UTC.
    lifetime_from, lifetime_to : str or timedelta, optional
        Lived so long or longer, and less than the other.

    Raises
    ------
    DataError
        A criterion of the wrong kind, or a window that ends before it begins.

    Examples
    --------
    >>> Selection(status="CLOSED", created_from="2026-01-01T01:00:00+01:00")
    Selection(status=('CLOSED',), created_from='2026-01-01T00:00:00.000Z')
    """

    status: tuple[str, ...] = ()
    type: tuple[str, ...] = ()
    task_identifier: tuple[str, ...] = ()
    end_cause: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    match: Match = "any"
    created_from: Instant | None = None
    created_to: Instant | None = None
    lifetime_from: Duration | None = None
    lifetime_to: Duration | None = None

    def __post_init__(self) -> None:
        """Bring every criterion to one form."""
        for name in (*CATEGORIES, "tags"):
            object.__setattr__(self, name, _texts(getattr(self, name), name))
        one_of(self.match, ("any", "all"), name="match")
        for name in ("created_from", "created_to"):
            at = getattr(self, name)
            if at is not None:
                object.__setattr__(self, name, instant_text(to_instant(at, name=name)))
        for name in ("lifetime_from", "lifetime_to"):
            length = getattr(self, name)
            if length is not None:
                object.__setattr__(self, name, duration_text(to_milliseconds(length, name=name)))
        for (start, end), name in ((self.window, "created"), (self.lengths, "lifetime")):
            if start is not None and end is not None and end <= start:
                low, high = (getattr(self, f"{name}_{bound}") for bound in ("from", "to"))
                raise DataError(f"{high} is not after {name}_from, {low}", column=f"{name}_to")

    @property
    def window(self) -> tuple[int | None, int | None]:
        """The bounds of ``created_at`` in milliseconds since 1970."""
        start, end = self.created_from, self.created_to
        return (
            None if start is None else to_instant(start),
            None if end is None else to_instant(end),
        )

    @property
    def lengths(self) -> tuple[int | None, int | None]:
        """The bounds of ``lifetime`` in milliseconds."""
        low, high = self.lifetime_from, self.lifetime_to
        return (
            None if low is None else to_milliseconds(low),
            None if high is None else to_milliseconds(high),
        )

    @property
    def criteria(self) -> dict[str, Any]:
        """What narrows the choice: the arguments of :func:`session_lab.select`."""
        idle = {"match"} if len(self.tags) < 2 else set[str]()
        return {name: value for name, value in self._changed().items() if name not in idle}

    def without(self, names: Collection[str]) -> Selection:
        """Return the same choice without some of its criteria."""
        idle = {name: value for name, value in _DEFAULTS.items() if name in names}
        return replace(self, **idle)

    def __repr__(self) -> str:
        """Show only what differs from selecting all."""
        shown = ", ".join(f"{name}={value!r}" for name, value in self._changed().items())
        return f"Selection({shown})"

    def _changed(self) -> dict[str, object]:
        return {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if getattr(self, field.name) != field.default
        }


_DEFAULTS: dict[str, Any] = {field.name: field.default for field in fields(Selection)}


@answer_mistyped
def select(
    df: pd.DataFrame,
    *,
    status: str | Sequence[str] = (),
    type: str | Sequence[str] = (),
    task_identifier: str | Sequence[str] = (),
    end_cause: str | Sequence[str] = (),
    tags: str | Sequence[str] = (),
    match: Match = "any",
    created_from: Instant | None = None,
    created_to: Instant | None = None,
    lifetime_from: Duration | None = None,
    lifetime_to: Duration | None = None,
) -> pd.DataFrame:
    """Return some sessions of a frame: the headless twin of the filters of an explorer.

    Parameters
    ----------
    df : DataFrame
        A sessions frame.
    status, type, task_identifier, end_cause : str or sequence of str
        The values to keep; all by default.
    tags : str or sequence of str
        The tags to keep; all sessions by default.
    match : {"any", "all"}
        Whether a session needs one of the tags or all of them.
    created_from, created_to : str or datetime, optional
        Keep what was created at or after the one and before the other.
    lifetime_from, lifetime_to : str or timedelta, optional
        Keep what lived so long or longer, and less than the other; an open session counts with
        its age when it was observed.

    Raises
    ------
    DataError
        A value that no session has, a column that is missing, or an empty window.

    Examples
    --------
    >>> df = pd.DataFrame({"type": ["chat", "batch", "chat"], "tags": [["vip"], [], []]})
    >>> select(df, type="chat", tags="vip")
       type   tags
    0  chat  [vip]
    """
    selection = Selection(
        status=_listed(status, "status"),
        type=_listed(type, "type"),
        task_identifier=_listed(task_identifier, "task_identifier"),
        end_cause=_listed(end_cause, "end_cause"),
        tags=_listed(tags, "tags"),
        match=match,
        created_from=created_from,
        created_to=created_to,
        lifetime_from=lifetime_from,
        lifetime_to=lifetime_to,
    )
    check_frame(df, "sessions")
    rows = np.ones(len(df), dtype=np.bool_)
    for name in CATEGORIES:
        if wanted := getattr(selection, name):
            rows &= _among(df, name, wanted)
    if selection.window != (None, None):
        created = instants(df, "created_at", source="sessions", required=False)
        rows &= between(created, selection.window)
    if selection.lengths != (None, None):
        rows &= between(durations(df, "lifetime", source="sessions"), selection.lengths)
    if selection.tags:
        rows &= _with_tags(df, selection)
    return df[rows]


def between(values: NDArray[np.int64], bounds: tuple[int | None, int | None]) -> NDArray[np.bool_]:
    """Check which times or durations, in milliseconds, lie in a window; NAT lies in none."""
    low, high = bounds
    rows: NDArray[np.bool_] = values != NAT
    if low is not None:
        rows &= values >= low
    if high is not None:
        rows &= values < high
    return rows


def _among(df: pd.DataFrame, name: str, wanted: tuple[str, ...]) -> NDArray[np.bool_]:
    column = column_of(df, name, source="sessions")
    present = pd.Categorical(column).categories
    known = dict.fromkeys([*SESSIONS.column(name).allowed, *map(str, present)])
    for value in wanted:
        one_of(value, known, name=name)
    rows: NDArray[np.bool_] = column.isin(wanted).to_numpy(dtype=np.bool_)
    return rows


def _with_tags(df: pd.DataFrame, selection: Selection) -> NDArray[np.bool_]:
    column = column_of(df, "tags", source="sessions")
    lists = in_one_piece(pa.array(column, pa.list_(pa.string()), from_pandas=True))
    values, owners = lists.flatten(), pc.call_function("list_parent_indices", [lists])
    known = sorted(values.unique().drop_null().to_pylist())
    every = selection.match == "all"
    rows = np.full(len(df), every)
    for tag in selection.tags:
        if tag not in known:
            one_of(tag, known, name="tags")
        has = np.zeros(len(df), dtype=np.bool_)
        has[owners.filter(pc.call_function("equal", [values, pa.scalar(tag)])).to_numpy()] = True
        rows = rows & has if every else rows | has
    return rows


def _listed(values: str | Sequence[str], name: str) -> tuple[str, ...]:
    if isinstance(values, str):
        return (values,)
    try:
        return tuple(values)
    except TypeError:
        raise DataError(f"{values!r} is neither text nor a list of texts", column=name) from None


def one_of(value: object, allowed: Iterable[object], *, name: str) -> None:
    """Refuse a value that is not among those allowed.

    Raises
    ------
    DataError
        With the allowed values, or the first dozen of them.
    """
    known = list(allowed)
    if value not in known:
        listed = ", ".join(map(repr, known[:12])) or "nothing at all"
        more = f" and {len(known) - 12:,} more" if len(known) > 12 else ""
        message = f"{value!r} is not one of {listed}{more}{meant(value, known)}"
        raise DataError(message, column=name)


def _texts(value: object, name: str) -> tuple[str, ...]:
    values = (value,) if isinstance(value, str) else value
    if not isinstance(values, (tuple, list)) or not all(isinstance(one, str) for one in values):
        message = f"{value!r} is neither text nor a tuple of texts"
        raise DataError(message, column=name)
    return tuple(dict.fromkeys(values))
