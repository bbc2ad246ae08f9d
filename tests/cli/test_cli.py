"""The command line: exit codes, and what a person or a program reads."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gristmill import __version__
from gristmill.cli import COMMANDS, main
from gristmill.release.schema import shards
from gristmill.tables import TABLES
from mill import MIT, functions, recipe_text, write_files

HOSTILE = "pages/[id] :smile: \x1b[2Jx.py"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recipe and the workspace of its build."""
    folder = tmp_path_factory.mktemp("cli")
    files = {
        "LICENSE": MIT,
        "a.py": functions([1]),
        "b.py": functions([1]),
        HOSTILE: functions([2]),
        "c.txt": b"words\n",
    }
    write_files(folder / "d", files)
    (folder / "recipe.toml").write_text(recipe_text(["dir:d"]))
    assert main(["build", str(folder / "recipe.toml"), "-w", str(folder / "w"), "-q"]) == 0
    return folder


def run(built: Path, capsys: pytest.CaptureFixture[str], command: str, *arguments: str) -> str:
    capsys.readouterr()
    assert main([command, *arguments, "-w", str(built / "w")]) == 0
    return capsys.readouterr().out


def test_build_prints_the_funnel_and_quiet_does_not(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = run(built, capsys, "build", str(built / "recipe.toml"))
    assert "exact_duplicate" in out
    assert "Python" in out
    assert str(built / "w/releases/mill-1.0.0") in out
    assert run(built, capsys, "build", str(built / "recipe.toml"), "-q") == ""


def test_status(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "exact_duplicate" in run(built, capsys, "status")
    report = json.loads(run(built, capsys, "status", "--json"))
    rows = report["rows"]
    assert rows["entries"] == rows["kept"] + sum(rows["dropped"].values()) == 5
    assert report["stages"]["text"]["tasks"] >= 1


def test_query_in_every_form(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sql = "SELECT path, length FROM entries ORDER BY path"
    rows = [json.loads(line) for line in run(built, capsys, "query", sql, "--format", "json").splitlines()]
    assert [row["path"] for row in rows] == ["LICENSE", "a.py", "b.py", "c.txt", HOSTILE]
    text = run(built, capsys, "query", sql, "--format", "csv")
    assert list(csv.reader(io.StringIO(text)))[1:] == [[row["path"], str(row["length"])] for row in rows]
    table = run(built, capsys, "query", sql)
    assert "pages/[id] :smile: \\x1b[2Jx.py" in table
    assert "\x1b" not in table


def test_every_table_is_there_to_be_queried(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in [*(table.name for table in TABLES), "facts", "files", "stubs"]:
        out = run(built, capsys, "query", f"SELECT count(*) AS n FROM {name}", "--format", "json")
        assert json.loads(out)["n"] >= 0
    counted = run(built, capsys, "query", "SELECT sum(length_bytes) AS n FROM files", "--format", "json")
    assert isinstance(json.loads(counted)["n"], int)


def test_a_wrong_query_is_an_error_of_the_input(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for sql in ("SELECT nonsense FROM entries", "SELEKT", "SELECT * FROM nowhere", ""):
        assert main(["query", sql, "-w", str(built / "w")]) == 1
        said = capsys.readouterr().err
        assert said.startswith("gristmill: "), (sql, said)
        assert "Traceback" not in said


def test_explain_for_people_and_programs(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = run(built, capsys, "explain", "b.py")
    assert "OUT b.py" in out
    assert "exact_duplicate: the same content is kept from another place" in out
    assert "[policy.duplicates.exact]" in out
    assert "IN  a.py" in run(built, capsys, "explain", "a.py")
    out = run(built, capsys, "explain", HOSTILE)
    assert "pages/[id] :smile: \\x1b[2Jx.py" in out
    assert "\x1b" not in out
    story = json.loads(run(built, capsys, "explain", HOSTILE, "--json"))
    assert story["entries"][0]["path"] == HOSTILE
    assert "\n4 more; see --limit" in run(built, capsys, "explain", "d", "--limit", "1")


def test_verify(built: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    release = built / "w/releases/mill-1.0.0"
    assert main(["verify", str(release)]) == 0
    assert "ok" in capsys.readouterr().out
    subprocess.run(["cp", "-r", str(release), str(tmp_path / "copy")], check=True)
    from gristmill.release.schema import FILES

    path = shards(tmp_path / "copy", FILES)[0]
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    for options in ([], ["--quick"]):
        assert main(["verify", str(tmp_path / "copy"), *options]) == 1
        assert path.name in capsys.readouterr().out
    assert main(["verify", str(tmp_path / "none")]) == 1


def test_init_writes_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "recipe.toml"
    assert main(["init", str(path)]) == 0
    text = path.read_text()
    assert main(["init", str(path)]) == 1
    assert "exists; choose another name" in capsys.readouterr().err
    assert path.read_text() == text


def test_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tables", "contents"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("## contents")
    assert out.count("## ") == 1
    assert main(["tables", "contentz"]) == 1
    assert "no table 'contentz'; tables: origins" in capsys.readouterr().err


def test_usage(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for arguments in (["--version"], ["--help"], ["build", "--help"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 0
    out = capsys.readouterr().out
    assert __version__ in out
    assert all(command in out for command in COMMANDS)
    for wrong in (
        [],
        ["bild"],
        ["build"],
        ["build", "x", "--workers", "0"],
        ["build", "x", "--engine", "spark"],
    ):
        with pytest.raises(SystemExit) as ended:
            main(wrong)
        assert ended.value.code == 2
    for command in (["status"], ["explain", "x"], ["query", "SELECT 1"]):
        assert main([*command, "-w", str(tmp_path / "none")]) == 1
        assert "not a gristmill workspace" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_errors_of_the_machine_are_one_line(
    built: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A file where the workspace needs a folder: an OSError from deep below, told without a traceback."""
    assert main(["build", str(built / "recipe.toml"), "-w", str(tmp_path / "w"), "-q"]) == 0
    for path in (tmp_path / "w/runs").iterdir():
        path.unlink()
    (tmp_path / "w/runs").rmdir()
    (tmp_path / "w/runs").write_text("")
    capsys.readouterr()
    assert main(["build", str(built / "recipe.toml"), "-w", str(tmp_path / "w"), "-q"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("gristmill: ")
    assert "runs" in said


def test_a_closed_pipe_is_no_error(built: Path) -> None:
    command = [sys.executable, "-m", "gristmill", "query", "SELECT * FROM range(300000)", "--format", "json"]
    with subprocess.Popen(
        [*command, "-w", str(built / "w")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ}
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.readline()
        child.stdout.close()
        assert child.stderr.read() == b""
        assert child.wait() == 0
