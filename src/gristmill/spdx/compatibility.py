"""Whether works under two licences may be combined into one, as far as published data says.

Two licences are compatible if one of them may be the licence of a work that holds parts under the other. The
answer is that of OSADL's matrix where it has both. Elsewhere it follows from ScanCode's categories, and only
where these leave no doubt: permissive terms and the public domain go together and with copyleft that is
limited to files or libraries, the public domain also with full copyleft; full copyleft does not go with
proprietary, commercial, source-available or restricted terms. All else is "unknown", which is an answer of its
own and never read as yes or no.

Of an expression with OR the best choice counts, of one with AND the worst part.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib import resources
from typing import Any, Literal, NamedTuple, cast

from gristmill.spdx import classes, expressions

NAME = "osadl_matrix.json"

Answer = Literal["conflict", "unknown", "depends", "compatible"]
"""``depends``: OSADL says that it depends on how the parts are combined"""

ANSWERS: tuple[Answer, ...] = ("conflict", "unknown", "depends", "compatible")
"""all answers, the worst first"""

MAX_LICENCES = 16
"""licences in one expression; with more of them the answer is "unknown" and nothing is compared"""

_BY_LETTER: dict[str, Answer] = {
    "S": "compatible",
    "Y": "compatible",
    "D": "depends",
    "U": "unknown",
    "N": "conflict",
}
_OPEN = frozenset({"Permissive", "Public Domain"})
_LIMITED = frozenset({"Copyleft Limited"})
_COPYLEFT = frozenset({"Copyleft"})
_TAKING = frozenset({"Commercial", "Proprietary Free", "Source-available", "Free Restricted"})


class Verdict(NamedTuple):
    """An answer and what it rests on: "same licence", "OSADL", "category" or "nothing"."""

    answer: Answer
    basis: str


_NOTHING = Verdict("unknown", "nothing")


@lru_cache(maxsize=1)
def _data() -> dict[str, Any]:
    path = resources.files("gristmill.spdx").joinpath(f"data/{NAME}")
    return cast("dict[str, Any]", json.loads(path.read_text(encoding="utf-8")))


@lru_cache(maxsize=1)
def _columns() -> dict[str, int]:
    return {name: number for number, name in enumerate(_data()["inbound"])}


def source() -> str:
    """Package and version that the matrix comes from."""
    return str(_data()["source"])


def inbound_answer(outbound: str, inbound: str) -> Answer | None:
    """What OSADL's matrix says of a work under ``outbound`` with parts under ``inbound``; None if it lacks one.

    Args:
        outbound: an SPDX id, or id WITH exception, in normal form.
        inbound: likewise.
    """
    columns, rows = _columns(), _data()["outbound"]
    if outbound not in rows or inbound not in columns:
        return None
    return _BY_LETTER[rows[outbound][columns[inbound]]]


def compare(one: str, other: str) -> Verdict:
    """Whether parts under two expressions may be combined into one work.

    Args:
        one: an SPDX expression, normalised or not.
        other: likewise; the order makes no difference.

    Returns:
        The answer. An expression that states nothing, or of more than MAX_LICENCES licences, is "unknown".
        Never raises.
    """
    first, second = sorted((expressions.normalise(one) or "", expressions.normalise(other) or ""))
    return _compare(first, second) if first else _NOTHING


@lru_cache(maxsize=65536)
def _compare(one: str, other: str) -> Verdict:
    trees = _tree(one), _tree(other)
    if any(len(tree.get_literals()) > MAX_LICENCES for tree in trees):
        return _NOTHING
    return _of_trees(*trees)


@lru_cache(maxsize=4096)
def _tree(expression: str) -> Any:
    return expressions.tree(expression)


def _of_trees(one: Any, other: Any) -> Verdict:
    # A choice is made once for a whole side, so both sides choose before either is taken apart.
    for operator, pick in (("OR", max), ("AND", min)):
        for left, right in ((one, other), (other, one)):
            if type(left).__name__ == operator:
                return pick((_of_trees(part, right) for part in left.args), key=_rank)
    return _of_licences(*sorted((str(one), str(other))))


def _rank(verdict: Verdict) -> int:
    return ANSWERS.index(verdict.answer)


@lru_cache(maxsize=65536)
def _of_licences(one: str, other: str) -> Verdict:
    """Two licences, each maybe with an exception."""
    if one == other:
        return Verdict("compatible", "same licence")
    listed = _listed(one, other)
    if listed is not None:
        return listed
    bases = [_base(name) for name in (one, other)]
    if any(base is None for base in bases):
        return _NOTHING
    left, right = cast("list[str]", bases)
    if (left, right) != (one, other):
        # Whoever may use a licence with a permission on top may use it without; but what the plain licence
        # forbids, the permission may allow.
        plain = _of_licences(*sorted((left, right)))
        return plain if plain.answer == "compatible" else Verdict("unknown", plain.basis)
    return _by_category(classes.category(left), classes.category(right))


def _listed(one: str, other: str) -> Verdict | None:
    answers = [inbound_answer(one, other), inbound_answer(other, one)]
    found = [answer for answer in answers if answer is not None]
    return Verdict(max(found, key=ANSWERS.index), "OSADL") if found else None


def _base(name: str) -> str | None:
    """The licence without its exception and "or later"; None if the exception may take rights away."""
    licence, _, exception = name.partition(" WITH ")
    if exception and not classes.adds_permissions(exception):
        return None
    return licence.removesuffix("+")


def _by_category(one: str | None, other: str | None) -> Verdict:
    if one is None or other is None:
        return _NOTHING
    pair = {one, other}
    if pair <= _OPEN or (pair & _OPEN and pair & _LIMITED) or ("Public Domain" in pair and pair & _COPYLEFT):
        return Verdict("compatible", "category")
    if pair & _COPYLEFT and pair & _TAKING:
        return Verdict("conflict", "category")
    return Verdict("unknown", "category")
