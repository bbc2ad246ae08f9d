"""Licence statements in contents: tags, notices, manifests and whole texts.

Where it looks depends on the names under which a content occurs. A licence file, a notice about others or a
README is read whole, by every finder. Of any other file the first ``HEADER_BYTES`` are read, and only if one
regular expression, run over the whole batch, meets a word that licence statements use.

What is stated is a fact about the content; what applies to a file is decided in ``decide.licences``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from gristmill import tables
from gristmill.annotate.licences import headers, manifests, notices, restrictions, tags, texts
from gristmill.annotate.licences.match import Match, covered
from gristmill.spdx import classes, expressions, filenames, statements
from gristmill.spdx.filenames import FileKind

NAME = "licence_matches"
VERSION = 1
TABLE = tables.LICENCE_MATCHES

# Statements must begin here; terms that begin here are read on for headers._MAX_BYTES.
HEADER_BYTES = 8192
_READ_BYTES = HEADER_BYTES + 4096

_GATE = (
    r"licen[cs]|spdx|\bgpl|redistribution and|permission (?:is|to)|public.domain|proprietary|confidential"
    r"|unauthori[sz]ed|non.?commercial|commercial (?:use|purpose)|same terms as|this software is provided"
    r"|may not be used"
)
# A file that this much of is not licence text that we know holds terms that we do not know.
_MAX_REST_SHARE = 0.6
_MIN_REST_BYTES = 2000
_TITLE_BYTES = 200
# A page of documentation that only takes in the licence file.
_INCLUDED = re.compile(rb"(?:\.\. |[{`]{3})(?:literal)?include(?:::|\}) +[./\w-]*(?i:licen[cs]e|copying)")
# R packages state MIT in DESCRIPTION; their LICENSE then holds the copyright line only.
_R_STUB = re.compile(
    rb"\s*(?:(?:YEAR|COPYRIGHT HOLDER|ORGANIZATION|COPYRIGHT HOLDERS):[^\n]*\s*)+", re.IGNORECASE
)


def annotate(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The licence statements of a batch of contents.

    Args:
        batch: columns ``content_id`` (string), ``text`` (binary, UTF-8; null if not text) and ``names``
            (list of strings: the distinct names under which the content occurs).

    Returns:
        Rows of ``tables.LICENCE_MATCHES`` sorted by (content_id, start, end, rule); a content may have none.
    """
    text = batch.column("text")
    gate = pc.match_substring_regex(pc.binary_slice(text, 0, HEADER_BYTES), _GATE, ignore_case=True)
    named = _named(batch.column("names"))
    rows = sorted(set(pc.indices_nonzero(pc.fill_null(gate, False)).to_pylist()).union(named))
    ids = batch.column("content_id").take(pa.array(rows, pa.int64())).to_pylist()
    found = [
        (content_id, match)
        for content_id, row in zip(ids, rows, strict=True)
        if text[row].is_valid
        for match in find(text[row].as_py() if row in named else _head(text, row), named.get(row, ()))
    ]
    found.sort(key=lambda one: (one[0], one[1].start, one[1].end, one[1].rule))
    columns = {
        "content_id": [content_id for content_id, _ in found],
        "kind": [match.kind for _, match in found],
        "expression": [match.expression for _, match in found],
        "rule": [match.rule for _, match in found],
        "start": [match.start for _, match in found],
        "end": [match.end for _, match in found],
        "score": [match.score for _, match in found],
    }
    return pa.RecordBatch.from_pydict(columns, schema=TABLE.schema)


def find(text: bytes, names: Iterable[str]) -> list[Match]:
    """The licence statements of one content.

    Args:
        text: UTF-8.
        names: the file names under which it occurs.

    Returns:
        Matches, each (start, end, rule) once, in no particular order. If a rider was found, the permissive
        statements beside it carry ``AND LicenseRef-added-restriction``.
    """
    names = sorted(names)
    kinds: dict[str, FileKind] = {name: filenames.kind(name) for name in names}
    whole = [name for name in names if kinds[name] in ("licence", "notice", "readme")]
    found = _whole(text, whole) if whole else _header(text)
    for name in names:
        if kinds[name] == "manifest":
            found.extend(manifests.find(name, text))
    unique: dict[tuple[int, int, str], Match] = {}
    for match in found:
        unique.setdefault((match.start, match.end, match.rule), match)
    return list(unique.values())


