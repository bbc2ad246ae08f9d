"""Measure a model on texts, or pairs of natural language inference, whose labels you know.

Prints accuracy, F1, classes, confusions and calibration; --output writes them with pictures, for the model card.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gristmill.cli import models
from gristmill.cli.notes import note_bad_rows
from gristmill.cli.options import plain_console, positive
from gristmill.errors import LabelError

if TYPE_CHECKING:
    from gristmill.zeroshot.classifier import ZeroShotClassifier
    from gristmill.zeroshot.evaluate.outcome import Outcome, Progress
    from gristmill.zeroshot.evaluate.record import Data

TEXT_OPTIONS = ("text_field", "labels", "labels_file", "label_map", "template", "threshold")
PAIR_OPTIONS = ("premise_field", "hypothesis_field", "nli_labels")
UNSURE = 3
"""Exit code with --strict where a row could not be used."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("data", metavar="DATA", help="labelled rows: .jsonl, .csv, .tsv or .parquet")
    parser.add_argument(
        "--model", metavar="M", help="folder, or id on the hub (default: the one that comes with Gristmill)"
    )
    parser.add_argument(
        "--task",
        choices=("classification", "nli"),
        default="classification",
        help="texts with labels (default), or premises with hypotheses",
    )
    parser.add_argument("--text-field", metavar="NAME", help="of the text (default: text)")
    parser.add_argument(
        "--label-field",
        metavar="NAME",
        help="of the label, or labels: a list, in CSV a|b (default: label, labels)",
    )
    models.add_labels(parser, required=False)
    parser.add_argument(
        "--label-map",
        type=Path,
        metavar="FILE",
        help="JSON object from labels to the words shown to the model",
    )
    models.add_template(parser)
    parser.add_argument(
        "--multi-label", action="store_true", help="each label on its own: any number may hold"
    )
    parser.add_argument(
        "--threshold",
        type=models.share,
        metavar="S",
        help="score from which a label is found, with --multi-label (default: 0.5)",
    )
    parser.add_argument("--premise-field", metavar="NAME", help="with --task nli (default: premise)")
    parser.add_argument("--hypothesis-field", metavar="NAME", help="with --task nli (default: hypothesis)")
    parser.add_argument(
        "--nli-labels",
        metavar="A,B,C",
        help="with --task nli, the classes that the numbers 0, 1, 2 stand for",
    )
    parser.add_argument("--limit", type=positive, metavar="N", help="measure on a sample of N rows")
    parser.add_argument(
        "--seed", type=models.whole, default=0, help="of the sample and of the bootstrap (default: 0)"
    )
    parser.add_argument(
        "--temperature",
        type=temperature,
        metavar="T",
        help="divide logits by T (default: the model's own calibration)",
    )
    parser.add_argument("--name", help="what the set is called in the results (default: the file's name)")
    parser.add_argument("--split", help="which part of the set it is, for the record: test, dev ...")
    parser.add_argument("--confusion", action="store_true", help="print the whole confusion matrix, too")
    parser.add_argument(
        "--confusions",
        type=models.whole,
        default=10,
        metavar="N",
        help="largest confusions to print (default: 10)",
    )
    parser.add_argument(
        "--output", type=Path, metavar="FOLDER", help="write evaluation.json, per_class.csv and two pictures"
    )
    parser.add_argument("--replace", action="store_true", help="replace the folder if it holds an evaluation")
    parser.add_argument("--json", action="store_true", help="print evaluation.json")
    parser.add_argument("--strict", action="store_true", help="exit with 3 if a row could not be used")
    models.add_engine(parser)
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress, no notes on standard error")


def run(options: argparse.Namespace) -> int:
    """Measure, write and print."""
    from gristmill.cli.evaluation_table import print_evaluation
    from gristmill.zeroshot.evaluate.folder import check_output, write_folder
    from gristmill.zeroshot.evaluate.record import evaluation

    _check(options)
    if options.output is not None:
        check_output(options.output, replace=options.replace)
    measure = _measure_pairs if options.task == "nli" else _measure_texts
    outcome, data, rows, classifier = measure(options)
    values = evaluation(outcome, data, classifier)
    failed = [(rows[place], error) for place, error in outcome.failed]
    if not options.quiet:
        note_bad_rows(options.data, failed)
    if options.output is not None:
        write_folder(options.output, values, outcome, replace=options.replace)
    if options.json:
        # In ASCII: no label can drive the terminal.
        plain_console().print(json.dumps(values, indent=1, ensure_ascii=True), soft_wrap=True)
    else:
        print_evaluation(values, plain_console(), confusions=options.confusions, matrix=options.confusion)
    return UNSURE if options.strict and (data.bad or failed) else 0


