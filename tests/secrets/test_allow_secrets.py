from __future__ import annotations

from pathlib import Path

import pytest

from gristmill.errors import RecipeError
from gristmill.secrets.allow import commented, listed, read_allow_list

VALUE = "VALUE"


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("x = VALUE", False),
        ("x = VALUE  # gristmill: allow-secret", True),
        ("x = VALUE  # gristmill:allow-secret", True),
        ("x = VALUE  # gristmill: allow-secret[other, rule]", True),
        ("x = VALUE  # gristmill: allow-secret[other]", False),
        ("x = VALUE  # gristmill: allow-secret[other] gitleaks:allow", True),
        ("x = VALUE  # pragma: allowlist secret", True),
        ("x = VALUE  # gitleaks:allow", True),
        ("x = VALUE  # nosec", False),
        ("/* gitleaks:allow */ x = VALUE", True),
        ("# gristmill: allow-secret\nx = VALUE", True),
        ("# gristmill: allow-secret\r\nx = VALUE", True),
        ("<!-- gristmill: allow-secret[rule] -->\nx = VALUE", True),
        ("# gristmill: allow-secret[other]\nx = VALUE", False),
        ("# gristmill: allow-secret\n\nx = VALUE", False),
        ("x = VALUE\n# gristmill: allow-secret", False),
        # Behind code it allows what stands on its own line only.
        ("y = 1  # gristmill: allow-secret\nx = VALUE", False),
    ],
)
def test_comments(text: str, allowed: bool) -> None:
    data = text.encode()
    at = data.index(VALUE.encode())
    assert commented(data, at, at + len(VALUE), "rule") is allowed
    padded = b"z\n" * 5_000 + data + b"\nz" * 5_000
    assert commented(padded, at + 10_000, at + 10_000 + len(VALUE), "rule") is allowed


def test_a_value_does_not_allow_itself() -> None:
    data = b'x = "gitleaks:allow"'
    assert not commented(data, 5, len(data) - 1, "rule")


def test_a_comment_far_off_on_a_long_line_does_not_count() -> None:
    data = b"gitleaks:allow" + b" " * 5_000 + b"VALUE" + b" " * 5_000 + b"gitleaks:allow"
    assert not commented(data, 5_014, 5_019, "rule")


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_the_list(tmp_path: Path) -> None:
    entries = read_allow_list(
        write(
            tmp_path / "a.toml",
            'version = 1\n[[allow]]\npaths = ["tests/**", "*.md"]\nrules = ["a"]\nreason = "made up"\n'
            '[[allow]]\nrules = ["b"]\nreason = "never true"\n[[allow]]\npaths = ["old"]\nreason = "gone"\n',
        )
    )
    cases = {
        ("tests/x.py", "a"): True,
        ("deep/x.md", "a"): True,
        ("tests/x.py", "c"): False,
        ("src/x.py", "a"): False,
        ("src/x.py", "b"): True,
        ("old/deep/x.py", "c"): True,
    }
    assert {case: listed(entries, *case) for case in cases} == cases


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "version"),
        ("version = 1\nallows = 2", "unknown key allows"),
        ("version = 1\nallow = 2", r"write \[\[allow\]\]"),
        ("version = 1\n[[allow]]\nreason = 'x'", "allows everything"),
        ("version = 1\n[[allow]]\npaths = ['x']", "reason is missing"),
        ("version = 1\n[[allow]]\npaths = 'x'\nreason = 'x'", "list of texts"),
        ("version = 1\n[[allow]]\npaths = []\nreason = 'x'", "list of texts"),
        ("version = 1\n[[allow]]\npath = ['x']\nreason = 'x'", "unknown key path"),
        ("version =", "not valid TOML"),
    ],
)
def test_a_bad_list_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        read_allow_list(write(tmp_path / "a.toml", text))


def test_a_list_that_is_not_there_or_too_large(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="cannot be read"):
        read_allow_list(tmp_path / "none")
    with pytest.raises(RecipeError, match="larger than"):
        read_allow_list(write(tmp_path / "b.toml", "#" * 1_000_001))
