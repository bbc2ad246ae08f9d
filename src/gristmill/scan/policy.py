"""Which licences may be there: terms that allow, terms that deny, weighed over an expression.

A choice (OR) is fine if one of its parts is, a sum (AND) if all are. A licence or expression that is named
outweighs a class, and a denial outweighs a permission of the same weight. Naming a licence also names it WITH
an exception, unless that is named itself. Without terms that allow, all that is not denied may be there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, get_args

from gristmill.errors import RecipeError
from gristmill.spdx import classes, expressions
from gristmill.spdx.classes import LicenceClass
from gristmill.spdx.statements import is_understood

CLASSES: tuple[str, ...] = get_args(LicenceClass)


@dataclass(frozen=True)
class Policy:
    """Terms as ``make`` returns them: classes, and normalised expressions."""

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()


@lru_cache(maxsize=65536)
def allows(policy: Policy, expression: str | None) -> bool:
    """Whether what an expression applies to may be there; None is what nothing was found for."""
    normal = expressions.normalise(expression) if expression else None
    return _of_class(policy, "none") if normal is None else _weigh(policy, expressions.tree(normal))


def _weigh(policy: Policy, node: Any) -> bool:
    named = _named(policy)
    verdict = named.get(_shape(node))
    if verdict is not None:
        return verdict
    operator = type(node).__name__
    if operator in ("AND", "OR"):
        return (all if operator == "AND" else any)(_weigh(policy, child) for child in node.args)
    licence_class = classes.classify(str(node))
    if hasattr(node, "exception_symbol"):
        base = node.license_symbol.key
        verdict = named.get(base)
        # An exception that is not listed, or takes away, is not what the name of the licence stands for.
        if verdict is False or (verdict and licence_class == classes.classify(base)):
            return verdict
    return _of_class(policy, licence_class)


def _of_class(policy: Policy, licence_class: str) -> bool:
    return licence_class not in policy.deny and (not policy.allow or licence_class in policy.allow)


@lru_cache(maxsize=64)
def _named(policy: Policy) -> Mapping[object, bool]:
    """What is named, and whether it may be there."""
    terms = [(term, True) for term in policy.allow] + [(term, False) for term in policy.deny]
    return {_shape(expressions.tree(term)): verdict for term, verdict in terms if term not in CLASSES}


def make(allow: Iterable[str], deny: Iterable[str]) -> Policy:
    """The policy of these terms: classes (permissive, restricted, unknown, none), SPDX ids and expressions.

    Raises:
        RecipeError: a term is none of these.
    """
    return Policy(tuple(map(_term, allow)), tuple(map(_term, deny)))


def _term(text: str) -> str:
    term = text.strip()
    if term.lower() in CLASSES:
        return term.lower()
    normal = expressions.normalise(term)
    if normal is None or not (is_understood(normal) or _is_reference(term)):
        raise RecipeError(
            f"{text!r} is neither a class ({', '.join(CLASSES)}) nor an SPDX expression; "
            f"write for example MIT or 'MIT OR Apache-2.0'"
        )
    return normal


def _is_reference(term: str) -> bool:
    """An id of one's own is named as it is; no list tells whether it is spelled right."""
    return term.startswith("LicenseRef-") and " " not in term


def _shape(node: Any) -> object:
    """A key that is equal for expressions that differ in the order of operands only."""
    operator = type(node).__name__
    if operator in ("AND", "OR"):
        return operator, frozenset(map(_shape, node.args))
    return str(node)
