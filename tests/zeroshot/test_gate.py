from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_models import make_checkpoint

from gristmill.errors import ModelError
from gristmill.zeroshot.models.load import load_model
from gristmill.zeroshot.models.model import Model
from gristmill.zeroshot.quantise.gate import compare_logits, probe_logits
from gristmill.zeroshot.quantise.texts import Texts

PAIRS = (
    ("The new driver crashes on resume.", "This example is a bug."),
    ("The new driver crashes on resume.", "This example is a question."),
    ("Short.", "This example is a bug."),
    ("Short.", "This example is a question."),
)
TEXTS = Texts(PAIRS, 2, "test")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load_model(make_checkpoint(tmp_path_factory.mktemp("model"), "bert"))


def test_equal_logits_have_no_loss() -> None:
    exact = np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32)
    loss = compare_logits(exact, exact, 0, 3)
    assert (loss.logit_error, loss.class_agreement, loss.label_agreement) == (0.0, 1.0, 1.0)
    assert (loss.pairs, loss.texts) == (6, 2)


def test_the_error_is_relative_to_the_spread_around_each_class_mean() -> None:
    exact = np.array([[1.0, 12.0], [3.0, 8.0]], np.float32)  # spread: sqrt((1 + 4) / 2)
    other = exact + np.array([[0.5, -0.5], [0.5, 0.5]], np.float32)
    assert compare_logits(exact, other, 0, 2).logit_error == pytest.approx(0.5 / np.sqrt(2.5))
    shifted = exact + np.array([100.0, -7.0], np.float32)
    assert compare_logits(shifted, shifted, 0, 2).logit_error == 0
    mean = np.broadcast_to(exact.mean(axis=0), exact.shape)
    assert compare_logits(exact, mean, 0, 2).logit_error == pytest.approx(1)


def test_agreement_is_counted_over_pairs_and_over_texts() -> None:
    exact = np.array([[0, 5], [9, 1], [3, 4], [1, 2]], np.float32)
    other = np.array([[0, 5], [9, 1], [1, 4], [2, 1]], np.float32)
    loss = compare_logits(exact, other, 0, 2)
    assert loss.class_agreement == 0.75  # the last pair's class changed
    assert loss.label_agreement == 0.5  # and the second text's best label
    assert compare_logits(exact, other, 1, 2).label_agreement == 1


def test_a_model_that_answers_all_alike_cannot_be_judged() -> None:
    with pytest.raises(ModelError, match="every text of the probe alike"):
        compare_logits(np.ones((4, 3), np.float32), np.zeros((4, 3), np.float32), 0, 2)


def test_logits_are_transformers_own(model: Model) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model.folder)
    theirs = AutoModelForSequenceClassification.from_pretrained(model.folder).eval()
    logits = probe_logits(model, TEXTS)
    for (text, hypothesis), ours in zip(PAIRS, logits, strict=True):
        with torch.inference_mode():
            expected = theirs(**tokenizer(text, hypothesis, return_tensors="pt")).logits[0].numpy()
        assert np.abs(ours - expected).max() < 1e-4


def test_logits_that_are_not_finite_are_refused(model: Model) -> None:
    bias = np.array([np.inf, 0, 0], np.float32)
    broken = replace(model, tensors={**model.tensors, "head.output.bias": bias})
    with pytest.raises(ModelError, match="not finite"):
        probe_logits(broken, TEXTS)


def test_probe_reads_the_folder_it_is_given(model: Model, tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        probe_logits(replace(model, folder=tmp_path), TEXTS)
