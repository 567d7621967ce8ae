"""The dtype of tags: lists of Arrow text with which every verb of pandas works.

Arrow keeps the lists, at no more cost than ``pd.ArrowDtype`` has, but can neither compare nor hash
them, so that ``nunique``, ``drop_duplicates``, ``groupby`` and ``merge`` fail there, and files that
pandas writes cannot be read back. Here lists are compared by a key that is text.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pandas.arrays import ArrowExtensionArray

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["TAGS_DTYPE", "TagsArray", "TagsDtype"]

_LISTS = pa.list_(pa.string())


class TagsDtype(pd.api.extensions.ExtensionDtype):
    """Lists of text.

    It is not an ``ArrowDtype``, as that of Arrow-backed text is none: pandas merges columns of
    those by Arrow, which cannot encode lists. It calls itself ``object`` where it is asked for its
    name in text, because that is what Arrow writes into files for pandas, and what pandas without
    this package can read.
    """

    name = "object"
    type = list
    kind = "O"  # pyright: ignore[reportIncompatibleMethodOverride, reportAssignmentType]
    na_value = pd.NA  # pyright: ignore[reportIncompatibleMethodOverride, reportAssignmentType]
    pyarrow_dtype = _LISTS
    _metadata = ()

    def __eq__(self, other: object) -> bool:
        """Be equal to itself only; ``astype`` makes Arrow's own dtype of the same lists of it."""
        return isinstance(other, TagsDtype)

    def __hash__(self) -> int:
        """Be found where it is."""
        return hash(type(self).__name__)

    def __repr__(self) -> str:
        """Return what it is, where dtypes are shown."""
        return "tags"

    @property
    def _is_immutable(self) -> bool:
        return False

    @classmethod
    def construct_array_type(  # pyright: ignore[reportIncompatibleMethodOverride] as in pandas 2
        cls,
    ) -> Any:  # noqa: ANN401  a type of array
        """Return the type of array that holds values of this dtype."""
        return TagsArray

    def __from_arrow__(self, array: pa.Array | pa.ChunkedArray) -> TagsArray:
        """Make a column of what Arrow reads."""
        made: TagsArray = TagsArray(array.cast(_LISTS))
        return made

    def _get_common_dtype(self, dtypes: list[Any]) -> Any:  # noqa: ANN401  a dtype, if there is one
        same = all(getattr(dtype, "pyarrow_dtype", None) == _LISTS for dtype in dtypes)
        return self if same else None


