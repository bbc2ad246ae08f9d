"""The stream keeps order, computes each sequence once, holds little, and ends well when it is cut short."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.zeroshot import schedule
from gristmill.zeroshot.engines.base import Pack
from gristmill.zeroshot.layout import Ids
from gristmill.zeroshot.models.model import Floats
from gristmill.zeroshot.schedule import Limits, stream


class Numbers:
    """A row of sequences, each number being the sequence 0, 1, ... of that length."""

    def __init__(self, lengths: Iterable[int]) -> None:
        self.lengths = list(lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    def key(self, number: int) -> int:
        return self.lengths[number]

    def tokens(self, number: int) -> tuple[Ids, Ids]:
        ids = np.arange(self.lengths[number], dtype=np.int32)
        return ids, np.zeros_like(ids)


class Counting:
    """Computes the length of each sequence, twice over, and counts what it was given."""

    def __init__(self) -> None:
        self.packs: list[list[int]] = []
        self.lock = threading.Lock()

    def __call__(self, pack: Pack) -> Floats:
        with self.lock:
            self.packs.append(pack.lengths.tolist())
        starts = np.cumsum(pack.lengths) - pack.lengths
        assert (pack.ids[starts] == 0).all()
        return np.stack([pack.lengths, 2 * pack.lengths], axis=1).astype(np.float32)

    @property
    def computed(self) -> list[int]:
        return sorted(length for pack in self.packs for length in pack)


@pytest.fixture(scope="module")
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(3) as executor:
        yield executor


rows_of_lengths = st.lists(st.lists(st.integers(1, 50), max_size=12), max_size=40)


@given(rows_of_lengths, st.integers(1, 60), st.integers(1, 3))
def test_results_are_right_and_in_order(
    threads: ThreadPoolExecutor, rows: list[list[int]], budget: int, workers: int
) -> None:
    pairs = [(Numbers(row), place) for place, row in enumerate(rows)]
    found = list(stream(pairs, Counting(), threads, Limits(budget, workers), 2))
    assert [place for _, place in found] == list(range(len(rows)))
    for (values, _), row in zip(found, rows, strict=True):
        assert values.dtype == np.float32
        assert values.tolist() == [[length, 2 * length] for length in row]


@given(rows_of_lengths)
def test_equal_sequences_are_computed_once(threads: ThreadPoolExecutor, rows: list[list[int]]) -> None:
    compute = Counting()
    list(stream([(Numbers(row), None) for row in rows], compute, threads, Limits(1000, 2), 2))
    assert compute.computed == sorted({length for row in rows for length in row})


def test_results_are_remembered_from_one_batch_to_later_ones(threads: ThreadPoolExecutor) -> None:
    compute = Counting()
    rows = [(Numbers([7, 400 + number]), None) for number in range(50)]
    found = list(stream(rows, compute, threads, Limits(10, 1), 2))
    assert all(values[0].tolist() == [7, 14] for values, _ in found)
    # Batches in flight know nothing of each other, so the first few may compute it anew.
    assert compute.computed.count(7) <= schedule.AHEAD


def test_memory_of_results_is_bounded(threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "REMEMBERED_BYTES", 0)
    compute = Counting()
    rows = [(Numbers([7, 400 + number]), None) for number in range(20)]
    found = list(stream(rows, compute, threads, Limits(10, 1), 2))
    assert all(values[0].tolist() == [7, 14] for values, _ in found)
    assert compute.computed.count(7) > schedule.AHEAD


@pytest.mark.parametrize("length", [1, 200])
def test_input_is_read_no_further_than_what_is_in_flight(threads: ThreadPoolExecutor, length: int) -> None:
    read = 0
    limits = Limits(20, 2)

    def rows() -> Iterator[tuple[Numbers, int]]:
        nonlocal read
        for number in range(20_000):
            read += 1
            yield Numbers([length + number % 3] * 5), number

    ahead = []
    for given_out, _ in enumerate(stream(rows(), Counting(), threads, limits, 2), start=1):
        ahead.append(read - given_out)
    assert given_out == 20_000
    # Rows that repeat cost no tokens; then the number of sequences bounds the batch.
    assert max(ahead) <= schedule.AHEAD * schedule.BATCH_SEQUENCES / 5 + 1


def test_rows_without_sequences_do_not_pile_up(threads: ThreadPoolExecutor) -> None:
    read = 0

    def rows() -> Iterator[tuple[Numbers, None]]:
        nonlocal read
        for _ in range(40_000):
            read += 1
            yield Numbers([]), None

    found = stream(rows(), Counting(), threads, Limits(20, 2), 2)
    values, _ = next(found)
    assert values.shape == (0, 2)
    assert read <= schedule.AHEAD * schedule.BATCH_SEQUENCES


def test_a_row_larger_than_a_batch_is_computed_in_parts(threads: ThreadPoolExecutor) -> None:
    asked = 0

    class Large(Numbers):
        def tokens(self, number: int) -> tuple[Ids, Ids]:
            nonlocal asked
            asked += 1
            return super().tokens(number)

    most = 0

    def compute(pack: Pack) -> Floats:
        nonlocal most
        with lock:
            done.append(len(pack.lengths))
            most = max(most, asked - sum(done))
        return np.stack([pack.lengths, pack.lengths], axis=1).astype(np.float32)

    lock, done = threading.Lock(), list[int]()
    limits = Limits(2000, 2)
    large = range(1, 2001)
    found = list(stream([(Large(large), None)], compute, threads, limits, 2))
    assert found[0][0][:, 0].tolist() == list(large)
    assert sum(done) == len(large)
    assert most < len(large) / 2  # tokens of a part only are there at a time


def test_sequences_of_a_batch_are_sorted_into_packs(threads: ThreadPoolExecutor) -> None:
    compute = Counting()
    lengths = np.random.default_rng(0).permutation(np.arange(1, 61)).tolist()
    list(stream([(Numbers(lengths), None)], compute, threads, Limits(100, 2), 2))
    packs = sorted(compute.packs)
    assert [length for pack in packs for length in pack] == list(range(1, 61))
    assert all(sum(pack) <= 100 for pack in packs)


def test_an_error_of_a_worker_is_raised_and_ends_the_work(threads: ThreadPoolExecutor) -> None:
    calls = 0

    def compute(pack: Pack) -> Floats:
        nonlocal calls
        calls += 1
        raise ValueError("the engine is broken")

    rows = [(Numbers([length]), None) for length in range(1, 400)]
    with (
        ThreadPoolExecutor(1) as one,
        pytest.raises(ValueError, match="the engine is broken"),
    ):
        list(stream(rows, compute, one, Limits(8, 1), 2))
    assert calls < 100


def test_an_error_of_the_input_is_raised(threads: ThreadPoolExecutor) -> None:
    def rows() -> Iterator[tuple[Numbers, None]]:
        yield Numbers([3]), None
        raise OSError("the file is gone")

    with pytest.raises(OSError, match="the file is gone"):
        list(stream(rows(), Counting(), threads, Limits(8, 1), 2))


def test_closing_the_stream_drops_packs_not_begun() -> None:
    closed = threading.Event()
    calls: list[int] = []

    def compute(pack: Pack) -> Floats:
        calls.append(int(pack.lengths[0]))
        if pack.lengths[0] >= 102:
            assert closed.wait(60)
        return np.zeros((len(pack.lengths), 2), np.float32)

    # 160 tokens make a batch: two sequences, each a pack of its own.
    rows = [(Numbers([length]), None) for length in range(100, 140)]
    with ThreadPoolExecutor(1) as one:
        found = stream(rows, compute, one, Limits(10, 1), 2)
        next(found)
        found.close()  # type: ignore[attr-defined]
        closed.set()
    assert sorted(calls)[:2] == [100, 101]
    assert len(calls) <= 3
