"""Tags of the form ``plan:free``: what stands before the separator groups them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from session_lab.analysis.display import counted
from session_lab.analysis.results import Result
from session_lab.analysis.tags.codes import prepare
from session_lab.errors import DataError, StatisticalWarning
from session_lab.frames.build import TEXT_DTYPE
from session_lab.mistyped import answer_mistyped, level_of_caller

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.analysis.engines import AnyFrame
    from session_lab.analysis.tags.codes import TagCodes

__all__ = ["Namespaces", "namespaces", "split", "warn_of_ids"]

_MOSTLY = 0.9
_ENOUGH = 20


@dataclass(frozen=True, repr=False, eq=False)
class Namespaces(Result):
    """Tags by their namespace.

    Attributes
    ----------
    names : tuple of str
        The namespaces, those with the most sessions first; the empty one has the tags without.
    tags : ndarray of int64
        Different tags of each namespace.
    counts : ndarray of int64
        Sessions with a tag of the namespace, each counted once.
    uses : ndarray of int64
        Uses of its tags.
    sessions : int
        All sessions.
    separator : str
        What separates a namespace from the rest of a tag.
    """

    names: tuple[str, ...]
    tags: NDArray[np.int64]
    counts: NDArray[np.int64]
    uses: NDArray[np.int64]
    sessions: int
    separator: str

    title: ClassVar[str] = "Namespaces of tags"
    formula: ClassVar[str] = (
        "share_of_sessions = sessions with a tag of the namespace / all sessions; looks_like_ids = "
        f"at least {_ENOUGH} uses, and different tags / uses >= {_MOSTLY}"
    )

    @property
    def notes(self) -> tuple[str, ...]:
        """The rule of the split."""
        return (
            (
                f"the namespace is what stands before the first {self.separator!r}, where something "
                "stands on both sides of it; other tags have the empty namespace"
            ),
            counted(self.sessions, "session"),
        )

    def to_frame(self) -> pd.DataFrame:
        """Return ``namespace, tags, sessions, share_of_sessions, uses, looks_like_ids``."""
        return pd.DataFrame(
            {
                "namespace": pd.array(self.names, dtype=TEXT_DTYPE),
                "tags": self.tags,
                "sessions": self.counts,
                "share_of_sessions": self.counts / max(self.sessions, 1),
                "uses": self.uses,
                "looks_like_ids": _look_like_ids(self.tags, self.uses),
            }
        )

    def summary(self) -> pd.Series:
        """Return the numbers of sessions, namespaces, tags and uses."""
        return pd.Series(
            {
                "sessions": self.sessions,
                "namespaces": sum(name != "" for name in self.names),
                "tags": int(self.tags.sum()),
                "uses": int(self.uses.sum()),
            },
            name=self.title,
        )


@answer_mistyped
def split(tag: str, separator: str = ":") -> tuple[str, str]:
    """Split a tag into its namespace and the rest.

    The namespace is what stands before the first separator, where something stands on both sides
    of it; a tag without one has the namespace ``""``.

    Examples
    --------
    >>> split("env:prod"), split("a:b:c"), split("vip"), split(":x")
    (('env', 'prod'), ('a', 'b:c'), ('', 'vip'), ('', ':x'))
    """
    if not isinstance(tag, str):
        raise DataError(f"{tag!r} is not a tag, which is text", column="tag")
    space, _, rest = tag.partition(separator)
    return (space, rest) if space and rest else ("", tag)


@answer_mistyped
def namespaces(frame: AnyFrame | TagCodes, *, separator: str = ":") -> Namespaces:
    """Count tags and sessions by namespace.

    Parameters
    ----------
    frame : DataFrame, LazyFrame, Table, relation or TagCodes
        A sessions frame of any engine, or what :func:`prepare` made of one.
    separator : str
        What separates a namespace from the rest; Trigger.dev's docs on tags propose ``":"`` and
        ``"_"``.

    Raises
    ------
    DataError
        There are no tags to read, or the separator is empty.

    Warns
    -----
    DataWarning
        Rows stand for a session that another row stands for.
    StatisticalWarning
        As :func:`distribution` does of ids in disguise.

    Examples
    --------
    >>> found = namespaces(pd.DataFrame({"tags": [["env:prod", "vip"], ["env:dev", "env:prod"]]}))
    >>> found.to_frame()[["namespace", "tags", "sessions", "uses"]]
      namespace  tags  sessions  uses
    0       env     2         2     3
    1               1         1     1
    """
    if not isinstance(separator, str) or not separator:
        raise DataError(
            f'{separator!r} splits nothing; give a separator, such as ":"',
            column="separator",
        )
    codes = prepare(frame)
    counts = codes.counts()
    spaces, places = _spaces_of(codes.names, separator)
    tags, uses = _by_namespace(places, counts, len(spaces))
    _warn(spaces, tags, uses, separator)
    sessions = codes.groups(places, len(spaces))
    # The tags are those of all sessions; those selected may have none of a namespace.
    used = np.flatnonzero(sessions)
    order = used[np.argsort(-sessions[used], kind="stable")]
    names = tuple(spaces[place] for place in order)
    return Namespaces(names, tags[order], sessions[order], uses[order], len(codes), separator)


def warn_of_ids(names: tuple[str, ...], counts: NDArray[np.int64], separator: str = ":") -> None:
    """Warn of namespaces with nearly one tag per use, whose tags are ids and not groups."""
    spaces, places = _spaces_of(names, separator)
    _warn(spaces, *_by_namespace(places, counts, len(spaces)), separator)


def _warn(
    spaces: list[str], tags: NDArray[np.int64], uses: NDArray[np.int64], separator: str
) -> None:
    for place in np.flatnonzero(_look_like_ids(tags, uses)):
        space = spaces[int(place)]
        which = f"tags {space + separator}…" if space else "tags without a namespace"
        message = (
            f"the {which} look like ids: {uses[place]:,} uses have {tags[place]:,} different "
            "values; shares and distances of such tags say little, so keep ids in external_id or "
            "metadata, or drop them before counting"
        )
        warnings.warn(message, StatisticalWarning, stacklevel=level_of_caller())


@lru_cache(maxsize=4)
def _spaces_of(names: tuple[str, ...], separator: str) -> tuple[list[str], NDArray[np.int64]]:
    """Return the namespaces of tags, in order, and which of them each tag has."""
    found = [split(name, separator)[0] for name in names]
    spaces = sorted(set(found))
    place_of = {space: place for place, space in enumerate(spaces)}
    return spaces, np.array([place_of[space] for space in found], dtype=np.int64)


def _by_namespace(
    places: NDArray[np.int64], counts: NDArray[np.int64], n: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count the different tags and the uses of each namespace."""
    tags = np.bincount(places[counts > 0], minlength=n)
    uses = np.zeros(n, dtype=np.int64)
    np.add.at(uses, places, counts)
    return tags, uses


def _look_like_ids(tags: NDArray[np.int64], uses: NDArray[np.int64]) -> NDArray[np.bool_]:
    return (uses >= _ENOUGH) & (tags >= _MOSTLY * uses)
