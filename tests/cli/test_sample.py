"""A sample is seeded, ordered, of the size asked for, and fair."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from gristmill.cli.sample import Sample


def drawn(limit: int | None, seed: int, number: int) -> list[int]:
    sample: Sample[int] = Sample(limit, seed)
    for item in range(number):
        sample.offer(item)
    assert sample.offered == number
    return sample.items()


@given(st.integers(1, 20), st.integers(0, 5), st.integers(0, 60))
def test_size_and_order(limit: int, seed: int, number: int) -> None:
    found = drawn(limit, seed, number)
    assert len(found) == min(limit, number)
    assert found == sorted(set(found))
    assert found == drawn(limit, seed, number)


def test_without_a_limit_all_are_kept() -> None:
    assert drawn(None, 0, 50) == list(range(50))


def test_each_item_is_as_likely_as_any_other() -> None:
    counts = Counter(item for seed in range(2000) for item in drawn(5, seed, 20))
    # 500 times each on average, with a standard deviation of about 20.
    assert len(counts) == 20
    assert max(abs(number - 500) for number in counts.values()) < 100
