"""An evaluation as a person reads it: measures, classes, the largest confusions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from gristmill.cli.options import printable

CLASSES = 40
"""Classes that are listed; of more, those with the lowest F1."""
MATRIX = 20
"""Labels up to which a matrix fits a terminal."""
NAMES = {
    "accuracy": "accuracy",
    "subset_accuracy": "all labels right",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro-F1",
    "micro_f1": "micro-F1",
    "top_3_accuracy": "true label among the first 3",
}


def print_evaluation(values: Mapping[str, Any], console: Console, *, confusions: int, matrix: bool) -> None:
    """Print the values of an ``evaluation.json``; ``matrix``: with the whole confusion matrix, if it is small."""
    _print_identity(values, console)
    _print_measures(values, console)
    _print_classes(values["classes"], console, multi=values["task"] == "multi_label")
    if matrix:
        _print_matrix(values["confusion"], console)
    _print_confusions(values, console, confusions)
    timing = values["timing"]
    texts = "" if values["task"] == "nli" else f"{timing['texts_per_second']:,.1f} texts and "
    console.print(
        f"\n{timing['wall_seconds']:.1f} s, {timing['cpu_seconds']:.1f} CPU s:"
        f" {texts}{timing['pairs_per_second']:,.1f} pairs a second",
        soft_wrap=True,
    )


def _print_identity(values: Mapping[str, Any], console: Console) -> None:
    model, run, data = values["model"], values["run"], values["data"]
    template = f", template {run['template']!r}" if run["template"] is not None else ""
    say = [
        f"{model['name']} ({model['digest'][:19]}): {run['engine']} on {run['device']}, {run['precision']}{template}",
        f"{values['name']}: {data['rows']:,} rows, {data['used']:,} used, {data['labels']:,} labels",
        *(f"  left out: {one['rows']:,}: {one['reason']}" for one in data["left_out"]),
        *values["notes"],
    ]
    for line in say:
        console.print(printable(line), soft_wrap=True)


def _print_measures(values: Mapping[str, Any], console: Console) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("measure")
    table.add_column("value", justify="right")
    table.add_column("95 % interval", justify="right")
    for name, one in values["measures"].items():
        # With one label a text micro-F1 is accuracy.
        if name != "micro_f1" or values["task"] == "multi_label":
            table.add_row(
                NAMES.get(name, name), f"{one['value']:.4f}", f"{one['low']:.4f} - {one['high']:.4f}"
            )
    baseline = values["baseline"]
    what = " + ".join(baseline["majority"]) or "no label"
    table.add_row(
        printable(f"always {what[:40] + '...' if len(what) > 40 else what}"), f"{baseline['accuracy']:.4f}"
    )
    calibration = values["calibration"]
    for key in ("with_temperature", "without"):
        one = calibration[key]
        if key == "without" and one == calibration["with_temperature"]:
            continue
        name = f"temperature {one['temperature']:.3g}"
        table.add_row(f"calibration error, {name}", f"{one['error']:.4f}")
        table.add_row(f"loss, {name}", f"{one['loss']:.4f}")
    console.print()
    console.print(table)


def _print_classes(classes: Sequence[Mapping[str, Any]], console: Console, *, multi: bool) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("label", overflow="fold")
    for name in ("precision", "recall", "F1", *(("AP",) if multi else ()), "texts", "found"):
        table.add_column(name, justify="right")
    kept = sorted(range(len(classes)), key=lambda n: (classes[n]["f1"] is None, classes[n]["f1"] or 0.0, n))[
        :CLASSES
    ]
    for place in sorted(kept):
        one = classes[place]
        shares = [one["precision"], one["recall"], one["f1"], *([one["average_precision"]] if multi else [])]
        cells = ["" if share is None else f"{share:.3f}" for share in shares]
        table.add_row(printable(one["label"]), *cells, f"{one['support']:,}", f"{one['found']:,}")
    console.print()
    console.print(table)
    if len(kept) < len(classes):
        console.print(f"and {len(classes) - len(kept):,} labels with a higher F1")


def _print_matrix(confusion: Mapping[str, Any] | None, console: Console) -> None:
    if confusion is None or len(confusion["labels"]) > MATRIX:
        console.print("\nthe confusion matrix does not fit here; --output draws it")
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("true \\ found", overflow="fold")
    for number in range(len(confusion["labels"])):
        table.add_column(str(number + 1), justify="right")
    for number, (label, row) in enumerate(zip(confusion["labels"], confusion["counts"], strict=True), 1):
        table.add_row(printable(f"{number} {label}"), *(f"{count:,}" if count else "." for count in row))
    console.print()
    console.print(table)


def _print_confusions(values: Mapping[str, Any], console: Console, most: int) -> None:
    listed = values["confusions"][:most]
    if not listed:
        return
    table = Table(box=None, pad_edge=False)
    table.add_column(_what(values), justify="right")
    table.add_column("true label", overflow="fold")
    table.add_column("found label", overflow="fold")
    for one in listed:
        table.add_row(f"{one['texts']:,}", printable(one["true"]), printable(one["found"]))
    console.print("\nlargest confusions")
    console.print(table)


def _what(values: Mapping[str, Any]) -> str:
    return "pairs" if values["task"] == "nli" else "texts"
