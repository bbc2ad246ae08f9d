"""Evaluating pairs: three classes and two, of the set and of the model, whatever their order in the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_models import SENTENCES, make_checkpoint

from gristmill.errors import GristmillError, ModelError, TextError
from gristmill.zeroshot import ZeroShotClassifier
from gristmill.zeroshot.evaluate.pairs import THREE, TWO, class_margins, evaluate_pairs
from gristmill.zeroshot.models.model import EntailmentIds
from gristmill.zeroshot.scores import softmax

PAIRS = [(one, other) for one in SENTENCES[:6] for other in SENTENCES[6:11]]
TRUTH = [THREE[n % 3] for n in range(len(PAIRS))]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("nli")
    other = {"other": 0, "contradiction": 1, "entailment": 2}
    return {
        "three": make_checkpoint(folder / "three", "bert", seed=2),
        "two": make_checkpoint(folder / "two", "bert", classes=2, seed=2),
        "none": make_checkpoint(
            folder / "none", "bert", classes=2, seed=2, label2id={"entailment": 0, "rest": 1}
        ),
        "odd": make_checkpoint(folder / "odd", "bert", seed=2, label2id=other),
    }


def load(folder: Path) -> ZeroShotClassifier:
    return ZeroShotClassifier.from_pretrained(folder, engine="numpy", workers=1)


def logits(classifier: ZeroShotClassifier) -> np.ndarray:
    found = list(classifier.score_pairs(PAIRS))
    return np.array([one for one in found if not isinstance(one, GristmillError)], np.float64)


def test_three_classes(folders: dict[str, Path]) -> None:
    with load(folders["three"]) as classifier:
        told: list[int] = []
        found = evaluate_pairs(classifier, PAIRS, TRUTH, progress=told.append)
        names = {place: name for name, place in
                 {"contradiction": 0, "neutral": 1, "entailment": 2}.items()}  # fmt: skip
        said = [names[int(one)] for one in logits(classifier).argmax(axis=1)]
    right = np.mean([one == true for one, true in zip(said, TRUTH, strict=True)])
    assert found.measures.estimates["accuracy"].value == pytest.approx(right)
    assert [one.found for one in found.measures.classes] == [said.count(name) for name in THREE]
    assert (found.labels, found.template, found.notes) == (THREE, None, ())
    assert (found.timing.texts, found.timing.pairs, told[-1]) == (30, 30, 30)


def test_a_set_of_two_classes_sums_what_is_no_entailment(folders: dict[str, Path]) -> None:
    truth = [TWO[n % 2] for n in range(len(PAIRS))]
    with load(folders["three"]) as classifier:
        found = evaluate_pairs(classifier, PAIRS, truth, temperature=2.0)
        sure = softmax(logits(classifier) / 2.0)
    entailed = sure[:, 2] > sure[:, 0] + sure[:, 1]
    right = np.mean(entailed == np.array([one == "entailment" for one in truth]))
    assert found.measures.estimates["accuracy"].value == pytest.approx(right)
    chance = np.where([one == "entailment" for one in truth], sure[:, 2], sure[:, 0] + sure[:, 1])
    assert found.measures.with_temperature.loss == pytest.approx(-np.log(chance).mean())
    assert found.labels == TWO
    assert "summed" in found.notes[0]


def test_a_model_of_two_classes_counts_three_as_two(folders: dict[str, Path]) -> None:
    folded = ["entailment" if one == "entailment" else "not_entailment" for one in TRUTH]
    with load(folders["two"]) as classifier:
        found = evaluate_pairs(classifier, PAIRS, TRUTH)
        plain = evaluate_pairs(classifier, PAIRS, folded)
        said = logits(classifier).argmax(axis=1)
    assert found.labels == TWO
    assert found.measures.estimates == plain.measures.estimates
    assert [one.found for one in found.measures.classes] == [(said == 0).sum(), (said == 1).sum()]
    assert "counted as not_entailment" in found.notes[0]
    assert plain.notes == ()


def test_models_that_lack_a_class(folders: dict[str, Path]) -> None:
    with load(folders["none"]) as classifier, pytest.raises(ModelError, match="no class for contradiction"):
        evaluate_pairs(classifier, PAIRS, TRUTH)
    with load(folders["odd"]) as classifier:  # a third class that is not neutral has no part
        assert evaluate_pairs(classifier, PAIRS, TRUTH).labels == TWO


def test_pairs_that_fail_are_left_out(folders: dict[str, Path]) -> None:
    long = "driver " * 400
    with load(folders["three"]) as classifier:
        found = evaluate_pairs(classifier, [*PAIRS, ("a", long)], [*TRUTH, "neutral"])
        plain = evaluate_pairs(classifier, PAIRS, TRUTH)
        with pytest.raises(TextError, match="none of 1 pairs could be scored; pair 0: the hypothesis"):
            evaluate_pairs(classifier, [("a", long)], ["neutral"])
        with pytest.raises(ValueError, match="neutral"):
            evaluate_pairs(classifier, PAIRS[:2], ["not_entailment", "neutral"])
    assert [place for place, _ in found.failed] == [30]
    assert found.failed[0][1].startswith("the hypothesis")
    assert found.measures.estimates == plain.measures.estimates


def test_margins_of_classes() -> None:
    values = np.array([[1.0, 2.0, 3.0], [0.0, -1.0, 700.0]])
    ids = EntailmentIds(entailment=1, contradiction=0, neutral=2)
    np.testing.assert_array_equal(class_margins(values, ids, THREE), values[:, [1, 2, 0]])
    two = softmax(class_margins(values, ids, TWO))
    np.testing.assert_allclose(
        two[0], [np.exp(2) / np.exp(values[0]).sum(), 1 - np.exp(2) / np.exp(values[0]).sum()]
    )
    assert np.isfinite(two).all()
