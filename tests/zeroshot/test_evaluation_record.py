"""evaluation.json: every row is accounted for, measures are rounded, and where a folder lies is not told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from tiny_models import SENTENCES, make_checkpoint

from gristmill.zeroshot import ZeroShotClassifier
from gristmill.zeroshot.evaluate import record
from gristmill.zeroshot.evaluate.outcome import Outcome
from gristmill.zeroshot.evaluate.record import Data, encode, evaluation, made_from
from gristmill.zeroshot.evaluate.texts import evaluate_texts
from gristmill.zeroshot.models.folder import digest, find_files

LABELS = ["a\ud800", "b", "c"]
TRUTH = (np.arange(14) % 3)[:, None] == np.arange(3)
DATA = Data(
    "set", "set.jsonl", "sha256:1", 30, 14, ((3, "bad"), (9, "bad"), (4, "worse")), no_gold=2, limit=14
)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZeroShotClassifier]:
    folder = make_checkpoint(tmp_path_factory.mktemp("record") / "model", "bert", seed=2)
    with ZeroShotClassifier.from_pretrained(folder, engine="numpy", workers=1) as found:
        yield found


@pytest.fixture(scope="module")
def outcome(classifier: ZeroShotClassifier) -> Outcome:
    return evaluate_texts(classifier, [*SENTENCES, "\0"], LABELS, TRUTH)


def test_every_row_is_accounted_for(classifier: ZeroShotClassifier, outcome: Outcome) -> None:
    found = evaluation(outcome, DATA, classifier)["data"]
    assert found["used"] + sum(one["rows"] for one in found["left_out"]) == found["rows"] == 30
    assert found["left_out"][0] == {"reason": "bad", "rows": 2}
    by_reason = {one["reason"]: one["rows"] for one in found["left_out"]}
    assert (by_reason["no true class"], by_reason["not in the sample"], by_reason["worse"]) == (2, 11, 1)
    assert found["sample"] == {"limit": 14, "seed": 0}


def test_many_reasons_are_counted_together(
    classifier: ZeroShotClassifier, outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "LISTED", 1)
    left_out = evaluation(outcome, DATA, classifier)["data"]["left_out"]
    assert left_out[:2] == [{"reason": "bad", "rows": 2}, {"reason": "other reasons", "rows": 2}]


def test_the_model_is_named_without_its_place(classifier: ZeroShotClassifier, outcome: Outcome) -> None:
    found = evaluation(outcome, DATA, classifier)
    folder = classifier.model.folder
    assert found["model"]["name"] == "model"
    assert found["model"]["digest"] == digest(find_files(folder))
    assert found["model"]["made_from"] is None
    assert str(folder.parent) not in json.dumps(found)


def test_numbers_are_rounded_and_text_can_be_written(
    classifier: ZeroShotClassifier, outcome: Outcome
) -> None:
    values = evaluation(outcome, DATA, classifier)
    read = json.loads(encode(values))
    assert read["classes"][0]["label"] == "a\ud800"
    assert read == json.loads(json.dumps(values))

    def numbers(value: Any) -> Iterator[float]:
        if isinstance(value, float):
            yield value
        elif isinstance(value, dict | list):
            for one in value.values() if isinstance(value, dict) else value:
                yield from numbers(one)

    found = list(numbers(values["measures"]))
    assert found
    assert all(one == round(one, 6) for one in found)


def test_many_labels_have_no_dense_matrix(
    classifier: ZeroShotClassifier, outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = evaluation(outcome, DATA, classifier)
    assert sum(map(sum, whole["confusion"]["counts"])) == whole["data"]["used"]
    monkeypatch.setattr(record, "DENSE", 2)
    found = evaluation(outcome, DATA, classifier)
    assert found["confusion"] is None
    assert found["confusions"] == whole["confusions"]


def test_the_original_of_a_quantised_model(tmp_path: Any) -> None:
    assert made_from(tmp_path) is None
    path = tmp_path / "quantisation.json"
    path.write_text('{"model": "maker/one", "revision": "sha256:1", "loss": 3}')
    assert made_from(tmp_path) == {"name": "maker/one", "revision": "sha256:1"}
    for text in ("{", '{"model": 3, "revision": "x"}', "{}"):
        path.write_text(text)
        assert made_from(tmp_path) is None
