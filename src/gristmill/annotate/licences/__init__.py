"""Licence statements in contents: tags, notices, manifests and whole texts.

``engine`` knows licence texts, notices and labels by their words; ``tags``, ``notices``, ``manifests`` and ``covering`` read
what is not the same words everywhere. Where they look depends on the names under which a content occurs. A
licence file, a notice about others or a README is read whole. Of any other file the first ``HEADER_BYTES`` are read, and only if one
regular expression, run over the whole batch, meets a word that licence statements use.

What is stated is a fact about the content; what applies to a file is decided in ``decide.licences``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from gristmill import tables
from gristmill.annotate.licences import covering, engine, headers, manifests, notices, restrictions, tags
from gristmill.annotate.licences.match import Match, covered
from gristmill.annotate.licences.selection import Reading
from gristmill.spdx import agreement, classes, expressions, filenames, statements

NAME = "licence_matches"
VERSION = 2
TABLE = tables.LICENCE_MATCHES

# Statements must begin here; what begins here is read on to its end.
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
_MANY_MENTIONS = 12
# What a reference calls the file it points to: a name in capitals, or with an extension.
_FILE_NAME = re.compile(
    rb"(?<![\w./-])(?:[\w.-]{1,64}/){0,8}(?:[A-Z0-9_.-]{0,32}(?:LICEN[CS]E|COPYING|COPYRIGHT|EULA)(?![a-z])[A-Za-z0-9_.-]{0,32}"
    rb"|(?i:licen[cs]e|copying|copyright|legal)[.](?:txt|md|rst|html?|adoc))"
)
_NAME_BYTES = 80
_MOST_NAMED = 4
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
    rows = [row for row in rows if text[row].is_valid]
    ids = batch.column("content_id").take(pa.array(rows, pa.int64())).to_pylist()
    files = [(text[row].as_py() if row in named else _head(text, row), named.get(row, ())) for row in rows]
    found = [
        (content_id, match)
        for content_id, matches in zip(ids, find_all(files), strict=True)
        for match in matches
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
        "paths": [list(match.paths) or None for _, match in found],
        "precedence": [match.precedence for _, match in found],
    }
    return pa.RecordBatch.from_pydict(columns, schema=TABLE.schema)


def find(text: bytes, names: Iterable[str]) -> list[Match]:
    """The licence statements of one content; see ``find_all``."""
    return find_all([(text, names)])[0]


def find_all(files: Sequence[tuple[bytes, Iterable[str]]]) -> list[list[Match]]:
    """The licence statements of contents.

    Args:
        files: UTF-8, and the file names under which it occurs.

    Returns:
        For each content its matches, each (start, end, rule) once, in no particular order. If a rider was found,
        the permissive statements beside it carry ``AND LicenseRef-added-restriction``.
    """
    named = [(text, sorted(names)) for text, names in files]
    readings = [_reading(names) for _, names in named]
    known = engine.find(
        [
            text[: _READ_BYTES if reading == "source" and not _is_licence(text) else engine.MAX_BYTES]
            for (text, _), reading in zip(named, readings, strict=True)
        ],
        readings,
    )
    return [
        _stated(text, names, reading, matches)
        for (text, names), reading, matches in zip(named, readings, known, strict=True)
    ]


def _reading(names: list[str]) -> Reading:
    kinds = {filenames.kind(name) for name in names}
    if "licence" in kinds or "notice" in kinds:
        return "licence"
    return "page" if "readme" in kinds else "source"


def _is_licence(text: bytes) -> bool:
    """Whether a text speaks of licences so much that it is one, whatever its name: half of one misleads."""
    return text[:HEADER_BYTES].lower().count(b"licen") >= _MANY_MENTIONS


def _stated(text: bytes, names: list[str], reading: Reading, known: list[Match]) -> list[Match]:
    declared = [
        match for name in names if filenames.kind(name) == "manifest" for match in manifests.find(name, text)
    ]
    declared += [match for name in names if name in covering.NAMES for match in covering.find(name, text)]
    known = [one for one in known if one.kind == "text" or not covered(one, declared)]
    found = _header(text, known) if reading == "source" else _whole(text, names, known)
    unique: dict[tuple[int, int, str], Match] = {}
    for match in (*found, *declared):
        unique.setdefault((match.start, match.end, match.rule), match)
    return [
        one._replace(paths=_named_files(text, one)) if one.kind == "reference" else one
        for one in unique.values()
    ]


def _named_files(text: bytes, reference: Match) -> tuple[str, ...]:
    """The licence files that a reference names, as it names them."""
    words = text[reference.start : reference.end + _NAME_BYTES]
    names = [hit[0].decode("utf-8", "replace").rstrip(".") for hit in _FILE_NAME.finditer(words)]
    return tuple(dict.fromkeys(names))[:_MOST_NAMED]


def _header(text: bytes, known: list[Match]) -> list[Match]:
    view = notices.view(text[:_READ_BYTES])
    known = [one for one in known if one.start < HEADER_BYTES]
    stated = _together(
        known, tags.find(text[:HEADER_BYTES]), notices.find(_beside(view[:HEADER_BYTES], known))
    )
    stated.extend(headers.find(view, HEADER_BYTES, known))
    return _with_riders(stated, restrictions.find(_beside(view[:HEADER_BYTES], known, 1.0)))


def _whole(text: bytes, names: list[str], known: list[Match]) -> list[Match]:
    part = text[: engine.MAX_BYTES]
    view = notices.view(part)
    stated = _together(known, tags.find(part), notices.find(_beside(view, known)))
    if not stated and len(part) <= _TITLE_BYTES:
        stated = _title(part)
    stated = _with_riders(stated, restrictions.find(_beside(view, known, 1.0)))
    if any(filenames.kind(name) == "licence" for name in names):
        regions = [one for one in known if one.kind == "text"]
        stated.extend(_unread(text, regions, stated, any(map(filenames.promises_licence, names))))
    return stated


def _beside(view: bytes, known: list[Match], score: float = 0.0) -> bytes:
    """What stands beside the licence texts of at least this score, which are blank: their words say nothing more, and
    a rider does not stand in a text that has every word as it is known."""
    texts = [one for one in known if one.kind == "text" and one.score >= score]
    if not texts:
        return view
    beside = bytearray(view)
    for one in texts:
        end = min(one.end, len(view))
        beside[one.start : end] = bytes(max(0, end - one.start))
    return bytes(beside)


def _together(known: list[Match], tagged: list[Match], noticed: list[Match]) -> list[Match]:
    """What the engine knows, tags, and the notices that say more than the engine."""
    known = [one for one in known if one.kind == "text" or not covered(one, tagged)]
    texts = [one for one in known if one.kind == "text"]
    families = frozenset[str]().union(*(_families(one.expression) for one in texts))
    beside = []
    for notice in noticed:
        # The GPL's text ends with the notice to put into files, which says nothing new.
        if covered(notice, texts) or (
            notice.kind != "reference" and _families(notice.expression) <= families
        ):
            continue
        met = [one for one in known if one.kind != "text" and covered(one, [notice])]
        if not met:
            beside.append(notice)
        elif all(_is_finer(notice.expression, one.expression) for one in met):
            known = [one for one in known if one not in met]
            beside.append(notice)
    return _without_families([*known, *tagged, *beside])


def _without_families(stated: list[Match]) -> list[Match]:
    """Without notices that name but the family ("GPL", "BSD") of a licence that is named beside."""
    names = frozenset[str]().union(*(expressions.licences(one.expression) for one in stated))
    return [
        one
        for one in stated
        if one.kind != "notice" or not any(agreement.is_family(one.expression, name) for name in names)
    ]


def _is_finer(notice: str, known: str) -> bool:
    """Whether a notice names more licences, those that are known among them, or one of the family that is known."""
    ours, theirs = expressions.licences(notice), expressions.licences(known)
    return any(agreement.is_family(known, name) for name in ours) or (theirs < ours and " WITH " not in known)


def _title(text: bytes) -> list[Match]:
    """A file that holds nothing but the name of a licence."""
    expression = statements.interpret(" ".join(text.decode("utf-8", "replace").split()))
    if expression is None or not statements.is_understood(expression):
        return []
    return [Match("notice", expression, "title", 0, len(text))]


def _unread(text: bytes, regions: list[Match], stated: list[Match], promised: bool) -> list[Match]:
    """What a licence file holds beside what was understood, as statements that are not understood."""
    if len(text) > engine.MAX_BYTES:
        return [Match("text", expressions.UNKNOWN, "unexamined", engine.MAX_BYTES, len(text), 0.0)]
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
    """What is read of one text, without copying the rest."""
    buffer: pa.Buffer = text[row].as_buffer()
    head = bytes(buffer.slice(0, min(_READ_BYTES, buffer.size)))
    return bytes(buffer.slice(0, min(engine.MAX_BYTES, buffer.size))) if _is_licence(head) else head


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
