"""When two statements about a licence agree, and which of them then says more.

A statement may name a family ("BSD", "Apache Software License") where another names the licence
(``BSD-3-Clause``): the precise one holds, and the family adds nothing.
"""

from __future__ import annotations

from functools import lru_cache

from gristmill.spdx import classes, expressions

# A family that a statement may name, and the ids that can be meant by it.
FAMILIES = {
    "LicenseRef-bsd-unspecified": "BSD-",
    "LicenseRef-apache-unspecified": "Apache-",
    "LicenseRef-mpl-unspecified": "MPL-",
    "LicenseRef-epl-unspecified": "EPL-",
    "LicenseRef-cddl-unspecified": "CDDL-",
    "LicenseRef-agpl-unspecified": "AGPL-",
    "GPL-1.0-or-later": "GPL-",
    "LGPL-2.0-or-later": "LGPL-",
}

# Whoever names the LGPL or AGPL in one sentence often says "GPL" in the next.
_MEMBERS = {family: (prefix,) for family, prefix in FAMILIES.items()} | {
    "GPL-1.0-or-later": ("GPL-", "LGPL-", "AGPL-")
}


@lru_cache(maxsize=65536)
def reconcile(stated: str, found: str) -> str:
    """One expression for a statement (which may hold a choice) and licences found beside it.

    If every licence found is among those stated, the statement says how they combine and holds; otherwise
    both hold, joined by AND. Both expressions are normalised, and so is the result.
    """
    stated, found = sharpen(stated), sharpen(found)
    names, texts = expressions.licences(stated), expressions.licences(found)
    if all(any(meant(text, name) or meant(name, text) for name in names) for text in texts):
        # "BSD" beside the text of BSD-3-Clause: the text says which.
        return found if stated in FAMILIES and stated not in texts else stated
    return sharpen(expressions.conjunction([stated, found]) or expressions.UNKNOWN)


@lru_cache(maxsize=65536)
def sharpen(expression: str) -> str:
    """A normalised expression without the families that another operand of its AND makes precise."""
    if " AND " not in expression:
        return expression
    tree = expressions.tree(expression)
    if type(tree).__name__ != "AND":
        return expression
    operands = [str(operand) for operand in tree.args]
    others = {name for one in operands if one not in FAMILIES for name in expressions.licences(one)}
    kept = [one for one in operands if not (one in FAMILIES and any(meant(name, one) for name in others))]
    if len(kept) == len(operands):
        return expression
    return expressions.conjunction(kept) or expressions.UNKNOWN


def meant(text: str, name: str) -> bool:
    """True if the licence ``text`` can be the one that the statement ``name`` names (both single ids)."""
    if _without_version_choice(text) == _without_version_choice(name):
        return True
    prefix = FAMILIES.get(name)
    return prefix is not None and text.startswith(prefix) and classes.classify(text) == classes.classify(name)


def is_family(expression: str, name: str) -> bool:
    """True if ``expression`` is a family and ``name`` a licence of it, which says more ("GPL" beside the LGPL's)."""
    prefixes = _MEMBERS.get(expression)
    return prefixes is not None and name not in _MEMBERS and name.startswith(prefixes)


def _without_version_choice(identifier: str) -> str:
    return identifier.removesuffix("+").removesuffix("-only").removesuffix("-or-later")