class TagsArray(ArrowExtensionArray):
    """A column of tags."""

    def __new__(cls, values: pa.Array | pa.ChunkedArray | None = None) -> Any:  # noqa: ANN401
        """Make a column of tags, or an Arrow column of whatever else a method has come to.

        Methods of the base class wrap every result, such as flags, in the class of their array.
        """
        if values is None or values.type == _LISTS:
            return super().__new__(cls)
        return ArrowExtensionArray(values)

    def __init__(  # pyright: ignore[reportInconsistentConstructor] pandas makes empty ones
        self, values: pa.Array | pa.ChunkedArray
    ) -> None:
        super().__init__(values)
        self._dtype = TagsDtype()

    @classmethod
    def _from_sequence(cls, scalars: Any, *, dtype: Any = None, copy: bool = False) -> Any:  # noqa: ANN401  those of pandas
        base: Any = super()
        wanted = _LISTS if dtype is None or isinstance(dtype, TagsDtype) else dtype
        return base._from_sequence(scalars, dtype=wanted, copy=copy)  # noqa: SLF001  this one

    def _from_pyarrow_array(self, pa_array: pa.Array | pa.ChunkedArray) -> Any:  # noqa: ANN401
        return type(self)(pa_array)

    def factorize(self, use_na_sentinel: bool = True) -> tuple[np.ndarray, TagsArray]:  # noqa: FBT001, FBT002
        """Encode the lists as places in an array of the different ones."""
        codes, _ = pd.factorize(_keys(self), use_na_sentinel=use_na_sentinel)
        _, first = np.unique(codes, return_index=True)
        first = first[codes[first] >= 0]
        return codes, self.take(first)

    def unique(self) -> TagsArray:
        """Return the different lists, in the order in which they come."""
        return self.take(np.flatnonzero(~_keys(self).duplicated()))

    def value_counts(self, dropna: bool = True) -> pd.Series:  # noqa: FBT001, FBT002
        """Count how often each list comes; the lists stand in the index as tuples."""
        codes, different = self.factorize()
        entries: list[Any] = [tuple(tags) for tags in different]
        counts = np.bincount(codes[codes >= 0], minlength=len(entries)).tolist()
        if not dropna and (codes < 0).any():
            entries, counts = [*entries, pd.NA], [*counts, int((codes < 0).sum())]
        index = pd.Index(pd.Series(entries, dtype=object), tupleize_cols=False)
        found = pd.Series(counts, index=index, name="count", dtype="Int64")
        return found.sort_values(ascending=False, kind="stable")

    def _cmp_method(self, other: Any, op: Any) -> Any:  # noqa: ANN401  those of pandas
        if isinstance(other, TagsArray) and op in {operator.eq, operator.ne}:
            return op(_keys(self).array, _keys(other).array)
        base: Any = super()
        return base._cmp_method(other, op)  # noqa: SLF001  the method that this one is

    def _mode(self, dropna: bool = True) -> TagsArray:  # noqa: FBT001, FBT002
        codes, different = self.factorize(use_na_sentinel=dropna)
        counts = np.bincount(codes[codes >= 0])
        modes = different.take(np.flatnonzero(counts == counts.max(initial=0)))
        return modes.take(modes.argsort())

    def _values_for_factorize(self) -> tuple[np.ndarray, Any]:
        return _keys(self).astype(object).to_numpy(), None

    def astype(self, dtype: Any, copy: bool = True) -> Any:  # noqa: ANN401, FBT001, FBT002  those of pandas
        """Convert to another dtype; to Arrow's own of the same lists without a copy."""
        if isinstance(dtype, pd.ArrowDtype) and dtype.pyarrow_dtype == _LISTS:
            return ArrowExtensionArray(pa.chunked_array([_lists(self)]))
        base: Any = super()
        return base.astype(dtype, copy=copy)

    def isin(self, values: Any) -> np.ndarray:  # noqa: ANN401  whatever pandas takes
        """Check which lists are among others."""
        others = type(self)(pa.array(list(values), _LISTS, from_pandas=True))
        found: np.ndarray = _keys(self).isin(_keys(others)).to_numpy()
        return found

    def _values_for_argsort(self) -> np.ndarray:
        return _keys(self).astype(object).to_numpy()

    def argsort(self, **options: Any) -> np.ndarray:  # noqa: ANN401  those of pandas
        """Return the order of the lists, by their tags."""
        joined = pc.call_function("binary_join", [_lists(self), pa.scalar("\0")])
        order: np.ndarray = pd.array(joined, dtype=pd.StringDtype("pyarrow")).argsort(**options)
        return order

    def _hash_pandas_object(self, **options: Any) -> np.ndarray:  # noqa: ANN401  those of pandas
        return pd.util.hash_array(_keys(self).astype(object).to_numpy(), **options)

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the lists."""
        return (pd.NA if value is None else value for value in _lists(self).to_pylist())

    def __getitem__(self, item: Any) -> Any:  # noqa: ANN401  a place, or some of them
        """Return a list, or an array of some."""
        found = super().__getitem__(item)
        return found.tolist() if isinstance(found, np.ndarray) else found

    def to_numpy(self, dtype: Any = None, copy: bool = False, na_value: Any = None) -> np.ndarray:  # noqa: ANN401, FBT001, FBT002
        """Return the lists as an array of objects."""
        del copy, dtype
        values = np.empty(len(self), object)
        untold = na_value is None or na_value is pd.api.extensions.no_default
        missing = pd.NA if untold else na_value
        for place, value in enumerate(_lists(self).to_pylist()):
            values[place] = missing if value is None else value
        return values

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:  # noqa: ANN401  of NumPy
        """Return the lists as an array of objects."""
        del copy
        return self.to_numpy(dtype)


TAGS_DTYPE = TagsDtype()


def _lists(tags: TagsArray) -> pa.Array:
    held = pa.array(tags)
    return held.combine_chunks() if isinstance(held, pa.ChunkedArray) else held


def _keys(tags: TagsArray) -> pd.Series:
    """Return text that is equal where lists are equal: their tags behind the lengths of these."""
    lists = _lists(tags)
    lengths = pc.call_function("binary_length", [lists.flatten()]).cast(pa.string())
    sizes = pc.call_function("list_value_length", [lists]).fill_null(0)
    offsets = np.append([0], np.cumsum(np.asarray(sizes)))
    counts = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), lengths)
    parts = [
        pc.call_function("binary_join", [column, pa.scalar(mark)])
        for column, mark in ((counts, ","), (lists, ""))
    ]
    keys = pc.call_function("binary_join_element_wise", [*parts, pa.scalar(":")])
    return pd.Series(pd.array(keys, dtype=pd.StringDtype("pyarrow")))
