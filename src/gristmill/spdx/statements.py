"""What people write where an SPDX expression is meant: ``Apache License, Version 2.0``, ``GPLv3+``, ``BSD``.

``interpret`` maps such text to a normalised expression. It guesses nothing: a name must be in the table or in
the closed vocabulary of the GNU family, and text with any other word in it becomes one ``LicenseRef-``.
"""

from __future__ import annotations

import re
from functools import lru_cache

from gristmill.spdx import expressions

MAX_LENGTH = 1024

# Words that tell nothing apart: "the MIT License" is "MIT".
_NOISE = frozenset(
    {"the", "license", "licence", "licenses", "licensed", "under", "version", "software", "of"}
)
_FAMILIES = (
    ("gnu library or lesser general public", "lgpl"),
    ("gnu lesser general public", "lgpl"),
    ("gnu library general public", "lgpl"),
    ("gnu affero general public", "agpl"),
    ("gnu general public", "gpl"),
    ("affero gpl", "agpl"),
    ("lesser gpl", "lgpl"),
    ("gnu lgpl", "lgpl"),
    ("gnu agpl", "agpl"),
    ("gnu gpl", "gpl"),
    ("apache asl", "apache"),
)
_LATER = frozenset({"later", "newer", "above", "higher", "+", ">="})
_GNU_VOCABULARY = _LATER | {"or", "only", "any", "at", "your", "option", "and"}
_GNU_VERSIONS = {
    "gpl": ("1.0", "2.0", "3.0"),
    "lgpl": ("2.0", "2.1", "3.0"),
    "agpl": ("1.0", "3.0"),
}
# "the GPL" without a version means any version ever published (GPL-2.0, section 9; GPL-3.0, section 14).
_GNU_UNVERSIONED = {
    "gpl": "GPL-1.0-or-later",
    "lgpl": "LGPL-2.0-or-later",
    "agpl": "LicenseRef-agpl-unspecified",
}

