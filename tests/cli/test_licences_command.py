from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import command

MIT = "SPDX-License-Identifier: MIT\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "it"
    for path, text in {
        "LICENSE": MIT,
        "a.py": "x = 1\n",
        "lib/b.c": "// SPDX-License-Identifier: GPL-3.0-only\n",
        "odd\x1b[31m.c": "// SPDX-License-Identifier: LicenseRef-Odd\n",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def test_the_table(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("licences", "scan", folder) == 0
    told = capsys.readouterr().out
    assert "MIT" in told
    assert "restricted or unknown: 2 files" in told
    assert "lib/b.c: GPL-3.0-only\n    lib/b.c: spdx-tag 1.00" in told
    assert "\x1b" not in told
    assert "odd\\x1b[31m.c" in told


@pytest.mark.parametrize(
    ("options", "code", "refused"),
    [
        (["--allow", "permissive"], 1, ["lib/b.c", "odd\x1b[31m.c"]),
        (["--allow", "permissive,GPL-3.0-only, LicenseRef-Odd"], 0, []),
        (["--deny", "restricted"], 1, ["lib/b.c"]),
        (["--deny", "none"], 0, []),
        (["--allow", "permissive", "--exclude", "lib/**", "--exclude", "odd*"], 0, []),
    ],
)
def test_the_exit_code_is_the_policy_s(
    folder: Path, capsys: pytest.CaptureFixture[str], options: list[str], code: int, refused: list[str]
) -> None:
    assert command("licences", "scan", folder, "--json", *options) == code
    told = capsys.readouterr()
    policy = json.loads(told.out)["policy"]
    assert (policy["met"], policy["refused"]) == (code == 0, refused)
    assert told.err.count("not allowed by the policy") == len(refused)
    assert "\x1b" not in told.err
    assert command("licences", "scan", folder, *options) == code
    assert ("the policy is met" in capsys.readouterr().out) is (code == 0)


def test_the_policy_of_a_recipe(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = tmp_path / "recipe.toml"
    base = '[release]\nname = "r"\n[collect]\nsources = ["dir:."]\n[policy.licences]\n'
    recipe.write_text(base + 'allow_expressions = ["GPL-3.0-only"]\n')
    assert command("licences", "scan", folder, "--recipe", recipe, "--json") == 1
    assert json.loads(capsys.readouterr().out)["policy"]["refused"] == ["odd\x1b[31m.c"]
    assert command("licences", "scan", folder, "--recipe", recipe, "--allow", "unknown") == 0
    recipe.write_text(base + 'propagation = "union"\n')
    (folder / "lib" / "LICENSE").write_text("SPDX-License-Identifier: GPL-3.0-only\n")
    (folder / "lib" / "c.c").write_text("int c;\n")
    capsys.readouterr()
    command("licences", "scan", folder / "lib" / "..", "--recipe", recipe, "--json")
    files = {one["path"]: one for one in json.loads(capsys.readouterr().out)["files"]}
    assert files["lib/c.c"]["expression"] == "MIT AND GPL-3.0-only"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nope"], "nope: cannot be read: No such file or directory; name a folder or a file"),
        ([".", "--allow", "permisive"], "did you mean 'permissive'?"),
        ([".", "--recipe", "nope.toml"], "nope.toml: no such recipe"),
        ([".", "--output", "no/such/folder"], "No such file or directory"),
        ([".", "--json", "--output", "no/such/folder"], "No such file or directory"),
    ],
)
def test_what_cannot_be_used_gives_2(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command("licences", "scan", *words) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--created", "soon"], ["--allow", "MIT,,ISC"], ["--format", "xml"]])
def test_wrong_usage_gives_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        command("licences", "scan", ".", *words)
    assert caught.value.code == 2
    assert words[1] in capsys.readouterr().err


@pytest.mark.parametrize(
    ("form", "where"), [("spdx-2.3", ("creationInfo", "created")), ("spdx-3", ("@graph", 0, "created"))]
)
def test_documents_have_the_time_asked_for(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, where: tuple[str | int, ...]
) -> None:
    output = tmp_path / "out.json"

    def created(*words: str) -> object:
        assert command("licences", "scan", folder, "--format", form, "--output", output, *words) == 0
        value = json.loads(output.read_text())
        for key in where:
            value = value[key]
        return value

    assert created("--created", "2026-01-31T12:00:00+02:00") == "2026-01-31T10:00:00Z"
    assert created("--created", "2026-01-31") == "2026-01-31T00:00:00Z"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert created() == "1970-01-02T00:00:00Z"
    first = output.read_bytes()
    created()
    assert output.read_bytes() == first


def test_what_cannot_be_read_is_told_and_stops_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from gristmill.scan import detect

    monkeypatch.setattr(detect, "MAX_BYTES", 6)
    assert command("licences", "scan", folder, "--output", folder.parent / "table.txt") == 0
    assert "LICENSE: not looked into: larger than 6 bytes" in capsys.readouterr().err
    assert "none found" in (folder.parent / "table.txt").read_text()
