"""A temperature is fitted on one half and judged on the other, and refused where it does not carry over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from tiny_models import make_checkpoint

from gristmill.zeroshot import ZeroShotClassifier
from gristmill.zeroshot.evaluation import measure_margins, score
from gristmill.zeroshot.fitting import fit_halves
from gristmill.zeroshot.metrics import Flags
from gristmill.zeroshot.temperature import CalibrationError

LABELS = ["bug report", "feature request", "question"]
WORDS = [
    "driver",
    "crash",
    "screen",
    "resume",
    "export",
    "table",
    "proxy",
    "install",
    "license",
    "politics",
    "sport",
    "text",
    "bug",
    "report",
]


def make_texts(number: int) -> list[str]:
    random = np.random.default_rng(1)
    return [" ".join(random.choice(WORDS, 6)) + f" {n}" for n in range(number)]


def draw(classifier: ZeroShotClassifier, texts: list[str], multi_label: bool, temperature: float) -> Flags:
    """Truth drawn by the scores that the classifier gives under a temperature, so that this one is right."""
    margins, _ = measure_margins(classifier, texts, LABELS, multi_label=multi_label)
    scores = score(margins, multi_label=multi_label, temperature=temperature)
    random = np.random.default_rng(5)
    if multi_label:
        return random.random(scores.shape) < scores
    return np.array([random.multinomial(1, row / row.sum()) for row in scores], bool)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZeroShotClassifier]:
    folder = make_checkpoint(tmp_path_factory.mktemp("fitting") / "model", "distilbert", seed=7, scale=8.0)
    with ZeroShotClassifier.from_pretrained(folder, engine="numpy") as found:
        yield found


@pytest.mark.parametrize("multi_label", [False, True])
def test_an_overconfident_model_is_mended(classifier: ZeroShotClassifier, multi_label: bool) -> None:
    texts = make_texts(700)
    truth = draw(classifier, texts, multi_label, 4.0)
    found = fit_halves(classifier, texts, LABELS, truth, multi_label=multi_label, data="sha256:x")
    assert found.fit.temperature == pytest.approx(4.0, rel=0.3)
    assert found.fit.error_after < 0.6 * found.fit.error_before
    assert found.fit.loss_after < found.fit.loss_before
    assert (found.before.error, found.after.error) == (found.fit.error_before, found.fit.error_after)
    assert found.fit.fitted_texts + found.fit.held_out_texts == 700
    assert (found.fit.labels, found.fit.data, found.fit.precision) == (3, "sha256:x", "float32")
    assert found.fit.template == classifier.hypothesis_template
    found.check()
    again = fit_halves(classifier, texts, LABELS, truth, multi_label=multi_label, data="sha256:x")
    assert again.fit == found.fit
    other = fit_halves(classifier, texts, LABELS, truth, multi_label=multi_label, seed=1)
    assert other.fit.temperature != found.fit.temperature


def test_copies_of_a_text_fall_on_one_side(classifier: ZeroShotClassifier) -> None:
    # One text a hundred times, and others: were copies split, both halves would hold it.
    texts = [*["the same driver"] * 100, *make_texts(60)]
    truth = draw(classifier, texts, False, 4.0)
    found = fit_halves(classifier, texts, LABELS, truth, multi_label=False)
    assert sorted((found.fit.fitted_texts, found.fit.held_out_texts)) == [60, 100] or (
        abs(found.fit.fitted_texts - found.fit.held_out_texts) >= 40
    )


def test_texts_that_cannot_be_classified_are_left_out(classifier: ZeroShotClassifier) -> None:
    texts = make_texts(60)
    truth = draw(classifier, texts, False, 4.0)
    with_bad = [*texts[:10], "\0", *texts[10:]]
    bad_truth = np.insert(truth, 10, truth[0], axis=0)
    found = fit_halves(classifier, with_bad, LABELS, bad_truth, multi_label=False)
    assert [place for place, _ in found.failed] == [10]
    assert found.fit == fit_halves(classifier, texts, LABELS, truth, multi_label=False).fit


def test_too_few_and_worse(classifier: ZeroShotClassifier) -> None:
    texts = make_texts(19)
    truth = draw(classifier, texts, False, 4.0)
    with pytest.raises(CalibrationError, match="19 labelled texts are too few"):
        fit_halves(classifier, texts, LABELS, truth, multi_label=False)
    same = ["the same text"] * 30
    with pytest.raises(CalibrationError, match="different ones"):
        fit_halves(classifier, same, LABELS, draw(classifier, same, False, 4.0), multi_label=False)
    texts = make_texts(60)
    found = fit_halves(classifier, texts, LABELS, draw(classifier, texts, False, 4.0), multi_label=False)
    worse = replace(found, fit=replace(found.fit, loss_after=found.fit.loss_before + 0.01))
    with pytest.raises(CalibrationError, match=r"worse than none.*nothing was saved"):
        worse.check()
