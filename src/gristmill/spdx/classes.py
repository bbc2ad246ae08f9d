"""Permissive, restricted or unknown: the class of a licence expression.

A licence is permissive if the Blue Oak Council rates it (Model, Gold, Silver, Bronze or Lead) or if ScanCode's
LicenseDB puts it into the category Permissive or Public Domain; both are what The Stack v2 used. It is
restricted if ScanCode puts it into another category (Copyleft, Copyleft Limited, Commercial, Proprietary
Free, Source-available, Free Restricted), and unknown otherwise: not listed, or a category of texts that grant
nothing by themselves (CLA, Patent License, Unstated License).

Expressions follow Kleene's three-valued logic with restricted < unknown < permissive: OR is a choice and
takes the best of its parts, AND the worst. WITH takes the class of the licence, since an SPDX exception adds
permissions; but an exception that is not listed leaves a permissive licence unknown, and one in a category
of terms that take away (the Commons Clause is listed so) makes it restricted.
"""

from __future__ import annotations

import importlib.metadata
import json
from functools import lru_cache
from importlib import resources
from typing import Any, Literal, cast

import license_expression

from gristmill.spdx import expressions

LicenceClass = Literal["permissive", "restricted", "unknown", "none"]

RATINGS = ("Model", "Gold", "Silver", "Bronze", "Lead")
"""the Blue Oak Council's ratings, the best first"""

_PERMISSIVE_CATEGORIES = frozenset({"Permissive", "Public Domain"})
_MUTE_CATEGORIES = frozenset({"CLA", "Patent License", "Unstated License"})
_TAKING_CATEGORIES = frozenset({"Commercial", "Proprietary Free", "Source-available", "Free Restricted"})

# Names of ours. "BSD" and "Apache" without a version are permissive since every licence that is called so and
# that an index or author would shorten to it is; the other families are restricted for the same reason.
_OWN: dict[str, LicenceClass] = {
    "LicenseRef-bsd-unspecified": "permissive",
    "LicenseRef-apache-unspecified": "permissive",
    "LicenseRef-agpl-unspecified": "restricted",
    "LicenseRef-mpl-unspecified": "restricted",
    "LicenseRef-cddl-unspecified": "restricted",
    "LicenseRef-epl-unspecified": "restricted",
    "LicenseRef-proprietary": "restricted",
    "LicenseRef-creative-commons-noncommercial": "restricted",
    "LicenseRef-creative-commons-noderivatives": "restricted",
    expressions.ADDED_RESTRICTION: "restricted",
}
_RANK: dict[LicenceClass, int] = {"restricted": 0, "unknown": 1, "permissive": 2}
_BY_RANK: tuple[LicenceClass, ...] = ("restricted", "unknown", "permissive")


@lru_cache(maxsize=1)
def _blue_oak() -> dict[str, Any]:
    path = resources.files("gristmill.spdx").joinpath("data/blue_oak.json")
    return cast("dict[str, Any]", json.loads(path.read_text(encoding="utf-8")))


@lru_cache(maxsize=1)
def _categories() -> dict[str, str]:
    return {
        row["spdx_license_key"]: row["category"]
        for row in license_expression.get_license_index()
        if row.get("spdx_license_key")
    }


def sources() -> dict[str, str]:
    """Name and version of the data behind the classes, for a release's manifest."""
    return {
        "Blue Oak Council list": str(_blue_oak()["version"]),
        "ScanCode LicenseDB": "license-expression " + importlib.metadata.version("license-expression"),
    }


def rating(licence: str) -> str | None:
    """The Blue Oak Council's rating of an SPDX id, one of RATINGS; None if it rates it not. ``X+`` counts as ``X``."""
    found = _blue_oak()["ratings"].get(licence.removesuffix("+"))
    return None if found is None else str(found)


def category(licence: str) -> str | None:
    """ScanCode's category of an SPDX id, licence or exception; None if it has none. ``X+`` counts as ``X``.

    What the Blue Oak Council rates and ScanCode does not know is "Permissive".
    """
    found = _categories().get(licence.removesuffix("+"))
    return "Permissive" if found is None and rating(licence) else found


def all_categories() -> list[str]:
    """ScanCode's categories, sorted."""
    return sorted(set(_categories().values()))


def adds_permissions(exception: str) -> bool:
    """True if an exception is listed and adds permissions, as SPDX exceptions do; False if it may take them away."""
    return _exception_class(exception) == "permissive"


@lru_cache(maxsize=65536)
def classify(expression: str | None) -> LicenceClass:
    """The class of an SPDX expression, normalised or not.

    Args:
        expression: any text; None means that no evidence was found.

    Returns:
        "none" for None and for an expression that states nothing; else the class. Never raises.
    """
    normal = expressions.normalise(expression) if expression else None
    if normal is None:
        return "none"
    return _BY_RANK[_rank(expressions.tree(normal))]


def _rank(node: Any) -> int:
    name = type(node).__name__
    if name == "AND":
        return min(map(_rank, node.args))
    if name == "OR":
        return max(map(_rank, node.args))
    if hasattr(node, "exception_symbol"):
        base = _RANK[_licence_class(node.license_symbol.key)]
        return min(base, _RANK[_exception_class(node.exception_symbol.key)])
    return _RANK[_licence_class(node.key)]


def _licence_class(key: str) -> LicenceClass:
    if key in _OWN:
        return _OWN[key]
    if expressions.is_exception(key):
        return "restricted" if _categories()[key] in _TAKING_CATEGORIES else "unknown"
    key = key.removesuffix("+")
    category = _categories().get(key)
    if key in _blue_oak()["ratings"] or category in _PERMISSIVE_CATEGORIES:
        return "permissive"
    return "unknown" if category is None or category in _MUTE_CATEGORIES else "restricted"


def _exception_class(key: str) -> LicenceClass:
    """ "permissive" for an exception that leaves the class of its licence alone."""
    category = _categories().get(key)
    if category is None:
        return "unknown"
    return "restricted" if category in _TAKING_CATEGORIES else "permissive"
