"""Classify a text, or the texts of a file, into labels of your choice.

A single text is answered with a table. The texts of a file or of standard input are answered by a line of JSON each, or
written to a file by --output, where an interrupted run goes on when the same command is run again.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gristmill import __version__
from gristmill.cli import models, texts
from gristmill.cli.answers import print_answer, write_parquet
from gristmill.cli.parts import OutputError, Parts
from gristmill.cli.report import Report
from gristmill.errors import TextError

if TYPE_CHECKING:
    from gristmill.zeroshot.classifier import ZeroShotClassifier
    from gristmill.zeroshot.results import Result

Answer = dict[str, Any]
Answering = Callable[[list[texts.Row]], Iterator[Answer]]

NONE = "none of these"
PART_PAIRS = {"cpu": 4096, "cuda": 65_536}
"""Pairs of a part, by kind of device: some ten seconds of work."""
PART_ROWS = 16, 4096
PART_LETTERS = 4 << 20
"""Least and most rows of a part, and letters from which it is whole in any case."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("text", nargs="?", metavar="TEXT", help="a text, or - for lines of standard input")
    source.add_argument(
        "--file", metavar="F", help=".txt (a text a line), .jsonl, .csv, .tsv or .parquet; - as above"
    )
    models.add_labels(parser, required=True)
    parser.add_argument(
        "--model", metavar="M", help="folder, or id on the hub (default: the one that comes with Gristmill)"
    )
    parser.add_argument(
        "--multi-label", action="store_true", help="each label on its own: any number may hold"
    )
    models.add_template(parser)
    parser.add_argument(
        "--language",
        metavar="L",
        help="take the template of this language (de, fr ...); auto: of each text's",
    )
    parser.add_argument("--threshold", type=float, metavar="S", help="only labels with this score or more")
    parser.add_argument(
        "--none", action="store_true", help=f"answer {NONE!r} where no label reaches --threshold"
    )
    parser.add_argument(
        "--windows",
        choices=("max", "mean"),
        help="read long texts whole, in windows (default: the beginning)",
    )
    parser.add_argument(
        "--contextual",
        action="store_true",
        help="correct for what the model says of the labels without a text",
    )
    models.add_engine(parser)
    parser.add_argument(
        "--text-field",
        metavar="NAME",
        help="field or column of the text (default: text); lines are JSON then",
    )
    parser.add_argument("--output", type=Path, metavar="OUT", help="write to this .jsonl or .parquet file")
    parser.add_argument("--json", action="store_true", help="answer a single text as JSON, too")
    parser.add_argument("--strict", action="store_true", help="exit with 3 if a row could not be classified")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress, no notes on standard error")


def run(options: argparse.Namespace) -> int:
    """Classify; exit code 1 if no row could be, 3 with ``--strict`` if one could not."""
    source = texts.STDIN if options.text == texts.STDIN else options.file
    if options.output is not None:
        _check_output(options.output, source)
    labels = models.read_labels(options)
    with (
        models.shown_log(quiet=options.quiet),
        models.make_classifier(options, options.model) as classifier,
    ):
        call = _call_options(options)
        if source is None:
            result = classifier(options.text, labels, **call)
            if options.json:
                _write(_line({**result}))
            else:
                print_answer({**result})
            return 0
        classifier([], labels, **call)  # so that labels that are wrong are told of before any text is read
        field = options.text_field or texts.TEXT_FIELD
        rows = texts.read_rows(source, [field], json_lines=options.text_field is not None)

        def answer(part: list[texts.Row]) -> Iterator[Answer]:
            return _answers(part, field, lambda good: classifier(good, labels, **call))

        size = _part_rows(labels, classifier.engine.device)
        if options.output is None:
            with Report(source, None, quiet=options.quiet) as report:
                _to_stdout(_parts(rows, size, field), answer, report)
        else:
            settings, total = None, None
            if Path(source).is_file():  # what comes through a pipe cannot be asked for again
                digest, total = texts.digest_rows(source)
                settings = {"input": digest, **_settings(options, classifier, labels, call, size)}
            with (
                Parts(options.output, settings) as output,
                Report(source, total, output.done, quiet=options.quiet) as report,
            ):
                left = islice(rows, output.done.rows, None)
                _to_file(output, _parts(left, size, field), answer, report)
                table = options.output.suffix.lower() == ".parquet"
                convert = partial(
                    write_parquet, threshold=options.threshold is not None, tree=isinstance(labels, dict)
                )
                output.finish(convert if table else None)
    return report.code(strict=options.strict)


