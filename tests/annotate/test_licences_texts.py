from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest
from licenseclassifier._engine import builtin_scanner

from gristmill.annotate.licences import texts

PACKAGES = Path(sysconfig.get_path("purelib"))


def licence_of(pattern: str) -> bytes:
    return sorted(PACKAGES.glob(pattern))[0].read_bytes()


@pytest.mark.parametrize(
    ("pattern", "expression"),
    [
        ("license_expression-*/licenses/apache-2.0.LICENSE", "Apache-2.0"),
        ("pytest-*/licenses/LICENSE", "MIT"),
        ("click-*/licenses/LICENSE.txt", "BSD-3-Clause"),
        ("pygments-*/licenses/LICENSE", "BSD-2-Clause"),
        ("pathspec-*/licenses/LICENSE", "MPL-2.0"),
    ],
)
def test_real_texts(pattern: str, expression: str) -> None:
    (match,) = texts.find(licence_of(pattern), links=True)
    assert (match.kind, match.expression, match.rule) == (
        "text",
        expression,
        f"licenseclassifier/{expression}",
    )
    assert match.score > 0.9


def test_several_texts_in_one_file_each_have_their_span() -> None:
    mit, bsd = licence_of("pytest-*/licenses/LICENSE"), licence_of("click-*/licenses/LICENSE.txt")
    text = "Für alle:\n".encode() + mit + b"\n=====\n" + bsd
    first, second = texts.find(text, links=True)
    assert (first.expression, second.expression) == ("MIT", "BSD-3-Clause")
    assert text[first.start : first.end].strip().endswith(b"SOFTWARE.")
    assert text[second.start : second.end].lstrip().startswith(b"Copyright")


def test_links_count_only_where_asked_for() -> None:
    text = b"Look at https://creativecommons.org/publicdomain/zero/1.0/ for it"
    (match,) = texts.find(text, links=True)
    assert (match.kind, match.expression) == ("notice", "CC0-1.0")
    assert texts.find(text, links=False) == []


def test_plain_prose_has_none() -> None:
    assert texts.find(b"The quick brown fox jumps over the lazy dog. " * 50, links=True) == []


def test_names_of_the_engine_become_spdx() -> None:
    assert set(texts._ENGINE_IDS) <= set(builtin_scanner().ids)


def test_only_so_much_is_read() -> None:
    mit = licence_of("pytest-*/licenses/LICENSE")
    assert texts.find(b" " * texts.MAX_BYTES + mit, links=True) == []


def test_endless_words_are_skipped_and_offsets_kept() -> None:
    mit = licence_of("pytest-*/licenses/LICENSE")
    text = b"{#a" * 5000 + b"\n\n" + mit
    (match,) = texts.find(text, links=True)
    assert match.expression == "MIT"
    assert match.end == len(text)


def test_the_automaton_is_emptied_when_it_has_grown(monkeypatch: pytest.MonkeyPatch) -> None:
    mit = licence_of("pytest-*/licenses/LICENSE").decode()
    texts.regions(mit)
    assert len(builtin_scanner().re._info) > 10
    monkeypatch.setattr(texts, "_MAX_STATES", 10)
    before = texts.regions(mit)
    assert len(builtin_scanner().re._info) == 0
    assert texts.regions(mit) == before
