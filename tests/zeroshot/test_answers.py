"""Rows that go wrong are answered by their error, and the others as if it were not there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_models import SENTENCES, make_checkpoint

from gristmill.errors import LabelError, MissingExtraError, ModelError, TextError
from gristmill.zeroshot import ZeroShotClassifier, answers, language
from gristmill.zeroshot.contextual import CONTENT_FREE, correct_margins
from gristmill.zeroshot.engines.choose import choose_engine
from gristmill.zeroshot.models.load import load_model
from gristmill.zeroshot.scores import margins, probabilities

LABELS = ["bug report", "feature request", "question"]
LETTERS = "abcdefghijklmnopqrstuvwxyz"
DOCUMENT = [LETTERS[number * number % 26] for number in range(300)]
"""300 words of a token each."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("answers") / "model", "bert", seed=4)


@pytest.fixture(scope="module")
def classifier(folder: Path) -> Iterator[ZeroShotClassifier]:
    with ZeroShotClassifier.from_pretrained(folder, engine="numpy") as found:
        yield found


def test_bad_rows_are_reported_and_the_others_answered(classifier: ZeroShotClassifier) -> None:
    texts = [SENTENCES[0], "", None, SENTENCES[1], b"x", " \n", "\0\x01", SENTENCES[2]]
    results = classifier(texts, LABELS)  # type: ignore[arg-type]
    errors = [result.get("error", "") for result in results]
    assert [bool(error) for error in errors] == [False, True, True, False, True, True, True, False]
    assert errors[1] == "row 1: the text is empty; leave it out"
    assert errors[2] == "row 2: a text must be a string, not NoneType"
    assert errors[6] == "row 6: the text has no letters that the model's tokenizer knows of"
    good = classifier([SENTENCES[0], SENTENCES[1], SENTENCES[2]], LABELS)
    for result, wanted in zip([results[0], results[3], results[7]], good, strict=True):
        assert result["labels"] == wanted["labels"]
        np.testing.assert_allclose(result["scores"], wanted["scores"], atol=1e-5)


@pytest.mark.parametrize("text", ["", " ", "\0"])
def test_a_bad_text_by_itself_raises(classifier: ZeroShotClassifier, text: str) -> None:
    with pytest.raises(TextError, match=r"^the text"):
        classifier(text, LABELS)


def test_each_text_may_have_labels_of_its_own(classifier: ZeroShotClassifier) -> None:
    sets = [LABELS, ["sport", "politics"], LABELS[:1], [], ["word " * 200, "x"], ["a", "b", "c", "d"]]
    results = classifier(list(SENTENCES[:6]), sets)
    for number in (0, 1, 5):
        wanted = classifier(SENTENCES[number], sets[number])
        assert results[number]["labels"] == wanted["labels"]
        np.testing.assert_allclose(results[number]["scores"], wanted["scores"], atol=1e-5)
    assert "row 2: 'bug report' is the only label" in results[2]["error"]
    assert "row 3: there are no candidate labels" in results[3]["error"]
    assert "row 4: the hypothesis" in results[4]["error"]
    assert classifier([SENTENCES[0]], [LABELS[:1]], multi_label=True)[0]["labels"] == LABELS[:1]


def test_label_sets_may_come_as_a_stream(classifier: ZeroShotClassifier) -> None:
    sets = (LABELS[: 2 + number % 2] for number in range(200))
    found = list(classifier((SENTENCES[number % 13] for number in range(200)), sets))
    assert [len(result["labels"]) for result in found] == [2, 3] * 100
    assert [result["sequence"] for result in found] == [SENTENCES[number % 13] for number in range(200)]


@pytest.mark.parametrize("multi_label", [False, True])
@pytest.mark.parametrize("how", ["max", "mean"])
def test_windows_are_pooled_label_by_label(
    classifier: ZeroShotClassifier, how: str, multi_label: bool
) -> None:
    hypotheses = [f"This example is {label}." for label in LABELS]
    room = classifier._inference.room(classifier._inference.hypotheses(hypotheses))
    starts = [*range(0, 300 - room, 20), 300 - room]
    parts = [" ".join(DOCUMENT[start : start + room]) for start in starts]
    by_window = np.stack(list(classifier.logits((part, hypotheses) for part in parts)))
    lead = margins(by_window, classifier.ids, multi_label=multi_label)
    if how == "max":
        pooled = lead.max(axis=0)
    else:
        pooled = margins(by_window.mean(axis=0), classifier.ids, multi_label=multi_label)
    scores = probabilities(pooled, multi_label=multi_label)
    result = classifier(
        " ".join(DOCUMENT),
        LABELS,
        windows=how,
        window_stride=20,
        multi_label=multi_label,  # type: ignore[arg-type]
    )
    wanted = dict(zip(LABELS, scores.tolist(), strict=True))
    assert dict(zip(result["labels"], result["scores"], strict=True)) == pytest.approx(wanted, abs=1e-5)
    cut_off = classifier(" ".join(DOCUMENT), LABELS, multi_label=multi_label)
    assert (
        max(
            abs(wanted[label] - score)
            for label, score in zip(cut_off["labels"], cut_off["scores"], strict=True)
        )
        > 1e-3
    )