def _call_options(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "multi_label": options.multi_label,
        "hypothesis_template": options.template,
        "language": options.language,
        "threshold": options.threshold,
        "none_label": NONE if options.none else None,
        "windows": options.windows,
        "contextual": options.contextual,
    }


def _check_output(output: Path, source: str | None) -> None:
    if source is None:
        raise OutputError("--output is for the texts of a file; a single text is answered on the screen")
    if output.suffix.lower() not in (".jsonl", ".parquet"):
        raise OutputError(f"{output}: its name must end in .jsonl or .parquet, which says how it is written")
    if source != texts.STDIN and output.exists() and Path(source).exists() and output.samefile(source):
        raise OutputError(f"{output} is the input; name another file")


def _settings(
    options: argparse.Namespace,
    classifier: ZeroShotClassifier,
    labels: object,
    call: Mapping[str, Any],
    size: int,
) -> dict[str, object]:
    """All that the bytes of the output depend on."""
    engine, calibration = classifier.engine, classifier.calibration
    return {
        "gristmill": __version__,
        "field": options.text_field,
        "form": Path(options.file or "").suffix.lower(),
        "model": classifier.model.revision,
        "template": classifier.hypothesis_template,
        "temperatures": [calibration.single, calibration.multi] if calibration else None,
        "engine": [engine.name, engine.device, engine.precision, engine.workers, engine.token_budget],
        "labels": labels,
        "call": call,
        "part": size,
    }


def _part_rows(labels: object, device: str) -> int:
    """Rows of a part. It is classified by itself, so that a run that goes on gives the bytes of one that did not stop."""
    number = (
        labels.count(",") + 1 if isinstance(labels, str) else len(labels) if isinstance(labels, list) else 64
    )
    pairs = PART_PAIRS["cuda" if device.startswith("cuda") else "cpu"]
    return min(max(pairs // max(number, 1), PART_ROWS[0]), PART_ROWS[1])


def _parts(rows: Iterable[texts.Row], size: int, field: str) -> Iterator[list[texts.Row]]:
    part: list[texts.Row] = []
    letters = 0
    for row in rows:
        part.append(row)
        value = row.values.get(field)
        letters += len(value) if isinstance(value, str) else 0
        if len(part) == size or letters >= PART_LETTERS:
            yield part
            part, letters = [], 0
    if part:
        yield part


def _answers(
    part: list[texts.Row], field: str, classify: Callable[[Iterator[str]], Iterable[Result]]
) -> Iterator[Answer]:
    """What is to be said of each row, in order."""
    found = [row.text(field) for row in part]
    results = enumerate(classify(text for text in found if isinstance(text, str)))
    for row, text in zip(part, found, strict=True):
        if isinstance(text, TextError):
            yield {"row": row.number, "sequence": "", "labels": [], "scores": [], "error": str(text)}
            continue
        place, result = next(results)
        answer: Answer = {"row": row.number, **result}
        if "error" in answer:  # which counts the texts of the part
            answer["error"] = answer["error"].removeprefix(f"row {place}: ")
        yield answer


def _to_stdout(parts: Iterator[list[texts.Row]], answer: Answering, report: Report) -> None:
    for part in parts:
        for one in answer(part):
            _write(_line(one))
            report.tell(one)


def _to_file(output: Parts, parts: Iterator[list[texts.Row]], answer: Answering, report: Report) -> None:
    for part in parts:
        lines = []
        failed = report.failed
        for one in answer(part):
            lines.append(_line(one))
            report.tell(one)
        output.add(b"".join(lines), rows=len(part), failed=report.failed - failed)


def _write(line: bytes) -> None:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


def _line(answer: Answer) -> bytes:
    # A lone surrogate, which UTF-8 has no bytes for, is written as JSON's escape.
    return (json.dumps(answer, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")
