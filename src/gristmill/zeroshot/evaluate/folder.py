"""The folder of an evaluation: JSON, a table of the classes, and two pictures, written aside and renamed."""

from __future__ import annotations

import csv
import io
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gristmill.errors import GristmillError
from gristmill.zeroshot.evaluate.matrix_plot import MOST, fold, plot_matrix
from gristmill.zeroshot.evaluate.outcome import Outcome
from gristmill.zeroshot.evaluate.record import DENSE, dense, encode
from gristmill.zeroshot.reliability_plot import plot

EVALUATION, CLASSES, CONFUSION, RELIABILITY = (
    "evaluation.json",
    "per_class.csv",
    "confusion.svg",
    "reliability.svg",
)
FILES = (EVALUATION, CLASSES, CONFUSION, RELIABILITY)


class EvaluationError(GristmillError):
    """An evaluation cannot be written to a folder, or a file holds none that can be read."""


def check_output(to: Path, *, replace: bool) -> None:
    """Raise EvaluationError if ``to`` cannot be written: found out before the work, not after it."""
    if not os.path.lexists(to):
        return
    if to.is_symlink() or not to.is_dir():
        raise EvaluationError(f"{to} is no folder; name another")
    there = {entry.name for entry in to.iterdir()}
    if not there:
        return
    if EVALUATION not in there or there - set(FILES):
        raise EvaluationError(
            f"{to} holds other files than an evaluation's, so it is left alone; name another"
        )
    if not replace:
        raise EvaluationError(f"{to} holds an evaluation; name another folder, or give --replace")


def write_folder(to: Path, values: Mapping[str, Any], outcome: Outcome, *, replace: bool = False) -> None:
    """Write all files of an evaluation into a new folder, or with ``replace`` in place of an earlier evaluation.

    Raises: EvaluationError as ``check_output``, or where the folder cannot be made.
    """
    check_output(to, replace=replace)
    aside = to.parent / f".{to.name}.{secrets.token_hex(6)}"
    before = to.parent / f".{to.name}.{secrets.token_hex(6)}"
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        aside.mkdir()
        for name, content in contents(values, outcome).items():
            with (aside / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        if os.path.lexists(to):
            to.rename(before)
        aside.rename(to)
    except OSError as error:
        if before.exists() and not to.exists():
            before.rename(to)
        raise EvaluationError(f"{to} cannot be written: {error.strerror}; name another folder") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        shutil.rmtree(before, ignore_errors=True)


def contents(values: Mapping[str, Any], outcome: Outcome) -> dict[str, bytes]:
    """The bytes of each file. There is no confusion matrix of more labels than can be folded."""
    found = {
        EVALUATION: encode(values),
        CLASSES: per_class(outcome).encode("utf-8", "replace"),
        RELIABILITY: _reliability(values, outcome).encode(),
    }
    picture = confusion_picture(values, outcome)
    return found if picture is None else found | {CONFUSION: picture.encode()}


def per_class(outcome: Outcome) -> str:
    """The classes as CSV (RFC 4180, line feeds): label, precision, recall, F1, counts."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    multi = outcome.task == "multi_label"
    names = ["label", "precision", "recall", "f1", "support", "found", "hits"]
    table.writerow([*names, "average_precision"] if multi else names)
    for one in outcome.measures.classes:
        shares = ["" if share is None else f"{share:.6f}" for share in (one.precision, one.recall, one.f1)]
        row = [one.label, *shares, one.support, one.found, one.hits]
        average = "" if one.average_precision is None else f"{one.average_precision:.6f}"
        table.writerow([*row, average] if multi else row)
    return text.getvalue()


def confusion_picture(values: Mapping[str, Any], outcome: Outcome) -> str | None:
    """The confusion matrix as SVG; of several labels a text, what became of each label's own decisions."""
    title = f"{values['name']}: {values['model']['name']}, {values['run']['precision']}"
    texts = f"{values['data']['used']:,} {'pairs' if outcome.task == 'nli' else 'texts'}"
    if outcome.measures.cells is None:
        classes = sorted(outcome.measures.classes, key=lambda one: one.hits - one.found - one.support)[:MOST]
        kept = [one for one in outcome.measures.classes if one in classes]
        total = values["data"]["used"]
        counts = [
            [
                one.hits,
                one.support - one.hits,
                one.found - one.hits,
                total - one.support - one.found + one.hits,
            ]
            for one in kept
        ]
        columns = ["true and found", "true, not found", "found, not true", "neither"]
        left_out = len(outcome.labels) - len(kept)
        note = texts + (f"; {left_out} labels with fewer errors are left out" if left_out else "")
        return plot_matrix(
            [one.label for one in kept],
            columns,
            counts,
            title=title,
            note=note,
            row_title="label",
            column_title="decision",
        )
    if len(outcome.labels) > DENSE:
        return None
    names, counts, folded = fold(outcome.labels, dense(outcome.measures.cells.tolist(), len(outcome.labels)))
    note = texts + (f"; {folded} labels with fewest errors are folded into one" if folded else "")
    return plot_matrix(names, names, counts, title=title, note=note)


def _reliability(values: Mapping[str, Any], outcome: Outcome) -> str:
    one, other = outcome.measures.without, outcome.measures.with_temperature
    title = f"{values['name']}: before and after temperature {other.temperature:.3g}"
    return plot(one.reliability, other.reliability, title)
