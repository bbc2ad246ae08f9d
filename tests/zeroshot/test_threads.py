"""How many cores there are, and that BLAS is held to one thread for just as long as it should be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_info, threadpool_limits

from gristmill.zeroshot.engines.threads import one_blas_thread, usable_cores


def threads() -> int:
    """Of the BLAS that numpy uses; asked for by path, since torch brings others."""
    own = str(Path(np.__file__).parent.parent)
    found = [
        one for one in threadpool_info() if one["user_api"] == "blas" and one["filepath"].startswith(own)
    ]
    return int(min(one["num_threads"] for one in found))


@pytest.fixture
def two_threads() -> Iterator[None]:
    """BLAS with two threads, set by this thread, which so is the only one whose limits threadpoolctl obeys."""
    with threadpool_limits(2, user_api="blas"):
        if threads() != 2:
            pytest.skip("this BLAS has no number of threads to set")
        yield


def test_blas_is_held_and_freed(two_threads: None) -> None:
    with one_blas_thread():
        assert threads() == 1
    assert threads() == 2


def test_blas_is_held_until_the_last_one_leaves(two_threads: None) -> None:
    with one_blas_thread():
        with one_blas_thread():
            assert threads() == 1
        assert threads() == 1
    assert threads() == 2


def test_any_thread_can_hold_it(two_threads: None) -> None:
    """threadpoolctl alone obeys the first thread that asked, and lets all others believe that it did."""

    def inside() -> int:
        with one_blas_thread():
            return threads()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(inside).result() == 1
    assert threads() == 2


def test_it_is_freed_by_whichever_thread_leaves_last(two_threads: None) -> None:
    both, one_left = Barrier(2), Barrier(2)

    def first() -> None:
        with one_blas_thread():
            both.wait(10)
        one_left.wait(10)

    def second() -> int:
        with one_blas_thread():
            both.wait(10)
            one_left.wait(10)
            return threads()

    with ThreadPoolExecutor(2) as pool:
        early, late = pool.submit(first), pool.submit(second)
        assert late.result() == 1
        early.result()
    assert threads() == 2


def test_an_error_frees_it(two_threads: None) -> None:
    with pytest.raises(RuntimeError), one_blas_thread():
        raise RuntimeError
    assert threads() == 2


def test_products_are_the_same_to_the_bit_in_every_thread(two_threads: None) -> None:
    x = np.random.default_rng(0).standard_normal((300, 384), dtype=np.float32)

    def product() -> np.ndarray:
        with one_blas_thread():
            return x @ x.T

    with ThreadPoolExecutor(3) as pool:
        found = [pool.submit(product) for _ in range(6)]
        for one in found:
            np.testing.assert_array_equal(one.result(), product())


def _hold() -> int:
    with one_blas_thread():
        return threads()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_process_forked_meanwhile_begins_anew(two_threads: None) -> None:
    with one_blas_thread(), get_context("fork").Pool(1) as pool:
        assert pool.apply_async(_hold).get(20) == 1


def test_a_library_without_threads_of_its_own_is_no_hindrance() -> None:
    """What is left to threadpoolctl may be nothing at all."""
    with ThreadpoolController().select(filepath=[]).limit(limits=1):
        assert threads() >= 1


def test_cores_are_those_of_the_affinity() -> None:
    if hasattr(os, "sched_getaffinity"):
        assert usable_cores(Path("nowhere")) == len(os.sched_getaffinity(0))
    else:
        assert usable_cores(Path("nowhere")) == os.cpu_count()


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "nonsense"}, None),
        ({"cpu.max": ""}, None),
        ({"cpu.max": "5 0"}, None),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "100000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1),
    ],
)
def test_a_container_has_the_cores_of_its_quota(
    files: dict[str, str], wanted: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(6)), raising=False)
    assert usable_cores(tmp_path) == (6 if wanted is None else wanted)
