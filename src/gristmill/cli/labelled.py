"""Texts with their true labels, read whole, for the commands that measure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gristmill.cli.sample import Sample
from gristmill.cli.texts import STDIN, Row, digest_rows, read_rows
from gristmill.errors import LabelError, TextError
from gristmill.zeroshot.items import text_error
from gristmill.zeroshot.labels import check_label, parse_labels
from gristmill.zeroshot.metrics import Flags

TEXTS = 1_000_000
LETTERS = 1 << 30
CELLS = 20_000_000
"""Most texts, letters of them together, and texts by labels: all of it is held in memory."""
SEPARATOR = "|"
"""Between the labels of one cell of a CSV file."""
LABEL_FIELDS = ("label", "labels")


@dataclass(frozen=True)
class Labelled:
    """A labelled data set, less its bad rows."""

    texts: tuple[str, ...]
    rows: tuple[int, ...]
    """Where each text stands in the file, counted from 1."""
    labels: tuple[str, ...]
    """The candidates."""
    truth: Flags
    """[texts, labels]"""
    bad: tuple[tuple[int, str], ...]
    """Rows left out, and why."""
    digest: str
    """``sha256:`` and that of the file."""
    usable: int
    """Rows that could be used, of which the texts may be a sample."""


def read_labelled(
    source: str,
    *,
    text_field: str = "text",
    label_field: str | None = None,
    labels: Sequence[str] | str | None = None,
    multi_label: bool = False,
    numbers: bool = False,
    limit: int | None = None,
    seed: int = 0,
) -> Labelled:
    """Read a .jsonl, .csv, .tsv or .parquet file of texts and their true labels.

    Args:
        label_field: Where the labels are: a string, or with ``multi_label`` a list (in CSV: strings with ``|``
            between). By default ``label``, or ``labels`` where there is no such field.
        labels: Candidates; by default all true labels of the file, in the order of their first use.
        numbers: Take whole numbers as labels, too, by their decimal digits.
        limit: Keep a sample of this many usable rows, drawn by ``seed``; candidates are those of all rows.

    A row without a text or with labels that cannot be used is left out and told of in ``bad``.
    Raises: TextError for a file that cannot be read, has too much, or nothing that can be used; LabelError for
    true labels that are not among the candidates given, or less than two candidates.
    """
    if source == STDIN or Path(source).is_fifo():
        raise TextError("labelled texts must be a file, whose digest is recorded; save them first")
    fields = (label_field,) if label_field else LABEL_FIELDS
    candidates = dict.fromkeys(parse_labels(labels)) if labels is not None else None
    sample: Sample[tuple[str, int, tuple[str, ...]]] = Sample(limit, seed)
    seen: dict[str, None] = {}
    bad: list[tuple[int, str]] = []
    letters = 0
    wanted = (text_field, label_field) if label_field else (text_field,)
    for row in read_rows(source, wanted, optional=fields, json_lines=True):
        try:
            text, truth = _read(row, text_field, fields, multi_label, numbers)
        except (TextError, LabelError) as error:
            bad.append((row.number, str(error)))
            continue
        strangers = [label for label in truth if candidates is not None and label not in candidates]
        if strangers:
            raise LabelError(
                f"{source}, row {row.number}: the label {strangers[0][:80]!r} is not among the candidates;"
                " add it to --labels, or leave --labels out"
            )
        seen.update(dict.fromkeys(truth))
        sample.offer((text, row.number, truth))
        # What a sample lets go again is not counted, so that a sample of any file can be drawn.
        letters += len(text) if limit is None else 0
        if limit is None and (sample.offered > TEXTS or letters > LETTERS):
            raise TextError(
                f"{source} has more than {TEXTS} texts or {LETTERS} letters; measure on a sample of it"
            )
    kept = sample.items()
    texts = [text for text, _, _ in kept]
    names = tuple(candidates if candidates is not None else seen)
    _check(source, texts, names, bad)
    places = {label: place for place, label in enumerate(names)}
    flags = np.zeros((len(kept), len(names)), bool)
    for number, (_, _, truth) in enumerate(kept):
        flags[number, [places[label] for label in truth]] = True
    digest, _ = digest_rows(source)
    return Labelled(
        tuple(texts),
        tuple(number for _, number, _ in kept),
        names,
        flags,
        tuple(bad),
        digest,
        sample.offered,
    )


def _read(
    row: Row, text_field: str, fields: Sequence[str], multi_label: bool, numbers: bool
) -> tuple[str, tuple[str, ...]]:
    text = row.text(text_field)
    if isinstance(text, TextError):
        raise text
    error = text_error(text, None)
    if error is not None:
        raise error
    field = next((name for name in fields if row.values.get(name) is not None), None)
    if field is None:
        raise LabelError(f"there is no field {' or '.join(map(repr, fields))}")
    value = _named(row.values[field]) if numbers else row.values[field]
    if isinstance(value, str):
        found = [part.strip() for part in value.split(SEPARATOR) if part.strip()] if multi_label else [value]
    elif isinstance(value, list):
        found = value
    else:
        raise LabelError(f"field {field!r} must be a string or a list of them, not {type(value).__name__}")
    for label in found:
        check_label(label, f"the label in {field!r}")
    if not multi_label and len(found) != 1:
        raise LabelError(f"field {field!r} has {len(found)} labels; with --multi-label there may be several")
    return text, tuple(dict.fromkeys(found))


def _named(value: object) -> object:
    """The value with whole numbers as strings of digits."""
    if isinstance(value, list):
        return [_named(one) for one in value]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _check(source: str, texts: list[str], names: tuple[str, ...], bad: list[tuple[int, str]]) -> None:
    if not texts:
        why = f"; row {bad[0][0]}: {bad[0][1]}" if bad else ""
        raise TextError(f"{source} has no labelled text that can be used{why}")
    if len(names) < 2:
        raise LabelError(
            f"{source} has the label {', '.join(names) or 'none'} only; two or more are needed, see --labels"
        )
    if len(texts) * len(names) > CELLS:
        raise TextError(
            f"{source} has {len(texts)} texts by {len(names)} labels, more than {CELLS}; measure on a sample of it"
        )
