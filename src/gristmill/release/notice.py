"""NOTICE: who is to be named. A line for each origin with kept files, and the text of each licence once.

The texts are those of the SPDX list, with their placeholders for names: whose work it is stands in the files
and at the origins. Licences and exceptions without a text there are named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from gristmill.errors import ReleaseError
from gristmill.release.manifest import write_aside
from gristmill.release.schema import NOTICE
from gristmill.spdx import expressions, texts

ORIGIN_LICENCES = pa.schema([
    pa.field("origin_url", pa.string(), nullable=False),
    pa.field("anchor", pa.string(), nullable=False),
    pa.field("licence_expression", pa.string()),
    pa.field("files", pa.int64(), nullable=False),
])  # fmt: skip
LISTED_EXPRESSIONS = 20
"""expressions that a line names if all of them would be too long to be one expression"""

_ORIGINS = "Origins (URL, revision, licences of the files taken from there; separated by tabs)"
_TEXTS = "Licence texts"
_RULE = "=" * 80


class OriginLicence(NamedTuple):
    """How many files of one revision of an origin are kept under one expression."""

    origin_url: str
    anchor: str
    licence_expression: str | None
    files: int


def count_origins(rows: pa.Table) -> pa.Table:
    """Files by origin, anchor and expression, of the schema ORIGIN_LICENCES.

    ``rows`` are kept files; or rows of that schema, which are added up.
    """
    keys = ORIGIN_LICENCES.names[:3]
    again = "files" in rows.column_names
    number: Any = ("files", "sum") if again else ([], "count_all")
    grouped = rows.group_by(keys, use_threads=False).aggregate([number])
    grouped = grouped.select([*keys, "files_sum" if again else "count_all"])
    ordered = grouped.rename_columns(ORIGIN_LICENCES.names).sort_by([(key, "ascending") for key in keys])
    return ordered.cast(ORIGIN_LICENCES).combine_chunks()


def render_notice(title: str, counted: Iterable[OriginLicence]) -> str:
    """The text of NOTICE.

    Args:
        title: what the release is called.
        counted: all origins of the release, in any order.
    """
    rows = list(counted)
    stated = {row.licence_expression for row in rows if row.licence_expression}
    return "\n".join(
        [
            f"NOTICE of {one_line(title)}",
            "",
            "The release holds files by many authors, from the origins below. Each stays under the licence that its",
            "row states; this file names the origins, and has the texts of the licences.",
            "",
            _ORIGINS,
            "-" * len(_ORIGINS),
            *origin_lines(rows),
            "",
            *_licence_texts(stated),
        ]
    )


def origin_lines(counted: Iterable[OriginLicence]) -> Iterator[str]:
    """A line for each origin: its URL, revision and licences, separated by tabs."""
    for url, rows in groupby(sorted(counted, key=lambda row: row.origin_url), key=lambda row: row.origin_url):
        anchors: Counter[str] = Counter()
        stated: Counter[str | None] = Counter()
        for row in rows:
            anchors[row.anchor] += row.files
            stated[row.licence_expression] += row.files
        yield "\t".join((one_line(url), _revision(anchors), _licences(stated)))


def write_notice(folder: Path, text: str) -> Path:
    """Write NOTICE into a release folder. Returns its path."""
    return write_aside(folder / NOTICE, text.encode())


def read_origin_lines(folder: Path) -> list[str]:
    """The lines on origins in the NOTICE of a release folder. Raises ReleaseError if it cannot be read."""
    path = folder / NOTICE
    lines: list[str] = []
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            for line in file:
                if line == f"{_ORIGINS}\n":
                    next(file)
                    for one in file:
                        if one == "\n":
                            return lines
                        lines.append(one.removesuffix("\n"))
    except (OSError, UnicodeDecodeError, StopIteration) as error:
        raise ReleaseError(f"{path}: cannot be read ({error}); fetch it again") from error
    raise ReleaseError(f"{path}: has no list of origins; fetch it again")


def one_line(text: str) -> str:
    """Text without control characters: they, and what cannot be shown, as escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _revision(anchors: Counter[str]) -> str:
    first = min(anchors, key=lambda anchor: (-anchors[anchor], anchor))
    return f"{one_line(first)} and {len(anchors) - 1} more" if len(anchors) > 1 else one_line(first)


def _licences(stated: Counter[str | None]) -> str:
    """One expression for all files, which holds whatever part of them is used."""
    missing = stated.pop(None, 0)
    if not stated:
        return "NONE"
    names = sorted(stated, key=lambda name: (-stated[name], name or ""))
    whole = expressions.conjunction(names)
    if whole == expressions.UNKNOWN and len(names) > 1:
        more = len(names) - LISTED_EXPRESSIONS
        shown = " AND ".join(f"({name})" for name in names[:LISTED_EXPRESSIONS])
        whole = f"{shown} and {more} more expressions" if more > 0 else shown
    return f"{whole}; no licence was found for {missing} files" if missing else str(whole)


def _licence_texts(stated: Iterable[str]) -> Iterator[str]:
    """The section of texts: ids of one text share it."""
    by_text: dict[str, list[str]] = {}
    without: list[str] = []
    for identifier in _identifiers(stated):
        text = texts.text_of(identifier)
        if text is None:
            without.append(identifier)
        else:
            by_text.setdefault(text, []).append(identifier)
    yield from (f"{_TEXTS}, {texts.source()}", "")
    if without:
        yield "Without a text on the SPDX list; it stands in the files, or at the origins:"
        yield from (f"- {identifier}" for identifier in without)
        yield ""
    for text, identifiers in by_text.items():
        yield from (_RULE, ", ".join(identifiers), _RULE, "", text)


def _identifiers(stated: Iterable[str]) -> list[str]:
    """The ids of licences and exceptions that expressions name, sorted."""
    licences = {licence for expression in stated for licence in expressions.simple_licences(expression)}
    return sorted({part for licence in licences for part in licence.split(" WITH ")})
