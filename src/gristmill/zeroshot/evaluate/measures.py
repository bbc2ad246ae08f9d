"""All measures of a set of answers: shares and F1 with their intervals, classes one by one, confusions, calibration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from gristmill.zeroshot.evaluate import counts as of
from gristmill.zeroshot.evaluate.counts import Counts, Integers
from gristmill.zeroshot.evaluate.intervals import (
    Estimate,
    bootstrap,
    resample_cells,
    resample_flags,
    wilson,
)
from gristmill.zeroshot.evaluation import decide, score
from gristmill.zeroshot.metrics import Flags, right
from gristmill.zeroshot.reliability import BINS, Reliability, answer_reliability
from gristmill.zeroshot.scores import Doubles
from gristmill.zeroshot.temperature import likelihood_loss

TOP = 3
MANY = 5
"""More labels than this have a top-3 accuracy."""


@dataclass(frozen=True)
class Answers:
    """What a classifier said of texts, and what is true of them."""

    labels: Sequence[str]
    truth: Flags
    """[texts, labels]"""
    margins: Callable[[float], Doubles]
    """At a temperature, what the scores [texts, labels] are made of."""
    multi_label: bool
    threshold: float
    """Score from which a label is found, with ``multi_label``."""


@dataclass(frozen=True)
class ClassMeasures:
    """One label. A share is None where it would be of nothing."""

    label: str
    precision: float | None
    recall: float | None
    f1: float | None
    average_precision: float | None
    """Of several labels a text: the mean precision over recall, from the highest score down."""
    support: int
    """Texts of which it is true."""
    found: int
    hits: int


@dataclass(frozen=True)
class Calibrated:
    """How honest the scores are at one temperature."""

    temperature: float
    error: float
    """Expected calibration error in bins of equal width."""
    loss: float
    """Mean negative log-likelihood in nats."""
    reliability: Reliability


@dataclass(frozen=True)
class Measures:
    """Everything that is measured of a set of answers."""

    estimates: Mapping[str, Estimate]
    classes: tuple[ClassMeasures, ...]
    cells: Integers | None
    """Rows of true label, found label and number of texts, in this order; None with several labels a text."""
    majority: tuple[tuple[str, ...], float]
    """The labels that most texts have, and the share of texts: what always answering them would reach."""
    with_temperature: Calibrated
    without: Calibrated


def measure(answers: Answers, *, temperature: float = 1.0, seed: int = 0, bins: int = BINS) -> Measures:
    """Measure answers to one text at least.

    Args:
        temperature: Of the scores that decide; calibration is measured with it and without.
        seed: Of the bootstrap.
        bins: Of the expected calibration error.
    """
    margins = answers.margins(temperature)
    scores = score(margins, multi_label=answers.multi_label)
    found = decide(scores, multi_label=answers.multi_label, threshold=answers.threshold)
    truth = answers.truth
    counts = Counts((truth & found).sum(axis=0), truth.sum(axis=0), found.sum(axis=0), len(truth))
    cells = None if answers.multi_label else confusion_cells(truth, found)
    samples = (
        resample_flags(truth, found, seed)
        if cells is None
        else resample_cells(cells, len(answers.labels), seed)
    )
    hits = int(right(truth, found).sum())
    wanted: dict[str, Callable[[Counts], Doubles]] = {
        "balanced_accuracy": partial(of.balanced_accuracy, multi_label=answers.multi_label),
        "macro_f1": of.macro_f1,
        "micro_f1": of.micro_f1,
    }
    estimates = {
        "subset_accuracy" if answers.multi_label else "accuracy": wilson(hits, len(truth)),
        **bootstrap(wanted, counts, samples),
    }
    if not answers.multi_label and len(answers.labels) > MANY:
        estimates[f"top_{TOP}_accuracy"] = wilson(int((ranks(scores, truth) < TOP).sum()), len(truth))
    return Measures(
        estimates,
        _classes(answers, counts, scores),
        cells,
        _majority(answers),
        _calibrated(answers, temperature, bins),
        _calibrated(answers, 1.0, bins),
    )


def confusion_cells(truth: Flags, found: Flags) -> Integers:
    """Rows of true label, found label and how many texts, ordered, of flags with one label a text."""
    pairs = np.stack([truth.argmax(axis=1), found.argmax(axis=1)], axis=1).astype(np.int64)
    places, numbers = np.unique(pairs, axis=0, return_counts=True)
    return np.concatenate([places, numbers[:, None]], axis=1)


def ranks(scores: Doubles, truth: Flags) -> Integers:
    """The place, from 0, of each text's one true label among its scores; of equal scores the first label leads."""
    place = truth.argmax(axis=1)[:, None]
    own = np.take_along_axis(scores, place, axis=1)
    earlier = np.arange(scores.shape[1]) < place
    ahead: Integers = ((scores > own) | ((scores == own) & earlier)).sum(axis=1)
    return ahead


def average_precision(scores: Doubles, truth: Flags) -> float:
    """The area below the steps of precision over recall, of one label's scores [texts].

    Texts of equal scores are taken together, as no threshold can tell them apart. NaN if the label is true of none.
    """
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(truth[order])
    last = np.append(np.diff(scores[order]) != 0, True)
    taken, reached = np.arange(1, len(scores) + 1)[last], hits[last]
    if not reached[-1]:
        return float("nan")
    return float((np.diff(reached, prepend=0) * reached / taken).sum() / reached[-1])


def largest_confusions(measures: Measures, most: int) -> list[tuple[str, str, int]]:
    """True label, found label and how many texts, of the wrong answers that are most frequent."""
    if measures.cells is None:
        return []
    wrong = measures.cells[measures.cells[:, 0] != measures.cells[:, 1]]
    order = np.argsort(-wrong[:, 2], kind="stable")[:most]
    names = [one.label for one in measures.classes]
    return [(names[true], names[found], number) for true, found, number in wrong[order].tolist()]


def _classes(answers: Answers, counts: Counts, scores: Doubles) -> tuple[ClassMeasures, ...]:
    tables = [of.precision(counts), of.recall(counts), of.f1(counts)]
    if answers.multi_label:
        columns = zip(scores.T, answers.truth.T, strict=True)
        tables.append(np.array([average_precision(one, true) for one, true in columns]))
    else:
        tables.append(np.full(len(answers.labels), np.nan))
    shares = [[None if np.isnan(value) else value for value in table.tolist()] for table in tables]
    numbers = [one.tolist() for one in (counts.truths, counts.founds, counts.hits)]
    return tuple(
        ClassMeasures(label, *values)
        for label, *values in zip(answers.labels, *shares, *numbers, strict=True)
    )


def _majority(answers: Answers) -> tuple[tuple[str, ...], float]:
    rows, numbers = np.unique(np.packbits(answers.truth, axis=1), axis=0, return_counts=True)
    # Of equally many the one whose labels come first, whose bits sort last.
    best = rows[len(rows) - 1 - numbers[::-1].argmax()]
    flags = np.unpackbits(best, count=len(answers.labels)).astype(bool)
    names = tuple(label for label, true in zip(answers.labels, flags.tolist(), strict=True) if true)
    return names, float(numbers.max() / len(answers.truth))


def _calibrated(answers: Answers, temperature: float, bins: int) -> Calibrated:
    margins = answers.margins(temperature)
    scores = score(margins, multi_label=answers.multi_label)
    found = answer_reliability(scores, answers.truth, multi_label=answers.multi_label, bins=bins)
    loss = likelihood_loss(margins, answers.truth, multi_label=answers.multi_label)
    return Calibrated(temperature, found.error, loss, found)
