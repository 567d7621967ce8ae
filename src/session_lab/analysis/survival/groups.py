"""Groups of sessions by the values of a column, and results that hold one part per group."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, TypeAlias, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa

from session_lab.analysis.survival.aalen_johansen import Incidence
from session_lab.analysis.survival.kaplan_meier import Survival
from session_lab.analysis.survival.results import AssumingResult
from session_lab.errors import DataError, DataWarning, StatisticalWarning
from session_lab.frames import in_one_piece
from session_lab.mistyped import level_of_caller

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

__all__ = [
    "By",
    "Groups",
    "IncidenceByGroup",
    "Names",
    "SurvivalByGroup",
    "commonest",
    "groups_of",
    "holds_lists",
    "kept_apart",
    "other_name",
    "rest_note",
    "warn_of_ungrouped",
    "warn_of_weak_groups",
]

By: TypeAlias = "str | Sequence[str]"
"""A column to group by, or several."""

_NAMED = 5

Part = TypeVar("Part", Survival, Incidence)


class Names(tuple[object, ...]):
    """The values that make a group of several columns, one for each."""

    __slots__ = ()

    def __str__(self) -> str:
        """Show the values beside each other."""
        return ", ".join(map(str, self))


class Groups(NamedTuple):
    """Which rows belong to which group; with tags a row may belong to several."""

    names: tuple[Hashable, ...]
    rows: NDArray[np.intp]
    codes: NDArray[np.intp]
    rest: str = ""
    """Which groups were put together into the last one; empty where none were."""

    @property
    def overlap(self) -> bool:
        """Whether a row belongs to more than one group."""
        return len(np.unique(self.rows)) < len(self.rows)

    def members(self) -> Iterator[tuple[Hashable, NDArray[np.intp]]]:
        """Yield each group's name and rows."""
        order = np.argsort(self.codes, kind="stable")
        bounds = np.searchsorted(self.codes[order], np.arange(1, len(self.names)))
        yield from zip(self.names, np.split(self.rows[order], bounds), strict=True)


def groups_of(frame: pd.DataFrame) -> Groups:
    """Group rows by all columns; where one holds lists, such as tags, by each of their values.

    Raises
    ------
    DataError
        No row has a value in each column.

    Warns
    -----
    DataWarning
        Rows without a value, which belong to no group.
    """
    by = ", ".join(map(str, frame.columns))
    members = pd.DataFrame({"row": np.arange(len(frame))})
    names: list[list[Hashable]] = []
    for place in range(frame.shape[1]):
        rows, values = _members(frame.iloc[:, place])
        codes, found = pd.factorize(values, sort=True)
        names.append(found.tolist())
        members = members.merge(pd.DataFrame({"row": rows, place: codes}), on="row")
    if members.empty:
        raise DataError("no row has a value, so there are no groups", column=by)
    without = len(frame) - members["row"].nunique()
    warn_of_ungrouped(by, without)
    keys = members.drop(columns="row")
    found_keys, codes = np.unique(keys.to_numpy(), axis=0, return_inverse=True)
    values_of = [
        tuple(names[place][code] for place, code in enumerate(key)) for key in found_keys.tolist()
    ]
    labels = [value[0] if len(names) == 1 else Names(value) for value in values_of]
    return Groups(tuple(labels), members["row"].to_numpy(np.intp), codes.reshape(-1))


def commonest(groups: Groups, top: int) -> Groups:
    """Keep the groups with the most rows, and put the others together into one, which comes last."""
    n = len(groups.names)
    if n <= top:
        return groups
    kept, place = kept_apart(np.bincount(groups.codes, minlength=n), top)
    # A row may belong to several of the others, and counts once in what they become.
    pairs = np.unique(np.stack([groups.rows, place[groups.codes]]), axis=1)
    first = groups.names[0]
    other: Hashable = other_name(n - top)
    if isinstance(first, Names):
        other = Names((other, *[""] * (len(first) - 1)))
    return Groups(
        (*(groups.names[one] for one in kept), other),
        pairs[0].astype(np.intp),
        pairs[1].astype(np.intp),
        rest_note(n, top),
    )


