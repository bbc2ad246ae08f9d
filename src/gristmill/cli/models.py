"""Options that choose a model and how it runs, and the classifier that they make."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gristmill.cli.options import positive
from gristmill.errors import LabelError

if TYPE_CHECKING:
    from gristmill.zeroshot.classifier import ZeroShotClassifier

LABELS_BYTES = 64 << 20


def add_engine(parser: argparse.ArgumentParser) -> None:
    """The options ``--engine``, ``--precision``, ``--revision``, and those of ``add_machine``."""
    add_engine_of(parser, "", "")
    add_machine(parser)


def add_engine_of(parser: argparse.ArgumentParser, suffix: str, what: str) -> None:
    """``--engine``, ``--precision`` and ``--revision`` with a suffix, for one of several models."""
    # Which there are is known by the engines, which are not loaded just to print help.
    parser.add_argument(
        f"--engine{suffix}", default="auto", metavar="E", help=f"numpy, openvino, torch or auto{what}"
    )
    parser.add_argument(
        f"--precision{suffix}",
        default="auto",
        metavar="P",
        help=f"float32, bfloat16, float16, int8, int4 or auto: as the model is stored{what}",
    )
    parser.add_argument(
        f"--revision{suffix}", metavar="R", help=f"branch, tag or commit of the hub; digest of a folder{what}"
    )


def add_machine(parser: argparse.ArgumentParser) -> None:
    """The options ``--device``, ``--workers`` and ``--offline``."""
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:0 and so on (default: auto)")
    parser.add_argument("--workers", type=positive, help="packs at the same time (default: what suits)")
    parser.add_argument("--offline", action="store_true", default=None, help="touch no network")


def add_labels(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """The options ``--labels`` and ``--labels-file``, of which at most one can be given."""
    group = parser.add_mutually_exclusive_group(required=required)
    group.add_argument("--labels", metavar="A,B", help="candidate labels with commas between them")
    group.add_argument(
        "--labels-file", metavar="FILE", help="file of candidate labels, one a line, or JSON (list or tree)"
    )


def add_template(parser: argparse.ArgumentParser) -> None:
    """The option ``--template``."""
    parser.add_argument(
        "--template", metavar="T", help="hypothesis with {} for the label (default: the model's own)"
    )


def add_data(parser: argparse.ArgumentParser) -> None:
    """The options ``--data``, ``--text-field`` and ``--label-field`` of labelled texts."""
    parser.add_argument(
        "--data", required=True, metavar="FILE", help="labelled texts: .jsonl, .csv, .tsv or .parquet"
    )
    parser.add_argument("--text-field", default="text", metavar="NAME", help="of the text (default: text)")
    parser.add_argument(
        "--label-field",
        metavar="NAME",
        help="of the label, or labels: a list, in CSV a|b (default: label, labels)",
    )


def share(text: str) -> float:
    """An option's value that must be a number from 0 to 1."""
    number = float(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text}: must be from 0 to 1")
    return number


def whole(text: str) -> int:
    """An option's value that must be a whole number, 0 or more."""
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text}: must be at least 0")
    return number


def read_labels(options: argparse.Namespace) -> Any:
    """What ``--labels`` or ``--labels-file`` name: a string, a list or a tree, which the classifier checks.

    None if there is neither. Raises: LabelError for a file that cannot be read.
    """
    if options.labels_file is None:
        return options.labels
    path = Path(options.labels_file)
    try:
        with path.open("rb") as file:
            data = file.read(LABELS_BYTES + 1)
    except (OSError, ValueError) as error:
        raise LabelError(f"{str(path)!r} cannot be read: {error}") from error
    if len(data) > LABELS_BYTES:
        raise LabelError(f"{path} is larger than {LABELS_BYTES >> 20} MiB; no list of labels needs that")
    try:
        text = data.decode("utf-8-sig")
        if path.suffix.lower() == ".json":
            return _labels_of(json.loads(text), path)
    except (ValueError, RecursionError) as error:
        raise LabelError(f"{path}: {str(error)[:200]}; write it as UTF-8 text or JSON") from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def flat_labels(options: argparse.Namespace) -> list[str] | str | None:
    """As ``read_labels``, for commands that take no tree. Raises: LabelError."""
    labels: object = read_labels(options)
    if labels is not None and not isinstance(labels, str | list):
        raise LabelError(f"{options.labels_file}: this command takes a list of labels, not a tree")
    return labels


def _labels_of(value: object, path: Path) -> object:
    if isinstance(value, dict) or (
        isinstance(value, list) and not any(isinstance(one, list) for one in value)
    ):
        return value
    raise LabelError(f"{path}: it must hold a JSON list of strings, or a tree of objects and lists")


def make_classifier(
    options: argparse.Namespace, model: str | None, *, calibrated: bool = True, suffix: str = ""
) -> ZeroShotClassifier:
    """The classifier that the options ask for, of the shipped model if ``model`` is None.

    ``calibrated``: with the temperatures beside the model, if any.
    """
    from gristmill.zeroshot.calibration import load_calibration
    from gristmill.zeroshot.classifier import ZeroShotClassifier
    from gristmill.zeroshot.engines.choose import choose_engine
    from gristmill.zeroshot.models.load import load_model

    loaded = load_model(
        named_or_default(model), revision=getattr(options, f"revision{suffix}"), offline=options.offline
    )
    calibration = load_calibration(loaded.folder, revision=loaded.revision) if calibrated else None
    engine = choose_engine(
        loaded,
        engine=getattr(options, f"engine{suffix}"),
        precision=getattr(options, f"precision{suffix}"),
        device=options.device,
        workers=options.workers,
    )
    return ZeroShotClassifier(loaded, engine, calibration=calibration)


def named_or_default(model: str | None) -> str | Path:
    """The model's name, or the folder of the shipped one if there is no name. Raises: ModelError."""
    from gristmill.zeroshot.default import default_folder

    return default_folder() if model is None else model


@contextmanager
def shown_log(*, quiet: bool) -> Iterator[None]:
    """Tell on standard error what the classifier logs meanwhile: which engine runs, and why; if quiet, only warnings."""
    log = logging.getLogger("gristmill.zeroshot")
    before, handler = log.level, logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("gristmill: %(message)s"))
    log.setLevel(logging.WARNING if quiet else logging.INFO)
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before)
