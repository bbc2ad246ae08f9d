from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.decide.near_duplicates.components import connected_components


def reference(n: int, pairs: list[tuple[int, int]]) -> list[int]:
    """Union-find, the lower root above the higher."""
    parent = list(range(n))

    def find(item: int) -> int:
        while parent[item] != item:
            item = parent[item]
        return item

    for a, b in pairs:
        low, high = sorted((find(a), find(b)))
        parent[high] = low
    return [find(item) for item in range(n)]


def labels_of(n: int, pairs: list[tuple[int, int]]) -> list[int]:
    labels = connected_components(n, np.array(pairs, dtype=np.int64).reshape(-1, 2))
    assert labels.dtype == np.int64
    return labels.tolist()


@st.composite
def graphs(draw: st.DrawFn) -> tuple[int, list[tuple[int, int]]]:
    n = draw(st.integers(1, 30))
    item = st.integers(0, n - 1)
    return n, draw(st.lists(st.tuples(item, item), max_size=40))


@settings(deadline=None, max_examples=150)
@given(graphs(), st.randoms(use_true_random=False))
def test_labels_are_those_of_union_find(graph: tuple[int, list[tuple[int, int]]], random: object) -> None:
    n, pairs = graph
    expected = reference(n, pairs)
    assert labels_of(n, pairs) == expected
    random.shuffle(pairs)  # type: ignore[attr-defined]
    assert labels_of(n, [(b, a) for a, b in pairs]) == expected


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_long_chains_and_sparse_random_graphs(seed: int) -> None:
    n = 20_000
    random = np.random.default_rng(seed)
    names = random.permutation(n)
    chain = np.stack((names[:-1], names[1:]), axis=1)
    assert connected_components(n, chain).tolist() == [0] * n
    # About one edge to two items: many components, near the point where a giant one appears.
    sparse = random.integers(0, n, (n // 2, 2))
    assert connected_components(n, sparse).tolist() == reference(n, sparse.tolist())


def test_no_items_and_no_pairs() -> None:
    assert labels_of(0, []) == []
    assert labels_of(3, []) == [0, 1, 2]


@pytest.mark.parametrize(
    ("pairs", "message"), [([[0, 3]], "items 0 to 2"), ([[-1, 0]], "from -1"), ([[0, 1, 2]], "shape")]
)
def test_refusals_name_the_value(pairs: list[list[int]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        connected_components(3, np.array(pairs))
