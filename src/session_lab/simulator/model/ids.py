"""Identifiers of sessions, runs and waitpoints: seeded, unique, rising with creation.

They have the shape of the platform's own (``packages/core/src/v3/isomorphic/friendlyId.ts`` of the
open-source server): a prefix, ``c``, the time of creation in base 36, a counter, a fingerprint and
a tail. The counter of a session is its place among the sessions of the same millisecond; that of a
run is its number in its session. The tail is the session's ordinal sent through a seeded
one-to-one map of the numbers below 36**8, so ids look random and can never collide.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from session_lab.simulator.model.randomness import RandomStream

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["IdScheme", "base36"]

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_PAIRS = [high + low for high in _DIGITS for low in _DIGITS]
_LETTERS = np.frombuffer("".join(_PAIRS).encode(), dtype=np.uint16)
_TAILS = 36**8


@functools.lru_cache(maxsize=1024)  # Neighbours share instants and counters, a run its tail.
def base36(number: int, width: int) -> str:
    """Write a number in base 36, padded with zeros to an even ``width`` or more.

    Examples
    --------
    >>> base36(71, 4)
    '001z'
    """
    text = ""
    while number or len(text) < width:
        number, pair = divmod(number, 1296)
        text = _PAIRS[pair] + text
    return text


def _digits(numbers: NDArray[np.int64], width: int) -> NDArray[np.bytes_]:
    """Write numbers in base 36 as ASCII letters, two at a time; ``width`` is even."""
    letters = np.empty((len(numbers), width // 2), dtype=np.uint16)
    for place in reversed(range(width // 2)):
        rest = numbers // 1296
        letters[:, place] = _LETTERS[numbers - rest * 1296]
        numbers = rest
    return letters.view(f"S{width}").ravel()


class IdScheme(NamedTuple):
    """How one seed makes identifiers.

    Examples
    --------
    >>> scheme = IdScheme.from_seed(0)
    >>> scheme.session(0, created_at=1767225600000, rank=0)
    'session_cmjuohs0000007y5q0zpe2qog'
    >>> scheme.run(0, number=1, triggered_at=1767225600000)
    'run_cmjuohs0000017y5q0zpe2qog'
    """

    fingerprint: str
    multiplier: int
    offset: int

    @classmethod
    def from_seed(cls, seed: int) -> IdScheme:
        """Derive the scheme of a seed."""
        mark, factor, offset = (int(word) for word in RandomStream(seed, "ids").words(3))
        # 36 = 2**2 * 3**2: a factor of the form 6k + 1 shares no divisor with 36**8, so
        # multiplying by it modulo 36**8 maps distinct ordinals to distinct tails. Keeping it
        # below 2**31 lets the product fit 64 bits for the first 2**32 sessions.
        multiplier = 6 * (factor % (2**31 // 6)) + 1
        return cls(base36(mark % 36**4, 4), multiplier, offset % _TAILS)

    def session(self, ordinal: int, *, created_at: int, rank: int) -> str:
        """Name the ``ordinal``-th session of a world, the ``rank``-th of its millisecond."""
        return f"session_c{base36(created_at, 8)}{base36(rank, 4)}{self._tail(ordinal)}"

    def run(self, ordinal: int, *, number: int, triggered_at: int) -> str:
        """Name the ``number``-th run of the ``ordinal``-th session."""
        return f"run_c{base36(triggered_at, 8)}{base36(number, 4)}{self._tail(ordinal)}"

    def waitpoint(self, ordinal: int, *, created_at: int) -> str:
        """Name the ``ordinal``-th waitpoint of a world."""
        counter = base36(ordinal % 36**4, 4)
        return f"waitpoint_c{base36(created_at, 8)}{counter}{self._tail(ordinal)}"

    def sessions(
        self, ordinals: NDArray[np.int64], created_at: NDArray[np.int64], rank: NDArray[np.int64]
    ) -> NDArray[np.bytes_]:
        """Name many sessions at once; the ids are those of :meth:`session`, as ASCII bytes."""
        return self._names("session_c", created_at, rank, ordinals)

    def runs(
        self,
        ordinals: NDArray[np.integer],
        number: NDArray[np.integer],
        triggered_at: NDArray[np.int64],
    ) -> NDArray[np.bytes_]:
        """Name many runs at once; the ids are those of :meth:`run`, as ASCII bytes."""
        return self._names("run_c", triggered_at, number, ordinals)

    def _names(
        self,
        prefix: str,
        at: NDArray[np.int64],
        counter: NDArray[np.integer],
        ordinals: NDArray[np.integer],
    ) -> NDArray[np.bytes_]:
        if len(at) and (at.max() >= 36**8 or counter.max() >= 36**4):
            # Longer than usual, so not all of one length: beyond the year 2059, or more than
            # 1.6 million sessions in a millisecond.
            rows = zip(at.tolist(), counter.tolist(), ordinals.tolist(), strict=True)
            return np.array(
                [
                    f"{prefix}{base36(a, 8)}{base36(c, 4)}{self._tail(o)}".encode()
                    for a, c, o in rows
                ]
            )
        # Exact for the first 2**32 sessions; more than fit into memory.
        factor, offset = np.int64(self.multiplier), np.int64(self.offset)
        tails = (ordinals.astype(np.int64) * factor + offset) % _TAILS
        parts = {"prefix": len(prefix), "at": 8, "counter": 4, "fingerprint": 4, "tail": 8}
        layout = np.dtype([(name, f"S{width}") for name, width in parts.items()])
        names = np.empty(len(at), dtype=layout)
        names["prefix"], names["fingerprint"] = prefix.encode(), self.fingerprint.encode()
        names["at"] = _digits(at, 8)
        names["counter"] = _digits(counter.astype(np.int64), 4)
        names["tail"] = _digits(tails, 8)
        return names.view(f"S{layout.itemsize}")

    def _tail(self, ordinal: int) -> str:
        tail = (ordinal * self.multiplier + self.offset) % _TAILS
        return self.fingerprint + base36(tail, 8)
