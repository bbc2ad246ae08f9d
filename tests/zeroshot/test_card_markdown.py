"""Names from outside mean nothing in Markdown, in tables, in code or as addresses."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.zeroshot.card.markdown import block, code, count, link, plain, table


@given(st.text(max_size=60))
def test_a_name_stays_in_its_cell(text: str) -> None:
    for shown in (plain(text), code(text)):
        assert "\n" not in shown
        assert not re.search(r"(?<!\\)(\\\\)*\|", shown)
    assert "<" not in plain(text).replace("\\<", "")


def test_markup_is_escaped() -> None:
    assert plain("a|b\n*c* <x> [d](e) `f`") == r"a\|b \*c\* \<x\> \[d\](e) \`f\`"
    assert plain("\x1b") == "\ufffd"
    assert code("a`b|c") == "`a'b\u2502c`"
    assert len(plain("x" * 1000)) == 301


def test_a_block_cannot_be_left() -> None:
    text = block("```\n````\nx", "sh")
    assert text.startswith("`````sh\n")
    assert text.endswith("\nx\n`````")


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "https://x y", "https://x)<b>", "", "file:///etc/passwd"]
)
def test_only_addresses_of_the_web_are_linked(url: str) -> None:
    assert link("a", url) == "a"


def test_links_tables_and_counts() -> None:
    assert link("a_b", "https://example.org/x") == r"[a\_b](https://example.org/x)"
    assert table(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
    assert (count(None), count(12345)) == ("not stated", "12,345")
