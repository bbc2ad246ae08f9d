"""Which licences may be there: terms that allow, terms that deny, weighed over an expression.

Terms are those of ``spdx.allow_list``. A choice (OR) is fine if one of its parts is, a sum (AND) if all are. A licence or
expression that is named outweighs a class, rating or category, and a denial outweighs a permission of the same weight.
Naming a licence also names it WITH an exception, unless that is named itself. Without terms that allow, all that is not
denied may be there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, get_args

from gristmill.errors import RecipeError
from gristmill.spdx import classes, expressions
from gristmill.spdx.allow_list import AllowList, is_named, is_of_kind, parse_allow_list
from gristmill.spdx.classes import LicenceClass

CLASSES: tuple[str, ...] = get_args(LicenceClass)
_KINDS = ("blue-oak:", "category:")


@dataclass(frozen=True)
class Policy:
    """Terms as ``make`` returns them."""

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()


@lru_cache(maxsize=65536)
def allows(policy: Policy, expression: str | None) -> bool:
    """Whether what an expression applies to may be there; None is what nothing was found for."""
    allow, deny = parse_allow_list(policy.allow), parse_allow_list(policy.deny)
    normal = expressions.normalise(expression) if expression else None
    if normal is None:
        return "none" not in deny.classes and (not policy.allow or "none" in allow.classes)
    return _weigh(allow if policy.allow else None, deny, expressions.tree(normal))


def _weigh(allow: AllowList | None, deny: AllowList, node: Any) -> bool:
    """``allow`` is None if no term allows."""
    if is_named(deny, node):
        return False
    if allow is not None and is_named(allow, node):
        return True
    operator = type(node).__name__
    if operator in ("AND", "OR"):
        return (all if operator == "AND" else any)(_weigh(allow, deny, child) for child in node.args)
    licence = str(node)
    base, _, exception = licence.partition(" WITH ")
    # An exception that is not listed, or takes away, is not what the name or kind of the licence stands for.
    widened = not exception or classes.adds_permissions(exception)
    if base in deny.licences:
        return False
    if allow is not None and widened and base in allow.licences:
        return True
    if is_of_kind(deny, licence) or is_of_kind(deny, base):
        return False
    return allow is None or is_of_kind(allow, licence) or (widened and is_of_kind(allow, base))


def make(allow: Iterable[str], deny: Iterable[str]) -> Policy:
    """The policy of terms: classes (permissive, restricted, unknown, none), ``blue-oak:RATING``, ``category:NAME``, SPDX
    ids and expressions.

    Raises:
        RecipeError: a term is none of these.
    """
    return Policy(tuple(map(_term, allow)), tuple(map(_term, deny)))


def _term(text: str) -> str:
    term = text.strip()
    kind = term.lower() in CLASSES or term.lower().startswith(_KINDS)
    term = term.lower() if kind else term
    try:
        parse_allow_list((term,))
    except ValueError as error:
        raise RecipeError(str(error)) from error
    return term if kind else expressions.normalise(term) or term
