from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.decide.near_duplicates.assignment import assign


@dataclass(frozen=True)
class Case:
    rank: list[int]
    edges: dict[tuple[int, int], float]

    def run(self, threshold: float = 0.7) -> tuple[list[int], list[float]]:
        return run(self.rank, list(self.edges), list(self.edges.values()), threshold)


def run(
    rank: list[int], pairs: list[tuple[int, int]], jaccard: list[float], threshold: float = 0.7
) -> tuple[list[int], list[float]]:
    kept, similarity = assign(
        np.array(rank, dtype=np.int64),
        np.array(pairs, dtype=np.int64).reshape(-1, 2),
        np.array(jaccard, dtype=np.float64),
        threshold,
    )
    assert kept.dtype == np.int64
    return kept.tolist(), similarity.tolist()


def reference(case: Case, threshold: float) -> tuple[list[int], list[float]]:
    n = len(case.rank)
    kept, similarity = list(range(n)), [1.0] * n
    survivors: list[int] = []
    for item in sorted(range(n), key=lambda i: (case.rank[i], i)):
        best = 0.0
        for survivor in survivors:
            value = case.edges.get((min(item, survivor), max(item, survivor)), 0.0)
            if value >= threshold and value > best:
                kept[item], similarity[item], best = survivor, value, value
        if kept[item] == item:
            survivors.append(item)
    return kept, similarity


@st.composite
def cases(draw: st.DrawFn) -> Case:
    n = draw(st.integers(1, 14))
    item = st.integers(0, n - 1)
    pair = st.tuples(item, item).filter(lambda p: p[0] < p[1])
    values = st.sampled_from([0.2, 0.6999999, 0.7, 0.75, 0.9, 1.0])
    edges = draw(st.dictionaries(pair, values, max_size=40)) if n > 1 else {}
    rank = draw(st.lists(st.integers(-4, 4), min_size=n, max_size=n))
    return Case(rank, edges)


@settings(deadline=None, max_examples=150)
@given(cases(), st.sampled_from([0.1, 0.7, 0.8]))
def test_the_outcome_is_that_of_the_slow_greedy_definition(case: Case, threshold: float) -> None:
    assert case.run(threshold) == reference(case, threshold)


@settings(deadline=None)
@given(cases())
def test_every_item_dropped_has_a_witness_and_no_two_kept_are_close(case: Case) -> None:
    kept, similarity = case.run()
    for item, survivor in enumerate(kept):
        assert kept[survivor] == survivor
        if survivor != item:
            value = case.edges[min(item, survivor), max(item, survivor)]
            assert similarity[item] == value >= 0.7
            assert (case.rank[survivor], survivor) < (case.rank[item], item)
    for (a, b), value in case.edges.items():
        assert value < 0.7 or kept[a] != a or kept[b] != b


@settings(deadline=None)
@given(cases(), st.data())
def test_order_direction_repeats_and_loops_of_the_pairs_do_not_matter(
    case: Case, data: st.DataObject
) -> None:
    order = data.draw(st.permutations(list(case.edges) * 2))
    flips = data.draw(st.lists(st.booleans(), min_size=len(order), max_size=len(order)))
    pairs = [(b, a) if flip else (a, b) for (a, b), flip in zip(order, flips, strict=True)] + [(0, 0)]
    assert run(case.rank, pairs, [case.edges[pair] for pair in order] + [1.0]) == case.run()


@settings(deadline=None)
@given(cases(), st.data())
def test_item_numbers_do_not_matter(case: Case, data: st.DataObject) -> None:
    n = len(case.rank)
    case = Case([r * n + i for i, r in enumerate(case.rank)], case.edges)  # a rank without ties
    new = data.draw(st.permutations(range(n)))
    rank = [0] * n
    for item, name in enumerate(new):
        rank[name] = case.rank[item]
    kept, similarity = run(rank, [(new[a], new[b]) for a, b in case.edges], list(case.edges.values()))
    old_kept, old_similarity = case.run()
    assert [kept[new[i]] for i in range(n)] == [new[k] for k in old_kept]
    assert [similarity[new[i]] for i in range(n)] == old_similarity


@pytest.mark.parametrize("seed", range(8))
def test_larger_graphs_of_many_waves(seed: int) -> None:
    random = np.random.default_rng(seed)
    n = 300
    # Edges between items of near ranks make long chains of decisions that wait for one another.
    one = random.integers(0, n - 8, 3 * n)
    edges = dict.fromkeys(zip(one.tolist(), (one + random.integers(1, 9, 3 * n)).tolist(), strict=True), 0.7)
    case = Case(list(range(n)), {pair: float(random.choice([0.6, 0.7, 0.8, 0.9])) for pair in edges})
    assert case.run() == reference(case, 0.7)


def test_nothing_goes_through_a_chain() -> None:
    # 0 - 1 - 2 - 3 - 4: a transitive union would leave 0 alone.
    pairs = [(0, 1), (1, 2), (2, 3), (3, 4)]
    assert run([0, 1, 2, 3, 4], pairs, [0.8] * 4) == ([0, 0, 2, 2, 4], [1.0, 0.8, 1.0, 0.8, 1.0])
    # With 1 and 3 the best, all others go.
    assert run([2, 0, 2, 1, 2], pairs, [0.8] * 4)[0] == [1, 1, 1, 3, 3]


def test_the_most_similar_survivor_is_the_witness() -> None:
    pairs = [(0, 2), (1, 2), (1, 3), (0, 3)]
    assert run([0, 1, 2, 3], pairs, [0.71, 0.9, 0.8, 0.8]) == ([0, 1, 1, 0], [1.0, 1.0, 0.9, 0.8])


def test_a_long_chain_and_a_large_star() -> None:
    n = 4001
    chain = [(i, i + 1) for i in range(n - 1)]
    assert run(list(range(n)), chain, [0.7] * len(chain))[0] == [i - i % 2 for i in range(n)]
    star = [(i, n - 1) for i in range(n - 1)]
    assert run(list(range(n))[::-1], star, [0.7] * len(star))[0] == [n - 1] * n
    assert run(list(range(n)), star, [0.7] * len(star))[0] == [*range(n - 1), 0]


def test_not_a_number_is_no_similarity() -> None:
    assert run([0, 1], [(0, 1)], [float("nan")])[0] == [0, 1]


def test_nothing_gives_nothing() -> None:
    assert run([], [], []) == ([], [])
    assert run([3, 1], [], []) == ([0, 1], [1.0, 1.0])


@pytest.mark.parametrize(
    ("pairs", "jaccard", "message"),
    [([[0, 3]], [0.9], "3 items"), ([[-1, 0]], [0.9], "from -1"), ([[0, 1]], [], "jaccard")],
)
def test_refusals_name_the_value(pairs: list[list[int]], jaccard: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        assign(np.zeros(3, dtype=np.int64), np.array(pairs), np.array(jaccard))
