"""Sets of pairs in every form: names and numbers of classes, rows without one, mistakes that name their row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gristmill.cli import labelled_pairs
from gristmill.cli.labelled_pairs import parse_order, read_pairs
from gristmill.errors import LabelError, TextError


def lines(path: Path, rows: list[Any]) -> str:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return str(path)


def pair(label: object, premise: str = "a dog", hypothesis: str = "an animal") -> dict[str, object]:
    return {"premise": premise, "hypothesis": hypothesis, "label": label}


def test_names_letters_and_rows_without_a_class(tmp_path: Path) -> None:
    rows = [pair("Entailment"), pair("n"), pair("-"), pair(None), pair("contradiction"), pair("e"), pair(-1)]
    found = read_pairs(lines(tmp_path / "a.jsonl", rows))
    assert found.truth == ("entailment", "neutral", "contradiction", "entailment")
    assert (found.rows, found.no_gold, found.usable, found.bad) == ((1, 2, 5, 6), 3, 4, ())
    assert found.pairs[0] == ("a dog", "an animal")
    assert found.digest.startswith("sha256:")


def test_other_fields_in_csv_and_numbers_in_parquet(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("gold,s1,s2\nneutral,x,y\n-,x,y\n")
    found = read_pairs(str(tmp_path / "a.csv"), premise_field="s1", hypothesis_field="s2", label_field="gold")
    assert (found.pairs, found.truth, found.no_gold) == ((("x", "y"),), ("neutral",), 1)
    pq.write_table(pa.Table.from_pylist([pair(n) for n in (2, 0, 1, -1)]), tmp_path / "a.parquet")
    source = str(tmp_path / "a.parquet")
    assert read_pairs(source, order=["e", "n", "c"]).truth == ("contradiction", "entailment", "neutral")
    assert read_pairs(source, order=["contradiction", "entailment", "neutral"]).truth == (
        "neutral",
        "contradiction",
        "entailment",
    )
    with pytest.raises(LabelError, match=r"row 1: the class 2 is a number; .*--nli-labels"):
        read_pairs(source)
    with pytest.raises(LabelError, match=r"row 1: the class 2 is none of the 2 of --nli-labels"):
        read_pairs(source, order=["entailment", "not_entailment"])


def test_two_classes_and_no_mixture(tmp_path: Path) -> None:
    rows = [pair("entailment"), pair("not_entailment"), pair("not-entailment"), pair("non entailment")]
    found = read_pairs(lines(tmp_path / "a.jsonl", rows))
    assert found.truth == ("entailment", *["not_entailment"] * 3)
    with pytest.raises(LabelError, match="row 2 says not_entailment and row 5 says neutral"):
        read_pairs(lines(tmp_path / "b.jsonl", [*rows, pair("neutral")]))


def test_bad_rows_are_told_of(tmp_path: Path) -> None:
    rows = ["{", pair("e", premise=" "), {"premise": "x", "hypothesis": 3, "label": "e"}, pair("c")]
    rows.append({"premise": "x", "hypothesis": "y"})
    found = read_pairs(lines(tmp_path / "a.jsonl", rows))
    assert [number for number, _ in found.bad] == [1, 2, 3, 5]
    for (_, error), part in zip(
        found.bad, ("not valid JSON", "'premise' is empty", "not int", "no field 'label'"), strict=True
    ):
        assert part in error


def test_what_cannot_be_used_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LabelError, match="row 2: the class 'maybe' is none of entailment"):
        read_pairs(lines(tmp_path / "a.jsonl", [pair("e"), pair("maybe")]))
    with pytest.raises(LabelError, match="row 1: the class True"):
        read_pairs(lines(tmp_path / "a.jsonl", [pair(True)]))
    with pytest.raises(TextError, match="no labelled pair that can be used; 1 rows have no true class"):
        read_pairs(lines(tmp_path / "a.jsonl", [pair("-")]))
    with pytest.raises(TextError, match="must be a file"):
        read_pairs("-")
    monkeypatch.setattr(labelled_pairs, "TEXTS", 3)
    rows = [pair("e")] * 4
    with pytest.raises(TextError, match="more than 3 pairs"):
        read_pairs(lines(tmp_path / "a.jsonl", rows))
    assert len(read_pairs(lines(tmp_path / "a.jsonl", rows), limit=2).pairs) == 2


def test_orders() -> None:
    assert parse_order(["c", "e", "n"]) == ("contradiction", "entailment", "neutral")
    assert parse_order(["not_entailment", "entailment"]) == ("not_entailment", "entailment")
    for wrong in (["e"], ["e", "n"], ["e", "n", "x"], ["e", "e", "n"]):
        with pytest.raises(LabelError, match="--nli-labels"):
            parse_order(wrong)
