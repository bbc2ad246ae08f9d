"""Pairs are tokenised once a text, keyed by their ids, and give the checkpoint's own logits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_models import SENTENCES, make_checkpoint

from gristmill.errors import LabelError
from gristmill.zeroshot import inference as module
from gristmill.zeroshot.engines.choose import choose_engine
from gristmill.zeroshot.inference import Inference
from gristmill.zeroshot.models.load import load_model

HYPOTHESES = ["This example is a bug report.", "This example is a question."]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("inference") / "model", "bert")


@pytest.fixture
def inference(folder: Path) -> Inference:
    model = load_model(folder)
    return Inference(model, choose_engine(model, engine="numpy"))


class Counting:
    """Counts the texts that a tokenizer's method is given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, owner: object, name: str) -> None:
        self.texts: list[str] = []
        real = getattr(owner, name)

        def counted(texts: list[str], **options: int) -> object:
            self.texts += texts
            return real(texts, **options)

        monkeypatch.setattr(owner, name, counted)


def test_a_row_holds_each_premise_with_each_hypothesis(inference: Inference) -> None:
    premises = inference.premises(SENTENCES[:2])
    hypotheses = inference.hypotheses(HYPOTHESES)
    row = inference.pairs(premises, hypotheses)
    assert len(row) == 4
    assert len({row.key(number) for number in range(4)}) == 4
    for number in range(4):
        wanted = inference.encoder.join(premises[number // 2], hypotheses[number % 2].ids)
        found = row.tokens(number)
        assert found[0].tolist() == wanted[0].tolist()
        assert found[1].tolist() == wanted[1].tolist()


def test_equal_pairs_of_different_rows_have_equal_keys(inference: Inference) -> None:
    (premise,) = inference.premises(SENTENCES[:1])
    first, second = inference.hypotheses(HYPOTHESES)
    one = inference.pairs([premise], [first, second])
    other = inference.pairs([premise.copy()], [second])
    assert one.key(1) == other.key(0)
    assert one.key(0) != other.key(0)


def test_the_place_of_the_seam_is_in_the_key(inference: Inference) -> None:
    whole = inference.premises(["a b c d"])[0]
    one, two = inference.hypotheses(["c d", "b c d"])
    assert inference.pairs([whole[:2]], [one]).key(0) != inference.pairs([whole[:1]], [two]).key(0)


def test_a_text_is_tokenised_once(inference: Inference, monkeypatch: pytest.MonkeyPatch) -> None:
    premises = Counting(monkeypatch, inference.encoder, "premises")
    hypotheses = Counting(monkeypatch, inference.encoder, "hypotheses")
    found = inference.premises(["x", "y", "x"])
    assert found[0] is found[2]
    assert premises.texts == ["x", "y"]
    inference.hypotheses([*HYPOTHESES, HYPOTHESES[0]])
    again = inference.hypotheses([HYPOTHESES[1], "another"])
    assert hypotheses.texts == [*HYPOTHESES, "another"]
    assert again[0].ids.tolist() == inference.encoder.hypotheses(HYPOTHESES)[1].tolist()


def test_memory_of_hypotheses_is_bounded(inference: Inference, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HYPOTHESES", 2)
    monkeypatch.setattr(module, "AT_ONCE", 2)
    hypotheses = Counting(monkeypatch, inference.encoder, "hypotheses")
    found = inference.hypotheses(["a", "b", "c", "d", "e"])
    assert len(found) == 5
    inference.hypotheses(["d"])  # used again, so that e is the one to go
    inference.hypotheses(["f"])
    inference.hypotheses(["d"])
    assert hypotheses.texts == ["a", "b", "c", "d", "e", "f"]
    inference.hypotheses(["e"])
    assert hypotheses.texts[-1] == "e"


def test_the_longest_hypothesis_says_how_much_room_there_is(inference: Inference) -> None:
    hypotheses = inference.hypotheses(["a", "a b c"])
    assert inference.room(hypotheses) == inference.encoder.max_tokens - 3 - 3


def test_a_hypothesis_that_is_too_long_is_refused(inference: Inference) -> None:
    with pytest.raises(LabelError, match="shorten the label"):
        inference.hypotheses(["fine", "word " * 200])


def test_logits_are_those_of_the_checkpoint(folder: Path, inference: Inference) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    hypotheses = inference.hypotheses(HYPOTHESES)
    rows = [(inference.pairs([ids], hypotheses), None) for ids in inference.premises(SENTENCES)]
    for (found, _), text in zip(inference.logits(rows), SENTENCES, strict=True):
        batch = tokenizer([text] * 2, HYPOTHESES, return_tensors="pt", padding=True)
        with torch.no_grad():
            wanted = model(**batch).logits.numpy()
        np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_states_are_those_that_the_head_works_on(inference: Inference) -> None:
    from gristmill.zeroshot import head

    row = inference.pairs(inference.premises(SENTENCES[:3]), inference.hypotheses(HYPOTHESES))
    ((states, _),) = inference.states([(row, None)])
    ((logits, _),) = inference.logits([(row, None)])
    assert states.shape == (6, inference.model.encoder.width)
    np.testing.assert_allclose(head.logits(inference.model, states), logits, atol=1e-5)
