"""What a licence asks of whoever passes on work under it.

A table of our own, read from the licences' texts on the SPDX list; the names of the obligations are ours. It
holds licences that are common in code. What is not in it, and is not in the public domain by ScanCode's
category, is unknown. This is a summary to plan by, not advice: the text decides.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from gristmill.spdx import classes

Obligation = Literal[
    "attribution",
    "licence_text",
    "notice",
    "state_changes",
    "no_endorsement",
    "source",
    "share_alike",
    "network",
]

OBLIGATIONS: dict[Obligation, str] = {
    "attribution": "keep the authors' names and copyright lines",
    "licence_text": "pass on the text of the licence, or a reference to it where it says so",
    "notice": "pass on the NOTICE file, if there is one",
    "state_changes": "say what was changed",
    "no_endorsement": "do not use the authors' names to endorse or promote",
    "source": "offer the source to whoever gets another form",
    "share_alike": "pass on changed work under the same terms",
    "network": "treat use over a network as passing on",
}
"""every obligation and what it says to a person, in the order of reports"""

_KEEP: tuple[Obligation, ...] = ("attribution", "licence_text")
_COPYLEFT: tuple[Obligation, ...] = (*_KEEP, "source", "share_alike")
_GNU: tuple[Obligation, ...] = (*_COPYLEFT, "state_changes")

# Obligations, and the licences that have just these.
_GROUPS: tuple[tuple[tuple[Obligation, ...], str], ...] = (
    ((), "0BSD CC-PDDC CC0-1.0 MIT-0 PDDL-1.0 SAX-PD Unlicense WTFPL"),
    (("licence_text",), "BlueOak-1.0.0"),
    (("attribution",), "Beerware FSFAP"),
    (("attribution", "state_changes"), "IJG Libpng Zlib libpng-2.0 zlib-acknowledgement"),
    (("attribution", "state_changes", "no_endorsement"), "bzip2-1.0.6"),
    (
        _KEEP,
        (
            "BSD-1-Clause BSD-2-Clause BSD-2-Clause-Patent BSD-2-Clause-Views BSL-1.0 ISC JSON MIT MS-PL MulanPSL-2.0 "
            "PostgreSQL UPL-1.0"
        ),
    ),
    (
        (*_KEEP, "no_endorsement"),
        (
            "Apache-1.1 BSD-3-Clause BSD-3-Clause-Clear BSD-3-Clause-LBNL BSD-4-Clause BSD-4-Clause-UC HPND ICU MIT-CMU "
            "NCSA NTP OpenSSL PHP-3.01 Unicode-3.0 Unicode-DFS-2015 Unicode-DFS-2016 X11 curl"
        ),
    ),
    ((*_KEEP, "state_changes"), "AFL-3.0 Artistic-2.0 PSF-2.0 Python-2.0 Python-2.0.1"),
    ((*_KEEP, "notice", "state_changes"), "Apache-2.0 ECL-2.0"),
    ((*_KEEP, "state_changes", "no_endorsement"), "CC-BY-3.0 CC-BY-4.0 W3C W3C-20150513"),
    (
        (*_KEEP, "state_changes", "no_endorsement", "share_alike"),
        "CC-BY-SA-3.0 CC-BY-SA-4.0",
    ),
    ((*_KEEP, "no_endorsement", "share_alike"), "OFL-1.1"),
    (_COPYLEFT, "CECILL-2.1 CPL-1.0 EPL-1.0 EPL-2.0 MPL-2.0 MS-RL"),
    (
        _GNU,
        (
            "CDDL-1.0 CDDL-1.1 GPL-2.0-only GPL-2.0-or-later GPL-3.0-only GPL-3.0-or-later LGPL-2.0-only "
            "LGPL-2.0-or-later LGPL-2.1-only LGPL-2.1-or-later LGPL-3.0-only LGPL-3.0-or-later MPL-1.1"
        ),
    ),
    (
        (*_GNU, "network"),
        "AGPL-3.0-only AGPL-3.0-or-later EUPL-1.1 EUPL-1.2 OSL-3.0 SSPL-1.0",
    ),
)


@lru_cache(maxsize=1)
def _table() -> dict[str, tuple[Obligation, ...]]:
    order = list(OBLIGATIONS)
    return {
        licence: tuple(sorted(asked, key=order.index))
        for asked, names in _GROUPS
        for licence in names.split()
    }


def obligations_of(licence: str) -> tuple[Obligation, ...] | None:
    """What a licence asks.

    Args:
        licence: an SPDX id in normal form, maybe with an exception or ``+``. An exception may lift some of the
            obligations; that is not told here.

    Returns:
        The obligations in the order of OBLIGATIONS, empty if it asks nothing; None if that is not known: also
        of an exception that may add terms of its own.
    """
    identifier, _, exception = licence.partition(" WITH ")
    if exception and not classes.adds_permissions(exception):
        return None
    found = _table().get(identifier.removesuffix("+"))
    if found is None and classes.category(identifier) == "Public Domain":
        return ()
    return found
