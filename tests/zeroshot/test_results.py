"""Results have the pipeline's fields, ranked, and others only if they were asked for."""

from __future__ import annotations

import numpy as np
import pytest

from gristmill.errors import TextError
from gristmill.zeroshot.options import Options
from gristmill.zeroshot.results import error_result, ranked_result

LABELS = ("a", "b", "c")
LOGITS = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], np.float32)
SCORES = np.array([0.25, 0.5, 0.25])


def test_labels_are_ranked_and_scores_are_plain_floats() -> None:
    result, places = ranked_result("x", LABELS, LOGITS, SCORES, Options())
    assert result == {"sequence": "x", "labels": ["b", "a", "c"], "scores": [0.5, 0.25, 0.25]}
    assert all(type(score) is float for score in result["scores"])
    assert places == [1, 0, 2]


def test_logits_and_probabilities_follow_the_labels() -> None:
    result, _ = ranked_result(
        "x", LABELS, LOGITS, SCORES, Options(return_logits=True, return_probabilities=True)
    )
    assert result["logits"] == [[4, 5, 6], [1, 2, 3], [7, 8, 9]]
    powers = np.exp([0.0, 1.0, 2.0])
    np.testing.assert_allclose(result["probabilities"], [powers / powers.sum()] * 3)


def test_a_threshold_keeps_what_reaches_it() -> None:
    result, places = ranked_result(
        "x", LABELS, LOGITS, SCORES, Options(threshold=0.5, none_label="none", return_logits=True)
    )
    assert (result["labels"], result["scores"], result["logits"]) == (["b"], [0.5], [[4, 5, 6]])
    assert not result["abstained"]
    assert places == [1]


@pytest.mark.parametrize(
    ("none_label", "labels", "scores"), [(None, [], []), ("none of these", ["none of these"], [0.75])]
)
def test_below_the_threshold_it_abstains(
    none_label: str | None, labels: list[str], scores: list[float]
) -> None:
    options = Options(threshold=0.6, none_label=none_label, return_logits=True, return_probabilities=True)
    result, places = ranked_result("x", LABELS, LOGITS, np.array([0.25, 0.125, 0.125]), options)
    assert result == {
        "sequence": "x",
        "labels": labels,
        "scores": scores,
        "abstained": True,
        "logits": [],
        "probabilities": [],
    }
    assert places == []


def test_an_error_stands_where_the_result_would() -> None:
    assert error_result("", TextError("row 1: empty")) == {
        "sequence": "",
        "labels": [],
        "scores": [],
        "error": "row 1: empty",
    }
    assert error_result(None, TextError("no"))["sequence"] == "None"
    assert len(error_result(["x" * 1000], TextError("no"))["sequence"]) == 200