def kept_apart(counts: NDArray[np.int64], top: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return which groups have the most rows, and the place of every group; the others share one.

    Of groups with as many rows, those that come first are kept.
    """
    kept = np.sort(np.argsort(-counts, kind="stable")[:top])
    place = np.full(len(counts), len(kept))
    place[kept] = np.arange(len(kept))
    return kept, place


def other_name(n: int) -> str:
    """Name the group that so many groups were put together into."""
    return f"other ({n:,})"


def rest_note(n: int, top: int) -> str:
    """Describe that of ``n`` groups all but the commonest were put together."""
    return f"apart: the {top:,} groups with the most sessions; the other {n - top:,} are one group"


def _members(column: pd.Series) -> tuple[NDArray[np.intp], pd.Series]:
    """Return the rows that have a value, once for each, and the values."""
    if not holds_lists(column):
        present = column.notna().to_numpy(bool)
        return np.flatnonzero(present), column[present]
    lists = _lists_of(column)
    sizes = lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    row = np.repeat(np.arange(len(lists)), sizes)
    pairs = pd.DataFrame({"row": row, "value": lists.flatten().to_pandas()})
    pairs = pairs.dropna().drop_duplicates()
    return pairs["row"].to_numpy(np.intp), pairs["value"]


def holds_lists(column: pd.Series) -> bool:
    """Return whether the values of a column are lists, such as tags."""
    if column.dtype == object:
        kind = pd.api.types.infer_dtype(column, skipna=True)
        return kind == "mixed" and any(map(pd.api.types.is_list_like, column))
    arrow = getattr(column.dtype, "pyarrow_dtype", None)
    if arrow is None:
        return False
    return bool(pa.types.is_list(arrow) or pa.types.is_large_list(arrow))


def _lists_of(column: pd.Series) -> pa.Array:
    """Bring lists, of Arrow or of Python, to Arrow."""
    try:
        lists: Any = in_one_piece(pa.array(column, from_pandas=True))
    except pa.ArrowException:
        lists = None
    is_flat = isinstance(lists, pa.ListArray | pa.LargeListArray) and not pa.types.is_nested(
        lists.type.value_type
    )
    if not is_flat:
        message = "holds values that name no group; give lists of text, or one value a row"
        raise DataError(message, column=str(column.name))
    return lists


def warn_of_ungrouped(by: str, without: int) -> None:
    """Warn of rows that belong to no group, if there are any."""
    if without:
        problem = f"rows without a value in {by}, which belong to no group: {without:,}"
        warnings.warn(problem, DataWarning, stacklevel=level_of_caller())


def warn_of_weak_groups(weaknesses: Mapping[Hashable, str | None], by: str) -> None:
    """Warn once for each weakness, with the groups that have it."""
    sufferers: dict[str, list[str]] = {}
    for name, weakness in weaknesses.items():
        if weakness is not None:
            sufferers.setdefault(weakness, []).append(str(name))
    for weakness, names in sufferers.items():
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        problem = f"{by} {', '.join(names[:_NAMED])}{more}: {weakness}"
        warnings.warn(problem, StatisticalWarning, stacklevel=level_of_caller())


@dataclass(frozen=True, repr=False, eq=False)
class _ByGroup(AssumingResult, Generic[Part]):
    by: str | tuple[str, ...]
    parts: dict[Hashable, Part]
    assumptions: tuple[str, ...] = ()

    def __getitem__(self, group: Hashable) -> Part:
        """Return the part of a group."""
        if group not in self.parts:
            known = "; ".join(map(str, self.parts))
            raise DataError(f"{group!r} is not a group; they are {known}", column=str(self.by))
        return self.parts[group]

    def __iter__(self) -> Iterator[Hashable]:
        """Iterate over the groups' names."""
        return iter(self.parts)

    def __len__(self) -> int:
        """Count the groups."""
        return len(self.parts)

    def to_frame(self) -> pd.DataFrame:
        """Return the frames of all groups below each other, with ``group`` first, or the columns grouped by."""
        frames = [part.to_frame() for part in self.parts.values()]
        return self._named(frames)

    def summary(self) -> pd.DataFrame:
        """Return the summaries of all groups below each other, with ``group`` first, or the columns grouped by."""
        return self._named([part.summary() for part in self.parts.values()])

    def overview(self) -> pd.DataFrame:
        """Return the overviews of all groups below each other, with ``group`` first, or the columns grouped by."""
        return self._named([part.overview() for part in self.parts.values()])

    def _named(self, frames: list[pd.DataFrame]) -> pd.DataFrame:
        """Put frames of the groups below each other, and the groups' names first."""
        whole = pd.concat(frames, ignore_index=True)
        sizes = [len(frame) for frame in frames]
        names: list[tuple[str, list[object]]]
        if isinstance(self.by, str):
            names = [("group", list(self.parts))]
        else:
            values = [name for name in self.parts if isinstance(name, tuple)]
            names = [(by, [value[place] for value in values]) for place, by in enumerate(self.by)]
        for place, (name, values_of) in enumerate(names):
            whole.insert(place, name, pd.Series(values_of).repeat(sizes).to_numpy())
        return whole


class SurvivalByGroup(_ByGroup[Survival]):
    """One survival function per group.

    Attributes
    ----------
    by : str or tuple of str
        The column, or several; then a group's name is the tuple of its values.
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
    by : str or tuple of str
        The column, or several; then a group's name is the tuple of its values.
    parts : dict
        The :class:`Incidence` of each group, also as ``result["name"]``.
    assumptions : tuple of str
        What was assumed.
    """

    title: ClassVar[str] = Incidence.title
    formula: ClassVar[str] = Incidence.formula
