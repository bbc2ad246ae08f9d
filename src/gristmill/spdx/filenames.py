"""Which file names carry licence statements.

Four disjoint kinds, by the last segment of a path: licence files (LICENSE, COPYING.LESSER, MIT-LICENSE.txt),
notices about other people's work (NOTICE, THIRD-PARTY-LICENSES, LICENSE-jquery), manifests (package.json ...)
and READMEs.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

FileKind = Literal["licence", "notice", "manifest", "readme", "other"]

# A name longer than this is nobody's licence file; it also bounds the cache and the patterns.
_MAX_NAME = 128

_TEXT_EXTENSION = r"(?:txt|text|md|mkd|markdown|mdown|rst|rdoc|adoc|asciidoc|org|html?|tex|rtf|pod)"
# After the dot of a licence file also stands which licence it is: COPYING.LESSER, LICENSE.APACHE, LICENSE.2
_WHICH = r"(?:[0-9]+|[A-Z][A-Z0-9]*|lesser|lib|runtime|mit|apache2?|bsd|(?i:[al]?gpl)(?:v?[0-9])?|mpl)"
_SHORT_NAMES = (
    r"(?:mit|isc|bsd|bsd-?[234]-clause|zlib|unlicense|cc0(?:-1\.0)?|wtfpl|eupl|artistic(?:-[12]\.0)?"
    r"|apache(?:-?2(?:\.0)?)?|[al]?gpl-?v?[0-9]?(?:[._][0-9])?(?:-only|-or-later)?|gfdl|mpl(?:-?[12]\.[01])?"
    r"|epl(?:-?[12]\.0)?|cddl|bsl-1\.0)"
)
# What may stand beside LICENSE in a name for the file to speak for its directory: a licence, a number, or a
# word that adds nothing or takes away. LICENSE-jquery speaks for jquery: it counts as a notice.
_QUALIFIER = (
    rf"(?:{_SHORT_NAMES}|v?[0-9]+(?:[._][0-9]+)*|the|software|code|source|file|main|project|general|public"
    r"|en|lesser|lib|runtime|docs?|documentation|content|commercial|enterprise|ee|proprietary|addendum)"
)
_LICENCE = re.compile(
    rf"(?:(?:{_QUALIFIER}[-_ ])*(?:un)?licen[cs]es?(?:[-_ ]{_QUALIFIER})*|copying(?:[-_ ]{_QUALIFIER})*"
    rf"|copyrights?|legal|{_SHORT_NAMES})",
    re.IGNORECASE,
)
_EXTENSION = re.compile(rf"(?:\.(?:(?i:{_TEXT_EXTENSION})|{_WHICH}))*\Z")
# Licence files of something else; their stem has no dot, so that neither code nor ``x.c.license`` counts.
_QUALIFIED = re.compile(r"[a-z0-9+_ -]*(?:licen[cs]e|copying)[a-z0-9+_ -]*", re.IGNORECASE)
_NOTICE = re.compile(
    r"(?:notices?|attributions?|acknowledge?ments?|[^.]*(?:third|3rd)[-_ .]?part(?:y|ies)[^.]*)"
    rf"(?:\.{_TEXT_EXTENSION})?",
    re.IGNORECASE,
)
_OF_OTHERS = re.compile(
    r"third|3rd|vendor|bundled|depend|attribution|acknowledg|thanks|notice", re.IGNORECASE
)
_PROMISE = re.compile(r"licen[cs]e|copying", re.IGNORECASE)
_README = re.compile(
    # With a language: README.zh-CN.md, README_de.
    rf"readme(?:[-_][a-z]{{2}}(?:[-_][a-z]{{2}})?|\.[a-z]{{2}}(?:[-_][a-z]{{2}})?(?=\.))?(?:\.{_TEXT_EXTENSION})?",
    re.IGNORECASE,
)
_MANIFESTS = frozenset(
    {
        "package.json",
        "composer.json",
        "Cargo.toml",
        "pyproject.toml",
        "setup.cfg",
        "setup.py",
        "PKG-INFO",
        "METADATA",
        "DESCRIPTION",
        "pom.xml",
        "REUSE.toml",
        "dep5",
    }
)
_TEXT_DIRECTORIES = frozenset({"licenses", "licences", "license", "licence"})


@lru_cache(maxsize=65536)
def kind(name: str) -> FileKind:
    """The kind of a file name (last segment of a path). Source files such as ``license.py`` are "other"."""
    if len(name) > _MAX_NAME:
        return "other"
    if name in _MANIFESTS or (name.endswith(".gemspec") and len(name) > len(".gemspec")):
        return "manifest"
    if _README.fullmatch(name):
        return "readme"
    match = _EXTENSION.search(name)
    stem = name[: match.start()] if match else name
    if _LICENCE.fullmatch(stem) and not _OF_OTHERS.search(name):
        return "licence"
    return "notice" if _NOTICE.fullmatch(name) or _QUALIFIED.fullmatch(stem) else "other"


def promises_licence(name: str) -> bool:
    """True if a file of this name that holds no licence we know must hold one that we do not know."""
    return kind(name) == "licence" and _PROMISE.search(name) is not None


def holds_texts_only(directory: str) -> bool:
    """True for a directory such as ``LICENSES/`` (REUSE) or ``x.dist-info/licenses/vendor``.

    What lies there are texts that other files refer to, not statements about their neighbours.
    """
    return any(segment.lower() in _TEXT_DIRECTORIES for segment in directory.split("/"))