# Keys are in the form that _words returns.
_NAMES = {
    "mit": "MIT",
    "mit x11": "MIT",
    "x11 mit": "MIT",
    "expat": "MIT",
    "mit expat": "MIT",
    "expat mit": "MIT",
    "mit no attribution": "MIT-0",
    "mit no attribution mit 0": "MIT-0",
    "apache": "LicenseRef-apache-unspecified",
    "asl": "LicenseRef-apache-unspecified",
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache2": "Apache-2.0",
    "apache2.0": "Apache-2.0",
    "asl 2.0": "Apache-2.0",
    "al2": "Apache-2.0",
    "apache 1.1": "Apache-1.1",
    "bsd": "LicenseRef-bsd-unspecified",
    "bsd style": "LicenseRef-bsd-unspecified",
    "bsd like": "LicenseRef-bsd-unspecified",
    "bsd 2": "BSD-2-Clause",
    "bsd 2 clause": "BSD-2-Clause",
    "2 clause bsd": "BSD-2-Clause",
    "bsd 2 clause simplified": "BSD-2-Clause",
    "simplified bsd": "BSD-2-Clause",
    "freebsd": "BSD-2-Clause",
    "bsd 3": "BSD-3-Clause",
    "bsd 3 clause": "BSD-3-Clause",
    "3 clause bsd": "BSD-3-Clause",
    "bsd 3 clause new or revised": "BSD-3-Clause",
    "bsd 3 clause revised": "BSD-3-Clause",
    "new bsd": "BSD-3-Clause",
    "modified bsd": "BSD-3-Clause",
    "revised bsd": "BSD-3-Clause",
    "bsd new": "BSD-3-Clause",
    "bsd 4 clause": "BSD-4-Clause",
    "zero clause bsd": "0BSD",
    "0 clause bsd": "0BSD",
    "isc iscl": "ISC",
    "boost": "BSL-1.0",
    "boost 1.0": "BSL-1.0",
    "boost 1.0 bsl 1.0": "BSL-1.0",
    "zlib libpng": "Zlib",
    "unlicense": "Unlicense",
    "mpl": "LicenseRef-mpl-unspecified",
    "mpl 1.0": "MPL-1.0",
    "mpl 1.1": "MPL-1.1",
    "mpl 2": "MPL-2.0",
    "mpl 2.0": "MPL-2.0",
    "mozilla public": "LicenseRef-mpl-unspecified",
    "mozilla public 1.0 mpl": "MPL-1.0",
    "mozilla public 1.1": "MPL-1.1",
    "mozilla public 1.1 mpl 1.1": "MPL-1.1",
    "mozilla public 2.0": "MPL-2.0",
    "mozilla public 2.0 mpl 2.0": "MPL-2.0",
    "epl": "LicenseRef-epl-unspecified",
    "epl 1.0": "EPL-1.0",
    "epl 2.0": "EPL-2.0",
    "eclipse public": "LicenseRef-epl-unspecified",
    "eclipse public 1.0": "EPL-1.0",
    "eclipse public 1.0 epl 1.0": "EPL-1.0",
    "eclipse public 2.0": "EPL-2.0",
    "eclipse public 2.0 epl 2.0": "EPL-2.0",
    "eclipse distribution 1.0": "BSD-3-Clause",
    "edl 1.0": "BSD-3-Clause",
    "cddl": "LicenseRef-cddl-unspecified",
    "common development and distribution": "LicenseRef-cddl-unspecified",
    "common development and distribution 1.0 cddl 1.0": "CDDL-1.0",
    "european union public 1.1 eupl 1.1": "EUPL-1.1",
    "european union public 1.2 eupl 1.2": "EUPL-1.2",
    "eupl 1.2": "EUPL-1.2",
    "psf": "PSF-2.0",
    "python foundation": "PSF-2.0",
    "psf 2.0": "PSF-2.0",
    "zope public": "ZPL-2.1",
    "zpl 2.1": "ZPL-2.1",
    "artistic 2.0": "Artistic-2.0",
    "academic free 3.0": "AFL-3.0",
    "public domain": "LicenseRef-scancode-public-domain",
    "publicdomain": "LicenseRef-scancode-public-domain",
    "cc0": "CC0-1.0",
    "cc0 1.0": "CC0-1.0",
    "cc0 1.0 universal": "CC0-1.0",
    "cc0 1.0 universal cc0 1.0 public domain dedication": "CC0-1.0",
    "cc by 4.0": "CC-BY-4.0",
    "cc by sa 4.0": "CC-BY-SA-4.0",
    "cc by nc": "LicenseRef-creative-commons-noncommercial",
    "cc by nc sa": "LicenseRef-creative-commons-noncommercial",
    "cc by nc nd": "LicenseRef-creative-commons-noncommercial",
    "proprietary": "LicenseRef-proprietary",
    "other proprietary": "LicenseRef-proprietary",
    "commercial": "LicenseRef-proprietary",
    "closed source": "LicenseRef-proprietary",
    "all rights reserved": "LicenseRef-proprietary",
    "unlicensed": "LicenseRef-proprietary",
    "private": "LicenseRef-proprietary",
    "osi approved": "LicenseRef-osi-unspecified",
}
_VAGUE = frozenset(
    {
        "LicenseRef-bsd-unspecified",
        "LicenseRef-apache-unspecified",
        "LicenseRef-mpl-unspecified",
        "LicenseRef-epl-unspecified",
        "LicenseRef-cddl-unspecified",
        "LicenseRef-osi-unspecified",
        *_GNU_UNVERSIONED.values(),
    }
)
_NAMES_OF_OURS = frozenset(value for value in _NAMES.values() if value.startswith("LicenseRef-"))
_SPLIT = re.compile(r"(\(|\)|/|\||,|;|&|\b(?:and|or)\b)", re.IGNORECASE)
_OPERATOR = {"/": "OR", "|": "OR", "or": "OR", ",": "AND", ";": "AND", "&": "AND", "and": "AND"}


