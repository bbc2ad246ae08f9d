"""``gristmill classify``: what it prints and writes, what it refuses, and how it goes on after kill -9."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import command, small_model

from gristmill.cli import classify
from gristmill.zeroshot import ZeroShotClassifier

LABELS = ["bug report", "feature request", "question"]
COMMA = ",".join(LABELS)
TEXTS = [f"The driver number {n} crashes on resume, {'how ' * (n % 5)}do I install it?" for n in range(30)]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_model(tmp_path_factory)


@pytest.fixture
def model(checkpoint: Path) -> list[str]:
    return ["--model", str(checkpoint), "--engine", "numpy", "--workers", "1"]


@pytest.fixture(scope="module")
def classifier(checkpoint: Path) -> ZeroShotClassifier:
    return ZeroShotClassifier.from_pretrained(checkpoint, engine="numpy", workers=1)


def read(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def same(found: dict[str, Any], wanted: Any) -> None:
    assert found["labels"] == wanted["labels"]
    assert found["scores"] == pytest.approx(wanted["scores"], abs=1e-5)


def test_a_single_text(
    model: list[str], classifier: ZeroShotClassifier, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = classifier(TEXTS[0], LABELS)
    assert command("classify", TEXTS[0], "--labels", COMMA, *model) == 0
    told = capsys.readouterr()
    lines = told.out.splitlines()
    assert [line.rsplit("0.", 1)[0].strip() for line in lines] == wanted["labels"]
    assert all(f"{score:.4f}" in line for score, line in zip(wanted["scores"], lines, strict=True))
    assert "engine numpy on cpu" in told.err
    assert command("classify", TEXTS[0], "--labels", COMMA, "--json", "-q", *model) == 0
    told = capsys.readouterr()
    same(json.loads(told.out), wanted)
    assert told.err == ""


def test_options_reach_the_classifier(
    model: list[str], classifier: ZeroShotClassifier, capsys: pytest.CaptureFixture[str]
) -> None:
    def ask(*arguments: object) -> Any:
        assert command("classify", *arguments, "--json", "-q", *model) == 0
        return json.loads(capsys.readouterr().out)

    text = "a driver " * 200
    both = [*arguments(text), "--multi-label", "--template", "Das ist {}."]
    same(ask(*both), classifier(text, LABELS, multi_label=True, hypothesis_template="Das ist {}."))
    for how in ("max", "mean"):
        same(ask(*arguments(text), "--windows", how), classifier(text, LABELS, windows=how))  # type: ignore[call-overload]
    same(ask(*arguments(text), "--language", "de"), classifier(text, LABELS, language="de"))
    same(ask(*arguments(text), "--contextual"), classifier(text, LABELS, contextual=True))
    none = ask(*arguments(text), "--threshold", "1", "--none")
    assert none["labels"] == ["none of these"]
    assert none["abstained"] is True


def arguments(text: str) -> list[str]:
    return [text, "--labels", COMMA]


def test_nothing_reaches_the_threshold(model: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert command("classify", *arguments(TEXTS[0]), "--threshold", "1", *model) == 0
    assert capsys.readouterr().out == "no label reaches the threshold\n"


def test_a_hostile_label_does_not_drive_the_terminal(
    model: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "labels.json").write_text(json.dumps(["[red]bug\x1b[2J", ":smile:\nx"]))
    assert command("classify", TEXTS[0], "--labels-file", tmp_path / "labels.json", *model) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "[red]bug\\x1b[2J" in out
    assert ":smile: x" in out


def test_a_tree_of_labels(
    model: list[str],
    classifier: ZeroShotClassifier,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tree = {"software": ["bug report", "question"], "world": {"politics": None, "sport": []}}
    (tmp_path / "tree.json").write_text(json.dumps(tree))
    wanted = classifier(TEXTS[0], tree)
    assert command("classify", TEXTS[0], "--labels-file", tmp_path / "tree.json", *model) == 0
    assert " / ".join(wanted["paths"][0]) in capsys.readouterr().out
    (tmp_path / "a.txt").write_text(TEXTS[0])
    out = tmp_path / "o.parquet"
    files = ["--file", tmp_path / "a.txt", "--labels-file", tmp_path / "tree.json", "--output", out]
    assert command("classify", *files, *model) == 0
    assert pq.read_table(out).to_pylist()[0]["paths"] == wanted["paths"]


@pytest.mark.parametrize("name", ["labels.txt", "labels.json"])
def test_labels_from_a_file(
    model: list[str],
    classifier: ZeroShotClassifier,
    tmp_path: Path,
    name: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    labels = ["politics, sport", "Größe"]
    text = json.dumps(labels) if name.endswith("json") else "\ufeff\n politics, sport\r\nGröße\n\n"
    (tmp_path / name).write_bytes(text.encode())
    assert command("classify", TEXTS[0], "--labels-file", tmp_path / name, "--json", *model) == 0
    same(json.loads(capsys.readouterr().out), classifier(TEXTS[0], labels))


def test_standard_input(
    model: list[str],
    classifier: ZeroShotClassifier,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = [*TEXTS[:3], "", TEXTS[3]]
    for way in (["-"], ["--file", "-"]):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("\n".join(lines).encode())))
        assert command("classify", *way, "--labels", COMMA, *model) == 0
        told = capsys.readouterr()
        answers = read(told.out)
        assert [answer["row"] for answer in answers] == [1, 2, 3, 4, 5]
        assert [answer["sequence"] for answer in answers] == lines
        assert answers[3]["error"] == "the text is empty; leave it out"
        assert "standard input, row 4: the text is empty" in told.err
        assert "5 rows, 4 classified, 1 could not be" in told.err
        for answer in (*answers[:3], answers[4]):
            same(answer, classifier(answer["sequence"], LABELS))


def test_every_form_of_file_gives_the_same_answers(
    model: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"body": text}) + "\n" for text in TEXTS))
    (tmp_path / "a.csv").write_text("n,body\n" + "".join(f'1,"{text}"\n' for text in TEXTS))
    pq.write_table(pa.table({"n": range(len(TEXTS)), "body": TEXTS}), tmp_path / "a.parquet")
    (tmp_path / "a.txt").write_text("\n".join(TEXTS) + "\n")
    outputs = set()
    for name in ("a.jsonl", "a.csv", "a.parquet", "a.txt"):
        field = [] if name == "a.txt" else ["--text-field", "body"]
        assert command("classify", "--file", tmp_path / name, "--labels", COMMA, *field, *model) == 0
        outputs.add(capsys.readouterr().out)
        if name != "a.txt":
            out = tmp_path / "o.jsonl"
            more = ["--output", out, "-q", *field]
            assert command("classify", "--file", tmp_path / name, "--labels", COMMA, *more, *model) == 0
            told = capsys.readouterr()
            assert (told.out, told.err) == ("", "")
            outputs.add(out.read_text())
    assert len(outputs) == 1


def test_bad_rows_and_exit_codes(
    model: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = tmp_path / "a.jsonl", tmp_path / "o.parquet"
    source.write_text('{"text": "good \\ud800"}\n{"x": 1}\nnope\n{"text": "\\u0000"}\n{"text": "good too"}\n')
    files = ["--file", source, "--labels", COMMA, "--output", out, "--threshold", "0", *model]
    assert command("classify", *files) == 0
    told = capsys.readouterr().err
    for row, error in ((2, "there is no field 'text'"), (3, "not valid JSON"), (4, "has no letters")):
        assert f"{source}, row {row}: " in told
        assert error in told
    assert "5 rows, 2 classified, 3 could not be" in told
    rows = pq.read_table(out).to_pylist()
    assert [row["row"] for row in rows] == [1, 2, 3, 4, 5]
    assert [row["error"] is None for row in rows] == [True, False, False, False, True]
    assert rows[0]["sequence"] == "good \ufffd"
    assert rows[0]["abstained"] is False
    assert len(rows[4]["labels"]) == len(rows[4]["scores"]) == 3
    assert command("classify", *files, "--strict") == 3
    assert command("classify", "--file", source, "--labels", COMMA, *model) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert json.loads(first)["sequence"] == "good \ud800"
    source.write_text("nope\n\n")
    assert command("classify", *files) == 1
    source.write_text("")
    assert command("classify", *files) == 0
    assert pq.read_table(out).num_rows == 0


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["x", "--labels", "a,b", "--model", "nowhere/at/all"], "no folder, and no id"),
        (["x", "--labels", ",", "MODEL"], "there are no candidate labels"),
        (["x", "--labels", "a", "MODEL"], "the only label"),
        (["x", "--labels", "a,b", "--template", "none", "MODEL"], "no place for the label"),
        (["x", "--labels", "a,b", "--template", "{}", "--language", "de", "MODEL"], "give one of them"),
        (["x", "--labels", "a,b", "--language", "tlh", "MODEL"], "no hypothesis template for language"),
        (["x", "--labels", "a,b", "--none", "MODEL"], "give threshold= too"),
        (["", "--labels", "a,b", "MODEL"], "the text is empty"),
        (["x", "--labels-file", "nowhere", "MODEL"], "'nowhere' cannot be read"),
        (["x", "--labels", "a,b", "--output", "o.jsonl", "MODEL"], "for the texts of a file"),
        (
            ["--file", "a.txt", "--labels", "a,b", "--output", "o.csv", "MODEL"],
            "must end in .jsonl or .parquet",
        ),
        (["--file", "nowhere.txt", "--labels", "a,b", "MODEL"], "is no file"),
        (["--file", "a.txt", "--labels", "a,a", "MODEL"], "is there twice"),
        (["--file", "a.txt", "--text-field", "b", "--labels", "a,b", "--engine", "x", "MODEL"], "not known"),
    ],
)
def test_mistakes_are_told_in_a_line(
    model: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    error: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("x\n")
    options = model[:2] if "--engine" in words else model
    given = [part for word in words for part in (options if word == "MODEL" else [word])]
    assert command("classify", *given, "-q") == 1
    told = capsys.readouterr().err
    assert error in told
    assert told.startswith("gristmill: ")
    assert told.count("\n") == 1
    assert list(tmp_path.iterdir()) == [tmp_path / "a.txt"]


def test_labels_in_json_that_are_none(
    model: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for text, error in (
        ('["a", ["b"]]', "list of strings, or a tree"),
        ("3", "list of strings"),
        ("[", "Expecting"),
    ):
        (tmp_path / "labels.json").write_text(text)
        assert command("classify", "x", "--labels-file", tmp_path / "labels.json", *model) == 1
        assert error in capsys.readouterr().err
    (tmp_path / "labels.txt").write_bytes(b"a\n\xff\n")
    assert command("classify", "x", "--labels-file", tmp_path / "labels.txt", *model) == 1
    assert "write it as UTF-8" in capsys.readouterr().err


def test_the_input_is_not_overwritten(
    model: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "a.jsonl"
    source.write_text('{"text": "x"}\n')
    (tmp_path / "link.jsonl").symlink_to(source)
    files = ["--file", source, "--labels", COMMA, "--output", tmp_path / "link.jsonl"]
    assert command("classify", *files, *model) == 1
    assert "is the input" in capsys.readouterr().err
    assert source.read_text() == '{"text": "x"}\n'


KILLED = """
import os, signal, sys
from gristmill import cli
from gristmill.cli import classify
from gristmill.cli.parts import Parts
cli.COMMANDS = ("classify",)
classify.PART_PAIRS, classify.PART_ROWS = {"cpu": 12}, (1, 4)
whole, left = Parts.add, [2]
def add(self, data, *, rows, failed):
    if left[0] == 0:
        self._file.write(data[: len(data) // 2])
        self._file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= 1
    whole(self, data, rows=rows, failed=failed)
Parts.add = add
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.mark.parametrize(("suffix", "workers"), [("jsonl", 1), ("jsonl", 3), ("parquet", 2)])
def test_killed_in_the_middle_and_run_again(
    model: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    suffix: str,
    workers: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(classify, "PART_PAIRS", {"cpu": 12})
    monkeypatch.setattr(classify, "PART_ROWS", (1, 4))
    source, out = tmp_path / "a.jsonl", tmp_path / f"o.{suffix}"
    rows = [json.dumps({"text": text}) for text in TEXTS]
    rows[1], rows[20] = "not json", json.dumps({"text": ""})
    source.write_text("\n".join(rows))
    files = ["classify", "--file", str(source), "--labels", COMMA, *model, "--workers", str(workers)]
    assert command(*files, "--output", tmp_path / f"whole.{suffix}") == 0
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, *files, "--output", str(out)],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert not out.exists()
    # other settings do not go on with it
    capsys.readouterr()
    assert command(*files, "--multi-label", "--output", out) == 1
    assert "begun with other input, model, labels or settings (8 rows)" in capsys.readouterr().err
    assert command(*files, "--output", out) == 0
    told = capsys.readouterr().err
    assert "8 rows are done; going on" in told
    assert "row 2: not valid JSON" not in told  # told of by the run that was killed
    assert "row 21: the text is empty" in told
    assert "30 rows, 28 classified, 2 could not be" in told
    assert out.read_bytes() == (tmp_path / f"whole.{suffix}").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", f"o.{suffix}", f"whole.{suffix}"]


def test_a_changed_input_is_another_run(
    model: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classify, "PART_ROWS", (1, 2))
    source, out = tmp_path / "a.txt", tmp_path / "o.jsonl"
    source.write_text("\n".join(TEXTS))
    files = ["classify", "--file", source, "--labels", COMMA, "--output", out, *model]

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("gristmill.cli.parts.Parts.finish", stop)
        assert command(*files) == 130
    source.write_text("\n".join([*TEXTS, "one more"]))
    assert command(*files) == 1
    source.write_text("\n".join(TEXTS))
    assert command(*files) == 0
    assert len(read(out.read_text())) == 30


def test_help_loads_no_model_code() -> None:
    code = (
        "import sys; from gristmill.cli import make_parser; make_parser(['classify', 'calibrate', 'compare']);"
        "print(sorted(set(sys.modules) & {'numpy', 'tokenizers', 'pyarrow.parquet', 'gristmill.zeroshot.classifier'}))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "gristmill.zeroshot.classifier" not in ran.stdout
    assert "tokenizers" not in ran.stdout
