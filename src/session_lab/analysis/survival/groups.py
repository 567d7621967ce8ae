"""Groups of sessions by the values of a column, and results that hold one part per group."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Generic, NamedTuple, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa

from session_lab.analysis.survival.aalen_johansen import Incidence
from session_lab.analysis.survival.kaplan_meier import Survival
from session_lab.analysis.survival.results import AssumingResult
from session_lab.errors import DataError, DataWarning, StatisticalWarning

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping

    from numpy.typing import NDArray

__all__ = ["Groups", "IncidenceByGroup", "SurvivalByGroup", "groups_of", "warn_of_weak_groups"]

_NAMED = 5

Part = TypeVar("Part", Survival, Incidence)


class Groups(NamedTuple):
    """Which rows belong to which group; with tags a row may belong to several."""

    names: tuple[Hashable, ...]
    rows: NDArray[np.intp]
    codes: NDArray[np.intp]

    @property
    def overlap(self) -> bool:
        """Whether a row belongs to more than one group."""
        return len(np.unique(self.rows)) < len(self.rows)

    def members(self) -> Iterator[tuple[Hashable, NDArray[np.intp]]]:
        """Yield each group's name and rows."""
        order = np.argsort(self.codes, kind="stable")
        bounds = np.searchsorted(self.codes[order], np.arange(1, len(self.names)))
        yield from zip(self.names, np.split(self.rows[order], bounds), strict=True)


def groups_of(column: pd.Series) -> Groups:
    """Group rows by a column; where it holds lists, such as tags, by each of their values.

    Raises
    ------
    DataError
        The column has no value at all.

    Warns
    -----
    DataWarning
        Rows without a value, which belong to no group.
    """
    if _holds_lists(column):
        lists = pa.table({"value": column})["value"].combine_chunks()
        sizes = lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
        row = np.repeat(np.arange(len(lists)), sizes)
        pairs = pd.DataFrame({"row": row, "value": lists.flatten().to_pandas()})
        pairs = pairs.dropna().drop_duplicates()
        rows, codes_of = pairs["row"].to_numpy(np.intp), pairs["value"]
    else:
        present = column.notna().to_numpy(bool)
        rows, codes_of = np.flatnonzero(present), column[present]
    codes, names = pd.factorize(codes_of, sort=True)
    if not len(names):
        message = "no row has a value, so there are no groups"
        raise DataError(message, column=str(column.name))
    without = len(column) - len(np.unique(rows))
    if without:
        problem = f"rows without a value in {column.name}, which belong to no group: {without:,}"
        warnings.warn(problem, DataWarning, stacklevel=4)
    return Groups(tuple(names.tolist()), rows, codes)


def _holds_lists(column: pd.Series) -> bool:
    if not isinstance(column.dtype, pd.ArrowDtype):
        return False
    arrow = column.dtype.pyarrow_dtype
    return bool(pa.types.is_list(arrow) or pa.types.is_large_list(arrow))


def warn_of_weak_groups(weaknesses: Mapping[Hashable, str | None], by: str) -> None:
    """Warn once for each weakness, with the groups that have it."""
    sufferers: dict[str, list[str]] = {}
    for name, weakness in weaknesses.items():
        if weakness is not None:
            sufferers.setdefault(weakness, []).append(str(name))
    for weakness, names in sufferers.items():
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        problem = f"{by} {', '.join(names[:_NAMED])}{more}: {weakness}"
        warnings.warn(problem, StatisticalWarning, stacklevel=3)


@dataclass(frozen=True, repr=False, eq=False)
class _ByGroup(AssumingResult, Generic[Part]):
    by: str
    parts: dict[Hashable, Part]
    assumptions: tuple[str, ...] = ()

    def __getitem__(self, group: Hashable) -> Part:
        """Return the part of a group."""
        if group not in self.parts:
            known = ", ".join(map(str, self.parts))
            raise DataError(f"{group!r} is not a group; they are {known}", column=self.by)
        return self.parts[group]

    def __iter__(self) -> Iterator[Hashable]:
        """Iterate over the groups' names."""
        return iter(self.parts)

    def __len__(self) -> int:
        """Count the groups."""
        return len(self.parts)

    def to_frame(self) -> pd.DataFrame:
        """Return the frames of all groups below each other, with ``group`` first."""
        frames = [part.to_frame() for part in self.parts.values()]
        whole = pd.concat(frames, ignore_index=True)
        names = pd.Series(list(self.parts)).repeat([len(frame) for frame in frames])
        whole.insert(0, "group", names.to_numpy())
        return whole

    def summary(self) -> pd.DataFrame:
        """Return the summaries of all groups below each other, with ``group`` first."""
        rows = [
            {"group": name, **row}
            for name, part in self.parts.items()
            for row in part.summary().to_dict("records")
        ]
        return pd.DataFrame(rows)

    def overview(self) -> pd.DataFrame:
        """Return the overviews of all groups below each other, with ``group`` first."""
        parts = [part.overview() for part in self.parts.values()]
        whole = pd.concat(parts, ignore_index=True)
        names = pd.Series(list(self.parts)).repeat([len(part) for part in parts])
        whole.insert(0, "group", names.to_numpy())
        return whole


class SurvivalByGroup(_ByGroup[Survival]):
    """One survival function per group.

    Attributes
    ----------
    by : str
        The column.
    parts : dict
        The :class:`Survival` of each group, also as ``result["name"]``.
    assumptions : tuple of str
        What was assumed.
    """

    title: ClassVar[str] = Survival.title
    formula: ClassVar[str] = Survival.formula


class IncidenceByGroup(_ByGroup[Incidence]):
    """The cumulative incidence of each cause, per group.

    Attributes
    ----------
    by : str
        The column.
    parts : dict
        The :class:`Incidence` of each group, also as ``result["name"]``.
    assumptions : tuple of str
        What was assumed.
    """

    title: ClassVar[str] = Incidence.title
    formula: ClassVar[str] = Incidence.formula
