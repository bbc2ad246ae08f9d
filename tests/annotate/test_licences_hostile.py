"""Contents made to cost time or memory, or to be taken for what they are not. A test that hangs is the failure."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest

from gristmill.annotate import licences
from gristmill.annotate.licences import engine
from gristmill.spdx import expressions

PACKAGES = Path(sysconfig.get_path("purelib"))
MIT = sorted(PACKAGES.glob("pytest-*/licenses/LICENSE"))[0].read_bytes()
MANIFESTS = (
    "package.json",
    "pyproject.toml",
    "setup.cfg",
    "Cargo.toml",
    "pom.xml",
    "composer.json",
    "DESCRIPTION",
    "x.gemspec",
)


def stated(text: bytes, name: str = "LICENSE") -> set[str]:
    return {match.expression for match in licences.find(text, [name])}


def test_a_licence_file_of_100_megabytes_is_read_to_a_limit_and_says_so() -> None:
    found = licences.find(MIT + b"\n" + b"all work and no play\n" * 5_000_000, ["LICENSE"])
    assert {one.expression for one in found} == {"MIT", expressions.UNKNOWN}
    (unread,) = [one for one in found if one.rule == "unexamined"]
    assert unread.start == engine.MAX_BYTES


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_of_nothing_but_brackets_states_nothing(name: str) -> None:
    for text in (b"[" * 500_000, b'{"license":' * 100_000, b"<license>" * 100_000, b"\x00" * 500_000):
        assert not [one for one in licences.find(text, [name]) if one.kind == "manifest"]


@pytest.mark.parametrize("depth", [200, 1_000_000])
def test_a_tag_with_nested_parentheses(depth: int) -> None:
    text = b"SPDX-License-Identifier: " + b"(" * depth + b"MIT" + b")" * depth + b"\n"
    assert stated(text) <= {"MIT", expressions.UNKNOWN}
    assert stated(text, "main.c") <= {"MIT", expressions.UNKNOWN}


@pytest.mark.parametrize(
    "bait",
    [
        b"license " * 200_000,
        b"licensed under the " * 100_000,
        b"licensed" + b" " * 500_000 + b"under",
        b"see the " + b"license in " * 100_000,
        b"permission is hereby granted, free of charge, " * 50_000,
        b"GNU " * 200_000 + b"General Public License version 2 or " * 20_000,
        b"Creative Commons " * 100_000 + b"-" * 100_000,
        b"SPDX-License-Identifier:" + b" MIT AND" * 100_000,
        b"(c)\n" * 400_000,
        b"non-commercial " * 100_000,
    ],
)
def test_bait_for_patterns_ends(bait: bytes) -> None:
    for name in ("LICENSE", "README.md", "main.c"):
        for match in licences.find(bait, [name]):
            assert 0 <= match.start < match.end <= len(bait)


def test_a_binary_file_states_nothing() -> None:
    noise = bytes(range(256)) * 2_000
    assert stated(noise, "main.c") == set()
    assert stated(noise) <= {expressions.UNKNOWN}


def test_text_in_another_encoding_abstains() -> None:
    """The stage decodes first; whoever calls with raw bytes of UTF-16 must not get a wrong answer."""
    assert stated(MIT.decode().encode("utf-16")) <= {expressions.UNKNOWN}
    assert stated("Für Müller und Söhne\n".encode("latin-1") + MIT) == {"MIT"}


def test_many_texts_in_one_file_are_bounded() -> None:
    edited = MIT.replace(b"restriction", b"limits")
    found = licences.find((edited + b"\n" + b"-" * 60 + b"\n") * 200, ["LICENSE"])
    assert "MIT" in {one.expression for one in found}
