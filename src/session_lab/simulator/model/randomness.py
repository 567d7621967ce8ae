"""Seeded random numbers whose bytes never change.

Every stream is numpy's Philox bit generator (Salmon et al., "Parallel random numbers: as easy as
1, 2, 3", SC 2011), whose output numpy guarantees, keyed by the seed and the stream's name, so that
drawing more from one stream disturbs no other. Numbers are made from the raw 64-bit words by the
functions of this module alone: they use only addition, multiplication, division, square roots and
powers of two, which every machine rounds alike, where a platform's ``log`` and ``exp`` differ in
their last bit.
"""

from __future__ import annotations

import functools
import hashlib
import math
from typing import TYPE_CHECKING

import numpy as np

from session_lab.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "RandomStream",
    "crash_uniform",
    "exponential",
    "fnv1a",
    "keyed_word",
    "logarithm",
    "stream_key",
    "to_seed",
]

_UNIT = 2.0**-53
# log 2 in two parts: the first has zeros at its end, so whole multiples of it are exact.
_LN2 = 0.6931471803691238, 1.9082149292705877e-10


class RandomStream:
    """One named stream of random numbers.

    Parameters
    ----------
    seed : int
        The world's seed; any integer.
    name : str
        What the numbers are for, such as ``"ids"`` or ``"workload"``.

    Examples
    --------
    >>> RandomStream(7, "example").uniforms(3).round(4).tolist()
    [0.6045, 0.6616, 0.0399]
    >>> RandomStream(7, "example").uniforms(3).round(4).tolist()
    [0.6045, 0.6616, 0.0399]
    """

    def __init__(self, seed: int, name: str) -> None:
        self._bits = np.random.Philox(key=np.array(stream_key(seed, name), dtype=np.uint64))

    def words(self, n: int) -> NDArray[np.uint64]:
        """Draw ``n`` uniform 64-bit words."""
        return np.asarray(self._bits.random_raw(n), dtype=np.uint64)

    def uniforms(self, n: int) -> NDArray[np.float64]:
        """Draw ``n`` numbers uniform on [0, 1), multiples of 2**-53."""
        return (self.words(n) >> np.uint64(11)).astype(np.float64) * _UNIT


def to_seed(value: object) -> int:
    """Check a seed: any whole number, numpy's included, as a plain one.

    Raises
    ------
    DataError
        It is not a whole number; even 1.0 is not, which would be another seed than 1.
    """
    if not isinstance(value, (int, np.integer)):
        raise DataError(f"{value!r} is not a whole number", column="seed")
    return int(value)


def stream_key(seed: int, name: str) -> tuple[int, int]:
    """Return the two words that key the generator of a stream."""
    return _stream_key(to_seed(seed), name)


@functools.lru_cache(maxsize=64)
def _stream_key(seed: int, name: str) -> tuple[int, int]:
    digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=16).digest()
    return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")


def crash_uniform(seed: int, external_id: str, accepted: int) -> float:
    """Draw the number that decides whether a turn crashes.

    Parameters
    ----------
    seed : int
        The world's seed.
    external_id : str
        The session's external id.
    accepted : int
        How many turns of the session were accepted before this one.

    Returns
    -------
    float
        Uniform on [0, 1).
    """
    return (keyed_word(seed, "crashes", external_id, accepted) >> 11) * _UNIT


def keyed_word(seed: int, stream: str, external_id: str, accepted: int, triggered: int = 0) -> int:
    """Draw the uniform 64-bit word that belongs to a turn or a run of a session.

    It depends on nothing but the arguments, so neither the order of sessions nor an engine's way of
    working can change it, and policies are compared with the same luck.

    Parameters
    ----------
    seed : int
        The world's seed.
    stream : str
        What is drawn: ``crashes``, ``boots``, ``resumes`` or ``durations``.
    external_id : str
        The session's external id.
    accepted : int
        How many turns of the session were accepted before.
    triggered : int
        How many runs of the session were triggered since the last of these turns.
    """
    counter = np.array([accepted, fnv1a(external_id), triggered, 0], dtype=np.uint64)
    key = np.array(stream_key(seed, stream), dtype=np.uint64)
    return int(np.random.Philox(key=key, counter=counter).random_raw())


def fnv1a(text: str) -> int:
    """Hash text to 64 bits (FNV-1a, Fowler, Noll and Vo), alike in every process.

    Examples
    --------
    >>> hex(fnv1a("a"))
    '0xaf63dc4c8601ec8c'
    """
    value = 0xCBF29CE484222325
    for byte in text.encode("utf-8", "surrogatepass"):
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def logarithm(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Natural logarithm of positive numbers, with the same bits on every machine.

    The argument is split into a power of two and a mantissa m in [sqrt(1/2), sqrt(2)); log m is
    2 atanh((m - 1) / (m + 1)), summed as its series.

    Examples
    --------
    >>> logarithm(np.array([1.0, 10.0])).round(12).tolist()
    [0.0, 2.302585092994]
    """
    mantissa, exponent = np.frexp(values)
    low = mantissa < math.sqrt(0.5)
    mantissa = np.where(low, mantissa * 2.0, mantissa)
    exponent = exponent - low
    ratio = (mantissa - 1.0) / (mantissa + 1.0)
    square = ratio * ratio
    series = np.zeros_like(ratio)
    for power in range(23, 0, -2):
        series = series * square + 1.0 / power
    result: NDArray[np.float64] = 2.0 * ratio * series + exponent * _LN2[1] + exponent * _LN2[0]
    return result


def exponential(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Raise e to each number, with the same bits on every machine.

    The argument is split into whole powers of two and a rest within half of log 2, whose
    exponential is the Taylor series.

    Examples
    --------
    >>> exponential(np.array([0.0, 1.0])).round(12).tolist()
    [1.0, 2.718281828459]
    """
    power = np.rint(values / sum(_LN2))
    rest = values - power * _LN2[0] - power * _LN2[1]
    series = np.ones_like(rest)
    for order in range(18, 0, -1):
        series = 1.0 + rest * series / order
    result: NDArray[np.float64] = np.ldexp(series, power.astype(np.int64))
    return result
