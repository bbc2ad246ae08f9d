"""The development sets as files that ``gristmill evaluate`` reads, so that anyone can measure any model on them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from training.development import Choice
from training.examples import CLASSES, NliPair, Task
from training.held_out import held_out

MOST, MOST_LABELS = 500, 60
"""Texts and labels of a set, at most."""
PAIRS = "nli"
TEXTS = "unseen"
"""Folders of pairs, and of texts of labels that training never saw."""


def export(
    nli: Mapping[str, Sequence[NliPair]],
    tasks: Sequence[Task],
    fitted_on: Iterable[Choice],
    folder: Path,
) -> list[Path]:
    """Write the sets into ``folder``; the labels of a set that were left out are its candidates.

    Args:
        fitted_on: Texts that a temperature was fitted on, which are left out.

    Of sets with very many labels a sample of the labels, and the texts of those.

    Returns: The files, those of texts each with a file of labels beside it.
    """
    names = {number: name for name, number in CLASSES.items()}
    files = []
    for name, pairs in nli.items():
        rows = [
            {"premise": pair.premise, "hypothesis": pair.hypothesis, "label": names[pair.label]}
            for pair in pairs
        ]
        files.append(_write(folder / PAIRS / f"{name}.jsonl", rows))
    taken = {one.text for one in fitted_on}
    for task in tasks:
        left_out = held_out(task)
        if len(left_out) > MOST_LABELS:
            dice = random.Random(f"export {task.name}")  # noqa: S311
            left_out = frozenset(dice.sample(sorted(left_out), MOST_LABELS))
        rows = [
            {"text": text.text, "label": task.phrasings[text.labels[0]][0]}
            for text in task.texts
            if len(text.labels) == 1 and text.labels[0] in left_out and text.text not in taken
        ]
        if not rows:
            continue
        step = max(1, len(rows) // MOST)
        files.append(_write(folder / TEXTS / f"{task.name}.jsonl", rows[::step][:MOST]))
        words = sorted(task.phrasings[label][0] for label in left_out)
        (folder / TEXTS / f"{task.name}.labels.txt").write_text("\n".join(words) + "\n", "utf-8")
    return files


def _write(path: Path, rows: Sequence[Mapping[str, str]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(row, ensure_ascii=False) for row in rows)
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return path
