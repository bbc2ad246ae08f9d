"""Trees of labels: read with care, walked level by level, scores multiplied along the path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.errors import GristmillError, LabelError, TextError
from gristmill.zeroshot import hierarchy
from gristmill.zeroshot.hierarchy import Question, parse_tree, tree_result, walk

TREE = {"animal": {"dog": {}, "cat": None}, "plant": ["tree", "grass"], "stone": {}}
SCORES = {"animal": 0.6, "plant": 0.3, "stone": 0.1, "dog": 0.2, "cat": 0.8, "tree": 0.9, "grass": 0.1}


class Asked:
    """Answers from a table, and keeps what it was asked."""

    def __init__(self, scores: Mapping[str, float]) -> None:
        self.scores = scores
        self.rounds: list[list[Question]] = []

    def __call__(self, questions: Sequence[Question]) -> Iterator[np.ndarray | GristmillError]:
        self.rounds.append(list(questions))
        for _, labels in questions:
            yield np.array([self.scores[label] for label in labels])


def ends(tree: object, scores: Mapping[str, float], **options: object) -> tuple[list[str], list[float]]:
    (one,) = walk(parse_tree(tree), 1, Asked(scores), **options)  # type: ignore[arg-type]
    result = tree_result("x", one, None, None)
    return result["labels"], result["scores"]


def test_a_greedy_walk_follows_the_best_and_asks_little() -> None:
    asked = Asked(SCORES)
    (one,) = walk(parse_tree(TREE), 1, asked)
    result = tree_result("x", one, None, None)
    assert result["labels"] == ["cat"]
    assert result["scores"] == [pytest.approx(0.48)]
    assert result["paths"] == [["animal", "cat"]]
    assert asked.rounds == [[(0, ("animal", "plant", "stone"))], [(0, ("dog", "cat"))]]
    assert result["levels"] == [
        {"path": [], "labels": ["animal", "plant", "stone"], "scores": [0.6, 0.3, 0.1]},
        {"path": ["animal"], "labels": ["cat", "dog"], "scores": [0.8, 0.2]},
    ]


def test_a_beam_follows_several() -> None:
    labels, scores = ends(TREE, SCORES, beam=2)
    assert labels == ["cat", "tree"]
    assert scores == [pytest.approx(0.48), pytest.approx(0.27)]


def test_multi_label_enters_what_is_likely() -> None:
    scores = SCORES | {"plant": 0.7, "tree": 0.9}
    assert ends(TREE, scores, multi_label=True)[0] == ["tree", "animal"]  # cat: 0.6 * 0.8 < 0.5


def test_a_walk_stops_where_no_child_reaches_the_threshold() -> None:
    assert ends(TREE, SCORES, threshold=0.5) == (["animal"], [0.6])
    assert ends(TREE, SCORES, threshold=0.45)[0] == ["cat"]


def test_nothing_at_the_top_is_an_abstention() -> None:
    (one,) = walk(parse_tree(TREE), 1, Asked(SCORES), threshold=0.7)
    result = tree_result("x", one, 0.7, "none of these")
    assert result["abstained"]
    assert (result["labels"], result["paths"]) == (["none of these"], [[]])
    assert result["scores"] == [pytest.approx(0.4)]
    assert tree_result("x", one, 0.7, None)["labels"] == []


def test_an_only_child_needs_no_question() -> None:
    asked = Asked({"a": 0.4, "b": 0.6, "d": 0.3, "e": 0.7})
    (one,) = walk(parse_tree({"a": {}, "b": {"c": ["d", "e"]}}), 1, asked)
    assert tree_result("x", one, None, None)["scores"] == [pytest.approx(0.42)]
    assert asked.rounds[1:] == [[(0, ("d", "e"))]]
    assert ends({"c": ["d", "e"]}, {"d": 0.3, "e": 0.7})[0] == ["e"]


def test_an_only_child_is_asked_about_with_multi_label() -> None:
    assert ends({"c": ["d"]}, {"c": 0.9, "d": 0.1}, multi_label=True)[0] == ["c"]


def test_one_label_under_two_parents_is_told_by_its_path() -> None:
    tree = {"a": ["other", "x"], "b": ["other", "y"]}
    scores = {"a": 0.9, "b": 0.8, "other": 0.9, "x": 0.1, "y": 0.1}
    (one,) = walk(parse_tree(tree), 1, Asked(scores), multi_label=True)
    result = tree_result("x", one, None, None)
    assert result["labels"] == ["other", "other"]
    assert result["paths"] == [["a", "other"], ["b", "other"]]


def test_an_error_ends_one_text_and_not_the_others() -> None:
    def ask(questions: Sequence[Question]) -> Iterator[np.ndarray | GristmillError]:
        for text, labels in questions:
            yield TextError("bad") if text == 1 else np.array([SCORES[label] for label in labels])

    walks = walk(parse_tree(TREE), 3, ask)
    assert [one.error is not None for one in walks] == [False, True, False]
    assert [len(one.ends) for one in walks] == [1, 0, 1]


def test_all_texts_are_asked_about_together_level_by_level() -> None:
    asked = Asked(SCORES)
    walk(parse_tree(TREE), 4, asked)
    assert [len(questions) for questions in asked.rounds] == [4, 4]


trees = st.recursive(
    st.just({}),
    lambda below: st.dictionaries(st.sampled_from("abcdef"), below, min_size=1, max_size=3),
    max_leaves=12,
).filter(bool)


@given(trees, st.integers(0, 99))
def test_with_a_beam_for_all_the_leaves_share_one(tree: Mapping[str, object], seed: int) -> None:
    random = np.random.default_rng(seed)

    def ask(questions: Sequence[Question]) -> Iterator[np.ndarray]:
        for _, labels in questions:
            yield random.dirichlet(np.ones(len(labels)))

    (one,) = walk(parse_tree(tree), 1, ask, beam=1000)
    assert sum(step.score for step in one.ends) == pytest.approx(1)
    table = {
        (*level["path"], label): score
        for level in one.levels
        for label, score in zip(level["labels"], level["scores"], strict=True)
    }
    for step in one.ends:
        assert not step.node.children
        assert step.score == pytest.approx(prod(table[step.path[: end + 1]] for end in range(len(step.path))))


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({}, "empty"),
        ({"a": {"": {}}}, "below 'a' of the tree is empty"),
        ({1: {}}, "must be strings"),
        ({"a": 3}, "use a mapping, a list or None"),
        ({"a": "b,c"}, "use a mapping, a list or None"),
        ({"a": ["b", "b"]}, "twice below 'a'"),
        ({"a": [["b"]]}, "must be strings"),
    ],
)
def test_trees_that_cannot_be_used_are_refused(tree: Mapping[str, object], message: str) -> None:
    with pytest.raises(LabelError, match=message):
        parse_tree(tree)


def test_a_tree_that_holds_itself_is_refused() -> None:
    tree: dict[str, object] = {"a": {}}
    tree["b"] = tree
    with pytest.raises(LabelError, match="more than 32 levels"):
        parse_tree(tree)


def test_there_is_a_limit_of_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hierarchy, "LABELS", 5)
    with pytest.raises(LabelError, match="more than 5 labels"):
        parse_tree({"a": ["b", "c"], "d": ["e", "f"]})
