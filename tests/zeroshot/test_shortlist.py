"""A shortlist keeps the labels nearest to a text, and says what it cut."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_models import SENTENCES, make_checkpoint

from gristmill.errors import LabelError, ModelError
from gristmill.zeroshot import Shortlist, ZeroShotClassifier

LABELS = ["bug report", "feature request", "question", "licence", "code", "politics", "sport"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shortlist")
    make_checkpoint(root / "sentences", "bert", classes=0, seed=1)
    make_checkpoint(root / "nli", "bert", seed=2)
    return root


@pytest.fixture(scope="module")
def shortlist(root: Path) -> Iterator[Shortlist]:
    found = Shortlist.load(root / "sentences", keep=3, engine="numpy")
    yield found
    found.close()


@pytest.fixture(scope="module")
def classifier(root: Path) -> Iterator[ZeroShotClassifier]:
    with ZeroShotClassifier.from_pretrained(root / "nli", engine="numpy") as found:
        yield found


def test_embeddings_are_the_normalised_mean_over_tokens(root: Path, shortlist: Shortlist) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(root / "sentences")
    model = AutoModel.from_pretrained(root / "sentences").eval()
    found = shortlist.embed(SENTENCES)
    for text, vector in zip(SENTENCES, found, strict=True):
        with torch.no_grad():
            states = model(**tokenizer(text, return_tensors="pt", truncation=True)).last_hidden_state[0]
        mean = states.mean(dim=0).numpy()
        np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-5)
    assert shortlist.embed([]).shape == (0, found.shape[1])


def test_the_nearest_labels_are_kept_in_their_own_order(shortlist: Shortlist) -> None:
    vectors = shortlist.embed(LABELS)
    for text, choice in zip(SENTENCES, shortlist.choose(SENTENCES, LABELS), strict=True):
        similarities = vectors @ shortlist.embed([text])[0]
        order = np.argsort(-similarities, kind="stable")
        assert choice.kept == tuple(sorted(order[:3].tolist()))
        assert choice.cut == tuple(order[3:].tolist())
        np.testing.assert_allclose(choice.similarities, similarities, atol=1e-5)


def test_the_result_is_that_of_the_kept_labels_and_names_the_others(
    classifier: ZeroShotClassifier, shortlist: Shortlist
) -> None:
    results = classifier(list(SENTENCES), LABELS, shortlist=shortlist)
    for text, result, choice in zip(SENTENCES, results, shortlist.choose(SENTENCES, LABELS), strict=True):
        kept = [LABELS[place] for place in choice.kept]
        wanted = classifier(text, kept)
        assert result["labels"] == wanted["labels"]
        np.testing.assert_allclose(result["scores"], wanted["scores"], atol=1e-5)
        assert result["cut"] == [LABELS[place] for place in choice.cut]
        assert sorted(result["cut"] + result["labels"]) == sorted(LABELS)
        similarities = dict(zip(LABELS, choice.similarities.tolist(), strict=True))
        found = dict(
            zip(
                result["labels"] + result["cut"],
                result["kept_similarities"] + result["cut_similarities"],
                strict=True,
            )
        )
        assert found == pytest.approx(similarities)
        assert min(result["kept_similarities"]) >= max(result["cut_similarities"])


def test_texts_with_labels_of_their_own_and_bad_rows(
    classifier: ZeroShotClassifier, shortlist: Shortlist
) -> None:
    sets = [LABELS[:5], LABELS[:2], [], LABELS[2:], LABELS]
    texts = [SENTENCES[0], SENTENCES[1], SENTENCES[2], "", SENTENCES[4]]
    results = classifier(texts, sets, shortlist=shortlist)
    assert [len(result["labels"]) for result in results] == [3, 2, 0, 0, 3]
    assert ["error" in result for result in results] == [False, False, True, True, False]
    assert results[1]["cut"] == []
    alone = classifier(SENTENCES[4], LABELS, shortlist=shortlist)
    assert results[4]["labels"] == alone["labels"]
    assert results[4]["cut"] == alone["cut"]


def test_a_shortlist_of_none_or_of_one_is_refused(root: Path, classifier: ZeroShotClassifier) -> None:
    with pytest.raises(LabelError, match="keep=0"):
        Shortlist.load(root / "sentences", keep=0, engine="numpy")
    one = Shortlist.load(root / "sentences", keep=1, engine="numpy")
    with pytest.raises(LabelError, match="keep=2 or more"):
        classifier(SENTENCES[0], LABELS, shortlist=one)
    assert len(classifier(SENTENCES[0], LABELS, shortlist=one, multi_label=True)["labels"]) == 1


def test_a_tree_takes_no_shortlist(classifier: ZeroShotClassifier, shortlist: Shortlist) -> None:
    with pytest.raises(LabelError, match="flat list"):
        classifier(SENTENCES[0], {"a": ["b"]}, shortlist=shortlist)


def test_embeddings_that_are_not_finite_are_refused(root: Path) -> None:
    from gristmill.zeroshot.engines.choose import choose_engine
    from gristmill.zeroshot.models.load import load_model

    model = load_model(root / "sentences", classifier=False)
    bias = np.full_like(model.floats("layers.1.norm.bias"), np.nan)
    broken = replace(model, tensors={**model.tensors, "layers.1.norm.bias": bias})
    shortlist = Shortlist(broken, choose_engine(broken, engine="numpy", pooling="mean"))
    with pytest.raises(ModelError, match="the embedding of 'bug report' is not finite"):
        list(shortlist.choose(["x"], LABELS))
