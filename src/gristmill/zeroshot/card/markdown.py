"""Markdown of text from outside: names and numbers in which nothing means anything."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

NOT_STATED = "not stated"
CELL_LETTERS = 300


def plain(text: str) -> str:
    """Text on one line in which Markdown and HTML mean nothing, cut where no table needs more."""
    line = " ".join(text.split())
    line = line if len(line) <= CELL_LETTERS else f"{line[:CELL_LETTERS]}\u2026"
    return re.sub(
        r"([\\`*_\[\]<>|#&~!$])", r"\\\1", "".join(one if one.isprintable() else "\ufffd" for one in line)
    )


def code(text: str) -> str:
    """Text as inline code that can stand in a table."""
    line = " ".join(text.split())[:CELL_LETTERS].replace("`", "'").replace("|", "\u2502")
    return f"`{line or ' '}`"


def block(text: str, language: str) -> str:
    """A fenced block whose fence is longer than any in the text."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.strip(chr(10))}\n{fence}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; the first column is left-aligned, those of numbers are the caller's concern."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def link(text: str, url: str) -> str:
    """A link, where the address is one of the web; else the text alone."""
    if re.fullmatch(r"https?://[^\s<>()\"'\\`|]+", url):
        return f"[{plain(text)}]({url})"
    return plain(text)


def size(count: int) -> str:
    """A number of bytes in megabytes."""
    return f"{count / 1e6:,.1f} MB"


def count(number: int | None) -> str:
    """A count, or that it is not stated."""
    return NOT_STATED if number is None else f"{number:,}"
