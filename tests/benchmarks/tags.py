"""Counting tags on codes prepared once, against Arrow's counts of a dictionary."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from session_lab.analysis.tags import TagCodes
from tests.benchmarks.harness import Benchmark, Side

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["BENCHMARKS"]

ROWS = 10_000_000
SEED = 2026


@contextmanager
def whole(n_names: int) -> Iterator[tuple[Side, Side]]:
    """Count the tags of all sessions, one each; both sides hold the tags as codes already.

    Arrow's ``value_counts`` of a dictionary array hashes its indices and returns the values in
    order of their first appearance with their counts. The tags follow Zipf's law.
    """
    names, drawn = _tags(n_names)
    dictionary = pa.DictionaryArray.from_arrays(pa.array(drawn), pa.array(names))
    codes = _codes(names, drawn)
    yield (
        Side(f"TagCodes.counts, {ROWS:,} sessions", codes.counts, partial(_of_counts, names)),
        Side("pyarrow value_counts of a dictionary", dictionary.value_counts, _of_arrow),
    )


@contextmanager
def selected(n_names: int) -> Iterator[tuple[Side, Side]]:
    """Count the tags of half of the sessions, chosen by a mask, as a filter of a widget does.

    Arrow filters the dictionary array by the mask and counts what is left.
    """
    names, drawn = _tags(n_names)
    mask = np.random.default_rng(SEED + 1).random(ROWS) < 0.5
    dictionary = pa.DictionaryArray.from_arrays(pa.array(drawn), pa.array(names))
    chosen = pa.array(mask)
    codes = _codes(names, drawn)
    yield (
        Side(
            f"TagCodes.counts of half of {ROWS:,} sessions",
            partial(codes.counts, mask),
            partial(_of_counts, names),
        ),
        Side(
            "pyarrow filter, value_counts of a dictionary",
            lambda: pc.filter(dictionary, chosen).value_counts(),
            _of_arrow,
        ),
    )


BENCHMARKS = (
    Benchmark("tag-counts", partial(whole, 200), "B/A", 7),
    Benchmark("tag-counts-many", partial(whole, 50_000), "B/A", 7),
    Benchmark("tag-counts-half", partial(selected, 200), "B/A", None),
)


def _tags(n_names: int) -> tuple[list[str], NDArray[np.int32]]:
    frequencies = 1 / np.arange(1, n_names + 1)
    bounds = np.cumsum(frequencies / frequencies.sum())
    uniform = np.random.default_rng(SEED).random(ROWS)
    drawn = np.searchsorted(bounds, uniform).clip(max=n_names - 1).astype(np.int32)
    return [f"tag:{number:05}" for number in range(n_names)], drawn


def _codes(names: list[str], drawn: NDArray[np.int32]) -> TagCodes:
    narrow = np.min_scalar_type(len(names))
    return TagCodes(tuple(names), drawn.astype(narrow), np.arange(ROWS + 1))


def _of_counts(names: list[str], counts: NDArray[np.int64]) -> dict[str, object]:
    return {name: n for name, n in zip(names, counts.tolist(), strict=True) if n}


def _of_arrow(counts: Any) -> dict[str, object]:
    values, n = counts.flatten()
    return dict(zip(values.to_pylist(), n.to_pylist(), strict=True))