def temperature(text: str) -> float:
    """An option's value that must be a temperature."""
    from gristmill.zeroshot.temperature import COLDEST, HOTTEST

    number = float(text)
    if not COLDEST <= number <= HOTTEST:
        raise argparse.ArgumentTypeError(f"{text}: must be from {COLDEST} to {HOTTEST:g}")
    return number


def _check(options: argparse.Namespace) -> None:
    """Raises: LabelError for options that mean nothing for the task, so that none is passed over in silence."""
    nli = options.task == "nli"
    for name in TEXT_OPTIONS if nli else PAIR_OPTIONS:
        if getattr(options, name) is not None:
            option = "--" + name.replace("_", "-")
            raise LabelError(
                f"{option} does not go with --task {options.task}; leave it out"
                + ("" if nli else ", or give --task nli")
            )
    if nli and options.multi_label:
        raise LabelError("--multi-label does not go with --task nli; leave it out")
    if options.threshold is not None and not options.multi_label:
        raise LabelError("--threshold goes with --multi-label; with one label a text the best is the answer")


def _measure_texts(
    options: argparse.Namespace,
) -> tuple[Outcome, Data, tuple[int, ...], ZeroShotClassifier]:
    from gristmill.cli.evaluated import describe
    from gristmill.cli.label_map import read_words
    from gristmill.cli.labelled import read_labelled
    from gristmill.cli.texts import TEXT_FIELD
    from gristmill.zeroshot.evaluate.texts import evaluate_texts
    from gristmill.zeroshot.evaluation import THRESHOLD

    field = options.text_field or TEXT_FIELD
    data = read_labelled(
        options.data,
        text_field=field,
        label_field=options.label_field,
        labels=models.flat_labels(options),
        multi_label=options.multi_label,
        numbers=True,
        limit=options.limit,
        seed=options.seed,
    )
    words = read_words(options.label_map, data.labels) if options.label_map is not None else None
    if not options.quiet:
        note_bad_rows(options.data, data.bad)
    with (
        models.shown_log(quiet=options.quiet),
        models.make_classifier(options, options.model) as classifier,
        _progress(options, len(data.texts)) as progress,
    ):
        outcome = evaluate_texts(
            classifier,
            data.texts,
            data.labels,
            data.truth,
            words=words,
            multi_label=options.multi_label,
            hypothesis_template=options.template,
            threshold=THRESHOLD if options.threshold is None else options.threshold,
            temperature=options.temperature,
            seed=options.seed,
            progress=progress,
        )
    fields = {"text": field, "label": options.label_field or "label, labels"}
    shown = None if words is None else dict(zip(data.labels, words, strict=True))
    record = describe(options, data, len(data.texts), fields, classifier.engine, words=shown)
    return outcome, record, data.rows, classifier


def _measure_pairs(
    options: argparse.Namespace,
) -> tuple[Outcome, Data, tuple[int, ...], ZeroShotClassifier]:
    from gristmill.cli.evaluated import describe
    from gristmill.cli.labelled_pairs import read_pairs
    from gristmill.zeroshot.evaluate.pairs import evaluate_pairs

    fields = {
        "premise": options.premise_field or "premise",
        "hypothesis": options.hypothesis_field or "hypothesis",
        "label": options.label_field or "label",
    }
    order = options.nli_labels.split(",") if options.nli_labels is not None else None
    data = read_pairs(
        options.data,
        premise_field=fields["premise"],
        hypothesis_field=fields["hypothesis"],
        label_field=fields["label"],
        order=order,
        limit=options.limit,
        seed=options.seed,
    )
    if not options.quiet:
        note_bad_rows(options.data, data.bad)
    with (
        models.shown_log(quiet=options.quiet),
        models.make_classifier(options, options.model) as classifier,
        _progress(options, len(data.pairs)) as progress,
    ):
        outcome = evaluate_pairs(
            classifier,
            data.pairs,
            data.truth,
            temperature=options.temperature,
            seed=options.seed,
            progress=progress,
        )
    record = describe(options, data, len(data.pairs), fields, classifier.engine)
    return outcome, record, data.rows, classifier


@contextmanager
def _progress(options: argparse.Namespace, total: int) -> Iterator[Progress | None]:
    """A bar on standard error, where that is a terminal."""
    if options.quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("measuring", total=total)
        yield lambda done: bar.update(task, completed=done)
