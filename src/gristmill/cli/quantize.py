"""Make a smaller copy of a model: int8 or int4, with its loss measured and written down."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from gristmill.cli.options import plain_console, positive, printable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("model", help="model folder, or id of the hub")
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="folder to write")
    parser.add_argument("--precision", choices=("int8", "int4"), required=True, help="of the linear layers")
    parser.add_argument(
        "--embeddings",
        choices=("float32", "int8"),
        default="float32",
        help="int8 stores the word table in integers too, for the smallest file (default: as it is)",
    )
    parser.add_argument(
        "--group",
        type=positive,
        metavar="N",
        help="int4: inputs that share a scale (default: 64, or 32 if 64 loses too much)",
    )
    parser.add_argument(
        "--texts",
        type=Path,
        metavar="FILE",
        help="texts like those to classify, one a line: a third is for the probe, the rest for calibration",
    )
    parser.add_argument(
        "--label",
        action="append",
        default=[],
        metavar="LABEL",
        help="with --texts, a label like those to classify with; may be given several times",
    )
    parser.add_argument(
        "--limit",
        type=share,
        metavar="SHARE",
        help="largest relative logit error that is accepted (default: 0.05 for int8, 0.2 for int4)",
    )
    parser.add_argument("--allow-loss", action="store_true", help="write it even above the limit")
    parser.add_argument("--replace", action="store_true", help="replace the folder if it holds a model")
    parser.add_argument("--revision", help="commit, tag or branch of the hub; digest of a folder")
    parser.add_argument("--offline", action="store_true", default=None, help="touch no network")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def run(options: argparse.Namespace) -> int:
    """Quantise; prints what was lost and what was gained."""
    from gristmill.errors import LabelError
    from gristmill.zeroshot.labels import check_label
    from gristmill.zeroshot.quantise.card import summary
    from gristmill.zeroshot.quantise.quantise import Options, quantise
    from gristmill.zeroshot.quantise.texts import read_texts

    if options.label and not options.texts:
        raise LabelError("--label goes with --texts; the built-in texts have labels of their own")
    for label in options.label:
        check_label(label, "--label")
    texts = read_texts(options.texts, tuple(options.label)) if options.texts else None
    choices = Options(
        bits=int(options.precision.removeprefix("int")),
        group=options.group,
        embeddings=options.embeddings,
        limit=options.limit,
        allow_loss=options.allow_loss,
        replace=options.replace,
    )
    console = plain_console()
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("calibrating", total=None)
        figures = quantise(
            options.model,
            options.to,
            choices,
            revision=options.revision,
            offline=options.offline,
            texts=texts,
            progress=lambda done, layers: bar.update(task, completed=done, total=layers),
        )
    if options.json:
        console.print(figures.as_json(), soft_wrap=True, end="")
        return 0
    console.print(printable(f"wrote {options.to}\n{summary(figures)}"), soft_wrap=True)
    return 0


def share(text: str) -> float:
    """An option's value that must be a number from 0 to 1."""
    number = float(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text}: must be from 0 to 1, for example 0.05")
    return number
