"""Against transformers' own zero-shot pipeline: the same labels, scores and tokens, for every architecture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tiny_models import FAMILIES, SENTENCES, make_checkpoint

from gristmill.zeroshot import ZeroShotClassifier
from gristmill.zeroshot.results import Result

LABELS = ["bug report", "feature request", "question", "politics, sport", "数据 und Größe"]
ORDERS = {
    "typeform": {"ENTAILMENT": 0, "NEUTRAL": 1, "CONTRADICTION": 2},
    "facebook": {"contradiction": 0, "neutral": 1, "entailment": 2},
    "two-way": {"entailment": 0, "not_entailment": 1},
}
LONG = " ".join(SENTENCES * 3)


class Both:
    """A checkpoint as our classifier and as the pipeline."""

    def __init__(self, folder: Path) -> None:
        from transformers import pipeline

        self.ours = ZeroShotClassifier.from_pretrained(folder, engine="numpy")
        self.theirs: Any = pipeline("zero-shot-classification", model=str(folder), device="cpu")

    def agree(self, sequences: Any, labels: Any, **options: Any) -> None:
        ours, theirs = self.ours(sequences, labels, **options), self.theirs(sequences, labels, **options)
        if isinstance(sequences, str):
            ours, theirs = [ours], [theirs]
        assert isinstance(ours, list)
        assert len(ours) == len(theirs)
        for mine, other in zip(ours, theirs, strict=True):
            same(mine, other)


def same(mine: Result, other: dict[str, Any]) -> None:
    assert set(mine) == set(other) == {"sequence", "labels", "scores"}
    assert mine["sequence"] == other["sequence"]
    assert sorted(mine["labels"]) == sorted(other["labels"])
    wanted = dict(zip(other["labels"], other["scores"], strict=True))
    # By label: two scores that differ by rounding alone may change places.
    np.testing.assert_allclose(mine["scores"], [wanted[label] for label in mine["labels"]], atol=1e-4, rtol=0)
    assert mine["scores"] == sorted(mine["scores"], reverse=True)
    assert all(type(score) is float for score in mine["scores"])


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("parity")


@pytest.fixture(scope="module", params=FAMILIES)
def both(request: pytest.FixtureRequest, root: Path) -> Both:
    return Both(make_checkpoint(root / request.param, request.param, seed=3))


@pytest.mark.parametrize("multi_label", [False, True])
def test_a_batch_of_texts(both: Both, multi_label: bool) -> None:
    both.agree(list(SENTENCES), LABELS, multi_label=multi_label)


@pytest.mark.parametrize("multi_label", [False, True])
def test_one_text_and_labels_in_a_string(both: Both, multi_label: bool) -> None:
    both.agree(SENTENCES[0], "bug report, feature request,question ,", multi_label=multi_label)


def test_a_template_of_the_callers(both: Both) -> None:
    both.agree(list(SENTENCES[:4]), LABELS, hypothesis_template="Ist das {0}? Ja: {0}")


@pytest.mark.parametrize("multi_label", [False, True])
def test_texts_that_are_cut_off(both: Both, multi_label: bool) -> None:
    both.agree([LONG, "word " * 500, "x" * 3000, SENTENCES[1]], LABELS, multi_label=multi_label)


def test_one_label_with_multi_label(both: Both) -> None:
    both.agree(list(SENTENCES[:3]), ["question"], multi_label=True)


def test_the_tokens_are_the_same(both: Both) -> None:
    inference = both.ours._inference
    for text in (*SENTENCES, LONG):
        for label in LABELS:
            hypothesis = f"This example is {label}."
            wanted = both.theirs._parse_and_tokenize([[text, hypothesis]])
            row = inference.pairs(inference.premises([text]), inference.hypotheses([hypothesis]))
            ids, types = row.tokens(0)
            assert ids.tolist() == wanted["input_ids"][0].tolist()
            if both.ours.model.encoder.token_types > 1:  # else the model takes no types
                assert types.tolist() == wanted["token_type_ids"][0].tolist()


@given(
    texts=st.lists(
        st.text(min_size=1, max_size=60).filter(lambda text: text.strip() and text.isprintable()),
        min_size=1,
        max_size=3,
    ),
    multi_label=st.booleans(),
)
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_texts_of_any_letters(both: Both, texts: list[str], multi_label: bool) -> None:
    # A text of which no token is left is refused, where the pipeline classifies nothing.
    assume(all(len(ids) for ids in both.ours._inference.premises(texts)))
    both.agree(texts, LABELS[:3], multi_label=multi_label)


@pytest.mark.parametrize("order", ORDERS)
def test_the_order_of_the_models_classes(root: Path, order: str) -> None:
    folder = make_checkpoint(
        root / order, "distilbert", classes=len(ORDERS[order]), label2id=ORDERS[order], seed=5
    )
    both = Both(folder)
    both.agree(list(SENTENCES[:5]), LABELS)
    both.agree(list(SENTENCES[:5]), LABELS, multi_label=True)


def test_where_the_pipeline_guesses_contradiction_by_its_place_we_do_not(root: Path) -> None:
    order = {"neutral": 0, "contradiction": 1, "entailment": 2}
    both = Both(make_checkpoint(root / "odd", "bert", label2id=order, seed=6))
    both.agree(list(SENTENCES[:5]), LABELS)
    mine = both.ours(SENTENCES[0], LABELS, multi_label=True, return_logits=True)
    theirs = both.theirs(SENTENCES[0], LABELS, multi_label=True)
    for score, (_, contradiction, entailment) in zip(mine["scores"], mine["logits"], strict=True):
        assert score == pytest.approx(1 / (1 + np.exp(contradiction - entailment)), rel=1e-6)
    wanted = dict(zip(theirs["labels"], theirs["scores"], strict=True))
    assert (
        max(abs(wanted[name] - score) for name, score in zip(mine["labels"], mine["scores"], strict=True))
        > 0.01
    )


def test_scores_do_not_depend_on_what_else_is_in_the_batch(both: Both) -> None:
    together = both.ours([*SENTENCES, LONG], LABELS)
    for result in together:
        alone = both.ours(result["sequence"], LABELS)
        assert alone["labels"] == result["labels"]
        np.testing.assert_allclose(alone["scores"], result["scores"], atol=1e-5, rtol=0)
