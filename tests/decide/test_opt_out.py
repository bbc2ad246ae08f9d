"""Opt-outs: globs, accounts and repositories in all their spellings."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.decide.opt_out import OptOut, glob_pattern, match_origin, parse_opt_outs
from gristmill.errors import RecipeError


@pytest.mark.parametrize(
    ("glob", "inside", "outside"),
    [
        ("secret.txt", ["secret.txt", "a/b/secret.txt"], ["secret.txt.bak", "a/xsecret.txt", "secret.txt/x"]),
        ("*.pem", ["k.pem", "a/k.pem", ".pem"], ["k.pem/a", "k.pems"]),
        ("src/*.py", ["src/a.py"], ["src/a/b.py", "x/src/a.py", "a.py"]),
        ("/src/**", ["src/a", "src/a/b.py"], ["xsrc/a", "src"]),
        ("**/test/**", ["test/a", "x/y/test/a/b"], ["tests/a", "xtest/a"]),
        ("a?c", ["abc", "x/abc"], ["ac", "a/c"]),
        ("a.c", ["a.c"], ["abc"]),
        ("[x]+", ["[x]+"], ["xx", "x"]),
    ],
)
def test_globs(glob: str, inside: list[str], outside: list[str]) -> None:
    found = [path for path in [*inside, *outside] if _full_match(path, glob_pattern(glob))]
    assert found == inside


def _full_match(path: str, pattern: str) -> bool:
    return bool(duckdb.execute("SELECT regexp_full_match(?, ?, 's')", [path, pattern]).fetchall()[0][0])


@given(st.text(st.characters(exclude_characters="*?/", exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_a_name_without_wildcards_is_itself_alone(name: str) -> None:
    pattern = glob_pattern(name)
    assert re.fullmatch(pattern, name, re.DOTALL)
    assert re.fullmatch(pattern, "a/" + name, re.DOTALL)
    assert not re.fullmatch(pattern, "a" + name, re.DOTALL)


@pytest.mark.parametrize(
    ("subject", "matches"),
    [
        ("https://github.example/Ann/Tool.git", True),
        ("git@github.example:ann/tool", True),
        ("ann/tool", True),
        ("Ann/TOOL", True),
        ("tool", False),
        ("ann/tools", False),
        ("other.example/ann/tool", False),
    ],
)
def test_repositories(subject: str, matches: bool) -> None:
    entry = OptOut("repository", subject)
    found = match_origin([entry], "https://github.example/ann/tool", "ann/tool", "git")
    assert found == (entry if matches else None)


@pytest.mark.parametrize(
    ("account", "url", "kind", "matches"),
    [
        ("Ann", "https://github.example/ann/tool", "git", True),
        ("ann", "git@github.example:ann/tool.git", "git", True),
        ("tool", "https://github.example/ann/tool", "git", False),
        ("@scope", "https://index.example/package/@scope/name", "npm", True),
        ("home", "file:///home/ann/tool", "git", False),
        ("home", "file:///home/ann/tool", "dir", False),
    ],
)
def test_accounts(account: str, url: str, kind: str, matches: bool) -> None:
    entry = OptOut("account", account)
    assert match_origin([entry], url, "x", kind) == (entry if matches else None)


def test_lists(tmp_path: Path) -> None:
    (tmp_path / "l.txt").write_text("# no\n\n  path: *.pem \naccount:ann\n")
    digits = "a" * 40
    found = parse_opt_outs(
        [f"content:swh:1:cnt:{digits}", "@l.txt", "account:ann", f"content:{digits}"], tmp_path
    )
    assert found == [OptOut("account", "ann"), OptOut("content", digits), OptOut("path", "*.pem")]


@pytest.mark.parametrize(
    "text", ["", "ann", "person:ann", "path:", "content:abc", "content:swh:1:dir:" + "a" * 40]
)
def test_mistakes(text: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"policy\.opt_out"):
        parse_opt_outs([text], tmp_path)
    if text:
        (tmp_path / "l.txt").write_text(f"account:ann\n{text}\n")
        with pytest.raises(RecipeError, match=r"l\.txt, line 2"):
            parse_opt_outs(["@l.txt"], tmp_path)
    with pytest.raises(RecipeError, match=r"none\.txt cannot be read"):
        parse_opt_outs(["@none.txt"], tmp_path)
