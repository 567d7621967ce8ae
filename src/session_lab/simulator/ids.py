"""Identifiers of sessions and runs: seeded, unique, rising with creation.

They have the shape of the platform's own (``packages/core/src/v3/isomorphic/friendlyId.ts`` of the
open-source server): a prefix, ``c``, the time of creation in base 36, a counter, a fingerprint and
a tail. The counter of a session is its place among the sessions of the same millisecond; that of a
run is its number in its session. The tail is the session's ordinal sent through a seeded
one-to-one map of the numbers below 36**8, so ids look random and can never collide.
"""

from __future__ import annotations

from typing import NamedTuple

from session_lab.simulator.randomness import Stream

__all__ = ["IdScheme", "base36"]

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_PAIRS = [high + low for high in _DIGITS for low in _DIGITS]
_TAILS = 36**8


def base36(number: int, width: int) -> str:
    """Write a number in base 36, padded with zeros to an even ``width`` or more.

    Examples
    --------
    >>> base36(71, 4)
    '001z'
    """
    pairs: list[str] = []
    while number or 2 * len(pairs) < width:
        number, pair = divmod(number, 1296)
        pairs.append(_PAIRS[pair])
    return "".join(reversed(pairs))


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
        mark, factor, offset = (int(word) for word in Stream(seed, "ids").words(3))
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

    def _tail(self, ordinal: int) -> str:
        tail = (ordinal * self.multiplier + self.offset) % _TAILS
        return self.fingerprint + base36(tail, 8)
