"""Statements about other files, named by globs: ``REUSE.toml`` (REUSE 3.3), and machine-readable ``copyright`` files
of Debian (DEP-5), which older REUSE trees keep in ``.reuse/dep5``.

Which files they reach is decided where paths are known, in ``decide.licence_globs``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any, Literal

from gristmill.annotate.licences.match import Match
from gristmill.spdx import expressions, statements

NAMES = ("REUSE.toml", "dep5", "copyright")
Precedence = Literal["closest", "aggregate", "override", "default"]

# No person wrote more; it also bounds what is matched against every path.
MAX_BYTES = 1_048_576
MAX_STATEMENTS = 512
MAX_GLOBS = 256
MAX_GLOB_CHARACTERS = 1024

_PATH_KEY = re.compile(r"(?m)(?:^|[{,])[ \t]*[\"']?path[\"']?[ \t]*=")
_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9-]*):(.*)")
_FORMAT = re.compile(r"\A\s*Format(?:-Specification)?:.*(?:copyright-format|dep-?5|DEP-?5)", re.IGNORECASE)
# Debian's short names that SPDX spells otherwise and that ``statements`` does not know.
_SHORT_NAMES = {
    "expat": "MIT",
    "artistic": "Artistic-1.0-Perl",
    "perl": "GPL-1.0-or-later OR Artistic-1.0-Perl",
    "public-domain": "LicenseRef-public-domain",
    "cc0": "CC0-1.0",
    "zope-2.1": "ZPL-2.1",
    "zope-2.0": "ZPL-2.0",
    "w3c-software": "W3C",
    "python-2": "Python-2.0",
    "psf-2": "PSF-2.0",
}
_GNU = re.compile(r"(a|l)?gpl-v?([0-9](?:\.[0-9])?)(\+?)", re.IGNORECASE)
_GFDL = re.compile(r"gfdl-(niv-)?([0-9]\.[0-9])(\+?)", re.IGNORECASE)


def find(name: str, text: bytes) -> list[Match]:
    """What a file says of others.

    Args:
        name: file name, one of ``NAMES``.
        text: UTF-8.

    Returns:
        A match of kind "manifest" for each annotation or paragraph, in order, with the globs of its ``paths`` as
        they are written and its ``precedence``; none if the file is not of such a form or cannot be read.
    """
    if len(text) > MAX_BYTES:
        return []
    read = text.decode("utf-8", "replace")
    try:
        found = list(_reuse(read) if name == "REUSE.toml" else _dep5(read, name))
    except (ValueError, RecursionError):
        return []
    return found[:MAX_STATEMENTS]


def _reuse(text: str) -> Iterator[Match]:
    annotations = tomllib.loads(text).get("annotations", [])
    if not isinstance(annotations, list):
        return
    spans = _spans(text, len(annotations))
    for one, (start, end) in zip(annotations, spans, strict=True):
        if not isinstance(one, dict):
            continue
        globs = _globs(_strings(one.get("path")))
        stated = [statements.interpret(value) for value in _strings(one.get("SPDX-License-Identifier"))]
        expression = expressions.conjunction(stated)
        precedence = one.get("precedence", "closest")
        if globs and expression and precedence in ("closest", "aggregate", "override"):
            yield Match("manifest", expression, "REUSE.toml", start, end, 1.0, globs, precedence)


def _spans(text: str, count: int) -> list[tuple[int, int]]:
    """Where each annotation stands, in bytes: from its key ``path`` to the next one's. If keys and annotations are not
    equally many, annotations are told apart by their numbers alone."""
    starts = [len(text[: hit.start()].encode()) for hit in _PATH_KEY.finditer(text)]
    size = len(text.encode())
    if len(starts) != count:
        return [(min(number, size), size) for number in range(count)]
    return list(zip(starts, [*starts[1:], size], strict=True))


def _dep5(text: str, name: str) -> Iterator[Match]:
    if not _FORMAT.match(text.partition("\n\n")[0]):
        return
    for start, fields in _paragraphs(text):
        globs = _globs(fields.get("files", "").split())
        expression = short_name(fields.get("license", "").strip().partition("\n")[0])
        if globs and expression:
            weak: Precedence = "default" if set(globs) == {"*"} else "closest"
            precedence = "aggregate" if name == "dep5" else weak
            end = start + len(fields[""].encode())
            yield Match("manifest", expression, "dep5", start, end, 1.0, globs, precedence)


def _paragraphs(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """First byte and fields of each paragraph, names in lower case; under the empty name the whole of it."""
    place = 0
    for part in re.split(r"(\n[ \t]*\n)", text):
        fields: dict[str, str] = {"": part}
        current = None
        for line in part.split("\n"):
            hit = _FIELD.match(line)
            if hit:
                current = hit[1].lower()
                fields[current] = hit[2]
            elif current is not None and line[:1] in (" ", "\t"):
                fields[current] += "\n" + line.strip()
        yield place, fields
        place += len(part.encode())


def short_name(synopsis: str) -> str | None:
    """The expression of a ``License`` field's first line: short names with "and", "or", "with" and commas.

    "and" binds more than "or", unless a comma stands before it. An exception that SPDX does not list is left out: without
    it the licence grants less.
    """
    words = " ".join(synopsis.split())
    if not words or len(words) > expressions.MAX_LENGTH:
        return None
    parts = re.split(r",\s*(?=(?:and|or)\b)", words, flags=re.IGNORECASE)
    expression = _choice(parts[0])
    for part in parts[1:]:
        operator, _, rest = part.partition(" ")
        combine = expressions.conjunction if operator.lower() == "and" else expressions.disjunction
        expression = combine([expression, _choice(rest)])
    return expression


def _choice(words: str) -> str | None:
    return expressions.disjunction(
        expressions.conjunction(_one(name) for name in re.split(r"\s+and\s+", part, flags=re.IGNORECASE))
        for part in re.split(r"\s+or\s+", words, flags=re.IGNORECASE)
    )


def _one(name: str) -> str:
    base, _, exception = re.split(r"(\s+with\s+)", name.strip(), maxsplit=1, flags=re.IGNORECASE) if re.search(
        r"\swith\s", name, re.IGNORECASE
    ) else (name.strip(), "", "")  # fmt: skip
    licence = _licence(base)
    known = exception and _exception(exception)
    return f"{licence} WITH {known}" if known and " " not in licence else licence


def _licence(name: str) -> str:
    gnu, gfdl = _GNU.fullmatch(name), _GFDL.fullmatch(name)
    if gnu:
        version = gnu[2] if "." in gnu[2] else f"{gnu[2]}.0"
        spelt = f"{(gnu[1] or '').upper()}GPL-{version}-{'or-later' if gnu[3] else 'only'}"
        return expressions.normalise(spelt) or expressions.UNKNOWN
    if gfdl:
        kept = "-no-invariants" if gfdl[1] else ""
        spelt = f"GFDL-{gfdl[2]}{kept}-{'or-later' if gfdl[3] else 'only'}"
        return expressions.normalise(spelt) or expressions.UNKNOWN
    return _SHORT_NAMES.get(name.lower()) or statements.interpret(name) or expressions.UNKNOWN


def _exception(words: str) -> str | None:
    """The listed exception of a phrase such as ``Classpath exception`` or an id itself."""
    name = re.sub(r"[\s_-]*exception\Z", "", words.strip(), flags=re.IGNORECASE)
    for candidate in (words.strip(), f"{name}-exception", f"{name}-exception-2.0", f"{name}-exception-3.1"):
        known = expressions.known_id(candidate.replace(" ", "-"))
        if known is not None and expressions.is_exception(known):
            return known
    return None


def _globs(written: list[str]) -> tuple[str, ...]:
    return tuple(one for one in written if 0 < len(one) <= MAX_GLOB_CHARACTERS)[:MAX_GLOBS]


def _strings(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [one for one in values if isinstance(one, str)]
