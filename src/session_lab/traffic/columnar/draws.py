"""Philox draws for crashes, boots, resumes and turns, in compiled code, and what they draw by.

They are those of :func:`session_lab.simulator.model.randomness.keyed_word`: the first word that the
Philox generator (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) makes of a
key and a counter.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from session_lab.simulator.model import run_rules
from session_lab.traffic.columnar.compiling import allocating, compiled, inlined

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from session_lab.traffic.columnar.layout import Columns, Int64, Rulebook

__all__ = ["SessionIds", "crashes", "draw", "draw_all", "hash_integers", "hash_texts", "scattered"]

_ROUNDS = 10
_FACTOR_0, _FACTOR_1 = np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157)
_WEYL_0, _WEYL_1 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBB67AE8584CAA73B)
_LOW, _HALF, _DROPPED = np.uint64(0xFFFFFFFF), np.uint64(32), np.uint64(11)
_PLACE, _PART = np.uint64(54), np.uint64(22)
_UNIT = 2.0**-53
_FNV_BASIS, _FNV_PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)


def _type_high(_: Any, a: Any, b: Any) -> Any:  # noqa: ANN401  numba's own types
    """Return the upper 64 bits of a product: one instruction, which Python has no word for."""

    def generate(_context: Any, builder: Any, _signature: Any, factors: Any) -> Any:  # noqa: ANN401
        narrow = factors[0].type
        wide = type(narrow)(128)
        product = builder.mul(*(builder.zext(factor, wide) for factor in factors))
        return builder.trunc(builder.lshr(product, wide(64)), narrow)

    return types.uint64(a, b), generate


_high: Any = intrinsic(_type_high)


@inlined
def _keyed_word(
    k0: np.uint64, k1: np.uint64, hashed: np.uint64, accepted: Int64, triggered: Int64
) -> np.uint64:
    """Draw the word of the turn that follows ``accepted`` turns and ``triggered`` runs since."""
    # numpy's generator counts up before it draws.
    c0, c1, c2, c3 = np.uint64(accepted + 1), hashed, np.uint64(triggered), np.uint64(0)
    for _ in range(_ROUNDS):
        high_0, low_0 = _high(_FACTOR_0, c0), _FACTOR_0 * c0
        high_1, low_1 = _high(_FACTOR_1, c2), _FACTOR_1 * c2
        c0, c1, c2, c3 = high_1 ^ c1 ^ k0, low_1, high_0 ^ c3 ^ k1, low_0
        k0, k1 = k0 + _WEYL_0, k1 + _WEYL_1
    return c0


@inlined
def crashes(keys: NDArray[np.uint64], hashed: np.uint64, accepted: Int64, rate: float) -> bool:
    """Decide whether the turn that follows ``accepted`` turns of a session crashes."""
    word = _keyed_word(keys[0], keys[1], hashed, accepted, 0)
    return bool(np.float64(word >> _DROPPED) * _UNIT < rate)


@compiled
def draw(  # noqa: PLR0917
    table: NDArray[np.int64],
    keys: NDArray[np.uint64],
    stream: int,
    hashed: np.uint64,
    accepted: Int64,
    triggered: Int64,
) -> Int64:
    """Draw a time from a table of quantiles; ``stream`` is its place in ``STREAMS``."""
    word = _keyed_word(keys[2 * stream], keys[2 * stream + 1], hashed, accepted, triggered)
    return _quantile(table, np.int64(word >> _PLACE), np.int64(word >> _PART & _LOW))


_quantile = inlined(run_rules.quantile)


@allocating
def draw_all(  # noqa: PLR0917
    table: NDArray[np.int64],
    keys: NDArray[np.uint64],
    stream: int,
    hashes: NDArray[np.uint64],
    accepted: NDArray[np.int64],
    triggered: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Draw a time for each turn or run, as :func:`draw` does."""
    drawn = np.empty(len(hashes), np.int64)
    for place in range(len(hashes)):
        drawn[place] = draw(table, keys, stream, hashes[place], accepted[place], triggered[place])
    return drawn


@allocating
def hash_texts(
    offsets: NDArray[np.int64], letters: NDArray[np.uint8], rows: NDArray[np.int64]
) -> NDArray[np.uint64]:
    """Hash texts (FNV-1a) that lie one behind the other; ``rows`` says which."""
    hashes = np.empty(len(rows), np.uint64)
    for place in range(len(rows)):
        row = rows[place]
        value = _FNV_BASIS
        for letter in letters[offsets[row] : offsets[row + 1]]:
            value = (value ^ np.uint64(letter)) * _FNV_PRIME
        hashes[place] = value
    return hashes


@allocating
def hash_integers(values: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Hash whole numbers from 0 on as the texts they are written as."""
    hashes = np.empty(len(values), np.uint64)
    for place in range(len(values)):
        rest = values[place]
        power = np.int64(1)
        while rest // power >= 10:
            power *= 10
        value = _FNV_BASIS
        while power:
            value = (value ^ np.uint64(48 + rest // power)) * _FNV_PRIME
            rest, power = rest % power, power // 10
        hashes[place] = value
    return hashes


def scattered(hashes: NDArray[np.uint64], key: int = 0) -> NDArray[np.uint64]:
    """Make numbers of hashes that have nothing in common with them, others for every key.

    The finalizer of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
    generators", OOPSLA 2014), which makes different numbers of different hashes.
    """
    mixed = hashes ^ np.uint64(key)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(31))


class SessionIds:
    """The external ids of sessions, hashed when something is drawn by them.

    Parameters
    ----------
    chat : ndarray of int32 or int64
        For each session the number of its external id.
    external_ids : Arrow array of large_string, or ndarray of int64, optional
        The ids by their number. Whole numbers stand for their decimal digits; so does the number of
        an id itself where none are given.
    """

    def __init__(
        self, chat: NDArray[np.integer], external_ids: pa.Array | NDArray[np.int64] | None
    ) -> None:
        self._chat, self._external_ids = chat, external_ids

    @classmethod
    def of_hashes(cls, hashes: NDArray[np.uint64]) -> SessionIds:
        """Return ids of which only the hashes are known."""
        ids = cls(np.empty(0, np.int64), None)
        vars(ids)["hashes"] = hashes
        return ids

    def hashed_for(self, book: Rulebook, columns: Columns) -> Columns:
        """Return the columns with the hashes that the rules draw by, if they draw anything."""
        times = book.times
        if not (book.crash_rate or len(times.boots) or len(times.resumes) or len(times.durations)):
            return columns
        return columns._replace(hashes=self.hashes)

    @cached_property
    def hashes(self) -> NDArray[np.uint64]:
        """What is drawn by, for each session."""
        chats = self._chat.astype(np.int64)
        if self._external_ids is None:
            return hash_integers(chats)
        if isinstance(self._external_ids, np.ndarray):
            return hash_integers(self._external_ids[chats])
        _, offsets, letters = self._external_ids.buffers()
        starts = np.frombuffer(offsets, dtype=np.int64)[self._external_ids.offset :]
        return hash_texts(starts, np.frombuffer(letters or b"", dtype=np.uint8), chats)
