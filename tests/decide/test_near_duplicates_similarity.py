from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.annotate import shingles
from gristmill.decide.near_duplicates import similarity
from gristmill.decide.near_duplicates.similarity import jaccard

ELEMENTS = st.one_of(st.integers(0, 12), st.integers(2**64 - 12, 2**64 - 1))
SETS = st.lists(st.sets(ELEMENTS, max_size=20), min_size=1, max_size=6)


def arrays_of(sets: list[set[int]]) -> tuple[np.ndarray, np.ndarray]:
    flat = np.array([h for s in sets for h in sorted(s)], dtype=np.uint64)
    return flat, np.cumsum([0] + [len(s) for s in sets])


@settings(deadline=None)
@given(SETS, st.integers(1, 5))
def test_the_index_is_exact(sets: list[set[int]], block: int) -> None:
    pairs = [(a, b) for a in range(len(sets)) for b in range(len(sets))]
    expected = [len(sets[a] & sets[b]) / len(sets[a] | sets[b]) if sets[a] | sets[b] else 0 for a, b in pairs]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similarity, "_BLOCK_PAIRS", block)
        assert jaccard(*arrays_of(sets), np.array(pairs)).tolist() == expected


def test_from_texts_to_the_index() -> None:
    texts = [b"a b c d e f g", b"A(b, c, d, e, f)", b"a b", b"t u v w x y z", b"g f e d c b a"]
    hashes, offsets = shingles.shingle_hashes(pa.array(texts))
    # abcde bcdef cdefg; abcde bcdef; none; three others; the reverse shares no ordered shingle.
    pairs = np.array([[0, 1], [1, 0], [0, 0], [0, 2], [2, 2], [0, 3], [0, 4]])
    assert jaccard(hashes, offsets, pairs).tolist() == [2 / 3, 2 / 3, 1, 0, 0, 0, 0]


def test_large_sets_of_unequal_size() -> None:
    large = np.arange(0, 3_000_000, 3, dtype=np.uint64)
    small = np.array([0, 1, 3, 4, 2_999_997, 2**64 - 1], dtype=np.uint64)
    hashes = np.concatenate((large, small))
    index = jaccard(hashes, np.array([0, len(large), len(hashes)]), np.array([[0, 1], [1, 0]]))
    assert index.tolist() == [3 / 1_000_003] * 2


def test_no_pairs() -> None:
    index = jaccard(*arrays_of([{1}]), np.empty((0, 2), dtype=np.int64))
    assert index.dtype == np.float64
    assert index.tolist() == []


@pytest.mark.parametrize(
    ("pairs", "message"), [([[0, 2]], "sets 0 to 1"), ([[-1, 0]], "from -1"), ([[0, 1, 1]], "shape")]
)
def test_refusals_name_the_value(pairs: list[list[int]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        jaccard(*arrays_of([{1, 2}, {2}]), np.array(pairs))
