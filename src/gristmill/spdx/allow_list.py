"""Allow-lists of licences: terms that name licences one by one, by rating, by category or by class.

A term is one of

- a class: ``permissive``, ``restricted``, ``unknown``, ``none``;
- ``blue-oak:RATING``: what the Blue Oak Council rates so or better;
- ``category:NAME``: what ScanCode's LicenseDB puts into that category;
- an SPDX expression, mostly a single id.

An expression is allowed if its class is, or if its parts are: of an OR one part is enough, of an AND all must
be. A licence WITH an exception is allowed if that very pair is a term, or if the licence is allowed and the
exception is listed as one that adds permissions. A term with operators allows that combination, in any order.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, get_args

from gristmill.spdx import classes, expressions

_CLASSES = get_args(classes.LicenceClass)
_OWN_REFERENCES = ("licenseref-", "documentref-")


@dataclass(frozen=True)
class AllowList:
    """Terms as data. ``combinations`` are keys of expressions with AND or OR, ``licences`` ids and ids WITH exceptions."""

    classes: frozenset[str] = frozenset()
    ratings: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    licences: frozenset[str] = frozenset()
    combinations: frozenset[Any] = frozenset()

    @property
    def only_classes(self) -> bool:
        """True if the class of a whole expression says all."""
        return not (self.ratings or self.categories or self.licences or self.combinations)


@lru_cache(maxsize=64)
def parse_allow_list(terms: tuple[str, ...]) -> AllowList:
    """Read the terms of an allow-list.

    Raises:
        ValueError: a term is none; the message names it and the nearest that would be.
    """
    found: dict[str, set[Any]] = {name: set() for name in AllowList.__dataclass_fields__}
    for term in terms:
        kind, _, value = term.partition(":")
        if term in _CLASSES:
            found["classes"].add(term)
        elif kind == "blue-oak":
            best = [name.lower() for name in classes.RATINGS]
            rating = _one_of(term, value, best)
            found["ratings"] |= set(classes.RATINGS[: best.index(rating) + 1])
        elif kind == "category":
            known = {name.lower(): name for name in classes.all_categories()}
            found["categories"].add(known[_one_of(term, value, list(known), list(known.values()))])
        else:
            expression = _expression(term)
            node = expressions.tree(expression)
            joined = type(node).__name__ in ("AND", "OR")
            found["combinations" if joined else "licences"].add(_key(node) if joined else expression)
    return AllowList(**{name: frozenset(values) for name, values in found.items()})


def allows(listed: AllowList, expression: str | None) -> bool:
    """True if an expression may be in by an allow-list.

    Args:
        listed: what ``parse_allow_list`` returned.
        expression: an SPDX expression, normalised or not; None means that no evidence was found, which only the
            class "none" allows.
    """
    if classes.classify(expression) in listed.classes:
        return True
    normal = expressions.normalise(expression) if expression else None
    if normal is None or listed.only_classes:
        return False
    return _allowed(listed, expressions.tree(normal))


def _allowed(listed: AllowList, node: Any) -> bool:
    if is_named(listed, node):
        return True
    name = type(node).__name__
    if name in ("AND", "OR"):
        parts = (_allowed(listed, part) for part in node.args)
        return all(parts) if name == "AND" else any(parts)
    base, _, exception = str(node).partition(" WITH ")
    if exception and not classes.adds_permissions(exception):
        return False
    return base in listed.licences or is_of_kind(listed, base)


def is_named(listed: AllowList, node: Any) -> bool:
    """True if a term is this very licence or combination; ``node`` as ``expressions.tree`` gives it."""
    joined = type(node).__name__ in ("AND", "OR")
    return _key(node) in listed.combinations if joined else str(node) in listed.licences


def is_of_kind(listed: AllowList, licence: str) -> bool:
    """True if a term is the class, rating or category of one licence."""
    return (
        classes.classify(licence) in listed.classes
        or classes.rating(licence) in listed.ratings
        or classes.category(licence) in listed.categories
    )


def _key(node: Any) -> Any:
    """A name of a combination that does not depend on the order of its parts."""
    name = type(node).__name__
    return (name, frozenset(_key(part) for part in node.args)) if name in ("AND", "OR") else str(node)


def _one_of(term: str, value: str, known: Sequence[str], shown: Sequence[str] = ()) -> str:
    if value.lower() in known:
        return value.lower()
    kind = term.partition(":")[0]
    raise ValueError(f"{term!r}: {kind}: is followed by one of {', '.join(shown or known)}")


def _expression(term: str) -> str:
    """A term as a normalised expression of ids that are listed or ``LicenseRef-``."""
    normal = expressions.normalise(term)
    if normal is None or normal == expressions.UNKNOWN:
        near = difflib.get_close_matches(term.lower(), _CLASSES, n=1)
        meant = (
            f"did you mean {near[0]!r}?"
            if near
            else f"use an SPDX expression, a class ({', '.join(_CLASSES)}),"
        )
        raise ValueError(
            f"{term!r} is no licence; {meant}" + ("" if near else " blue-oak:RATING or category:NAME")
        )
    for word in expressions.words(term):
        if expressions.known_id(word) is None and not word.lower().startswith(
            (*_OWN_REFERENCES, "additionref-")
        ):
            raise ValueError(_mend(word) if word == term else f"{term!r}: {_mend(word)}")
    return normal


def _mend(word: str) -> str:
    if ":" in word:
        return f"{word!r} is neither blue-oak:RATING nor category:NAME, and no SPDX id has a colon"
    by_lower = {name.lower(): name for name in [*_CLASSES, *expressions.all_ids()]}
    near = difflib.get_close_matches(word.lower(), by_lower, n=1)
    told = f"did you mean {by_lower[near[0]]!r}?" if near else "a licence that it lacks is LicenseRef-NAME"
    return f"{word!r} is not on the SPDX licence list; {told}"
