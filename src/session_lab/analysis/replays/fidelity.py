"""Whether what happened is what was expected: answers against recorded or simulated ones."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from session_lab.analysis.results import Result
from session_lab.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Agreement", "agreement", "recorded_outcomes"]


@dataclass(frozen=True, repr=False, eq=False)
class Agreement(Result):
    """Expected answers against those that came.

    Attributes
    ----------
    table : DataFrame
        ``op, expected, happened, events, agrees``, one row for each pair of answers that occurred.
        An answer is its status, with ``cached`` behind it for a start that found its session.
    differing : ndarray of int64
        The rows of the operations whose answers differ.
    left_out : int
        Operations without an expectation.
    basis : str
        Where the expectation comes from.
    caveats : tuple of str
        What is not compared.
    """

    table: pd.DataFrame
    differing: NDArray[np.int64]
    left_out: int
    basis: str
    caveats: tuple[str, ...] = ()

    title: ClassVar[str] = "Expected answers and those that came"
    formula: ClassVar[str] = (
        "agrees = same status and, where both are known, the same is_cached; "
        "share = agreeing / operations with an expectation"
    )

    @property
    def notes(self) -> tuple[str, ...]:
        """What is not compared."""
        return self.caveats

    @property
    def compared(self) -> int:
        """Operations with an expectation."""
        return int(self.table["events"].sum())

    @property
    def share(self) -> float:
        """The share of them whose answers agree; NaN without any."""
        compared = self.compared
        return 1 - len(self.differing) / compared if compared else float("nan")

    def to_frame(self) -> pd.DataFrame:
        """Return ``op, expected, happened, events, agrees``; what differs comes first."""
        return self.table.copy()

    def summary(self) -> dict[str, int | float | str]:
        """Return how many operations were compared, left out and differ, and the share."""
        return {
            "basis": self.basis,
            "compared": self.compared,
            "left out": self.left_out,
            "differing": len(self.differing),
            "share": self.share,
        }

    def by_operation(self) -> pd.DataFrame:
        """Return ``op, agreeing, differing``: how many answers of each operation."""
        events, agrees = self.table["events"], self.table["agrees"]
        counts = pd.DataFrame(
            {
                "op": self.table["op"],
                "agreeing": events.where(agrees, 0),
                "differing": events.mask(agrees, 0),
            }
        )
        return counts.groupby("op", as_index=False).sum()

    def __repr__(self) -> str:
        """Show the share above the table."""
        return f"{self._head()}\n{super().__repr__()}"

    def to_html(self) -> str:
        """Return the share above the table."""
        return f"<p>{escape(self._head())}</p>{super().to_html()}"

    def _head(self) -> str:
        rest = f"; {self.left_out:,} without an expectation" if self.left_out else ""
        agreeing = self.compared - len(self.differing)
        return f"{agreeing:,} of {self.compared:,} answers are as {self.basis}{rest}"


def agreement(
    operations: pd.DataFrame,
    expected: pd.DataFrame,
    *,
    basis: str,
    caveats: tuple[str, ...] = (),
) -> Agreement:
    """Compare answers with expected ones, row by row.

    Parameters
    ----------
    operations : DataFrame
        What happened.
    expected : DataFrame
        ``status_code`` and ``is_cached`` of as many operations; NA where nothing is expected.
    basis : str
        Where the expectation comes from, such as ``"recorded"``.
    caveats : tuple of str
        What is not compared, to be said with the numbers.

    Raises
    ------
    DataError
        The two have different numbers of rows.
    """
    if len(operations) != len(expected):
        message = f"{len(expected):,} expected answers for {len(operations):,} operations"
        raise DataError(message, source="expected")
    wanted = expected["status_code"].astype("Int64").reset_index(drop=True)
    known = np.flatnonzero(wanted.notna())
    wanted_cached = expected["is_cached"].astype("boolean").reset_index(drop=True)
    came_cached = operations["is_cached"].astype("boolean").reset_index(drop=True)
    both = wanted_cached.notna() & came_cached.notna()
    frame = pd.DataFrame(
        {
            "op": operations["op"].astype(str).to_numpy(),
            "expected": _labels(wanted, wanted_cached.where(both)),
            "happened": _labels(
                operations["status_code"].astype("Int64").reset_index(drop=True),
                came_cached.where(both),
            ),
        }
    ).iloc[known]
    differs = np.asarray(frame["expected"] != frame["happened"], dtype=bool)
    table = frame.groupby(["op", "expected", "happened"]).size().rename("events").reset_index()
    table["agrees"] = table["expected"] == table["happened"]
    table = table.sort_values(
        ["agrees", "events", "op", "expected", "happened"],
        ascending=[True, False, True, True, True],
        ignore_index=True,
    )
    return Agreement(
        table=table,
        differing=known[differs],
        left_out=len(operations) - len(known),
        basis=basis,
        caveats=caveats,
    )


def recorded_outcomes(operations: pd.DataFrame) -> pd.DataFrame | None:
    """Return the recorded ``status_code`` and ``is_cached``; None where there are none."""
    if "recorded_status" not in operations:
        return None
    missing = pd.Series(pd.NA, operations.index, dtype="boolean")
    return pd.DataFrame(
        {
            "status_code": operations["recorded_status"],
            "is_cached": operations.get("recorded_is_cached", missing),
        }
    )


def _labels(status: pd.Series, cached: pd.Series) -> pd.Series:
    return status.astype(str) + np.where(cached.fillna(value=False), " cached", "")