def test_windows_change_nothing_for_a_text_that_fits(classifier: ZeroShotClassifier) -> None:
    for how in ("max", "mean"):
        found = classifier(SENTENCES[0], LABELS, windows=how)  # type: ignore[arg-type]
        assert found["scores"] == pytest.approx(classifier(SENTENCES[0], LABELS)["scores"], abs=1e-6)


def test_texts_of_too_many_windows_or_pairs_are_bad_rows(
    classifier: ZeroShotClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = "a b c d e f g h " * 20_000
    ok, bad = classifier([SENTENCES[0], long], LABELS, windows="max")
    assert "error" not in ok
    assert bad["error"].startswith("row 1: the text has more than 1024 windows")
    monkeypatch.setattr(answers, "PAIRS", 8)
    ok, bad = classifier([SENTENCES[0], " ".join(DOCUMENT)], LABELS, windows="max")
    assert "error" not in ok
    assert "windows by 3 labels are more than 8 pairs" in bad["error"]


def test_a_stride_that_is_too_long_names_the_room(classifier: ZeroShotClassifier) -> None:
    with pytest.raises(LabelError, match="use a stride from 1 to"):
        classifier(" ".join(DOCUMENT), LABELS, windows="max", window_stride=126)


def test_contextual_correction_uses_the_model_on_texts_without_content(
    classifier: ZeroShotClassifier,
) -> None:
    hypotheses = [f"This example is {label}." for label in LABELS]
    for multi_label in (False, True):
        found = classifier(SENTENCES[0], LABELS, contextual=True, multi_label=multi_label)
        own, *free = [
            margins(logits, classifier.ids, multi_label=multi_label)
            for logits in classifier.logits((text, hypotheses) for text in (SENTENCES[0], *CONTENT_FREE))
        ]
        corrected = correct_margins(own, np.stack(free), multi_label=multi_label)
        wanted = dict(zip(LABELS, probabilities(corrected, multi_label=multi_label), strict=True))
        assert dict(zip(found["labels"], found["scores"], strict=True)) == pytest.approx(wanted, abs=1e-5)
        plain = classifier(SENTENCES[0], LABELS, multi_label=multi_label)
        assert found["scores"] != pytest.approx(plain["scores"], abs=1e-3)


def test_a_tree_asks_each_level_as_a_flat_list(classifier: ZeroShotClassifier) -> None:
    tree = {"software": ["bug report", "question"], "world": {"politics": {}, "sport": {}}}
    texts = [SENTENCES[0], "", " ".join(DOCUMENT), SENTENCES[6]]
    results = classifier(texts, tree, windows="mean")
    assert results[1]["error"] == "row 1: the text is empty; leave it out"
    for text, result in zip(texts, results, strict=True):
        if not text:
            continue
        top = classifier(text, ["software", "world"], windows="mean")
        below = classifier(text, list(tree[top["labels"][0]]), windows="mean")
        assert result["paths"] == [[top["labels"][0], below["labels"][0]]]
        assert result["scores"] == [pytest.approx(top["scores"][0] * below["scores"][0], abs=1e-5)]
        assert result["levels"][1]["path"] == [top["labels"][0]]
        assert result["levels"][1]["scores"] == pytest.approx(below["scores"], abs=1e-5)


def test_labels_of_a_tree_that_are_too_long_end_only_walks_that_reach_them(
    classifier: ZeroShotClassifier,
) -> None:
    with pytest.raises(LabelError, match="shorten the label"):
        classifier(SENTENCES[0], {"word " * 200: {}, "b": {}})
    (row,) = classifier([SENTENCES[0]], {"word " * 200: {}, "b": {}})
    assert row["error"].startswith("row 0: the hypothesis")


def test_what_is_wrong_with_the_installation_is_no_bad_row(
    classifier: ZeroShotClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(text: str) -> str:
        raise MissingExtraError("install gristmill[languages]")

    monkeypatch.setattr(language, "detect_language", missing)
    with pytest.raises(MissingExtraError, match="languages"):
        classifier([SENTENCES[0]], LABELS, language="auto")


def broken(folder: Path, value: float) -> ZeroShotClassifier:
    model = load_model(folder)
    bias = model.floats("head.output.bias").copy()
    bias[0] = value
    model = replace(model, tensors={**model.tensors, "head.output.bias": bias})
    return ZeroShotClassifier(model, choose_engine(model, engine="numpy"))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite_are_an_error_that_names_the_row(folder: Path, value: float) -> None:
    classifier = broken(folder, value)
    with pytest.raises(ModelError, match="a value that is not finite on engine"):
        classifier(SENTENCES[0], LABELS)
    results = classifier([SENTENCES[0], SENTENCES[1]], LABELS)
    assert [result["error"].partition(":")[0] for result in results] == ["row 0", "row 1"]
    with pytest.raises(ModelError, match=r"^row 0: "):
        next(classifier.logits([(SENTENCES[0], ["a hypothesis"])]))
    (walked,) = classifier([SENTENCES[0]], {"a": {}, "b": {}})
    assert walked["error"].startswith("row 0: ")
