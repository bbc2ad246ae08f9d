"""Notices in file headers: the sentences by which a file is put under a licence that stands elsewhere.

A table of rules, each an expression and the sentence that states it, taken from the licences' own "how to
apply" sections and from what large projects write. The rules read a view of the text in which letters are
lower case and every other byte but digits, dots, plus and hyphen is a space, so that comment marks and line
breaks do not matter and offsets stay those of the text.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from itertools import islice
from typing import NamedTuple

from gristmill.annotate.licences.match import Match
from gristmill.spdx import expressions

MAX_HITS = 32

_KEPT = b"abcdefghijklmnopqrstuvwxyz0123456789.+-"
_VIEW = bytes(byte if byte in _KEPT else byte + 32 if 65 <= byte <= 90 else 32 for byte in range(256))
# A space of a rule is any run of blanks and hyphens, also across the mark of an m4 or batch comment.
_GAP = rb"(?:[ -]{1,200}(?:(?:dnl|rem)[ ]{1,80})?)"

_UNDER = (
    rb"(?:under|subject to|governed by|covered by|as per|in accordance with|abide by|comply with)"
    rb"(?: both| either)?(?: the)?(?: terms(?: and conditions)? (?:of|in)(?: the)?)?"
)
_GNU = rb"(?:gnu )?(?P<family>lesser |library |library or lesser |affero )?(?:general public licen[cs]e|gpl)"
_SHORT_GNU = rb"(?:gnu )?(?P<family>a|l|)gpl"
_V = rb"(?:version |v\.? ?)?"
_LATER = (
    rb"(?P<later> ?\+|(?: or| and)(?: at your option)?(?: any)? (?:later|newer)| or at your option any later)"
)


_PARTS = {b"{UNDER}": _UNDER, b"{GNU}": _GNU, b"{SHORT_GNU}": _SHORT_GNU, b"{V}": _V, b"{LATER}": _LATER}
# A notice begins at most so many bytes before the first anchor, and ends so many after the last.
_BEFORE = 400
_AFTER = 2400


# "This does not mean that we distribute Python under the GPL."
_DENIED = re.compile(
    rb"(?:(?:\bnot|n t|\bnever)[ ]{1,9}(?:mean|imply|be |licen[cs]ed|covered|distributed|released)|\bunlike\b"
    rb"|\bother (?:software|programs|code)\b)[a-z ]{0,48}\Z"
)


class _Rule(NamedTuple):
    name: str
    anchor: bytes
    source: bytes
    expression: str | Callable[[re.Match[bytes]], str | None]
    kind: str = "notice"

    @property
    def pattern(self) -> re.Pattern[bytes]:
        return _compiled(self.source)

    def read(self, match: re.Match[bytes]) -> Match | None:
        if _DENIED.search(match.string, max(0, match.start() - 64), match.start()):
            return None
        expression = self.expression if isinstance(self.expression, str) else self.expression(match)
        return Match(self.kind, expression, f"notice/{self.name}", *match.span()) if expression else None


def _gnu(match: re.Match[bytes]) -> str | None:
    """The id of a GNU licence from the groups family, version and later."""
    family = (match["family"] or b"").strip()
    prefix = {b"": "GPL", b"affero": "AGPL", b"a": "AGPL"}.get(family, "LGPL")
    version = match.groupdict().get("version")
    if not version:
        return {"GPL": "GPL-1.0-or-later", "LGPL": "LGPL-2.0-or-later"}.get(
            prefix, "LicenseRef-agpl-unspecified"
        )
    number = version.decode().rstrip(".")
    number = number if "." in number else f"{number}.0"
    return expressions.normalise(f"{prefix}-{number}-{'or-later' if match['later'] else 'only'}")


def _creative_commons(match: re.Match[bytes]) -> str | None:
    parts = match["parts"]
    codes = [
        code for code, word in (("NC", b"commercial"), ("SA", b"alike"), ("ND", b"deriv")) if word in parts
    ]
    return expressions.normalise("-".join(["CC-BY", *codes, match["version"].decode()]))


def _rule(
    name: str,
    anchor: str,
    pattern: bytes,
    expression: str | Callable[[re.Match[bytes]], str | None],
    kind: str = "notice",
) -> _Rule:
    for part, text in _PARTS.items():
        pattern = pattern.replace(part, text)
    return _Rule(name, anchor.encode(), pattern.replace(b" ", _GAP), expression, kind)


@functools.cache
def _compiled(source: bytes) -> re.Pattern[bytes]:
    """A pattern, compiled when a text first holds its anchor: all of them take longer than a small build's texts."""
    return re.compile(source, re.DOTALL)


