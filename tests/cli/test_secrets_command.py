from __future__ import annotations

import io
import json
import os
import random
import shlex
import string
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import command


def token(seed: int) -> str:
    letters = string.ascii_letters + string.digits
    return "gl" + "pat-" + "".join(random.Random(seed).choices(letters, k=20))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "it"
    for path, text in {
        "a.py": f"x = '{token(1)}'\n",
        "lib/b.py": f"# gristmill: allow-secret\nx = '{token(2)}'\n",
        "odd\x1b[31m.py": f"\r\nx = '{token(3)}'\r\n",
        "mail.txt": "ada.lovelace@mill-stream.org\n",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(text.encode())
    monkeypatch.chdir(root)
    return root


def paths(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [one["path"] for one in json.loads(capsys.readouterr().out)["findings"]]


def test_the_table(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("secrets", "scan") == 1
    told = capsys.readouterr()
    assert "a.py:1:6: key (gitlab-token, 0.95)" in told.out
    assert "odd\\x1b[31m.py:2:6: key" in told.out
    assert "not told: 0 in the baseline, 1 allowed" in told.out
    assert not [n for n in range(4) if token(n) in told.out + told.err]
    assert "\x1b" not in told.out + told.err


@pytest.mark.parametrize(
    ("options", "code", "found"),
    [
        ([], 1, ["a.py", "odd\x1b[31m.py"]),
        (["--exit-zero"], 0, ["a.py", "odd\x1b[31m.py"]),
        (["--exclude", "odd*", "--exclude", "lib"], 1, ["a.py"]),
        (["--types", "password"], 0, []),
        (["--personal-data", "--exclude", "*.py"], 1, ["mail.txt"]),
        (["--personal-data", "--no-personal-data", "--exclude", "*.py"], 0, []),
        (["--types", "email,ip_address"], 1, ["mail.txt"]),
        (["--sensitivity", "low", "a.py"], 1, ["a.py"]),
        (["lib"], 0, []),
    ],
)
def test_options_choose_and_the_exit_code_says(
    folder: Path, capsys: pytest.CaptureFixture[str], options: list[str], code: int, found: list[str]
) -> None:
    assert command("secrets", "scan", "--format", "json", *options) == code
    assert paths(capsys) == found


def test_a_baseline(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = tmp_path / "known.json"
    scan = ("secrets", "scan", "--format", "json", "--baseline", known)
    assert command(*scan) == 2
    assert "--update-baseline" in capsys.readouterr().err
    assert command(*scan, "--update-baseline") == 0
    written = known.read_bytes()
    assert command(*scan) == 0
    capsys.readouterr()
    (folder / "a.py").write_text("\n" + (folder / "a.py").read_text())
    (folder / "new.py").write_text(f"x = '{token(4)}'")
    assert command(*scan) == 1
    document = json.loads(capsys.readouterr().out)
    assert [one["path"] for one in document["findings"]] == ["new.py"]
    assert document["known"] == 2
    (folder / "new.py").unlink()
    assert command(*scan, "--update-baseline") == 0
    assert known.read_bytes() == written


def test_an_allow_list(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "allow.toml"
    config.write_text('version = 1\n[[allow]]\nrules = ["gitlab-token"]\nreason = "made up"\n')
    assert command("secrets", "scan", "--config", config) == 0
    # Nothing that lies in the folder is a configuration by itself.
    (folder / "allow.toml").write_text(config.read_text())
    assert command("secrets", "scan") == 1
    config.write_text("version = 2")
    assert command("secrets", "scan", "--config", config) == 2


def test_the_same_files_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    for form in ("table", "json", "sarif"):
        for name in "ab":
            assert command("secrets", "scan", "--format", form, "--output", tmp_path / name) == 1
        written = (tmp_path / "a").read_bytes()
        assert written == (tmp_path / "b").read_bytes()
        assert b"gitlab-token" in written


def test_standard_input(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"\ufeffone\ntwo '{token(5)}'"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode("utf-16-le"))))
    assert command("secrets", "scan", "-", "--format", "json") == 1
    (one,) = json.loads(capsys.readouterr().out)["findings"]
    assert (one["path"], one["line"], one["column"], one["start"]) == ("-", 2, 6, 20)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_told_and_stops_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.py").chmod(0)
    assert command("secrets", "scan", "--format", "json") == 1
    told = capsys.readouterr()
    assert "a.py: Permission denied" in told.err


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="a file that root cannot read either")
def test_a_file_that_cannot_be_read_is_told_and_the_exit_code_stays(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("secrets", "scan", "/proc/self/mem") == 0
    assert command("secrets", "scan", "/proc/self/mem", "a.py", "--format", "json") == 1
    told = capsys.readouterr()
    assert told.err == "gristmill: mem: Input/output error\n" * 2
    document = json.loads(told.out[told.out.index("{") :])
    assert document["unread"] == [{"path": "mem", "why": "Input/output error"}]
    assert document["documents"] == 1


@pytest.mark.parametrize(
    "words",
    [
        ["nowhere"],
        [".", "lib", "--staged"],
        ["--git-history"],
        ["--update-baseline"],
        ["--staged", "--baseline", "b", "--update-baseline"],
        ["--config", "nowhere"],
        ["--output", "nowhere/at/all"],
    ],
)
def test_wrong_usage(folder: Path, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert command("secrets", "scan", *words) == 2
    assert capsys.readouterr().err.startswith("gristmill: ")


@pytest.mark.parametrize(
    "words", [["--types", "keys"], ["--format", "xml"], ["--staged", "--git-history"], ["-w"]]
)
def test_wrong_options(folder: Path, words: list[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        command("secrets", "scan", *words)
    assert raised.value.code == 2


def test_history_and_index(make_repository: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    secret = f"x = '{token(6)}'\n".encode()
    root = make_repository("r", {"a.py": secret, "vendor/v.py": f"'{token(7)}'".encode()})
    make_repository("r", {"a.py": b"# moved\n" + secret}, date="2025-01-02T03:04:05+0100")
    make_repository("r", {"a.py": b"gone\n"}, date="2025-01-03T03:04:05+0100")
    scan = ("secrets", "scan", root, "--format", "json", "--exclude", "vendor")
    assert command(*scan) == 0
    capsys.readouterr()
    assert command(*scan, "--git-history") == 1
    (one,) = json.loads(capsys.readouterr().out)["findings"]
    assert (one["path"], one["line"], one["occurrences"]) == ("a.py", 1, 2)
    assert one["commit"]["author_date"] == "2024-01-02T03:04:05+01:00"
    assert command(*scan, "--staged") == 0
    capsys.readouterr()
    (root / "new.py").write_bytes(secret)
    assert command(*scan, "--staged") == 0
    subprocess.run(["git", "add", "new.py"], cwd=root, check=True)
    (root / "new.py").write_text("taken out, but staged\n")
    capsys.readouterr()
    assert command(*scan, "--staged") == 1
    assert paths(capsys) == ["new.py"]


def test_a_repository_without_commits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    assert command("secrets", "scan", tmp_path, "--git-history") == 0
    assert command("secrets", "scan", tmp_path, "--staged") == 0
    assert capsys.readouterr().out.startswith("findings: none; contents read: 0")


def test_the_hook_of_pre_commit(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hooks = (Path(__file__).parent.parent.parent / ".pre-commit-hooks.yaml").read_text()
    (entry,) = [line.split(": ", 1)[1] for line in hooks.splitlines() if line.startswith("  entry: ")]
    program, *words = shlex.split(entry)
    assert program == "gristmill"
    # pre-commit gives the files behind the entry, from the top of the repository.
    assert command(*words, "mail.txt", "lib/b.py") == 0
    assert command(*words, "mail.txt", "a.py") == 1
    assert "a.py:1:6: key" in capsys.readouterr().out
