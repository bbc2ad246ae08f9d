"""The results that the classifier gives, made from the logits of a text's labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NotRequired, TypedDict

import numpy as np

from gristmill.errors import GristmillError
from gristmill.zeroshot.models.model import Floats
from gristmill.zeroshot.options import Options
from gristmill.zeroshot.scores import Doubles, ranking, softmax


class Level(TypedDict):
    """One question on the way down a tree: the labels under a path, ranked."""

    path: list[str]
    labels: list[str]
    scores: list[float]


class Result(TypedDict):
    """A text's labels with their scores, highest first; fields below ``scores`` are there if asked for."""

    sequence: str
    labels: list[str]
    scores: list[float]
    logits: NotRequired[list[list[float]]]
    """Of each label, in the order of ``labels`` and of the model's classes."""
    probabilities: NotRequired[list[list[float]]]
    """Softmax of ``logits`` over the classes."""
    abstained: NotRequired[bool]
    """With a threshold: whether no label reached it."""
    cut: NotRequired[list[str]]
    """With a shortlist: labels that were not asked about, the nearest to the text first."""
    cut_similarities: NotRequired[list[float]]
    """Cosine similarity of each of ``cut`` to the text."""
    kept_similarities: NotRequired[list[float]]
    """With a shortlist: cosine similarity of each of ``labels``."""
    paths: NotRequired[list[list[str]]]
    """With a tree: the way from the top to each of ``labels``, itself included."""
    levels: NotRequired[list[Level]]
    """With a tree: every question that was asked, with all of its scores."""
    error: NotRequired[str]
    """In a batch: why this text has no answer."""


def error_result(text: object, error: GristmillError) -> Result:
    """What stands in a batch for a text that could not be classified."""
    sequence = text if isinstance(text, str) else repr(text)[:200]
    return {"sequence": sequence, "labels": [], "scores": [], "error": str(error)}


def ranked_result(
    text: str, labels: Sequence[str], logits: Floats, scores: Doubles, options: Options
) -> tuple[Result, list[int]]:
    """The result of a flat list of labels, and the places of its labels in ``labels``.

    With a threshold only labels that reach it are there. If none does, the classifier abstains: there are no
    labels, or just ``none_label``, whose score is what the best label lacks to 1.
    """
    places: list[int] = ranking(scores).tolist()
    result: Result = {"sequence": text, "labels": [], "scores": []}
    if options.threshold is not None:
        best = float(scores[places[0]])
        places = [place for place in places if scores[place] >= options.threshold]
        result["abstained"] = not places
        if not places and options.none_label is not None:
            result["labels"], result["scores"] = [options.none_label], [1.0 - best]
    if places:
        result["labels"] = [labels[place] for place in places]
        result["scores"] = scores[places].tolist()
    if options.return_logits:
        result["logits"] = logits[places].tolist()
    if options.return_probabilities:
        chosen = logits[places]
        result["probabilities"] = softmax(chosen).tolist() if places else np.zeros((0, 0)).tolist()
    return result, places