_RULES = (
    # Choices first: the longest match of those that overlap wins.
    _rule(
        "rust-dual",
        "apache",
        rb"apache licen[cs]e {V}2.0.{0,200}?or the mit licen[cs]e.{0,200}?at your option",
        "Apache-2.0 OR MIT",
    ),
    _rule(
        "dual-mit-apache",
        "apache",
        rb"licen[cs]ed under(?: the terms of)? either.{0,40}? mit licen[cs]e.{0,200}?or the apache licen[cs]e {V}2.0",
        "MIT OR Apache-2.0",
    ),
    _rule(
        "dual-apache-mit",
        "apache",
        rb"licen[cs]ed under(?: the terms of)? either.{0,40}? apache licen[cs]e {V}2.0.{0,200}?or the mit licen[cs]e",
        "Apache-2.0 OR MIT",
    ),
    _rule(
        "dual-bsd-gpl",
        "gpl",
        rb"licen[cs]ed under both the bsd style licen[cs]e.{0,120}?and the gplv2.{0,120}?at your option",
        "LicenseRef-bsd-unspecified OR GPL-2.0-only",
    ),
    _rule(
        "dual-mit-gpl",
        "gpl",
        rb"dual licen[cs]ed under the mit.{0,80}?(?:or|and).{0,20}?gpl",
        "MIT OR GPL-1.0-or-later",
    ),
    _rule(
        "dual-mit-gpl-2",
        "gpl",
        rb"dual licen[cs]ed under the mit.{0,80}?(?:or|and).{0,20}?gpl {V}2\b(?! or|\+)",
        "MIT OR GPL-2.0-only",
    ),
    _rule(
        "mozilla-tri-licence",
        "mozilla",
        rb"mozilla public licen[cs]e version 1.1.{0,1500}?alternatively the contents of this file may be used under "
        rb"the terms of either the gnu general public licen[cs]e version 2 or later.{0,60}?or the gnu lesser "
        rb"general public licen[cs]e version 2.1 or later",
        "MPL-1.1 OR GPL-2.0-or-later OR LGPL-2.1-or-later",
    ),
    _rule(
        "perl",
        "perl",
        rb"under the same terms as perl(?: itself| 5)?",
        "Artistic-1.0-Perl OR GPL-1.0-or-later",
    ),
    # GNU, with the version before or after the name, or none.
    _rule(
        "gnu-versioned",
        "general",
        rb"{UNDER} {GNU}.{0,160}?\b(?:version|v)\.? ?(?P<version>[1-3](?:\.[0-9])?)\b\.?(?: of the(?: gnu)?(?: lesser| affero| library)?"
        rb"(?: general public)? licen[cs]e)?{LATER}?",
        _gnu,
    ),
    _rule(
        "gnu-version-first",
        "general",
        rb"{UNDER} version (?P<version>[1-3](?:\.[0-9])?){LATER}?(?: version)?(?: only)? of the {GNU}",
        _gnu,
    ),
    _rule("gnu-unversioned", "general", rb"{UNDER} {GNU}", _gnu),
    _rule(
        "gnu-short",
        "gpl",
        rb"{UNDER} {SHORT_GNU}(?:(?: licen[cs]e)? ?{V}(?P<version>[1-3](?:\.[0-9])?)\b{LATER}?)?",
        _gnu,
    ),
    _rule(
        "apache-2.0",
        "apache",
        rb"{UNDER} apache(?:(?: software)? licen[cs]e)? {V}2(?:\.0)?\b",
        "Apache-2.0",
    ),
    _rule("apache", "apache", rb"{UNDER} apache(?: software)? licen[cs]e", "LicenseRef-apache-unspecified"),
    _rule("mpl-2.0", "mozilla", rb"{UNDER} mozilla public licen[cs]e {V}2\b", "MPL-2.0"),
    _rule("mpl-1.1", "mozilla", rb"{UNDER} mozilla public licen[cs]e {V}1.1\b", "MPL-1.1"),
    _rule("mpl", "mozilla", rb"{UNDER} mozilla public licen[cs]e", "LicenseRef-mpl-unspecified"),
    _rule("epl-2.0", "eclipse", rb"{UNDER} eclipse public licen[cs]e {V}2\b", "EPL-2.0"),
    _rule("epl-1.0", "eclipse", rb"{UNDER} eclipse public licen[cs]e {V}1\b", "EPL-1.0"),
    _rule("epl", "eclipse", rb"{UNDER} eclipse public licen[cs]e", "LicenseRef-epl-unspecified"),
    _rule(
        "cddl",
        "development",
        rb"common development and distribution licen[cs]e",
        "LicenseRef-cddl-unspecified",
    ),
    _rule("boost", "boost", rb"{UNDER} boost software licen[cs]e", "BSL-1.0"),
    _rule("isc", " isc ", rb"{UNDER} isc licen[cs]e", "ISC"),
    _rule("zlib", "zlib", rb"{UNDER} zlib(?: libpng)? licen[cs]e", "Zlib"),
    _rule("bsd-2", "bsd", rb"{UNDER} (?:simplified bsd|2 clause bsd|bsd 2 clause)", "BSD-2-Clause"),
    _rule(
        "bsd-3",
        "bsd",
        rb"{UNDER} (?:(?:new|modified|revised|3 clause) bsd|bsd 3 clause)",
        "BSD-3-Clause",
    ),
    _rule("mit", " mit", rb"{UNDER} mit(?: x11| expat)? licen[cs]es?\b", "MIT"),
    _rule(
        "bsd-style-reference",
        "bsd",
        rb"bsd style licen[cs]e.{0,80}?(?:found in|in|see) the licen[cs]e",
        "LicenseRef-bsd-unspecified",
        "reference",
    ),
    _rule("bsd", "bsd", rb"{UNDER} bsd licen[cs]e", "LicenseRef-bsd-unspecified"),
    _rule(
        "creative-commons",
        "creative",
        rb"creative commons attribution(?P<parts>(?: non ?commercial| share ?alike| no ?deriv[a-z]*){0,3}).{0,24}?"
        rb"(?P<version>[1-4]\.[05])",
        _creative_commons,
    ),
    _rule("cc0", "cc0", rb"{UNDER} (?:creative commons )?cc0", "CC0-1.0"),
    _rule(
        "public-domain",
        "domain",
        rb"(?:(?:released|placed|dedicated|put|donated)(?: hereby)? (?:in|into|to)"
        rb"|this (?:file|code|software|program|source code|work|library|source file)(?: is| has been)(?: hereby)?(?: in)?)"
        rb"(?: the)? public domain",
        "LicenseRef-scancode-public-domain",
    ),
    _rule(
        "unlicense",
        "unencumbered",
        rb"this is free and unencumbered software released into the public domain",
        "Unlicense",
    ),
    _rule(
        "proprietary",
        "confidential",
        rb"(?:proprietary and confidential|confidential and proprietary)",
        "LicenseRef-proprietary",
    ),
    _rule(
        "unauthorised-copying",
        "unauthori",
        rb"unauthori[sz]ed (?:copying|use|reproduction|distribution).{0,80}?prohibited",
        "LicenseRef-proprietary",
    ),
    _rule(
        "see-file",
        "licen",
        rb"(?:see|refer to|found in|available in|terms (?:of|in)|specified in|described in|defined in)"
        rb"(?: the| accompanying| included| file| top level| root| project){0,4} (?:licen[cs]e|copying)"
        rb"(?:[.](?:md|txt|rst))?(?: file|(?: in the.{0,60}?)? for(?: the)?(?: more| full)? (?:details?|terms?|information|licen|text))",
        "LicenseRef-see-file",
        "reference",
    ),
    _rule(
        "see-files",
        "licen",
        rb"(?:either|any|both|one) of the (?:above |following )?licen[cs]es found in",
        "LicenseRef-see-file",
        "reference",
    ),
)

