"""Margins of labelled texts are those of the scores; decisions and quality follow from them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from tiny_models import SENTENCES, make_checkpoint

from gristmill.zeroshot import ZeroShotClassifier
from gristmill.zeroshot.evaluation import decide, judge, measure_margins, score

LABELS = ["bug report", "feature request", "question"]


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZeroShotClassifier]:
    folder = make_checkpoint(tmp_path_factory.mktemp("evaluation") / "model", "bert", seed=2)
    with ZeroShotClassifier.from_pretrained(folder, engine="numpy") as found:
        yield found


@pytest.mark.parametrize("multi_label", [False, True])
def test_scores_of_margins_are_the_classifiers(classifier: ZeroShotClassifier, multi_label: bool) -> None:
    texts = [*SENTENCES[:4], "", "\0"]
    template = "Das ist {}."
    margins, errors = measure_margins(
        classifier, texts, LABELS, multi_label=multi_label, hypothesis_template=template
    )
    assert np.isnan(margins[4:]).all()
    assert np.isfinite(margins[:4]).all()
    assert list(errors) == [4, 5]
    assert errors[4] == "the text is empty; leave it out"
    scores = score(margins[:4], multi_label=multi_label, temperature=3.0)
    for text, row in zip(texts[:4], scores, strict=True):
        wanted = classifier(
            text, LABELS, multi_label=multi_label, hypothesis_template=template, temperature=3.0
        )
        by_label = dict(zip(wanted["labels"], wanted["scores"], strict=True))
        np.testing.assert_allclose(row, [by_label[label] for label in LABELS], atol=1e-5)


def test_decisions() -> None:
    scores = np.array([[0.4, 0.4, 0.2], [0.1, 0.2, 0.7]])
    assert decide(scores, multi_label=False).tolist() == [[True, False, False], [False, False, True]]
    assert decide(scores, multi_label=True, threshold=0.4).tolist() == [
        [True, True, False],
        [False, False, True],
    ]


def test_quality_by_hand() -> None:
    scores = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
    truth = np.array([[1, 0], [0, 1], [0, 1]], bool)
    single = judge(scores, truth, multi_label=False)
    assert single.accuracy == single.micro_f1 == pytest.approx(2 / 3)
    assert single.macro_f1 == pytest.approx(2 / 3)
    assert single.calibration_error == pytest.approx((0.1 + 0.6 + 0.2) / 3)
    several = judge(scores, truth, multi_label=True, threshold=0.3, bins=1)
    assert several.accuracy == pytest.approx(2 / 3)
    assert several.micro_f1 == pytest.approx(2 * 3 / (3 + 4))
    assert several.calibration_error == pytest.approx(0)
