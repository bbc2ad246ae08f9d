"""Whole builds that honour what reviewers decided about licence texts."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

from gristmill.collect.swhid import content_id
from gristmill.decide.licence_decisions import Decision, record
from mill import dropped, kept, make, recipe, table, tasks, write_files

HOUSE = b"The house licence. You may look at this, and the house may look at you. " * 3
POLICY = '[policy.licences]\ndecisions = "decisions.toml"\n'
DATE = dt.date(2026, 11, 23)


def test_a_decision_holds_and_is_cited(tmp_path: Path) -> None:
    code = b"def f(value):\n    return value\n"
    write_files(tmp_path / "house", {"LICENSE": HOUSE, "a.py": code})
    write_files(tmp_path / "other", {"LICENSE": b"SPDX-License-Identifier: MIT\n", "b.py": code + b"# b\n"})
    sources = [f"dir:{tmp_path / name}" for name in ("house", "other")]
    workspace = tmp_path / "workspace"
    first = make(workspace, recipe(sources))
    assert "house/a.py" in dropped(first)
    before = tasks(workspace)

    record(tmp_path / "decisions.toml", Decision("house", (content_id(HOUSE),), "0BSD", "Ada", DATE, "read"))
    second = make(workspace, recipe(sources, POLICY), base=tmp_path)
    assert {"house/a.py", "other/b.py"} <= set(kept(second))
    (row,) = [one for one in table(workspace, "licences") if one["path"] == "a.py"]
    assert (row["expression"], row["scope"], row["evidence"]) == (
        "0BSD",
        "directory",
        ["LICENSE: decision/house 1.00"],
    )
    manifest = json.loads((second.released.folder / "manifest.json").read_text())
    assert "1 decisions, sha256:" in json.dumps(manifest)
    # Only the origin that holds the content is decided again, and nothing is annotated again.
    new = [task.partition("/")[0] for task in tasks(workspace) - before]
    assert new.count("licences") == 1
    assert not {"licence_matches", "text", "signals"} & set(new)

    (tmp_path / "decisions.toml").unlink()
    nothing = Decision("house", (content_id(HOUSE),), None, "Ada", DATE, "no licence at all")
    record(tmp_path / "decisions.toml", nothing)
    third = make(workspace, recipe(sources, POLICY), base=tmp_path)
    assert "house/a.py" in dropped(third)
    (row,) = [one for one in table(workspace, "licences") if one["path"] == "a.py"]
    assert (row["expression"], row["licence_class"]) == (None, "none")


def test_a_manifest_s_field_stays_what_it_says(tmp_path: Path) -> None:
    manifest = b'# SPDX-License-Identifier: GPL-3.0-only\n[project]\nlicense = "MIT"\n'
    write_files(tmp_path / "it", {"pyproject.toml": manifest, "a.py": b"a = 1\n"})
    record(
        tmp_path / "decisions.toml",
        Decision("no-tag", (content_id(manifest),), None, "Ada", DATE, "the tag is left over"),
    )
    workspace = tmp_path / "workspace"
    found = []
    for more in ("", POLICY):
        make(workspace, recipe([f"dir:{tmp_path / 'it'}"], more), base=tmp_path)
        found.append({one["path"]: one["expression"] for one in table(workspace, "licences")})
    assert [one["pyproject.toml"] for one in found] == ["GPL-3.0-only AND MIT", "MIT"]
    assert [one["a.py"] for one in found] == ["MIT", "MIT"]
