"""Which tags occur together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from session_lab.analysis.display import counted
from session_lab.analysis.results import Result
from session_lab.analysis.tags.codes import prepare
from session_lab.errors import DataError
from session_lab.frames.build import TEXT_DTYPE
from session_lab.mistyped import answer_mistyped
from session_lab.numbers import is_integer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.analysis.engines import AnyFrame
    from session_lab.analysis.tags.codes import TagCodes

__all__ = ["Cooccurrence", "cooccurrence"]


@dataclass(frozen=True, repr=False, eq=False)
class Cooccurrence(Result):
    """Sessions with both of two tags.

    Attributes
    ----------
    names : tuple of str
        The tags, the most frequent first.
    both : ndarray of int64, shape (k, k)
        Sessions with both tags; on the diagonal, with the one.
    sessions : int
        All sessions.
    left_out : int
        Less frequent tags that were not paired.
    """

    names: tuple[str, ...]
    both: NDArray[np.int64]
    sessions: int
    left_out: int

    title: ClassVar[str] = "Tags that occur together"
    formula: ClassVar[str] = (
        "jaccard = both / (one + other - both); lift = both x sessions / (one x other), 1 where "
        "tags are independent; one, other, both = sessions with the tags, sessions = all sessions"
    )

    @property
    def notes(self) -> tuple[str, ...]:
        """The denominator, and what was left out."""
        rest = f"; {self.left_out:,} less frequent tags were left out" if self.left_out else ""
        return (f"{counted(self.sessions, 'session')}{rest}",)

    @property
    def counts(self) -> NDArray[np.int64]:
        """The sessions with each tag."""
        return np.diagonal(self.both)

    @property
    def jaccard(self) -> NDArray[np.float64]:
        """Of the sessions with either tag, the share with both."""
        either = self.counts[:, None] + self.counts[None, :] - self.both
        return np.asarray(self.both / either, dtype=np.float64)

    @property
    def lift(self) -> NDArray[np.float64]:
        """How many times more often both occur than if they were independent."""
        expected = np.outer(self.counts, self.counts) / max(self.sessions, 1)
        return np.asarray(self.both / expected, dtype=np.float64)

    def to_frame(self) -> pd.DataFrame:
        """Return the pairs that occur: ``one, other, sessions, jaccard, lift``, frequent first."""
        i, j = np.nonzero(np.triu(self.both, k=1))
        order = np.argsort(-self.both[i, j], kind="stable")
        i, j = i[order], j[order]
        names = np.array(self.names, dtype=object)
        return pd.DataFrame(
            {
                "one": pd.array(names[i], dtype=TEXT_DTYPE),
                "other": pd.array(names[j], dtype=TEXT_DTYPE),
                "sessions": self.both[i, j],
                "jaccard": self.jaccard[i, j],
                "lift": self.lift[i, j],
            }
        )

    def summary(self) -> pd.Series:
        """Return the numbers of sessions, tags and pairs that occur."""
        return pd.Series(
            {
                "sessions": self.sessions,
                "tags": len(self.names),
                "left_out": self.left_out,
                "pairs": int(np.count_nonzero(np.triu(self.both, k=1))),
            },
            name=self.title,
        )


@answer_mistyped
def cooccurrence(frame: AnyFrame | TagCodes, *, top: int = 30) -> Cooccurrence:
    """Count the sessions with both of two tags.

    Parameters
    ----------
    frame : DataFrame, LazyFrame, Table, relation or TagCodes
        A sessions frame of any engine, or what :func:`prepare` made of one.
    top : int
        How many tags to pair, the most frequent first.

    Raises
    ------
    DataError
        There are no tags to read, or ``top`` is less than 1.

    Warns
    -----
    DataWarning
        Rows stand for a session that another row stands for.

    Examples
    --------
    >>> frame = pd.DataFrame({"tags": [["vip", "eu"], ["eu"], ["vip", "eu"], []]})
    >>> cooccurrence(frame).to_frame()
      one other  sessions   jaccard      lift
    0  eu   vip         2  0.666667  1.333333
    """
    if not is_integer(top) or top < 1:
        raise DataError(f"{top!r} tags make no pair; give a number from 1", column="top")
    codes = prepare(frame)
    counts = codes.counts()
    places = np.argsort(-counts, kind="stable")[: min(top, int((counts > 0).sum()))]
    names = tuple(codes.names[place] for place in places)
    left_out = int((counts > 0).sum()) - len(places)
    return Cooccurrence(names, codes.pairs(places), len(codes), left_out)
