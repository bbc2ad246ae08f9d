"""Evaluating texts: the same answers as the classifier's, bad texts left out, the stored temperature applied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from tiny_models import SENTENCES, make_checkpoint

from gristmill.errors import TextError
from gristmill.zeroshot import ZeroShotClassifier
from gristmill.zeroshot.calibration import Calibration, Fit
from gristmill.zeroshot.evaluate.outcome import Temperature
from gristmill.zeroshot.evaluate.texts import evaluate_texts
from gristmill.zeroshot.evaluation import judge, measure_margins, score

LABELS = ["bug report", "feature request", "question"]
TEXTS = [*SENTENCES[:9], "\0", *SENTENCES[9:]]
PLACES = [n % 3 for n in range(len(TEXTS))]
TRUTH = np.array(PLACES)[:, None] == np.arange(3)
FIT = Fit(2.5, "sha256:0", 10, 10, 3, "t", 0, "float32", 15, 0.1, 0.05, 1.0, 0.9)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZeroShotClassifier]:
    folder = make_checkpoint(tmp_path_factory.mktemp("texts") / "model", "bert", seed=2)
    with ZeroShotClassifier.from_pretrained(folder, engine="numpy", workers=1) as found:
        yield found


def test_answers_are_the_classifiers(classifier: ZeroShotClassifier) -> None:
    told: list[int] = []
    found = evaluate_texts(classifier, TEXTS, LABELS, TRUTH, progress=told.append)
    assert told == list(range(1, len(TEXTS) + 1))
    assert [place for place, _ in found.failed] == [9]
    good = [n for n in range(len(TEXTS)) if n != 9]
    said = [classifier(TEXTS[n], LABELS)["labels"][0] for n in good]
    right = [LABELS[PLACES[n]] == one for n, one in zip(good, said, strict=True)]
    assert found.measures.estimates["accuracy"].value == pytest.approx(np.mean(right))
    assert [one.found for one in found.measures.classes] == [said.count(label) for label in LABELS]
    assert (found.task, found.template, found.threshold) == ("classification", "This example is {}.", None)
    assert (found.timing.texts, found.timing.pairs, found.timing.workers) == (len(good), 3 * len(good), 1)
    assert found.timing.rates()["pairs_per_second"] == pytest.approx(
        3 * found.timing.rates()["texts_per_second"]
    )
    again = evaluate_texts(classifier, TEXTS, LABELS, TRUTH)
    assert again.measures.estimates == found.measures.estimates
    assert again.measures.classes == found.measures.classes


def test_words_are_what_the_model_is_shown(classifier: ZeroShotClassifier) -> None:
    words = ["sport", "politics", "the economy"]
    found = evaluate_texts(
        classifier, SENTENCES, LABELS, TRUTH[:13], words=words, hypothesis_template="It is about {}."
    )
    plain = evaluate_texts(classifier, SENTENCES, words, TRUTH[:13], hypothesis_template="It is about {}.")
    assert found.labels == tuple(LABELS)
    assert found.measures.estimates == plain.measures.estimates
    assert found.template == "It is about {}."
    other = evaluate_texts(classifier, SENTENCES, LABELS, TRUTH[:13])
    assert found.measures.without.loss != other.measures.without.loss


def test_several_labels_and_a_threshold(classifier: ZeroShotClassifier) -> None:
    truth = TRUTH[:13] | np.roll(TRUTH[:13], 1, axis=1)
    found = evaluate_texts(classifier, SENTENCES, LABELS, truth, multi_label=True, threshold=0.3)
    margins, _ = measure_margins(classifier, SENTENCES, LABELS, multi_label=True)
    quality = judge(score(margins, multi_label=True), truth, multi_label=True, threshold=0.3)
    assert found.measures.estimates["subset_accuracy"].value == quality.accuracy
    assert found.measures.estimates["macro_f1"].value == pytest.approx(quality.macro_f1)
    assert found.measures.without.error == pytest.approx(quality.calibration_error)
    assert (found.task, found.threshold) == ("multi_label", 0.3)


def test_the_stored_temperature_is_that_of_the_question(
    classifier: ZeroShotClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = Calibration("r", "sha256:0", {"single": FIT, "multi": replace(FIT, temperature=4.0)})
    monkeypatch.setattr(classifier, "_calibration", stored)
    found = evaluate_texts(classifier, SENTENCES, LABELS, TRUTH[:13])
    assert found.temperature == Temperature(2.5, "stored")
    assert found.measures.with_temperature.temperature == 2.5
    assert found.measures.with_temperature.loss != found.measures.without.loss
    several = evaluate_texts(classifier, SENTENCES, LABELS, TRUTH[:13], multi_label=True)
    assert several.temperature == Temperature(4.0, "stored")
    given = evaluate_texts(classifier, SENTENCES, LABELS, TRUTH[:13], temperature=1.5)
    assert given.temperature == Temperature(1.5, "given")
    monkeypatch.setattr(classifier, "_calibration", Calibration("r", "sha256:0", {"multi": FIT}))
    assert evaluate_texts(classifier, SENTENCES, LABELS, TRUTH[:13]).temperature == Temperature(1.0, "none")


def test_no_text_that_can_be_classified(classifier: ZeroShotClassifier) -> None:
    with pytest.raises(TextError, match="none of 2 texts could be classified; text 0"):
        evaluate_texts(classifier, ["\0", " "], LABELS, TRUTH[:2])
