"""Which class means what is read from its name, whatever its place and spelling."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.errors import ModelError
from gristmill.zeroshot.models.config import Config
from gristmill.zeroshot.models.entailment import entailment_ids, read_labels
from gristmill.zeroshot.models.model import EntailmentIds


def config(**values: Any) -> Config:
    return Config(Path("config.json"), values)


@given(
    st.permutations(["entailment", "neutral", "contradiction"]),
    st.sampled_from([str.upper, str.title, str.lower]),
)
def test_any_order_and_case(order: list[str], case: Any) -> None:
    ids = entailment_ids([case(name) for name in order], "m")
    assert ids == EntailmentIds(
        order.index("entailment"), order.index("contradiction"), order.index("neutral")
    )


@pytest.mark.parametrize("negative", ["not_entailment", "not-entailment", "NOT ENTAILMENT", "non_entailment"])
def test_two_way_models(negative: str) -> None:
    assert entailment_ids([negative, "entailment"], "m") == EntailmentIds(1, 0, None)
    assert entailment_ids(["entailment", negative], "m") == EntailmentIds(0, 1, None)


def test_contradiction_comes_before_not_entailment() -> None:
    assert entailment_ids(["not_entailment", "entailed", "contradicts"], "m") == EntailmentIds(1, 2, None)


def test_typeforms_order() -> None:
    names = {"ENTAILMENT": 0, "NEUTRAL": 1, "CONTRADICTION": 2}
    labels = read_labels(
        config(label2id=names, id2label={"0": "ENTAILMENT", "1": "NEUTRAL", "2": "CONTRADICTION"}), 3
    )
    assert entailment_ids(labels, "m") == EntailmentIds(0, 2, 1)


def test_either_map_alone_will_do() -> None:
    assert read_labels(config(label2id={"b": 1, "a": 0}), 2) == ("a", "b")
    assert read_labels(config(id2label={"1": "b", "0": "a"}), 2) == ("a", "b")
    assert read_labels(config(), 2) == ("LABEL_0", "LABEL_1")


def test_labels_without_meaning_are_named() -> None:
    with pytest.raises(
        ModelError, match=r"x has no label for entailment, only 'POSITIVE', 'NEGATIVE'.*label2id="
    ):
        entailment_ids(["POSITIVE", "NEGATIVE"], "x")
    with pytest.raises(ModelError, match="several labels for entailment: 'entailed', 'Entailment'"):
        entailment_ids(["entailed", "Entailment"], "x")


@pytest.mark.parametrize(
    "values",
    [
        {"label2id": {"a": 0, "b": 0}},
        {"label2id": {"a": 0, "b": 2}},
        {"label2id": {"a": 0, "b": -1}},
        {"label2id": {"a": "0"}},
        {"label2id": {"a": True}},
        {"label2id": ["a"]},
        {"id2label": {"x": "a"}},
        {"id2label": {"0": "a", "1": "a"}},
        {"id2label": {"0": 1}},
        {"id2label": ["a", "b"]},
        {"label2id": {"a": 0, "b": 1}, "id2label": {"0": "b", "1": "a"}},
    ],
)
def test_maps_that_are_no_numbering_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match=r"config\.json"):
        read_labels(config(**values), 2)


def test_the_users_map_wins_and_is_checked() -> None:
    wrong = config(label2id={"a": 0, "b": 1}, id2label={"0": "b", "1": "a"})
    assert read_labels(wrong, 2, {"entailment": 1}) == ("LABEL_0", "entailment")
    with pytest.raises(ModelError, match="label2id="):
        read_labels(wrong, 2, {"entailment": 2})
