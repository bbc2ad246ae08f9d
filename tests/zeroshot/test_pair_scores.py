"""Explicit pairs get the logits that the classifier gives them, in order; wrong ones get errors, and nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import pytest
from tiny_models import SENTENCES, make_checkpoint

from gristmill.errors import GristmillError, LabelError, ModelError, TextError
from gristmill.zeroshot import ZeroShotClassifier


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZeroShotClassifier]:
    folder = make_checkpoint(tmp_path_factory.mktemp("pairs") / "model", "bert", seed=4)
    with ZeroShotClassifier.from_pretrained(folder, engine="numpy") as found:
        yield found


def test_logits_are_those_of_one_premise_at_a_time(classifier: ZeroShotClassifier) -> None:
    pairs = [(one, other) for one in SENTENCES[:7] for other in SENTENCES[3:9]]
    found = list(classifier.score_pairs(pairs))
    assert len(found) == len(pairs)
    for (premise, hypothesis), logits in zip(pairs, found, strict=True):
        assert not isinstance(logits, GristmillError)
        wanted = next(classifier.logits([(premise, [hypothesis])]))
        assert logits.shape == (3,)
        np.testing.assert_allclose(logits, wanted[0], atol=1e-5)


def test_wrong_pairs_are_answered_by_errors(classifier: ZeroShotClassifier) -> None:
    long = "driver " * 400
    pairs: list[Any] = [("a", "b"), ("a", 3), (None, "b"), "ab", ("a", "b", "c"), (long, "b"), ("a", long)]
    found = list(classifier.score_pairs([*pairs, ("a", "b")]))
    kinds = [type(one) if isinstance(one, GristmillError) else None for one in found]
    assert kinds == [None, TextError, TextError, TextError, TextError, None, LabelError, None]
    assert [str(found[row]).split(":")[0] for row in (1, 2, 3, 4, 6)] == [
        f"row {row}" for row in (1, 2, 3, 4, 6)
    ]
    np.testing.assert_array_equal(found[0], found[-1])


def test_pairs_are_a_stream(classifier: ZeroShotClassifier) -> None:
    read = 0

    def endless() -> Iterator[tuple[str, str]]:
        nonlocal read
        while True:
            read += 1
            yield f"driver {read % 50}", "a bug"

    found = list(islice(classifier.score_pairs(endless()), 30))
    assert len(found) == 30
    assert read < 50_000
    np.testing.assert_allclose(
        found[0], next(iter(classifier.score_pairs([("driver 1", "a bug")]))), atol=1e-5
    )


def test_values_that_are_no_numbers_name_their_row(
    classifier: ZeroShotClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gristmill.zeroshot import head

    plain = head.logits
    monkeypatch.setattr(head, "logits", lambda model, states: plain(model, states) * np.float32("nan"))
    (found,) = classifier.score_pairs([("a", "b")])
    assert isinstance(found, ModelError)
    assert "row 0" in str(found)
