"""The rule for values that a program, configuration or text gives to the name of a secret.

``names`` says whether a name is one of a secret; this module finds the value that belongs to it, in whichever of the
forms people write it; ``likelihood`` says how likely the value is the secret itself.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from gristmill.annotate.findings import likelihood, names, validators
from gristmill.annotate.findings.rule import Hit, Rule, literal

LEAST = 0.1
"""Score below which there is no finding at all."""

_NAME_BYTES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"
_MAX_NAME = 48
_REST = re.compile(rb"(?P<rest>[\w.-]{0,48}+)(?:\[\w{0,8}\])?+(?P<closed>\\?[\"'`])?+[\])]?+")
_OPERATOR = re.compile(
    rb"[ \t]{0,8}+(?:"
    rb"(?P<compare>[!=]==?)"
    rb"|(?P<assign>:[ \t]?[A-Za-z][\w.\[\]|?*]{0,31}+[ \t]{0,4}=(?!=)|:{1,3}=|[?.+|]{1,2}=|=>?|:(?!:)|=\\?>|<-)"
    rb"|(?P<argument>,|\(|->|\|\|?)"
    rb"|(?P<element>>)"
    rb"|(?:string|String|str|text|\*?char)[ \t]{0,4}(?P<typed>=)(?!=)"
    rb"|(?P<prose>(?:is|was|are|will be|as|to|using|by)(?::|[ \t]))"
    rb")[ \t]{0,8}+"
)
_NEXT_LINE = re.compile(rb"\\?\r?\n[ \t]{0,40}+")
_PAIRED = re.compile(rb"[ \t\r\n,]{1,40}[\"']?(?:value|content|default|Value)[\"']?[ \t]{0,8}[:=][ \t]{0,8}")
_SPACE = re.compile(rb"[ \t]{1,8}")
_QUOTED = re.compile(
    rb"[bBrRuUfFLN@$]{0,2}+(?P<quote>\\?[\"'`])(?P<value>(?:(?!(?P=quote))(?:[^\r\n\\]|\\[^\r\n])){4,512}?)(?P=quote)"
)
_BARE = re.compile(rb"[^\s\"'`<>]{4,512}+")
_ELEMENT = re.compile(rb"\s{0,40}(?P<value>[^<>\s]{4,512}+)\s{0,40}</")
_BEFORE = re.compile(
    rb"(?P<quote>[\"'`])(?P<value>[^\"'`\r\n]{4,200})(?P=quote)[ \t]{0,4}[!=]==?[ \t]{0,4}(?:\w{1,32}(?:\.|->))?\Z"
)
# What stands before a name that starts a line of a configuration file.
_LINE_START = re.compile(
    rb"(?:\A|[\r\n]|\\n)[+-]?[ \t]*+(?:export[ \t]{1,4}|set[ \t]{1,4}|ENV[ \t]{1,4}|ARG[ \t]{1,4}|- |-e[ \t]|-D"
    rb"|//[^\s:=]{1,60}+(?::\d{1,5}/[^\s:=]{0,60}+)?+:)?[\"']?\Z"
)
_LINE_END = re.compile(rb"[,;]?[ \t]{0,8}(?:[\r\n]|[ \t]#|\Z|\\n)")
_OPTION = re.compile(rb"(?:\A|[\s\"'=,\[(])-{1,2}[\w-]{0,32}\Z")
_QUERY = re.compile(rb"[?&;][\w.-]{0,32}\Z")
# An attribute or a call: without quotes, that is code.
_CODE = re.compile(
    rb"[A-Za-z_$][\w$]*+(?:(?:\.|->|::)[A-Za-z_$][\w$]*+)+\Z|[A-Za-z_$][\w$.]*+[(\[].*", re.DOTALL
)
# What a shell, a template or the reader fills in; versions, dates and object identifiers.
_FILLED_IN = re.compile(
    rb"(?:\$\w+|%\w*%|\{\w*\}|<[^<>]*>|%[\w.-]*s?|@\w+@|[\d.,_:/TZ+-]*[.,:/][\d.,_:/TZ+-]*)\Z"
    rb"|.*(?:\$\{[^{}]*\}|\$\([^()]*\)|\{\{[^{}]*\}\}|<%.*%>|%\(\w*\)s|#\{[^{}]*\})",
    re.DOTALL,
)
_NO_WORD = re.compile(rb"[(){}\[\]]|\A[!*&]")
_DIGIT = re.compile(rb"[0-9]")
_SUM = re.compile(rb"[ \t]{0,4}[+*%&?][ \t]")
# A row of a table begins so.
_ROW = re.compile(rb"(?:\A|[\r\n])[ \t]*\|[^\r\n]*\Z")


class Value(NamedTuple):
    """Where a value stands, in bytes, and how."""

    start: int
    end: int
    context: likelihood.Context


def find(text: bytes, at: int) -> Hit | None:
    """The value that belongs to the name in which the anchor lies, if it looks like a secret."""
    found = value_at(text, at)
    if found is None:
        return None
    name, value = found
    body = text[value.start : value.end]
    if _FILLED_IN.match(body) or (validators.is_wordy(body) and not _DIGIT.search(body)):
        return None
    rule = "assignment-uuid" if validators.is_uuid(body) else "assignment"
    score = likelihood.of(body, name, value.context)
    return Hit(value.start, value.end, name.kind, score, rule) if score >= LEAST else None


def value_at(text: bytes, at: int) -> tuple[names.Name, Value] | None:
    """The name in which the byte at ``at`` lies, and the value that belongs to it; None if there is none of a secret."""
    head = text[max(0, at - _MAX_NAME) : at]
    left = len(head) - len(head.rstrip(_NAME_BYTES))
    rest = _REST.match(text, at)
    if rest is None:
        return None
    start = at - left
    name = names.read(text[start : rest.end("rest")].strip(b".-_"))
    value = None if name is None else _value(text, start, rest)
    return None if name is None or value is None else (name, value)


def _value(text: bytes, start: int, rest: re.Match[bytes]) -> Value | None:
    """The value of the name that starts at ``start``."""
    position = rest.end()
    operator = _OPERATOR.match(text, position)
    if operator is None:
        return _without_operator(text, start, position) or _compared(text, start)
    kind, behind = operator.lastgroup, operator.end()
    if kind == "element":
        return _span(_ELEMENT.match(text, behind), "element")
    next_line = _NEXT_LINE.match(text, behind)
    quoted = _QUOTED.match(text, next_line.end() if next_line else behind)
    if quoted is not None:
        return _span(
            quoted, "compared" if kind == "compare" else "argument" if kind == "argument" else "quoted"
        )
    if kind == "compare":
        return _compared(text, start)
    if kind == "argument" and not (
        text[operator.start() : behind].strip() == b"|" and _ROW.search(text, max(0, start - 80), start)
    ):
        return None
    return _bare(text, start, behind, "prose" if kind == "prose" else None)


def _without_operator(text: bytes, start: int, position: int) -> Value | None:
    """A value that stands beside the name: of an attribute or entry behind it, or of an option of a command."""
    paired = _PAIRED.match(text, position)
    if paired is not None:
        quoted = _QUOTED.match(text, paired.end())
        return _span(quoted, "paired") if quoted else _bare(text, start, paired.end(), "paired")
    space = _SPACE.match(text, position)
    if space is None:
        return None
    quoted = _QUOTED.match(text, space.end())
    if quoted is not None:
        return None if text[position - 1 : position] in b"\"'`" else _span(quoted, "argument")
    if _OPTION.search(text, max(0, start - 34), start) or text[start : start + 1] == b"-":
        return _bare(text, start, space.end(), "option")
    value = _bare(text, start, space.end(), "prose")
    return value if value and _LINE_END.match(text, value.end) else None


def _compared(text: bytes, start: int) -> Value | None:
    """A literal that stands before the name and is compared with it."""
    match = _BEFORE.search(text, max(0, start - 240), start)
    return _span(match, "compared") if match else None


def _bare(text: bytes, start: int, position: int, context: likelihood.Context | None) -> Value | None:
    """A value without quotes."""
    match = _BARE.match(text, position)
    if match is None:
        return None
    value = match[0]
    before = text[max(0, start - 66) : start]
    if _QUERY.search(before):
        value, context = re.split(rb"[&#;]", value, maxsplit=1)[0], "query"
    value = re.split(rb"\\[nrt]|\|", value, maxsplit=1)[0]
    value = _unclosed(value.rstrip(b",;."))
    if context is None:
        if _SUM.match(text, position + len(value)):
            return None
        whole = _LINE_START.search(before) is not None and _LINE_END.match(text, position + len(value))
        context = "line" if whole else "inline"
    if (
        len(value) < 4
        or _CODE.match(value)
        or (context != "line" and _NO_WORD.search(value))
        or validators.is_wordy(value)
    ):
        return None
    return Value(position, position + len(value), context)


def _unclosed(value: bytes) -> bytes:
    """The value without brackets at its end that were opened before it."""
    for opening, closing in ((b"(", b")"), (b"[", b"]"), (b"{", b"}")):
        while value.endswith(closing) and value.count(closing) > value.count(opening):
            value = value[:-1].rstrip(b",;")
    return value


def _span(match: re.Match[bytes] | None, context: likelihood.Context) -> Value | None:
    return Value(match.start("value"), match.end("value"), context) if match else None


_BEHIND = b"=:\"' \\>\t)],|(\n"
RULES = (
    Rule(
        (
            *(literal(three) for three in (b"ssw", b"pwd", b"phr", b"ecr", b"tok", b"ede")),
            (b"e", b"y", _BEHIND),
            (b"s", b"s", _BEHIND),
            (b"t", b"h", _BEHIND),
            (b"p", b"sw"[1:], b"=:\"'"),
        ),
        find,
    ),
)