_BY_ANCHOR = {one.anchor: [rule for rule in _RULES if rule.anchor == one.anchor] for one in _RULES}


def view(text: bytes) -> bytes:
    """The text as the rules read it: same length, lower case, punctuation blank."""
    return text.translate(_VIEW)


def find(text: bytes) -> list[Match]:
    """The notices in a text, by start; of overlapping ones the longest.

    Args:
        text: ``view`` of UTF-8 text; the caller bounds its length.

    Returns:
        At most ``MAX_HITS`` matches of kind "notice", or "reference" where the notice names a file instead
        of a licence. Rules are named ``notice/<name>``.
    """
    found: list[Match] = []
    for anchor, rules in _BY_ANCHOR.items():
        first = text.find(anchor)
        if first < 0:
            continue
        start, end = max(0, first - _BEFORE), text.rfind(anchor) + _AFTER
        for rule in rules:
            matches = rule.pattern.finditer(text, start, end)
            found.extend(islice(filter(None, map(rule.read, matches)), MAX_HITS))
    return _longest(found)[:MAX_HITS]


def _longest(found: list[Match]) -> list[Match]:
    """Drops what lies within or overlaps a longer match; of equal ones the rule that stands first stays."""
    chosen: list[Match] = []
    for one in sorted(found, key=lambda match: match.start - match.end):
        if not any(one.start < other.end and other.start < one.end for other in chosen):
            chosen.append(one)
    return sorted(chosen, key=lambda match: match.start)
