"""Monte-Carlo dropout: seeded, the same in any company, with the moments that dropout has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_models import SENTENCES, make_checkpoint

from gristmill.errors import LabelError, ModelError, TextError
from gristmill.zeroshot import ZeroShotClassifier, head
from gristmill.zeroshot.engines.choose import choose_engine
from gristmill.zeroshot.models.load import load_model
from gristmill.zeroshot.uncertainty import Form, Uncertainty, head_masks, sample_head, summarise, uncertainty

LABELS = ["bug report", "feature request", "question"]
TEXTS = list(SENTENCES[:4])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("uncertainty") / "model", "roberta", seed=5, scale=8.0)


@pytest.fixture(scope="module")
def classifier(folder: Path) -> Iterator[ZeroShotClassifier]:
    with ZeroShotClassifier.from_pretrained(folder, engine="numpy", workers=2) as found:
        yield found


def ask(classifier: ZeroShotClassifier, texts: list[str], **options: Any) -> list[Uncertainty]:
    return list(uncertainty(classifier, texts, LABELS, **options))


def same(left: Uncertainty, right: Uncertainty) -> None:
    for name in ("mean", "deviation", "entropy", "mutual_information"):
        np.testing.assert_allclose(getattr(left, name), getattr(right, name), atol=1e-5)


@pytest.mark.parametrize("form", ["head", "full"])
@pytest.mark.parametrize("multi_label", [False, True])
def test_seeded_and_independent_of_company(
    classifier: ZeroShotClassifier, folder: Path, form: Form, multi_label: bool
) -> None:
    options: dict[str, Any] = {"form": form, "samples": 8, "seed": 3, "multi_label": multi_label}
    together = ask(classifier, TEXTS, **options)
    alone = ask(classifier, TEXTS[2:3], **options)
    same(together[2], alone[0])
    with ZeroShotClassifier.from_pretrained(folder, engine="numpy", workers=1) as other:
        same(ask(other, TEXTS[2:3], **options)[0], alone[0])
    changed = ask(classifier, TEXTS[2:3], **options | {"seed": 4})
    assert np.abs(changed[0].mean - alone[0].mean).max() > 1e-4
    assert (alone[0].deviation > 1e-4).all()


def test_the_mean_nears_the_score_without_dropout_in_logits(folder: Path) -> None:
    # Of a linear output, inverted dropout leaves the expectation as it is.
    model = load_model(folder)
    model = replace(model, head=replace(model.head, dropout_before_dense=0.0, dropout_before_output=0.3))
    states = np.random.default_rng(0).normal(size=(5, model.encoder.width)).astype(np.float32)
    drawn = sample_head(model, states, 4000, seed=1)
    np.testing.assert_allclose(drawn.mean(axis=0), head.logits(model, states), atol=0.35)
    features = head.hidden(model, states)
    weights = model.floats("head.output.weight")
    variance = (0.3 / 0.7) * (features**2) @ (weights**2).T
    np.testing.assert_allclose(drawn.var(axis=0), variance, rtol=0.15)


def test_dropout_before_the_dense_layer_is_on_its_inputs(folder: Path) -> None:
    model = load_model(folder)
    model = replace(model, head=replace(model.head, dropout_before_dense=0.5, dropout_before_output=0.0))
    states = np.random.default_rng(0).normal(size=(2, model.encoder.width)).astype(np.float32)
    dense, output = head_masks(model, 3, seed=9)
    assert set(np.unique(dense)) == {0.0, 2.0}
    assert (output == 1).all()
    drawn = sample_head(model, states, 3, seed=9)
    for mask, one in zip(dense, drawn, strict=True):
        np.testing.assert_allclose(one, head.logits(model, states * mask), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("multi_label", [False, True])
def test_summaries_by_hand(multi_label: bool) -> None:
    scores = np.array([[1.0, 0.0], [0.0, 1.0]])
    found = summarise(("a", "b"), scores, multi_label=multi_label)
    np.testing.assert_allclose(found.mean, [0.5, 0.5])
    np.testing.assert_allclose(found.deviation, [0.5, 0.5])
    # sure each time, and each time of something else: all of the entropy is the model's doubt
    np.testing.assert_allclose(found.entropy, np.log(2))
    np.testing.assert_allclose(found.mutual_information, np.log(2))
    assert found.entropy.shape == ((2,) if multi_label else ())
    alike = summarise(("a", "b"), np.full((3, 2), 0.5), multi_label=multi_label)
    np.testing.assert_allclose(alike.entropy, np.log(2))
    np.testing.assert_allclose(alike.mutual_information, 0, atol=1e-12)


def test_a_temperature_is_applied(classifier: ZeroShotClassifier) -> None:
    plain = ask(classifier, TEXTS[:1], samples=4)[0]
    hot = ask(classifier, TEXTS[:1], samples=4, temperature=1000.0)[0]
    assert hot.entropy > plain.entropy
    np.testing.assert_allclose(hot.mean, 1 / 3, atol=0.01)


def test_the_full_form_sees_more_than_the_head(folder: Path) -> None:
    model = load_model(folder)
    bare = replace(model, head=replace(model.head, dropout_before_dense=0.0, dropout_before_output=0.0))
    with ZeroShotClassifier(bare, choose_engine(bare, engine="numpy")) as classifier:
        with pytest.raises(ModelError, match=r"without dropout in its head.*form='full'"):
            ask(classifier, TEXTS[:1])
        assert (ask(classifier, TEXTS[:1], form="full", samples=6)[0].deviation > 1e-4).all()
    none = replace(bare, encoder=replace(bare.encoder, dropout=0.0, attention_dropout=0.0))
    with (
        ZeroShotClassifier(none, choose_engine(none, engine="numpy")) as classifier,
        pytest.raises(ModelError, match="without dropout in its encoder and head"),
    ):
        ask(classifier, TEXTS[:1], form="full")


@pytest.mark.parametrize("form", ["head", "full"])
def test_a_mean_of_no_dropout_is_the_score(classifier: ZeroShotClassifier, form: Form) -> None:
    model = classifier.model
    faint = replace(
        model,
        head=replace(model.head, dropout_before_dense=0.0, dropout_before_output=1e-9),
        encoder=replace(model.encoder, dropout=0.0, attention_dropout=0.0),
    )
    with ZeroShotClassifier(faint, choose_engine(faint, engine="numpy")) as nearly:
        found = ask(nearly, TEXTS, form=form, samples=2)
    for text, one in zip(TEXTS, found, strict=True):
        wanted = classifier(text, LABELS)
        scores = dict(zip(wanted["labels"], wanted["scores"], strict=True))
        np.testing.assert_allclose(one.mean, [scores[label] for label in LABELS], atol=1e-5)


def test_bad_arguments(classifier: ZeroShotClassifier) -> None:
    for options in ({"form": "half"}, {"samples": 1}, {"samples": 10**6}, {"seed": -1}, {"samples": True}):
        with pytest.raises(LabelError):
            uncertainty(classifier, TEXTS, LABELS, **options)  # type: ignore[arg-type]
    with pytest.raises(LabelError, match="fewer"):
        uncertainty(classifier, TEXTS, [f"label {n}" for n in range(3000)], samples=10_000)
    with pytest.raises(LabelError, match="only label"):
        uncertainty(classifier, TEXTS, LABELS[:1])
    with pytest.raises(TextError, match="in a list"):
        uncertainty(classifier, TEXTS[0], LABELS)
    with pytest.raises(TextError, match="row 1: the text is empty"):
        ask(classifier, [TEXTS[0], " "])
