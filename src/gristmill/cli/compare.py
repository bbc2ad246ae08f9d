"""Compare two models, or two ways to run one, on texts whose labels you know.

Each model runs in a process of its own. Its scores are made with the temperature that it has been calibrated with.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from gristmill.cli import models
from gristmill.cli.notes import note_bad_rows
from gristmill.cli.options import plain_console, printable

if TYPE_CHECKING:
    from gristmill.zeroshot.compare import Candidate, Comparison


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("model_a", metavar="MODEL_A", help="folder, or id on the hub")
    parser.add_argument("model_b", metavar="MODEL_B", help="the other; may be the same, run otherwise")
    models.add_data(parser)
    models.add_labels(parser, required=False)
    parser.add_argument(
        "--multi-label", action="store_true", help="each label on its own: any number may hold"
    )
    models.add_template(parser)
    parser.add_argument(
        "--threshold", type=models.share, default=0.5, metavar="S",
        help="score from which a label is found, with --multi-label (default: 0.5)",
    )  # fmt: skip
    models.add_engine_of(parser, "-a", " (of MODEL_A)")
    models.add_engine_of(parser, "-b", " (of MODEL_B)")
    models.add_machine(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Print the comparison."""
    from gristmill.cli.labelled import read_labelled
    from gristmill.zeroshot.compare import compare

    data = read_labelled(
        options.data,
        text_field=options.text_field,
        label_field=options.label_field,
        labels=models.flat_labels(options),
        multi_label=options.multi_label,
    )
    note_bad_rows(options.data, data.bad)
    found = compare(
        _candidate(options, "a"),
        _candidate(options, "b"),
        data.texts,
        data.labels,
        data.truth,
        multi_label=options.multi_label,
        hypothesis_template=options.template,
        threshold=options.threshold,
    )
    if options.json:
        values = asdict(found) | {"data": data.digest, "bad_rows": len(data.bad), "label_names": data.labels}
        plain_console().print(json.dumps(values, indent=1, ensure_ascii=True), soft_wrap=True)
    else:
        _print(found)
    return 0


def _candidate(options: argparse.Namespace, side: str) -> Candidate:
    from gristmill.zeroshot.compare import Candidate

    return Candidate(
        model=getattr(options, f"model_{side}"),
        revision=getattr(options, f"revision_{side}"),
        engine=getattr(options, f"engine_{side}"),
        precision=getattr(options, f"precision_{side}"),
        device=options.device,
        workers=options.workers,
        offline=options.offline,
    )


def _print(found: Comparison) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column(no_wrap=True)
    for run in found.runs:
        table.add_column(printable(run.model), justify="right", overflow="fold")
    for name, first, second in _lines(found):
        table.add_row(name, first, second)
    console = plain_console()
    console.print(table)
    failed = f"; {found.failed:,} could not be classified" if found.failed else ""
    console.print(f"\n{found.texts:,} texts, {found.labels:,} labels{failed}")
    console.print(f"both find the same: {100 * found.agreement:.1f} % of texts")
    console.print(
        f"right alone: {found.only_first_right:,} and {found.only_second_right:,} texts;"
        f" p = {found.p_value:.3g} that both are equally good (McNemar, exact)",
        soft_wrap=True,
    )


def _lines(found: Comparison) -> list[tuple[str, str, str]]:
    one, two = found.runs
    good, other = found.quality
    lines = [
        ("engine", f"{one.engine} {one.device}", f"{two.engine} {two.device}"),
        ("precision", one.precision, two.precision),
        ("temperature", f"{one.temperature:.3g}", f"{two.temperature:.3g}"),
        ("accuracy", f"{good.accuracy:.4f}", f"{other.accuracy:.4f}"),
        ("macro-F1", f"{good.macro_f1:.4f}", f"{other.macro_f1:.4f}"),
        (f"calibration error ({good.bins} bins)", f"{good.calibration_error:.4f}", f"{other.calibration_error:.4f}"),
        ("texts per CPU second", f"{one.texts_per_cpu_second:.1f}", f"{two.texts_per_cpu_second:.1f}"),
        ("pairs per CPU second", f"{one.pairs_per_cpu_second:.1f}", f"{two.pairs_per_cpu_second:.1f}"),
        ("texts per second", f"{one.texts_per_second:.1f}", f"{two.texts_per_second:.1f}"),
        ("pairs per second", f"{one.pairs_per_second:.1f}", f"{two.pairs_per_second:.1f}"),
        ("CPU seconds to load", f"{one.load_cpu_seconds:.2f}", f"{two.load_cpu_seconds:.2f}"),
        ("MB on disk", f"{one.bytes_on_disk / 1e6:.1f}", f"{two.bytes_on_disk / 1e6:.1f}"),
        ("MB of memory at most", f"{one.peak_bytes / 1e6:.1f}", f"{two.peak_bytes / 1e6:.1f}"),
    ]  # fmt: skip
    if found.multi_label:
        lines.insert(5, ("micro-F1", f"{good.micro_f1:.4f}", f"{other.micro_f1:.4f}"))
    if one.peak_device_bytes is not None or two.peak_device_bytes is not None:
        device = [f"{(run.peak_device_bytes or 0) / 1e6:.1f}" for run in found.runs]
        lines.append(("MB of GPU memory at most", device[0], device[1]))
    return lines
