"""Threads begin at the first use, are shared, and begin anew in a forked process."""

from __future__ import annotations

import multiprocessing
import threading

import numpy as np

from gristmill.zeroshot.engines.base import Dropout, Pack, Precision
from gristmill.zeroshot.layout import Ids
from gristmill.zeroshot.models.model import Floats
from gristmill.zeroshot.workers import Workers


class Lengths:
    """An engine whose states are lengths, and which counts how many packs run at the same time."""

    name, device = "lengths", "cpu"
    precision: Precision = "float32"
    workers, token_budget = 2, 8

    def __init__(self) -> None:
        self.threads: set[int] = set()
        self.now = self.most = 0
        self.lock = threading.Lock()
        self.both = threading.Barrier(2, timeout=60)

    def states(self, pack: Pack, dropout: Dropout | None = None) -> Floats:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
            self.threads.add(threading.get_ident())
        if pack.lengths[0] == 8:  # only ends if two packs are run at once
            self.both.wait()
        with self.lock:
            self.now -= 1
        return pack.lengths[:, None].astype(np.float32)

    def close(self) -> None:
        pass


class Row:
    def __init__(self, *lengths: int) -> None:
        self.lengths = lengths

    def __len__(self) -> int:
        return len(self.lengths)

    def key(self, number: int) -> tuple[int, int]:
        return (number, self.lengths[number])

    def tokens(self, number: int) -> tuple[Ids, Ids]:
        ids = np.zeros(self.lengths[number], np.int32)
        return ids, ids


def classify(workers: Workers, engine: Lengths, *lengths: int) -> list[float]:
    (found,) = [values for values, _ in workers.stream([(Row(*lengths), None)], engine.states, 1)]
    return [float(value) for value in found[:, 0]]


def test_as_many_packs_run_at_once_as_there_are_workers() -> None:
    engine = Lengths()
    workers = Workers(engine)
    assert classify(workers, engine, 8, 8, 8, 8) == [8, 8, 8, 8]
    assert engine.most == 2
    assert threading.get_ident() not in engine.threads
    workers.close()


def test_streams_share_the_threads_and_use_after_closing_begins_new_ones() -> None:
    engine = Lengths()
    workers = Workers(engine)
    assert classify(workers, engine, 3, 1) == [3, 1]
    assert classify(workers, engine, 8, 8) == [8, 8]
    assert len(engine.threads) <= 2
    workers.close()
    workers.close()
    assert classify(workers, engine, 5) == [5]
    workers.close()


def _in_child(workers: Workers, engine: Lengths, answer: multiprocessing.SimpleQueue[list[float]]) -> None:
    answer.put(classify(workers, engine, 2, 4))


def test_a_forked_process_has_threads_of_its_own() -> None:
    engine = Lengths()
    workers = Workers(engine)
    classify(workers, engine, 1)
    context = multiprocessing.get_context("fork")
    answer = context.SimpleQueue()
    child = context.Process(target=_in_child, args=(workers, engine, answer))
    child.start()
    child.join(60)
    assert child.exitcode == 0
    assert answer.get() == [2, 4]
    workers.close()
