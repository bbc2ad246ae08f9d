"""A seeded sample of rows that pass by once: reservoir sampling (Vitter 1985, algorithm R)."""

from __future__ import annotations

import random
from typing import Generic, TypeVar

T = TypeVar("T")


class Sample(Generic[T]):
    """Keeps ``limit`` of the items offered, each with equal chance; all of them if ``limit`` is None.

    The same seed and items give the same sample. Memory is that of the sample.
    """

    def __init__(self, limit: int | None, seed: int) -> None:
        self._limit = limit
        self._random = random.Random(seed)  # noqa: S311 - a sample, not a secret
        self._kept: list[tuple[int, T]] = []
        self.offered = 0
        """How many items were offered."""

    def offer(self, item: T) -> None:
        """Take the item, or not, perhaps in place of another."""
        number, self.offered = self.offered, self.offered + 1
        if self._limit is None or number < self._limit:
            self._kept.append((number, item))
            return
        place = self._random.randrange(self.offered)
        if place < self._limit:
            self._kept[place] = (number, item)

    def items(self) -> list[T]:
        """What is kept, in the order in which it was offered."""
        return [item for _, item in sorted(self._kept, key=lambda one: one[0])]
