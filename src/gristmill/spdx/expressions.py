"""SPDX licence expressions: parsing, normalising, combining (SPDX 2.3, annex D).

The ids, their aliases and the grammar are those of the license-expression package; what is hostile is turned
away before it gets there. An expression is handled as its normal form, a string, so that tables can hold it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import license_expression

# Bounds of one expression. Real ones are far below; beyond them the answer is UNKNOWN.
MAX_LENGTH = 4096
MAX_TOKENS = 512
MAX_DEPTH = 32

UNKNOWN = "LicenseRef-unknown"
ADDED_RESTRICTION = "LicenseRef-added-restriction"

# Deprecated ids that stand for a licence with an exception: the SPDX list names the expression to use.
_DEPRECATED = {
    "gpl-2.0-with-autoconf-exception": "GPL-2.0-only WITH Autoconf-exception-2.0",
    "gpl-2.0-with-bison-exception": "GPL-2.0-only WITH Bison-exception-2.2",
    "gpl-2.0-with-classpath-exception": "GPL-2.0-only WITH Classpath-exception-2.0",
    "gpl-2.0-with-font-exception": "GPL-2.0-only WITH Font-exception-2.0",
    "gpl-2.0-with-gcc-exception": "GPL-2.0-only WITH GCC-exception-2.0",
    "gpl-3.0-with-autoconf-exception": "GPL-3.0-only WITH Autoconf-exception-3.0",
    "gpl-3.0-with-gcc-exception": "GPL-3.0-only WITH GCC-exception-3.1",
    "ecos-2.0": "GPL-2.0-or-later WITH eCos-exception-2.0",
}
_NO_ASSERTION = frozenset({"noassertion", "none", "null", "unknown"})
_TOKEN = re.compile(r"[()]|[^\s()]+")
_OPERATORS = frozenset({"AND", "OR", "WITH"})
_BEFORE_OPERAND = _OPERATORS | {"("}
_JUNCTIONS = frozenset({"AND", "OR"})
_NOT_ID = re.compile(r"[^A-Za-z0-9.-]+")
_GRAMMAR_ONLY = license_expression.Licensing()


@lru_cache(maxsize=1)
def _known() -> tuple[dict[str, str], frozenset[str]]:
    """Lower-case id or alias -> SPDX id; and the ids that are exceptions."""
    ids: dict[str, str] = {}
    exceptions = set()
    rows = [row for row in license_expression.get_license_index() if row.get("spdx_license_key")]
    for row in rows:
        ids[row["spdx_license_key"].lower()] = row["spdx_license_key"]
        if row["is_exception"]:
            exceptions.add(row["spdx_license_key"])
    # An id of its own wins over an alias of the same name; ScanCode's aliases never repeat among themselves.
    for row in rows:
        for alias in row["other_spdx_license_keys"]:
            ids.setdefault(alias.lower(), row["spdx_license_key"])
    return ids, frozenset(exceptions)


def known_id(text: str) -> str | None:
    """The SPDX id that a word stands for (``gpl-2.0+`` is ``GPL-2.0-or-later``), or None."""
    ids, _ = _known()
    found = ids.get(text.lower())
    if found is None and text.endswith("+"):
        base = ids.get(text[:-1].lower())
        if base is not None and not base.startswith("LicenseRef-"):
            later = ids.get(base.removesuffix("-only").lower() + "-or-later")
            found = base if base.endswith("-or-later") else later or f"{base}+"
    return found


def all_ids() -> list[str]:
    """Every SPDX id that is known, licences and exceptions, sorted; aliases are not among them."""
    return sorted(set(_known()[0].values()))


def words(text: str) -> list[str]:
    """The ids in the text of an expression as they are written, in their order."""
    return [word for word in _TOKEN.findall(text) if word not in "()" and word.upper() not in _OPERATORS]


def is_exception(identifier: str) -> bool:
    """True if the id is an exception (may stand only after WITH)."""
    return identifier in _known()[1]


def reference(text: str, prefix: str = "LicenseRef-") -> str:
    """A legal ``LicenseRef-`` id for a name that SPDX does not list."""
    name = re.sub(r"(?i)\A(?:licenseref|additionref)-", "", text[:256])
    name = _NOT_ID.sub("-", name).strip("-.")[:64].strip("-.")
    return prefix + (name or "unknown")


@lru_cache(maxsize=65536)
def normalise(text: str) -> str | None:
    """The normal form of an SPDX expression.

    Ids take their SPDX spelling, deprecated ids their successor, ids that are not listed become
    ``LicenseRef-...`` (after WITH ``AdditionRef-...``), operators upper case; repeats and needless
    parentheses go. AND, OR and WITH stay as the text says, and so does the order.

    Args:
        text: any string, also a hostile one.

    Returns:
        The expression; None if the text states nothing (empty, NONE, NOASSERTION); ``UNKNOWN`` if it is not
        an expression or beyond the bounds of this module. Never raises.
    """
    if len(text) > MAX_LENGTH:
        return UNKNOWN
    text = text.strip()
    if not text or text.lower() in _NO_ASSERTION:
        return None
    words = _TOKEN.findall(text)
    if len(words) > MAX_TOKENS or not _well_formed(words):
        return UNKNOWN
    # "A WITH B WITH C" alternates, yet an exception takes no exception: the parser turns it away below.
    spelled = " ".join(_spell(word, words[i - 1] if i else "") for i, word in enumerate(words))
    try:
        return _render(_GRAMMAR_ONLY.parse(spelled, simple=True))
    except license_expression.ExpressionError:
        return UNKNOWN


def tree(expression: str) -> Any:
    """The parse tree (license-expression objects) of an expression that ``normalise`` returned."""
    return _GRAMMAR_ONLY.parse(expression, simple=True)


@lru_cache(maxsize=65536)
def licences(expression: str) -> frozenset[str]:
    """The licence ids in a normalised expression, without exceptions."""
    return frozenset(
        symbol.license_symbol.key if hasattr(symbol, "license_symbol") else symbol.key
        for symbol in tree(expression).symbols
    )


@lru_cache(maxsize=65536)
def simple_licences(expression: str) -> frozenset[str]:
    """The licences in a normalised expression, each with its exception: ``MIT``, ``GPL-2.0-only WITH ...``."""
    return frozenset(str(symbol) for symbol in tree(expression).get_literals())


@lru_cache(maxsize=65536)
def operands(expression: str) -> tuple[str, ...]:
    """What a normalised expression joins by AND at its top, as expressions; itself if it is no AND."""
    node = tree(expression)
    if type(node).__name__ != "AND":
        return (expression,)
    return tuple(_render(child) for child in node.args)


def conjunction(parts: Iterable[str | None]) -> str | None:
    """All parts joined by AND, repeats dropped, in their order; None parts say nothing.

    Returns:
        A normalised expression; None without parts; ``UNKNOWN`` beyond the bounds.
    """
    return _combine(parts, "AND")


def disjunction(parts: Iterable[str | None]) -> str | None:
    """As ``conjunction``, joined by OR."""
    return _combine(parts, "OR")


def _combine(parts: Iterable[str | None], operator: str) -> str | None:
    distinct = list(dict.fromkeys(part for part in parts if part))
    if len(distinct) == 1:
        return normalise(distinct[0])
    if sum(map(len, distinct)) > MAX_LENGTH:
        return UNKNOWN
    return normalise(f" {operator} ".join(f"({part})" for part in distinct))


def _well_formed(words: list[str]) -> bool:
    """True if operands and operators alternate and the parentheses match, none deeper than MAX_DEPTH.

    The parser fails in ways of its own on what is not, and it descends recursively.
    """
    depth = 0
    before = "("
    for word in [w.upper() for w in words]:
        after_operand = before not in _BEFORE_OPERAND
        if word in ("AND", "OR"):
            legal = after_operand
        elif word == "WITH":
            legal = after_operand and before != ")"
        elif word == ")":
            legal = after_operand and depth > 0
            depth -= 1
        elif word == "(":
            legal = not after_operand and before != "WITH" and depth < MAX_DEPTH
            depth += 1
        else:
            legal = not after_operand
        if not legal:
            return False
        before = word
    return depth == 0 and before not in _BEFORE_OPERAND


def _spell(word: str, before: str) -> str:
    upper = word.upper()
    if upper in _OPERATORS:
        return upper
    if word in "()":
        return word
    found = known_id(word)
    if before.upper() == "WITH":
        return found if found and is_exception(found) else reference(word, "AdditionRef-")
    return _DEPRECATED.get(word.lower()) or found or reference(word)


def _render(node: Any) -> str:
    operator = type(node).__name__
    if operator not in _JUNCTIONS:
        return str(node)
    return f" {operator} ".join(dict.fromkeys(_operands(node, operator)))


def _operands(node: Any, operator: str) -> list[str]:
    """The operands of an AND or OR as text; those of a nested node of the same operator join in."""
    parts: list[str] = []
    for child in node.args:
        name = type(child).__name__
        if name == operator:
            parts.extend(_operands(child, operator))
            continue
        text = _render(child)
        # A nested node whose operands are all the same renders as one id and needs no parentheses.
        parts.append(f"({text})" if name in _JUNCTIONS and f" {name} " in text else text)
    return parts
