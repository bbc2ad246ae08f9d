"""What the model is shown for each label of a data set: a JSON object from the data's names to words."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from pathlib import Path

from gristmill.errors import LabelError
from gristmill.zeroshot.labels import check_label

BYTES = 16 << 20


def read_words(path: Path, labels: Sequence[str]) -> list[str]:
    """The words for each label, from a file ``{"label": "words", ...}``, which may name more labels.

    Raises: LabelError for a file that cannot be read, a label that it lacks, words that are none, or the same
    words for two labels, whose scores could not be told apart.
    """
    values = _read(path)
    found: dict[str, str] = {}
    for label in labels:
        if label not in values:
            near = difflib.get_close_matches(label, values, n=1, cutoff=0.5)
            hint = f"; did you mean {near[0][:80]!r}?" if near else ""
            raise LabelError(f"{path} has no words for the label {label[:80]!r}{hint}; add them")
        words = values[label]
        check_label(words, f"{path}: the value of {label[:80]!r}")
        assert isinstance(words, str)
        if words in found:
            raise LabelError(
                f"{path}: the labels {found[words][:80]!r} and {label[:80]!r} have the same words {words[:80]!r},"
                " so they could not be told apart; give each its own"
            )
        found[words] = label
    return list(found)


def _read(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            data = file.read(BYTES + 1)
    except (OSError, ValueError) as error:
        raise LabelError(f"{str(path)!r} cannot be read: {error}") from error
    if len(data) > BYTES:
        raise LabelError(f"{path} is larger than {BYTES >> 20} MiB; no map of labels needs that")
    try:
        values = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise LabelError(f"{path}: {str(error)[:200]}; write it as a JSON object of strings") from error
    if not isinstance(values, dict):
        raise LabelError(f'{path}: it must hold a JSON object, such as {{"bug": "bug report"}}')
    return values


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    values: dict[str, object] = {}
    for name, value in pairs:
        if name in values:
            raise ValueError(f"the label {name[:80]!r} stands there twice")
        values[name] = value
    return values
