"""How often each tag occurs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
import pandas as pd

from session_lab.analysis.counts import grouped
from session_lab.analysis.display import counted
from session_lab.analysis.observation import check_sessions
from session_lab.analysis.results import Result
from session_lab.analysis.tags.codes import TagCodes
from session_lab.analysis.tags.concentration import concentration
from session_lab.analysis.tags.namespaces import warn_of_ids
from session_lab.frames.build import TEXT_DTYPE
from session_lab.mistyped import answer_mistyped

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.analysis.engines import AnyFrame
    from session_lab.analysis.tags.concentration import Concentration

__all__ = ["TagDistribution", "Tail", "distribution", "share"]


class Tail(NamedTuple):
    """The tags that are not among the most frequent.

    Attributes
    ----------
    tags : int
        How many tags.
    uses : int
        Their uses together.
    share_of_uses : float
        Of the uses of all tags.
    """

    tags: int
    uses: int
    share_of_uses: float


@dataclass(frozen=True, repr=False, eq=False)
class TagDistribution(Result):
    """How often each tag occurs.

    Attributes
    ----------
    names : tuple of str
        The tags, the most frequent first, in alphabetical order where they are equally frequent.
    counts : ndarray of int64
        The sessions with each tag. A session has a tag once, so this is also the tag's uses.
    sessions : int
        All sessions.
    tagged : int
        The sessions that have a tag.
    """

    names: tuple[str, ...]
    counts: NDArray[np.int64]
    sessions: int
    tagged: int

    title: ClassVar[str] = "Tags"
    formula: ClassVar[str] = (
        "share = sessions with the tag / all sessions, / sessions with any tag, or / uses of all "
        "tags; only the shares of uses add up to 1"
    )

    @property
    def notes(self) -> tuple[str, ...]:
        """The denominators."""
        return (
            (
                f"{counted(self.sessions, 'session')}, {self.tagged:,} of them with a tag; "
                f"{counted(self.uses, 'use')} of {counted(len(self.names), 'tag')}"
            ),
        )

    @property
    def uses(self) -> int:
        """The uses of all tags: pairs of a session and one of its tags."""
        return int(self.counts.sum())

    @property
    def concentration(self) -> Concentration | None:
        """How unevenly uses are spread over tags; None without tags."""
        return concentration(self.counts)

    def to_frame(self) -> pd.DataFrame:
        """Return ``tag, sessions, share_of_sessions, share_of_tagged, share_of_uses``."""
        return pd.DataFrame(
            {
                "tag": pd.array(self.names, dtype=TEXT_DTYPE),
                "sessions": self.counts,
                "share_of_sessions": share(self.counts, self.sessions),
                "share_of_tagged": share(self.counts, self.tagged),
                "share_of_uses": share(self.counts, self.uses),
            }
        )

    def top(self, k: int = 10) -> pd.DataFrame:
        """Return the rows of the ``k`` most frequent tags; :meth:`tail` has the rest."""
        return self.to_frame().head(k)

    def tail(self, k: int = 10) -> Tail:
        """Sum up the tags behind the ``k`` most frequent."""
        rest = self.counts[k:]
        return Tail(len(rest), int(rest.sum()), float(share(rest.sum(), self.uses)))

    def summary(self) -> pd.Series:
        """Return the denominators, the number of tags and their concentration."""
        spread = self.concentration
        return pd.Series(
            {
                "sessions": self.sessions,
                "tagged": self.tagged,
                "uses": self.uses,
                "tags": len(self.names),
                "tags_used_once": int((self.counts == 1).sum()),
                **({} if spread is None else spread._asdict()),
            },
            name=self.title,
            dtype=object,
        )


@answer_mistyped
def distribution(frame: AnyFrame | TagCodes) -> TagDistribution:
    """Count the sessions with each tag.

    Parameters
    ----------
    frame : DataFrame, LazyFrame, Table, relation or TagCodes
        A sessions frame of any engine, or what :func:`prepare` made of one.

    Returns
    -------
    TagDistribution
        Counts, shares with their denominators, top and tail, concentration.

    Raises
    ------
    DataError
        There are no tags to read.

    Warns
    -----
    DataWarning
        Rows stand for a session that another row stands for.
    StatisticalWarning
        Some tags are ids in disguise: at least 20 uses of the tags of one namespace, nine tenths
        or more of which are different tags.

    Examples
    --------
    >>> found = distribution(pd.DataFrame({"tags": [["vip", "eu"], ["eu"], []]}))
    >>> found.to_frame()[["tag", "sessions", "share_of_tagged"]]
       tag  sessions  share_of_tagged
    0   eu         2              1.0
    1  vip         1              0.5
    >>> found.tail(1)
    Tail(tags=1, uses=1, share_of_uses=0.333...)
    """
    if isinstance(frame, TagCodes):
        known: tuple[str, ...] = frame.names
        names, counts = np.array(known, dtype=object), frame.counts()
        sessions, tagged = len(frame), frame.n_tagged()
    else:
        check_sessions(frame)
        table = grouped(frame, ["tags"], explode="tags")
        sessions = int(grouped(frame, [])["n"].iloc[0])
        missing = table["tags"].isna()
        untagged = int(table.loc[missing, "n"].sum())
        table, tagged = table[~missing], sessions - untagged
        names, counts = table["tags"].to_numpy(dtype=object), table["n"].to_numpy()
        known = tuple(names)
    # The tags of all sessions are split into namespaces once, whichever are selected.
    warn_of_ids(known, counts)
    used = counts > 0
    names, counts = names[used], counts[used]
    # Names are in order already, and a stable sort keeps them so.
    order = np.argsort(-counts, kind="stable")
    return TagDistribution(tuple(names[order]), counts[order], sessions, tagged)


def share(part: NDArray[np.int64] | np.int64, whole: int) -> NDArray[np.float64]:
    """Divide; of nothing, every share is 0."""
    return np.asarray(part / max(whole, 1), dtype=np.float64)