def _header(text: bytes) -> list[Match]:
    view = notices.view(text[:_READ_BYTES])
    terms = headers.find(view, HEADER_BYTES)
    stated = [
        *terms,
        *tags.find(text[:HEADER_BYTES]),
        *(one for one in notices.find(view[:HEADER_BYTES]) if not covered(one, terms)),
    ]
    return _with_riders(stated, restrictions.find(view[:HEADER_BYTES]))


def _whole(text: bytes, names: list[str]) -> list[Match]:
    part = text[: texts.MAX_BYTES]
    view = notices.view(part)
    is_licence = any(filenames.kind(name) == "licence" for name in names)
    regions = texts.find(part, links=is_licence)
    known = frozenset[str]().union(*(_families(region.expression) for region in regions))
    beside = [
        one
        for one in (*tags.find(part), *notices.find(view))
        # The GPL's text ends with the notice to put into files, which says nothing new.
        if not covered(one, regions) and (one.kind == "reference" or not _families(one.expression) <= known)
    ]
    stated = [*regions, *beside]
    if not stated and len(part) <= _TITLE_BYTES:
        stated = _title(part)
    stated = _with_riders(stated, restrictions.find(view))
    if is_licence:
        stated.extend(_unread(text, regions, stated, any(map(filenames.promises_licence, names))))
    return stated


def _title(text: bytes) -> list[Match]:
    """A file that holds nothing but the name of a licence."""
    expression = statements.interpret(" ".join(text.decode("utf-8", "replace").split()))
    if expression is None or not statements.is_understood(expression):
        return []
    return [Match("notice", expression, "title", 0, len(text))]


def _unread(text: bytes, regions: list[Match], stated: list[Match], promised: bool) -> list[Match]:
    """What a licence file holds beside what was understood, as statements that are not understood."""
    if len(text) > texts.MAX_BYTES:
        return [Match("text", expressions.UNKNOWN, "unexamined", texts.MAX_BYTES, len(text), 0.0)]
    if regions:
        rest = len(text) - sum(region.end - region.start for region in regions)
        if rest > _MIN_REST_BYTES and rest > _MAX_REST_SHARE * len(text):
            return [Match("text", expressions.UNKNOWN, "unrecognised-rest", 0, len(text), 0.0)]
    elif promised and not stated and text.strip() and not (_R_STUB.fullmatch(text) or _INCLUDED.search(text)):
        return [Match("text", expressions.UNKNOWN, "unrecognised", 0, len(text), 0.0)]
    return []


def _with_riders(stated: list[Match], riders: list[Match]) -> list[Match]:
    """Riders that stand within a licence that is not permissive are that licence's own words."""
    closed = [
        one for one in stated if one.kind == "text" and classes.classify(one.expression) != "permissive"
    ]
    riders = [rider for rider in riders if not covered(rider, closed)]
    if not riders:
        return stated
    return [
        one
        if one.kind == "reference"
        else one._replace(
            expression=expressions.conjunction([one.expression, expressions.ADDED_RESTRICTION])
            or one.expression
        )
        for one in stated
    ] + riders


def _families(expression: str) -> frozenset[str]:
    """Licence ids without the difference between "only" and "or later", which a licence's text leaves open."""
    return frozenset(
        one.removesuffix("+").removesuffix("-only").removesuffix("-or-later")
        for one in expressions.licences(expression)
    )


def _head(text: pa.Array, row: int) -> bytes:
    """The first bytes of one text, without copying the rest."""
    buffer: pa.Buffer = text[row].as_buffer()
    return bytes(buffer.slice(0, min(_READ_BYTES, buffer.size)))


def _named(names: pa.Array) -> dict[int, list[str]]:
    """Row -> names that carry licence statements, for the rows that have such a name."""
    rows = pc.list_parent_indices(names)
    flat = pc.list_flatten(names).dictionary_encode()
    chosen = pa.array([filenames.kind(name) != "other" for name in flat.dictionary.to_pylist()], pa.bool_())
    keep = chosen.take(flat.indices)
    found: dict[int, list[str]] = {}
    for row, name in zip(rows.filter(keep).to_pylist(), flat.filter(keep).to_pylist(), strict=True):
        found.setdefault(row, []).append(name)
    return found
