"""Streams rows of sequences through an engine: sorted packs, parallel workers, each sequence once, bounded memory.

Sequences of many rows are collected into a batch, sorted by length and cut into packs; while the workers run the
packs of one batch, the next is made. Results come in the order of the rows, a row as soon as its last batch is done.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from gristmill.zeroshot.engines.base import Pack
from gristmill.zeroshot.layout import Ids
from gristmill.zeroshot.models.model import Floats
from gristmill.zeroshot.packs import build_pack, cut_packs

T = TypeVar("T")
Compute = Callable[[Pack], Floats]

BATCH_PACKS = 16
"""Packs for each worker in a batch: enough to sort well, and a few seconds' work at most."""
BATCH_SEQUENCES = 8192
"""Most sequences of a batch, known ones included, which cost no tokens."""
AHEAD = 2
"""Batches in flight: one that the workers run, one that is ready."""
REMEMBERED_BYTES = 16 << 20
"""Memory for results of sequences that may come again."""
KEY_BYTES = 400
"""What remembering a sequence costs beside its result."""


class Row(Protocol):
    """The sequences of one row of results."""

    def __len__(self) -> int: ...

    def key(self, number: int) -> Hashable:
        """Equal for sequences that are equal, and for no others."""
        ...

    def tokens(self, number: int) -> tuple[Ids, Ids]:
        """Ids and types of a sequence; asked for only if it is to be computed."""
        ...


@dataclass(frozen=True)
class Limits:
    """How much is in flight. ``budget``: tokens of a pack; ``workers``: packs at the same time."""

    budget: int
    workers: int

    @property
    def batch_tokens(self) -> int:
        """Tokens of a batch; one sequence more may be in it."""
        return self.budget * self.workers * BATCH_PACKS


@dataclass
class _Batch(Generic[T]):
    """Sequences of several rows, each distinct one once."""

    places: dict[Hashable, int] = field(default_factory=dict)
    new: list[tuple[Ids, Ids]] = field(default_factory=list)
    new_places: list[int] = field(default_factory=list)
    known: list[tuple[int, Floats]] = field(default_factory=list)
    pieces: list[tuple[Floats, int, list[int]]] = field(default_factory=list)
    """Rows' results, where in them to write, and places in the batch to take from."""
    ended: list[tuple[Floats, T]] = field(default_factory=list)
    """Rows of which the last sequence is in this batch."""
    tokens: int = 0
    sequences: int = 0

    def full(self, limits: Limits) -> bool:
        return self.tokens >= limits.batch_tokens or self.sequences + len(self.ended) >= BATCH_SEQUENCES

    def add(self, row: Row, number: int, memory: _Memory) -> int:
        """The sequence's place in the batch."""
        self.sequences += 1
        key = row.key(number)
        place = self.places.get(key)
        if place is not None:
            return place
        place = self.places[key] = len(self.places)
        known = memory.get(key)
        if known is not None:
            self.known.append((place, known))
            return place
        sequence = row.tokens(number)
        self.tokens += len(sequence[0])
        self.new.append(sequence)
        self.new_places.append(place)
        return place


class _Memory:
    """The results of the sequences seen last."""

    def __init__(self, columns: int) -> None:
        self._most = REMEMBERED_BYTES // (4 * columns + KEY_BYTES)
        self._results: OrderedDict[Hashable, Floats] = OrderedDict()

    def get(self, key: Hashable) -> Floats | None:
        result = self._results.get(key)
        if result is not None:
            self._results.move_to_end(key)
        return result

    def put(self, key: Hashable, result: Floats) -> None:
        self._results[key] = result
        if len(self._results) > self._most:
            self._results.popitem(last=False)


def stream(
    rows: Iterable[tuple[Row, T]], compute: Compute, executor: Executor, limits: Limits, columns: int
) -> Iterator[tuple[Floats, T]]:
    """Results [sequences, columns] of each row, in order, with what came beside the row.

    ``compute`` turns a pack into [sequences, columns]; the executor's threads call it, up to ``workers`` at
    once. Rows are read as far ahead as two batches reach, whatever there are of them and however long one
    is. What ``rows`` or ``compute`` raises is raised here, and packs not begun are dropped; so they are when
    the iterator is closed or interrupted.
    """
    memory = _Memory(columns)
    flying: deque[tuple[_Batch[T], list[tuple[NDArray[np.intp], Future[Floats]]]]] = deque()
    try:
        for batch in _batches(rows, limits, columns, memory):
            flying.append((batch, _submit(batch, compute, executor, limits)))
            if len(flying) == AHEAD:
                yield from _finish(*flying[0], columns, memory)
                flying.popleft()
        while flying:
            yield from _finish(*flying[0], columns, memory)
            flying.popleft()
    finally:
        for _, packs in flying:
            for _, future in packs:
                future.cancel()


def _batches(
    rows: Iterable[tuple[Row, T]], limits: Limits, columns: int, memory: _Memory
) -> Iterator[_Batch[T]]:
    batch: _Batch[T] = _Batch()
    for row, beside in rows:
        results = np.empty((len(row), columns), np.float32)
        start, places = 0, list[int]()
        for number in range(len(row)):
            if batch.full(limits):
                batch.pieces.append((results, start, places))
                yield batch
                batch, start, places = _Batch(), number, []
            places.append(batch.add(row, number, memory))
        batch.pieces.append((results, start, places))
        batch.ended.append((results, beside))
        if batch.full(limits):
            yield batch
            batch = _Batch()
    if batch.ended:
        yield batch


def _submit(
    batch: _Batch[T], compute: Compute, executor: Executor, limits: Limits
) -> list[tuple[NDArray[np.intp], Future[Floats]]]:
    lengths = np.array([len(ids) for ids, _ in batch.new], np.int64)
    packs = cut_packs(lengths, limits.budget, parallel=limits.workers)
    # The longest first: a short pack at the end leaves the other workers idle for less.
    return [(chosen, executor.submit(compute, build_pack(batch.new, chosen))) for chosen in reversed(packs)]


def _finish(
    batch: _Batch[T],
    packs: list[tuple[NDArray[np.intp], Future[Floats]]],
    columns: int,
    memory: _Memory,
) -> Iterator[tuple[Floats, T]]:
    values = np.empty((len(batch.places), columns), np.float32)
    for place, known in batch.known:
        values[place] = known
    new_places = np.array(batch.new_places, np.intp)
    for chosen, future in packs:
        values[new_places[chosen]] = future.result()
    new = set(batch.new_places)
    for key, place in batch.places.items():
        if place in new:
            # A copy: a view would keep all of the batch's results.
            memory.put(key, values[place].copy())
    for results, start, places in batch.pieces:
        results[start : start + len(places)] = values[places]
    yield from batch.ended