@lru_cache(maxsize=65536)
def interpret(text: str) -> str | None:
    """The SPDX expression that a licence statement stands for.

    A slash or bar between names is a choice, as in Cargo's older manifests; a comma joins by AND, since
    nothing says that one may choose.

    Args:
        text: a manifest's licence field, an index's licence field, a PyPI classifier ...

    Returns:
        A normalised expression; ``LicenseRef-<the text>`` if it is not understood; None if it states nothing.
        Never raises.
    """
    text = text.strip().strip("\"'")
    if len(text) > MAX_LENGTH:
        return expressions.UNKNOWN
    if text.startswith("License ::"):
        text = text.rpartition("::")[2].strip()
    if not text or not re.search(r"[A-Za-z0-9]", text):
        return None
    whole = _name(text)
    if whole is not None:
        return whole
    normal = expressions.normalise(text)
    if normal is None or (normal != expressions.UNKNOWN and _explicit(text, normal)):
        return normal
    return _compound(text) or (normal if " " not in text and normal else expressions.reference(text))


def classifiers(values: list[str]) -> str | None:
    """The expression of a list of PyPI classifiers: the licences among them, joined by AND.

    ``License :: OSI Approved`` says nothing beside a more precise one.
    """
    stated = [value.strip() for value in values if value.strip().startswith("License ::")]
    precise = [value for value in stated if value != "License :: OSI Approved"]
    return expressions.conjunction(interpret(value) for value in precise or stated)


def _words(text: str) -> str:
    """Lower-case words of a name, without punctuation, noise and immediate repeats."""
    text = re.sub(r"\bv\.?\s*(?=[0-9])", "", text.lower())
    text = re.sub(r"[^a-z0-9.+>=]+", " ", text)
    words: list[str] = []
    for word in text.split():
        word = word.strip(".")
        if word and word not in _NOISE and (not words or words[-1] != word):
            words.append(word)
    return " ".join(words)


def _name(text: str) -> str | None:
    words = _words(text)
    return _NAMES.get(words) or _gnu(words)


def _gnu(words: str) -> str | None:
    for name, family in _FAMILIES:
        words = words.replace(name, family)
    words = re.sub(r"\b([al]?gpl)v?(?=[0-9])", r"\1 ", words)
    words = re.sub(r"(\+|>=)", r" \1 ", words)
    families, versions, later = set(), set(), False
    for word in words.split():
        if word in _GNU_VERSIONS:
            families.add(word)
        elif re.fullmatch(r"[0-9](\.[0-9])?", word):
            versions.add(word if "." in word else f"{word}.0")
        elif word in _GNU_VOCABULARY:
            later = later or word in _LATER
        else:
            return None
    # One name, perhaps with its abbreviation: "GNU General Public License v2 or later (GPLv2+)".
    if len(families) != 1 or len(versions) > 1:
        return None
    family = families.pop()
    if not versions:
        return _GNU_UNVERSIONED[family]
    version = versions.pop()
    if version not in _GNU_VERSIONS[family]:
        return None
    return f"{family.upper()}-{version}-{'or-later' if later else 'only'}"


def _explicit(text: str, expression: str) -> bool:
    """True if every id is listed, or a ``LicenseRef-`` that the author wrote."""
    return all(one in text or expressions.known_id(one) for one in expressions.licences(expression))


def _compound(text: str) -> str | None:
    """Names joined by operators; None unless every name is understood."""
    parts: list[str] = []
    for piece in _SPLIT.split(text):
        piece = piece.strip()
        if not piece:
            continue
        if piece in "()":
            parts.append(piece)
        elif piece.lower() in _OPERATOR:
            parts.append(_OPERATOR[piece.lower()])
        else:
            name = _name(piece)
            if name is None:
                name = expressions.normalise(piece)
                if name is None or not is_understood(name):
                    return None
            parts.append(f"({name})" if " " in name else name)
    normal = expressions.normalise(" ".join(parts))
    return None if normal == expressions.UNKNOWN else normal


def is_vague(expression: str) -> bool:
    """True if the expression names a family of licences ("BSD") and not one of them."""
    return expression in _VAGUE


def is_understood(expression: str) -> bool:
    """True if every id of the expression is listed or a family that we know."""
    return all(
        one in _VAGUE or one in _NAMES_OF_OURS or expressions.known_id(one.removesuffix("+")) is not None
        for one in expressions.licences(expression)
    )
