"""Pairs of natural language inference with their true classes, read whole, for the command that measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gristmill.cli.labelled import LETTERS, TEXTS
from gristmill.cli.sample import Sample
from gristmill.cli.texts import STDIN, Row, digest_rows, read_rows
from gristmill.errors import LabelError, TextError
from gristmill.zeroshot.evaluate.pairs import CONTRADICTION, ENTAILMENT, NEUTRAL, NOT_ENTAILMENT

NO_GOLD = ("", "-", "-1")
"""Labels of pairs on which the people asked did not agree, in SNLI's files and in copies of them."""
NAMES: Mapping[str, str] = {
    "e": ENTAILMENT,
    "n": NEUTRAL,
    "c": CONTRADICTION,
    "entailment": ENTAILMENT,
    "entails": ENTAILMENT,
    "neutral": NEUTRAL,
    "contradiction": CONTRADICTION,
    "contradicts": CONTRADICTION,
    "notentailment": NOT_ENTAILMENT,
    "nonentailment": NOT_ENTAILMENT,
    "notentailed": NOT_ENTAILMENT,
    "entailed": ENTAILMENT,
}
WHICH = "entailment, neutral, contradiction (e, n, c) or entailment, not_entailment"


@dataclass(frozen=True)
class LabelledPairs:
    """A set of pairs, less its bad rows."""

    pairs: tuple[tuple[str, str], ...]
    truth: tuple[str, ...]
    rows: tuple[int, ...]
    """Where each pair stands in the file, counted from 1."""
    bad: tuple[tuple[int, str], ...]
    """Rows left out, and why."""
    no_gold: int
    """Rows without a true class."""
    digest: str
    """``sha256:`` and that of the file."""
    usable: int
    """Rows that could be used, of which the pairs may be a sample."""


def read_pairs(
    source: str,
    *,
    premise_field: str = "premise",
    hypothesis_field: str = "hypothesis",
    label_field: str = "label",
    order: Sequence[str] | None = None,
    limit: int | None = None,
    seed: int = 0,
) -> LabelledPairs:
    """Read a .jsonl, .csv, .tsv or .parquet file of premises, hypotheses and classes.

    Args:
        order: The classes that the numbers 0, 1, 2 stand for, if the file has numbers.
        limit: Keep a sample of this many usable rows, drawn by ``seed``.

    A row without a text is left out and told of in ``bad``; one without a true class is counted in ``no_gold``.
    Raises: TextError for a file that cannot be read, has too much, or nothing that can be used; LabelError for
    a class that is none, or where two-way and three-way classes are mixed.
    """
    if source == STDIN or Path(source).is_fifo():
        raise TextError("labelled pairs must be a file, whose digest is recorded; save them first")
    numbers = parse_order(order) if order is not None else None
    sample: Sample[tuple[str, str, str, int]] = Sample(limit, seed)
    bad: list[tuple[int, str]] = []
    no_gold, letters = 0, 0
    firsts: dict[str, int] = {}
    for row in read_rows(source, (premise_field, hypothesis_field, label_field), json_lines=True):
        try:
            premise, hypothesis = _text(row, premise_field), _text(row, hypothesis_field)
        except TextError as error:
            bad.append((row.number, str(error)))
            continue
        value = row.values.get(label_field)
        if label_field not in row.values:
            bad.append((row.number, f"there is no field {label_field!r}"))
            continue
        name = "" if value is None else str(value).strip()
        if name in NO_GOLD:
            no_gold += 1
            continue
        truth = _class(value, name, numbers, f"{source}, row {row.number}")
        firsts.setdefault(truth, row.number)
        sample.offer((premise, hypothesis, truth, row.number))
        letters += len(premise) + len(hypothesis) if limit is None else 0
        if limit is None and (sample.offered > TEXTS or letters > LETTERS):
            raise TextError(
                f"{source} has more than {TEXTS} pairs or {LETTERS} letters; measure on a sample: --limit"
            )
    _check(source, firsts, bad, no_gold)
    kept = sample.items()
    digest, _ = digest_rows(source)
    return LabelledPairs(
        tuple((premise, hypothesis) for premise, hypothesis, _, _ in kept),
        tuple(truth for _, _, truth, _ in kept),
        tuple(number for _, _, _, number in kept),
        tuple(bad),
        no_gold,
        digest,
        sample.offered,
    )


def parse_order(names: Sequence[str]) -> tuple[str, ...]:
    """The classes that 0, 1 and so on stand for. Raises: LabelError for names that are none, or not all of a kind."""
    found = tuple(NAMES.get(_plain(name), "") for name in names)
    if sorted(found) not in (
        sorted((ENTAILMENT, NEUTRAL, CONTRADICTION)),
        sorted((ENTAILMENT, NOT_ENTAILMENT)),
    ):
        raise LabelError(
            f"--nli-labels {','.join(names)[:80]}: name {WHICH}, with commas between them, in the order of 0, 1, 2"
        )
    return found


def _text(row: Row, field: str) -> str:
    text = row.text(field)
    if isinstance(text, TextError):
        raise text
    if not text.strip():
        raise TextError(f"the {field!r} is empty")
    return text


def _class(value: object, name: str, numbers: Sequence[str] | None, where: str) -> str:
    if isinstance(value, str | int) and not isinstance(value, bool):
        if name.isdecimal():
            if numbers is None:
                raise LabelError(
                    f"{where}: the class {name[:20]} is a number; say what 0, 1, 2 mean,"
                    " for example --nli-labels entailment,neutral,contradiction"
                )
            if len(name) <= 2 and int(name) < len(numbers):
                return numbers[int(name)]
            raise LabelError(f"{where}: the class {name[:20]} is none of the {len(numbers)} of --nli-labels")
        if _plain(name) in NAMES:
            return NAMES[_plain(name)]
    raise LabelError(f"{where}: the class {repr(value)[:80]} is none of {WHICH}; see --label-field")


def _check(source: str, firsts: Mapping[str, int], bad: list[tuple[int, str]], no_gold: int) -> None:
    if not firsts:
        why = f"; row {bad[0][0]}: {bad[0][1]}" if bad else ""
        gold = f"; {no_gold} rows have no true class" if no_gold else ""
        raise TextError(f"{source} has no labelled pair that can be used{gold}{why}")
    if NOT_ENTAILMENT in firsts:
        for other in (NEUTRAL, CONTRADICTION):
            if other in firsts:
                raise LabelError(
                    f"{source}: row {firsts[NOT_ENTAILMENT]} says not_entailment and row {firsts[other]} says"
                    f" {other}; a set has two classes or three, so split the file or write one form"
                )


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalpha())
