"""Pairs of natural language inference: readers of SNLI, MultiNLI, counterfactual and conjunction sets."""

from __future__ import annotations

import csv
import gzip
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from training.examples import CLASSES, CONTRADICTION, ENTAILMENT, NEUTRAL, NliPair

csv.field_size_limit(1 << 24)

_CLITIC = re.compile(r" (n't|'s|'re|'ve|'ll|'d|'m)\b", re.IGNORECASE)
_BEFORE = re.compile(r" ([.,!?;:%)\]}])")
_AFTER = re.compile(r"([(\[{$]) ")
_QUESTION = re.compile(
    r'For the statement, "(.*)", does the hypothesis "(.*)" represent entailment, contradiction, or neutrality\?',
    re.DOTALL,
)
_CAT = {"1": NEUTRAL, "2": CONTRADICTION, "3": ENTAILMENT}


def read_pairs(data: Path) -> dict[str, list[NliPair]]:
    """The tier A sets by name, as they are stored; what two of them share is still in both.

    Raises: FileNotFoundError, ValueError for a row that is not of its set's form.
    """
    return {
        "snli_subsets": list(_snli_subsets(data / "snli_subsets")),
        "snli_cat": list(_snli_cat(data / "snli_cat")),
        "cad_nli": list(_cad(data / "cad_nli")),
        "mnli_hw2": list(_mnli_hw2(data / "mnli_hw2")),
        "mnli_llmsknow": list(_mnli_llmsknow(data / "mnli_llmsknow")),
        "conjnli_adversarial": list(_conjnli(data / "conjnli_adversarial")),
    }


def read_snli_dev(data: Path) -> list[NliPair]:
    """SNLI's development set."""
    folder = data / "snli_dev"
    columns = [_lines(folder / name) for name in ("s1.dev.gz", "s2.dev.gz", "labels.dev.gz")]
    return [
        NliPair(premise.strip(), hypothesis.strip(), CLASSES[label.strip()], "snli_dev")
        for premise, hypothesis, label in zip(*columns, strict=True)
    ]


def read_genres(data: Path) -> list[tuple[str, str]]:
    """Premises of MultiNLI with the kind of text they were taken from."""
    with gzip.open(data / "mnli_hw2/mnli_train.tsv.gz", "rt", encoding="utf-8", newline="") as rows:
        found = csv.DictReader(rows, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [(untokenised(row["sentence1"]), row["genre"]) for row in found]


def untokenised(text: str) -> str:
    """Text without the spaces that a tokeniser put before punctuation and clitics."""
    text = text.replace("-LRB-", "(").replace("-RRB-", ")").replace("``", '"').replace("''", '"')
    return " ".join(_AFTER.sub(r"\1", _BEFORE.sub(r"\1", _CLITIC.sub(r"\1", text))).split())


def _lines(file: Path) -> list[str]:
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        return list(lines)


def _snli_subsets(folder: Path) -> Iterator[NliPair]:
    for file in sorted(folder.glob("*.jsonl.gz")):
        for line in _lines(file):
            row = json.loads(line)
            yield NliPair(row["sentence1"], row["sentence2"], CLASSES[row["gold_label"]], "snli_subsets")


def _snli_cat(folder: Path) -> Iterator[NliPair]:
    for file in sorted(folder.glob("*.csv.gz")):
        for line in _lines(file):
            label, _, premise, hypothesis = line.rstrip("\n").split("\t")
            yield NliPair(premise, hypothesis, _CAT[label], "snli_cat")


def _cad(folder: Path) -> Iterator[NliPair]:
    for name in ("original_train.tsv.gz", "revised_combined_train.tsv.gz", "revised_combined_dev.tsv.gz"):
        with gzip.open(folder / name, "rt", encoding="utf-8", newline="") as rows:
            for row in csv.DictReader(rows, delimiter="\t"):
                yield NliPair(row["sentence1"], row["sentence2"], CLASSES[row["gold_label"]], "cad_nli")


def _mnli_hw2(folder: Path) -> Iterator[NliPair]:
    with gzip.open(folder / "mnli_train.tsv.gz", "rt", encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows, delimiter="\t", quoting=csv.QUOTE_NONE):
            premise, hypothesis = untokenised(row["sentence1"]), untokenised(row["sentence2"])
            yield NliPair(premise, hypothesis, CLASSES[row["label"]], "mnli_hw2")


def _mnli_llmsknow(folder: Path) -> Iterator[NliPair]:
    with gzip.open(folder / "mnli_train.csv.gz", "rt", encoding="utf-8", newline="") as rows:
        for number, row in enumerate(csv.DictReader(rows), 2):
            found = _QUESTION.fullmatch(row["Question"])
            if found is None:
                raise ValueError(f"{folder}/mnli_train.csv.gz: row {number} is not of the known form")
            yield NliPair(found[1].strip(), found[2].strip(), CLASSES[row["Answer"]], "mnli_llmsknow")


def _conjnli(folder: Path) -> Iterator[NliPair]:
    with gzip.open(folder / "adversarial_train_15k.tsv.gz", "rt", encoding="utf-8-sig", newline="") as rows:
        for row in csv.DictReader(rows, delimiter="\t", quoting=csv.QUOTE_NONE):
            label = CLASSES[row["Label"].strip()]
            yield NliPair(
                row["Premise"].strip('"'), row["Hypothesis"].strip('"'), label, "conjnli_adversarial"
            )


if __name__ == "__main__":
    for name, pairs in read_pairs(Path(sys.argv[1])).items():
        print(name, len(pairs), pairs[0])
