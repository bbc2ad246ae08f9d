"""Labelled files: every form gives the same truth; bad rows are left out and told of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gristmill.cli import labelled
from gristmill.cli.labelled import read_labelled
from gristmill.errors import LabelError, TextError


def lines(path: Path, rows: list[Any]) -> str:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return str(path)


def test_single_labels_in_every_form(tmp_path: Path) -> None:
    rows = [{"text": "one", "label": "b"}, {"text": "two", "label": "a, c"}, {"text": "three", "label": "b"}]
    sources = [lines(tmp_path / "a.jsonl", rows)]
    (tmp_path / "a.csv").write_text('n,label,text\n1,b,one\n2,"a, c",two\n3,b,three\n')
    (tmp_path / "a.tsv").write_text("label\ttext\nb\tone\na, c\ttwo\nb\tthree\n")
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    sources += [str(tmp_path / name) for name in ("a.csv", "a.tsv", "a.parquet")]
    digests = set()
    for source in sources:
        found = read_labelled(source)
        assert found.texts == ("one", "two", "three")
        assert found.labels == ("b", "a, c")
        np.testing.assert_array_equal(found.truth, [[1, 0], [0, 1], [1, 0]])
        assert (found.rows, found.bad) == ((1, 2, 3), ())
        digests.add(found.digest)
    assert len(digests) == 4


def test_several_labels_in_every_form(tmp_path: Path) -> None:
    rows = [
        {"text": "one", "labels": ["b", "a"]},
        {"text": "two", "labels": []},
        {"text": "3", "labels": ["a"]},
    ]
    (tmp_path / "a.csv").write_text("text,labels\none,b | a\ntwo,\n3,a\n")
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    for source in (lines(tmp_path / "a.jsonl", rows), str(tmp_path / "a.csv"), str(tmp_path / "a.parquet")):
        found = read_labelled(source, multi_label=True)
        assert found.labels == ("b", "a")
        np.testing.assert_array_equal(found.truth, [[1, 1], [0, 0], [0, 1]])


def test_fields_and_candidates_by_name(tmp_path: Path) -> None:
    source = lines(tmp_path / "a.jsonl", [{"body": "x", "kind": "a", "label": "z"}])
    found = read_labelled(source, text_field="body", label_field="kind", labels="c,a")
    assert (found.labels, found.truth.tolist()) == (("c", "a"), [[False, True]])
    with pytest.raises(LabelError, match="row 1: the label 'a' is not among the candidates"):
        read_labelled(source, text_field="body", label_field="kind", labels=["c", "d"])


def test_bad_rows_are_left_out_and_told_of(tmp_path: Path) -> None:
    rows: list[Any] = [
        {"text": "good", "label": "a"},
        "{",
        {"text": " ", "label": "a"},
        {"text": "x"},
        {"text": "x", "label": ""},
        {"text": "x", "label": 3},
        {"text": "x", "labels": ["a", "b"]},
        {"text": "x", "labels": [1]},
        {"text": "good too", "labels": ["b"]},
    ]
    found = read_labelled(lines(tmp_path / "a.jsonl", rows))
    assert (found.texts, found.rows) == (("good", "good too"), (1, 9))
    assert [number for number, _ in found.bad] == [2, 3, 4, 5, 6, 7, 8]
    why = [error for _, error in found.bad]
    for part, error in zip(
        (
            "JSON",
            "empty",
            "no field 'label' or 'labels'",
            "empty",
            "not int",
            "--multi-label",
            "must be strings",
        ),
        why,
        strict=True,
    ):
        assert part in error


def test_what_cannot_be_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TextError, match="no labelled text that can be used; row 1: not valid JSON"):
        read_labelled(lines(tmp_path / "a.jsonl", ["{"]))
    with pytest.raises(LabelError, match="the label a only"):
        read_labelled(lines(tmp_path / "a.jsonl", [{"text": "x", "label": "a"}]))
    with pytest.raises(TextError, match="must be a file"):
        read_labelled("-")
    good = lines(tmp_path / "b.jsonl", [{"text": "x", "label": "a"}, {"text": "y", "label": "b"}])
    monkeypatch.setattr(labelled, "CELLS", 3)
    with pytest.raises(TextError, match="more than 3"):
        read_labelled(good)
    monkeypatch.setattr(labelled, "TEXTS", 1)
    with pytest.raises(TextError, match="more than 1 texts"):
        read_labelled(good)


def test_numbers_count_as_labels_where_they_are_asked_for(tmp_path: Path) -> None:
    rows: list[Any] = [{"text": "x", "label": 3}, {"text": "y", "label": "b"}, {"text": "z", "label": True}]
    found = read_labelled(lines(tmp_path / "a.jsonl", rows), numbers=True)
    assert (found.labels, found.rows) == (("3", "b"), (1, 2))
    assert "not bool" in found.bad[0][1]
    several = read_labelled(
        lines(tmp_path / "b.jsonl", [{"text": "x", "labels": [1, "b"]}]), numbers=True, multi_label=True
    )
    assert several.labels == ("1", "b")


def test_a_sample_keeps_all_candidates_and_passes_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labelled, "TEXTS", 10)
    rows: list[Any] = [{"text": f"text {n}", "label": "abcde"[n % 5]} for n in range(40)]
    source = lines(tmp_path / "a.jsonl", [*rows, "{"])
    found = read_labelled(source, limit=4, seed=1)
    assert (len(found.texts), found.usable, found.labels) == (4, 40, tuple("abcde"))
    assert list(found.rows) == sorted(found.rows)
    for row, text, flags in zip(found.rows, found.texts, found.truth, strict=True):
        assert text == f"text {row - 1}"
        assert found.labels[int(flags.argmax())] == "abcde"[(row - 1) % 5]
    assert found.rows == read_labelled(source, limit=4, seed=1).rows
    assert found.rows != read_labelled(source, limit=4, seed=2).rows
    with pytest.raises(TextError, match="more than 10 texts"):
        read_labelled(source)
