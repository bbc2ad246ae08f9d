"""Source strings and list files: what they mean, and what is said where they mean nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from gristmill.collect.sources import parse_source, parse_sources
from gristmill.errors import SourceError


@pytest.mark.parametrize(
    ("text", "scheme", "target", "options"),
    [
        ("dir:x", "dir", "/base/x", {}),
        ("dir:/x/y", "dir", "/x/y", {}),
        ("git:../x#ref=main&history=all", "git", "/base/../x", {"ref": "main", "history": "all"}),
        ("git:https://host.example/a/b.git", "git", "https://host.example/a/b.git", {}),
        ("git:git@host.example:a/b.git", "git", "git@host.example:a/b.git", {}),
        (
            "archive:https://host.example/a.zip#strip=0",
            "archive",
            "https://host.example/a.zip",
            {"strip": "0"},
        ),
        ("pypi:flask==3.0.0", "pypi", "flask==3.0.0", {}),
        ("npm:@scope/name@1.2.3", "npm", "@scope/name@1.2.3", {}),
        ("  dir:x  ", "dir", "/base/x", {}),
    ],
)
def test_what_a_string_means(text: str, scheme: str, target: str, options: dict[str, str]) -> None:
    source = parse_source(text, Path("/base"))
    assert (source.scheme, source.target, dict(source.options)) == (scheme, target, options)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("gti:x", "did you mean git:?"),
        ("x", "schemes: archive, dir, git, npm, pypi"),
        ("svn-export:x", "unknown scheme"),
        ("dir:", "nothing after dir:"),
        ("git:#ref=main", "nothing after git:"),
        ("git:x#main", "#key=value"),
        ("git:x#ref=", "#key=value"),
        ("git:x#ref=a&ref=b", "option ref stands twice"),
        ("dir:a\nb", "control character"),
        ("git:https://ann:pa55word@host.example/a", "holds a password"),
    ],
)
def test_what_means_nothing(text: str, says: str) -> None:
    with pytest.raises(SourceError) as caught:
        parse_source(text, Path("/base"))
    assert says in str(caught.value)
    assert "pa55word" not in str(caught.value)


def test_a_local_path_with_a_colon_is_a_path(tmp_path: Path) -> None:
    (tmp_path / "a:b").mkdir()
    assert parse_source("git:a:b", tmp_path).target == str(tmp_path / "a:b")


def test_list_files_are_relative_to_themselves_and_repetitions_go(tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists/all.txt").write_text("# ours\n\none\n  ../two\none\n")
    found = parse_sources(["dir:two", "dir:@lists/all.txt", "dir:two"], tmp_path)
    assert [source.target for source in found] == [
        f"{tmp_path}/two", f"{tmp_path}/lists/one", f"{tmp_path}/lists/../two",
    ]  # fmt: skip


def test_a_scoped_package_is_no_list_file(tmp_path: Path) -> None:
    (found,) = parse_sources(["npm:@scope/name"], tmp_path)
    assert found.target == "@scope/name"


def test_mistakes_in_list_files_name_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "l.txt").write_text("a\nb#c\n")
    with pytest.raises(SourceError, match=r"l\.txt, line 2: .*#key=value"):
        parse_sources(["git:@l.txt"], tmp_path)
    with pytest.raises(SourceError, match=r"none\.txt cannot be read"):
        parse_sources(["git:@none.txt"], tmp_path)
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(SourceError, match=r"bad\.txt cannot be read"):
        parse_sources(["git:@bad.txt"], tmp_path)
