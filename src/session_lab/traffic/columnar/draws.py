"""Philox draws for crashes, boots, resumes and turns, in compiled code.

They are those of :func:`session_lab.simulator.model.randomness.keyed_word`: the first word that the
Philox generator (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) makes of a
key and a counter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from session_lab.simulator.model import run_rules
from session_lab.traffic.columnar.compiling import allocating, compiled, inlined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from session_lab.traffic.columnar.layout import Int64

__all__ = ["crashes", "draw", "draw_all", "hash_integers", "hash_texts"]

_ROUNDS = 10
_FACTOR_0, _FACTOR_1 = np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157)
_WEYL_0, _WEYL_1 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBB67AE8584CAA73B)
_LOW, _HALF, _DROPPED = np.uint64(0xFFFFFFFF), np.uint64(32), np.uint64(11)
_PLACE, _PART = np.uint64(54), np.uint64(22)
_UNIT = 2.0**-53
_FNV_BASIS, _FNV_PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)


@compiled
def _high(a: np.uint64, b: np.uint64) -> np.uint64:
    """Return the upper 64 bits of a product."""
    a_low, a_high, b_low, b_high = a & _LOW, a >> _HALF, b & _LOW, b >> _HALF
    middle = a_high * b_low + (a_low * b_low >> _HALF)
    carried = a_low * b_high + (middle & _LOW)
    return a_high * b_high + (middle >> _HALF) + (carried >> _HALF)


@compiled
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


@compiled
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
