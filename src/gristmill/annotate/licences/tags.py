"""SPDX-License-Identifier tags (SPDX 2.3, annex E) and the labels that came before them (``@license MIT``)."""

from __future__ import annotations

import re

from gristmill.annotate.licences.match import Match
from gristmill.spdx import classes, expressions, statements

MAX_TAGS = 64
# Labels stand at the top; further down "license: mit" is an example in a documentation string.
LABEL_BYTES = 2048

_TAG = re.compile(rb"SPDX-License-Identifier:[ \t]*([^\r\n]{1,4096})", re.IGNORECASE)
_LABEL = re.compile(
    rb"licen[cs]e(?:__)?(?:[ \t]{0,9}[:=][ \t]{0,9}|(?P<space>[ \t]{1,9}))([^\r\n]{1,120})", re.IGNORECASE
)
# Between the start of the line and a label stands at most what opens a comment; a quote would open a string.
_LINE_START = re.compile(rb"[^A-Za-z0-9\"'`]{0,40}|[ \t]{0,40}dnl[ \t]{1,9}")
_WORD = re.compile(r"\s*([()/]|[A-Za-z0-9][A-Za-z0-9.+:-]*)")
_OPERATORS = frozenset({"AND", "OR", "WITH", "/"})
_COMMENT_END = re.compile(r"\s*(?:\*+/|-->|\*\)|#\}|-\}|%>)?[\s*#;\"'`,.]*\Z")


def find(text: bytes) -> list[Match]:
    """The tags in a text, and labels whose value is a licence that we know.

    A tag directly behind a single opening quote is a string of a program that handles tags, not a statement.

    Args:
        text: UTF-8; the caller bounds its length.

    Returns:
        Matches of kind "tag" (rule ``spdx-tag``) and "notice" (rule ``label``), at most ``MAX_TAGS`` of each.
        A tag that states nothing (NONE, a placeholder) has none.
    """
    return _tags(text) + _labels(text)


def _tags(text: bytes) -> list[Match]:
    found: list[Match] = []
    for match in _TAG.finditer(text):
        if len(found) == MAX_TAGS:
            break
        if _is_string_literal(text, match.start()):
            continue
        value = leading_expression(match[1].decode("utf-8", "replace"))
        expression = _expression(value) if value else None
        if expression is not None:
            end = match.start(1) + len(value.encode())
            found.append(Match("tag", expression, "spdx-tag", match.start(), end))
    return found


def _labels(text: bytes) -> list[Match]:
    found: list[Match] = []
    for match in _LABEL.finditer(text, 0, LABEL_BYTES):
        if len(found) == MAX_TAGS:
            break
        before = text[max(text.rfind(b"\n", 0, match.start()) + 1, match.start() - 80) : match.start()]
        if not _LINE_START.fullmatch(before) or (match["space"] and not before.endswith(b"@")):
            continue
        value = _COMMENT_END.sub("", match[2].decode("utf-8", "replace")).strip("\"' ")
        expression = statements.interpret(value) if value else None
        # Prose follows the word "license" too often for anything else to count.
        if expression and classes.classify(expression) != "unknown":
            found.append(Match("notice", expression, "label", match.start(), match.end()))
    return found


def _expression(value: str) -> str | None:
    """The expression of a tag; names that SPDX does not list may be of the kind that manifests hold."""
    named = statements.interpret(value)
    return named if named is None or statements.is_understood(named) else expressions.normalise(value)


def leading_expression(value: str) -> str:
    """The longest beginning of ``value`` that has the shape of an expression; prose and comment ends go."""
    position, end, depth = 0, 0, 0
    wants_operand = True
    for _ in range(expressions.MAX_TOKENS):
        match = _WORD.match(value, position)
        if match is None:
            break
        word = match[1]
        operator = word.upper() in _OPERATORS
        if word == "(":
            if not wants_operand:
                break
            depth += 1
        elif word == ")":
            if wants_operand or depth == 0:
                break
            depth -= 1
        elif operator == wants_operand:
            break
        else:
            wants_operand = operator
        position = match.end()
        if not wants_operand and depth == 0:
            end = position
    else:
        # Too many words for an expression: hand on all, which interpret calls unknown.
        return value.strip()
    return value[:end].strip()


def _is_string_literal(text: bytes, start: int) -> bool:
    before = text[max(0, start - 3) : start]
    return before[-1:] in (b'"', b"'", b"`") and before not in (b'"""', b"'''")
