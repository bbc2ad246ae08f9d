"""Hashes of runs of words, each in constant time, by prefix sums of a polynomial modulo 2 to the 64."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gristmill.annotate.licences.tokens import Hashes

_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, 1 << 64)
_FINISH = np.uint64(0xFF51AFD7ED558CCD)


class _Powers:
    """Powers of the base and of its inverse, grown as longer batches come."""

    def __init__(self) -> None:
        self.up: Hashes = np.ones(1, np.uint64)
        self.down: Hashes = np.ones(1, np.uint64)

    def of(self, count: int) -> tuple[Hashes, Hashes]:
        if len(self.up) < count:
            size = max(count, 2 * len(self.up))
            self.up, self.down = _powers(_BASE, size), _powers(_INVERSE, size)
        return self.up[:count], self.down[:count]


def _powers(base: int, count: int) -> Hashes:
    factors = np.full(count, base, np.uint64)
    factors[0] = 1
    return np.cumprod(factors, dtype=np.uint64)


_POWERS = _Powers()


class Grams:
    """The runs of words in one sequence."""

    def __init__(self, words: Hashes) -> None:
        up, self._down = _POWERS.of(len(words) + 1)
        self._sums = np.zeros(len(words) + 1, np.uint64)
        np.cumsum(words * up[:-1], out=self._sums[1:])

    def at(self, starts: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64] | int) -> Hashes:
        """The hash of the ``sizes`` words from each of ``starts``; every run must lie within the sequence."""
        mixed = (self._sums[starts + sizes] - self._sums[starts]) * self._down[starts]
        return _finished(mixed)

    def all(self, size: int) -> Hashes:
        """The hash of every run of ``size`` words, by its start; empty if the sequence is shorter."""
        count = len(self._sums) - size
        if count <= 0:
            return np.empty(0, np.uint64)
        return _finished((self._sums[size:] - self._sums[:count]) * self._down[:count])


def _finished(mixed: Hashes) -> Hashes:
    """Spreads every bit over the word: the low bits of a polynomial depend on the low bits of words only."""
    mixed = mixed ^ (mixed >> np.uint64(33))
    mixed *= _FINISH
    mixed ^= mixed >> np.uint64(33)
    return mixed
