"""From trained weights to what the wheel holds: rounded to int8 behind the quality gate, calibrated, with its record."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gristmill.errors import GristmillError
from gristmill.zeroshot.calibration import Fit, save_calibration
from gristmill.zeroshot.classifier import ZeroShotClassifier
from gristmill.zeroshot.evaluation import score
from gristmill.zeroshot.quantise.quantise import Options, quantise
from gristmill.zeroshot.reliability import BINS, answer_reliability
from gristmill.zeroshot.scores import Doubles, margins
from gristmill.zeroshot.temperature import fit_temperature, likelihood_loss
from training.development import Choice, Logits, Model, Pairs
from training.phrasing import MAIN_TEMPLATE

NEVER = -1e4
"""Margin of a place that is no label, where texts have fewer than others."""
Flags = NDArray[np.bool_]


def quantised(trained: Path, to: Path) -> None:
    """Round to int8, the word table too. Raises: ModelError if the gate does not pass."""
    quantise(trained, to, Options(bits=8, embeddings="int8", replace=to.exists()))


def classifier_model(classifier: ZeroShotClassifier) -> Model:
    """The classifier as a function of pairs, classes in the order of ``training.examples``."""

    def logits(pairs: Pairs) -> Logits:
        rows = []
        for one in classifier.score_pairs(pairs):
            if isinstance(one, GristmillError):
                raise one
            rows.append(one)
        return np.stack(rows).astype(np.float64)

    return logits


def calibrate(folder: Path, unseen: Mapping[str, Sequence[Choice]], data: str) -> dict[str, Fit]:
    """Fit both temperatures on every second text of each task, judge them on the others, save them in ``folder``.

    One temperature serves all label sets, so it is fitted on texts of all tasks together.
    """
    asked = [one for name in sorted(unseen) for one in unseen[name]]
    with ZeroShotClassifier.from_pretrained(folder) as classifier:
        pairs = [(one.text, MAIN_TEMPLATE.format(words)) for one in asked for words in one.words]
        logits = classifier_model(classifier)(pairs).astype(np.float32)
        fits: dict[str, Fit] = {}
        for mode in ("single", "multi"):
            multi = mode == "multi"
            flat = margins(logits, classifier.ids, multi_label=multi)
            table, truth = _table(flat, asked)
            fits[mode] = _fit(table, truth, multi, classifier.engine.precision, data)
        save_calibration(folder, classifier.model, single=fits["single"], multi=fits["multi"])
    return fits


def calibrating(unseen: Mapping[str, Sequence[Choice]]) -> list[Choice]:
    """The texts that ``calibrate`` fits on."""
    return [one for name in sorted(unseen) for one in unseen[name]][::2]


def _table(flat: Doubles, asked: Sequence[Choice]) -> tuple[Doubles, Flags]:
    """Margins and true labels [texts, most labels]."""
    most = max(len(one.words) for one in asked)
    table = np.full((len(asked), most), NEVER)
    truth = np.zeros((len(asked), most), bool)
    start = 0
    for row, one in enumerate(asked):
        table[row, : len(one.words)] = flat[start : start + len(one.words)]
        truth[row, one.true] = True
        start += len(one.words)
    return table, truth


def _fit(table: Doubles, truth: Flags, multi: bool, precision: str, data: str) -> Fit:
    own, other = np.arange(0, len(table), 2), np.arange(1, len(table), 2)
    if multi:  # each label on its own: those that are none are left out
        there = table > NEVER
        parts = [
            (table[rows][there[rows]][:, None], truth[rows][there[rows]][:, None]) for rows in (own, other)
        ]
    else:
        parts = [(table[rows], truth[rows]) for rows in (own, other)]
    (fitted, fitted_truth), (held, held_truth) = parts
    temperature = fit_temperature(fitted, fitted_truth, multi_label=multi)
    before, after = (
        answer_reliability(
            score(held, multi_label=multi, temperature=one), held_truth, multi_label=multi, bins=BINS
        )
        for one in (1.0, temperature)
    )
    return Fit(
        temperature=temperature,
        data=data,
        fitted_texts=len(own),
        held_out_texts=len(other),
        labels=table.shape[1],
        template=MAIN_TEMPLATE,
        seed=0,
        precision=precision,
        bins=BINS,
        error_before=before.error,
        error_after=after.error,
        loss_before=likelihood_loss(held, held_truth, multi_label=multi),
        loss_after=likelihood_loss(held, held_truth, multi_label=multi, temperature=temperature),
    )


def put(folder: Path, to: Path, record: Mapping[str, object]) -> None:
    """Put a finished model and the record of its training in the place of ``to``."""
    aside = to.with_name(to.name + ".new")
    shutil.rmtree(aside, ignore_errors=True)
    shutil.copytree(folder, aside)
    (aside / "training.json").write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", "utf-8")
    shutil.rmtree(to, ignore_errors=True)
    os.replace(aside, to)  # noqa: PTH105
