"""``gristmill evaluate``: a table for people, a folder and JSON for programs, mistakes that say what to mend."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import command, small_model

LABELS = ["bug", "feature", "question"]
FILES = {"evaluation.json", "per_class.csv", "confusion.svg", "reliability.svg"}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_model(tmp_path_factory)


def lines(path: Path, rows: Sequence[object]) -> Path:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows) + "\n")
    return path


def texts(path: Path, number: int = 24) -> Path:
    return lines(path, [{"text": f"The driver {n} crashes", "label": LABELS[n % 3]} for n in range(number)])


def evaluate(source: Path, checkpoint: Path, *words: object) -> int:
    return command("evaluate", source, "--model", checkpoint, "--engine", "numpy", "--workers", 1, *words)


def read(folder: Path) -> dict[str, Any]:
    values = json.loads((folder / "evaluation.json").read_bytes())
    assert isinstance(values, dict)
    return values


def test_a_table_and_a_folder(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = texts(tmp_path / "data.jsonl")
    source.write_text(source.read_text() + "not json\n")
    assert evaluate(source, checkpoint, "--output", tmp_path / "a", "--confusion") == 0
    told = capsys.readouterr()
    for part in ("accuracy", "macro-F1", "95 % interval", "calibration error", "always bug", "largest confusions",
                 "precision", "true \\ found", "CPU s", "25 rows, 24 used, 3 labels", "left out: 1: not valid JSON"):  # fmt: skip
        assert part in told.out
    assert "row 25: not valid JSON" in told.err
    assert {path.name for path in (tmp_path / "a").iterdir()} == FILES
    values = read(tmp_path / "a")
    assert values["gristmill_evaluation"] == 1
    assert (values["task"], values["name"], values["data"]["file"]) == (
        "classification",
        "data",
        "data.jsonl",
    )
    assert values["model"]["name"] == checkpoint.name
    assert values["model"]["digest"].startswith("sha256:")
    assert str(checkpoint.parent) not in json.dumps(values)
    counts = values["confusion"]["counts"]
    assert sum(map(sum, counts)) == values["data"]["used"] == 24
    right = sum(counts[n][n] for n in range(3))
    assert values["measures"]["accuracy"]["value"] == round(right / 24, 6)
    for place, (one, row) in enumerate(zip(values["classes"], counts, strict=True)):
        assert (one["support"], one["hits"]) == (sum(row), row[place])
        assert one["found"] == sum(line[place] for line in counts)
    wrong = [(one["true"], one["found"]) for one in values["confusions"]]
    assert all(true != found for true, found in wrong)
    assert sum(one["texts"] for one in values["confusions"]) == 24 - right
    with (tmp_path / "a" / "per_class.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [one["label"] for one in table] == LABELS
    assert [int(one["support"]) for one in table] == [8, 8, 8]
    for name in ("confusion.svg", "reliability.svg"):
        assert ElementTree.fromstring((tmp_path / "a" / name).read_text()).tag.endswith("svg")


def test_all_but_the_time_is_the_same_every_time(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = texts(tmp_path / "data.jsonl")
    for name in ("a", "b"):
        assert evaluate(source, checkpoint, "--output", tmp_path / name, "--limit", 10, "--seed", 3) == 0
    one, two = read(tmp_path / "a"), read(tmp_path / "b")
    assert one.pop("timing").keys() == two.pop("timing").keys() >= {"wall_seconds", "pairs_per_second"}
    assert one == two
    assert one["data"]["sample"] == {"limit": 10, "seed": 3}
    assert one["data"]["left_out"] == [{"reason": "not in the sample", "rows": 14}]
    for name in FILES - {"evaluation.json"}:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    capsys.readouterr()
    assert evaluate(source, checkpoint, "--json", "--limit", 10, "--seed", 3, "-q") == 0
    printed = json.loads(capsys.readouterr().out)
    printed.pop("timing")
    assert printed == one


def test_the_command_that_is_written_down_measures_the_same(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shlex

    monkeypatch.chdir(tmp_path)
    texts(tmp_path / "data.jsonl")
    (tmp_path / "words.json").write_text(json.dumps({label: f"a {label}" for label in LABELS}))
    (tmp_path / "labels.txt").write_text("question\nbug\nfeature\n")
    source = tmp_path / "data.jsonl"
    options = ["--labels-file", tmp_path / "labels.txt", "--label-map", tmp_path / "words.json", "--limit", 9]
    more = ["--template", "It's {}.", "--temperature", 2, "--seed", 5, "--name", "A set", "--split", "dev"]
    assert evaluate(source, checkpoint, *options, *more, "--output", "a", "-q") == 0
    first = read(tmp_path / "a")
    assert [one["label"] for one in first["classes"]] == ["question", "bug", "feature"]
    assert first["data"]["words"]["bug"] == "a bug"
    assert (first["name"], first["split"]) == ("A set", "dev")
    assert first["run"]["temperature"] == {"value": 2.0, "source": "given"}
    program, *words = shlex.split(first["command"])
    assert program == "gristmill"
    words[words.index("MODEL")] = str(checkpoint)
    assert command(*words, "--workers", 1, "--output", "b", "-q") == 0
    second = read(tmp_path / "b")
    del first["timing"], second["timing"]
    assert first == second


def test_several_labels_in_csv(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"text {n},{'bug|question' if n % 2 else 'feature'}" for n in range(10)]
    (tmp_path / "d.csv").write_text("\n".join(["text,labels", *rows]))
    assert (
        evaluate(
            tmp_path / "d.csv", checkpoint, "--multi-label", "--threshold", 0.4, "--output", tmp_path / "o"
        )
        == 0
    )
    assert "all labels right" in capsys.readouterr().out
    values = read(tmp_path / "o")
    assert (values["task"], values["confusion"], values["run"]["threshold"]) == ("multi_label", None, 0.4)
    assert sorted(values["baseline"]["majority"]) in (["bug", "question"], ["feature"])
    assert all(one["average_precision"] is not None for one in values["classes"])
    text = (tmp_path / "o" / "confusion.svg").read_text()
    assert "found, not true" in text
    with (tmp_path / "o" / "per_class.csv").open(newline="") as file:
        assert "average_precision" in next(csv.reader(file))


def test_many_labels_and_numbers_in_parquet(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"text": f"text {n}", "label": n % 90} for n in range(180)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "d.parquet")
    assert evaluate(tmp_path / "d.parquet", checkpoint, "--output", tmp_path / "o", "--confusion") == 0
    told = capsys.readouterr().out
    assert "and 50 labels with a higher F1" in told
    assert "true label among the first 3" in told
    assert "does not fit here" in told
    assert "10 labels with fewest errors" in (tmp_path / "o" / "confusion.svg").read_text()
    assert len(read(tmp_path / "o")["confusion"]["counts"]) == 90


def test_pairs(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"s1": f"driver {n}", "s2": "it works", "gold": n % 3} for n in range(12)]
    source = lines(tmp_path / "n.jsonl", [*rows, {"s1": "a", "s2": "b", "gold": "-"}, {"s1": "", "s2": "b"}])
    words = ["--task", "nli", "--premise-field", "s1", "--hypothesis-field", "s2", "--label-field", "gold"]
    assert evaluate(source, checkpoint, *words) == 1
    assert "row 1: the class 0 is a number" in capsys.readouterr().err
    words += ["--nli-labels", "e,n,c"]
    assert evaluate(source, checkpoint, *words, "--output", tmp_path / "o") == 0
    told = capsys.readouterr()
    assert "1: no true class" in told.out
    assert "contradiction" in told.out
    assert "row 14: the 's1' is empty" in told.err
    values = read(tmp_path / "o")
    assert (values["data"]["rows"], values["data"]["used"]) == (14, 12)
    assert values["run"]["template"] is None
    assert [one["label"] for one in values["classes"]] == ["entailment", "neutral", "contradiction"]
    assert evaluate(source, checkpoint, *words, "--strict", "-q") == 3


def test_folders_are_not_written_over(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = texts(tmp_path / "data.jsonl", 6)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    assert evaluate(source, tmp_path / "no model", "--output", tmp_path / "mine", "--replace") == 1
    assert "holds other files" in capsys.readouterr().err  # before anything was loaded
    assert evaluate(source, checkpoint, "--output", tmp_path / "o") == 0
    assert evaluate(source, checkpoint, "--output", tmp_path / "o") == 1
    assert "--replace" in capsys.readouterr().err
    assert (
        evaluate(texts(tmp_path / "data.jsonl", 9), checkpoint, "--output", tmp_path / "o", "--replace") == 0
    )
    assert read(tmp_path / "o")["data"]["used"] == 9
    assert evaluate(source, checkpoint, "--output", source) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.jsonl", "mine", "o"]
    (tmp_path / "o" / "more.txt").write_text("x")
    assert evaluate(source, checkpoint, "--output", tmp_path / "o", "--replace") == 1
    assert (tmp_path / "o" / "more.txt").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--premise-field", "x"], "--premise-field does not go with --task classification"),
        (["--task", "nli", "--label-map", "x"], "--label-map does not go with --task nli"),
        (["--task", "nli", "--multi-label"], "--multi-label does not go with --task nli"),
        (["--threshold", "0.4"], "--threshold goes with --multi-label"),
        (["--text-field", "body"], "there is no field 'body'"),
        (["--labels", "bug,feature"], "row 3: the label 'question' is not among the candidates"),
        (["--task", "nli", "--nli-labels", "a,b"], "--nli-labels a,b: name entailment"),
    ],
)
def test_mistakes(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert evaluate(texts(tmp_path / "d.jsonl"), checkpoint, *words) == 1
    assert message in capsys.readouterr().err


def test_wrong_usage(checkpoint: Path, tmp_path: Path) -> None:
    for words in (["--temperature", "0"], ["--limit", "0"], ["--threshold", "2"], ["--task", "both"]):
        with pytest.raises(SystemExit) as ended:
            evaluate(texts(tmp_path / "d.jsonl"), checkpoint, *words)
        assert ended.value.code == 2
