"""Make a model's scores honest: fit a temperature on texts whose labels you know, and save it beside the model.

The temperature is fitted on one half of the texts and judged on the other. ``gristmill classify`` and the Python class
apply it from then on.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from gristmill.cli import models
from gristmill.cli.notes import note_bad_rows
from gristmill.cli.options import plain_console, printable

if TYPE_CHECKING:
    from gristmill.zeroshot.fitting import Fitted

FEW = 200
"""Held-out texts below which the calibration error is mostly chance."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("model", metavar="MODEL", help="folder, or id on the hub")
    models.add_data(parser)
    models.add_labels(parser, required=False)
    parser.add_argument(
        "--multi-label", action="store_true", help="the temperature of labels each on its own"
    )
    models.add_template(parser)
    parser.add_argument(
        "--seed", type=models.whole, default=0, help="of the split in two halves (default: 0)"
    )
    parser.add_argument("--plot", type=Path, metavar="SVG", help="write a reliability plot, before and after")
    parser.add_argument(
        "--to",
        type=Path,
        metavar="FOLDER",
        help="save into this copy of the model's folder (default: its own)",
    )
    models.add_engine(parser)
    parser.add_argument("-q", "--quiet", action="store_true", help="no notes, no table")


def run(options: argparse.Namespace) -> int:
    """Fit, judge, save and tell."""
    from gristmill.cli.labelled import read_labelled
    from gristmill.zeroshot.calibration import FILE, save_calibration
    from gristmill.zeroshot.fitting import fit_halves
    from gristmill.zeroshot.reliability_plot import plot

    data = read_labelled(
        options.data,
        text_field=options.text_field,
        label_field=options.label_field,
        labels=models.flat_labels(options),
        multi_label=options.multi_label,
    )
    if not options.quiet:
        note_bad_rows(options.data, data.bad)
    with (
        models.shown_log(quiet=options.quiet),
        models.make_classifier(options, options.model, calibrated=False) as classifier,
    ):
        fitted = fit_halves(
            classifier,
            data.texts,
            data.labels,
            data.truth,
            multi_label=options.multi_label,
            hypothesis_template=options.template,
            seed=options.seed,
            data=data.digest,
        )
        model = classifier.model
    if not options.quiet:
        note_bad_rows(options.data, [(data.rows[place], error) for place, error in fitted.failed])
        _print(fitted)
    if options.plot is not None:
        kind = "each label on its own" if options.multi_label else "single label"
        options.plot.write_text(plot(fitted.before, fitted.after, f"{model.name}, {kind}"), "utf-8")
    fitted.check()
    folder = options.to or model.folder
    fits = {"multi" if options.multi_label else "single": fitted.fit}
    save_calibration(folder, model, **fits)
    if not options.quiet:
        plain_console().print(f"\ntemperature {fitted.fit.temperature:.4f}: {folder / FILE}", soft_wrap=True)
    return 0


def _print(fitted: Fitted) -> None:
    from rich.table import Table

    fit, console = fitted.fit, plain_console()
    table = Table(box=None, pad_edge=False)
    for name in ("score", "texts", "before", "right", "texts", "after", "right"):
        table.add_column(name, justify="right")
    for place in range(fit.bins):
        cells = [f"{place / fit.bins:.2f}-{(place + 1) / fit.bins:.2f}"]
        for one in (fitted.before, fitted.after):
            count = int(one.counts[place])
            cells.append(f"{count:,}")
            cells += [f"{one.confidence[place]:.3f}", f"{one.accuracy[place]:.3f}"] if count else ["", ""]
        if cells[1] != "0" or cells[4] != "0":
            table.add_row(*cells)
    console.print(table)
    console.print(
        f"\nfitted on {fit.fitted_texts:,} texts, judged on {fit.held_out_texts:,} others, {fit.labels} labels,"
        f" template {printable(fit.template)!r}",
        soft_wrap=True,
    )
    console.print(
        f"calibration error {fit.error_before:.4f} before, {fit.error_after:.4f} after ({fit.bins} bins);"
        f" loss {fit.loss_before:.4f} before, {fit.loss_after:.4f} after",
        soft_wrap=True,
    )
    if fit.held_out_texts < FEW:
        console.print(f"fewer than {FEW} texts to judge by: these errors are rough", soft_wrap=True)
