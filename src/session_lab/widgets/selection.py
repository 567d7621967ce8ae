"""Which sessions a view is about: one frozen value that every explorer understands."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal

from session_lab.errors import DataError
from session_lab.timing import instant_text, to_instant

if TYPE_CHECKING:
    from collections.abc import Iterable

    from session_lab.timing import Instant

__all__ = ["CATEGORIES", "Match", "Selection", "one_of"]

CATEGORIES = ("status", "type", "task_identifier", "end_cause")
"""The columns of few values that sessions are selected by."""

Match = Literal["any", "all"]
"""Whether one of several tags is enough."""


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

    def __post_init__(self) -> None:
        """Bring every criterion to one form."""
        for name in (*CATEGORIES, "tags"):
            object.__setattr__(self, name, _texts(getattr(self, name), name))
        one_of(self.match, ("any", "all"), name="match")
        for name in ("created_from", "created_to"):
            at = getattr(self, name)
            if at is not None:
                object.__setattr__(self, name, instant_text(to_instant(at, name=name)))
        start, end = self.window
        if start is not None and end is not None and end <= start:
            message = f"{self.created_to} is not after created_from, {self.created_from}"
            raise DataError(message, column="created_to")

    @property
    def window(self) -> tuple[int | None, int | None]:
        """The bounds of ``created_at`` in milliseconds since 1970."""
        start, end = self.created_from, self.created_to
        return (
            None if start is None else to_instant(start),
            None if end is None else to_instant(end),
        )

    @property
    def criteria(self) -> dict[str, object]:
        """What narrows the choice: the arguments of :func:`session_lab.widgets.select`."""
        idle = {"match"} if len(self.tags) < 2 else set[str]()
        return {name: value for name, value in self._changed().items() if name not in idle}

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
        raise DataError(f"{value!r} is not one of {listed}{more}", column=name)


def _texts(value: object, name: str) -> tuple[str, ...]:
    values = (value,) if isinstance(value, str) else value
    if not isinstance(values, (tuple, list)) or not all(isinstance(one, str) for one in values):
        message = f"{value!r} is neither text nor a tuple of texts"
        raise DataError(message, column=name)
    return tuple(dict.fromkeys(values))
