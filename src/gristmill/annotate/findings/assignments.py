"""The rule for literals that a program or configuration assigns to the name of a secret.

The name is split on case, digits and separators, so that ``monkey``, ``keyboard``, ``tokenizer`` and
``public_key`` do not count; the literal is judged by ``validators.is_secret``.
"""

from __future__ import annotations

import re

from gristmill.annotate.findings import validators
from gristmill.annotate.findings.rule import KEY, PASSWORD, Hit, Rule, literal

_NAME_BYTES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"
_MAX_NAME = 48
_SEGMENT = re.compile(rb"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

_PASSWORDS = frozenset(
    b"password passwd pwd passphrase passwort passwrd dbpassword userpassword mypassword".split()
)
# 'pass' alone is a verb too; behind one of these it is a password.
_HOLDERS = frozenset(
    b"db database user admin root smtp mail email ftp sftp mysql postgres pg redis mongo ssh proxy ldap".split()
)
_SECRETS = frozenset(
    b"""secret secrets token credential credentials apikey apisecret apitoken accesstoken authtoken authkey accesskey
    secretkey privatekey clientsecret appsecret consumersecret oauthtoken bearertoken authtoken_ sharedsecret""".split()
)
# Words that make a secret of the word 'key' behind them.
_KEYS = frozenset(
    b"""api access auth secret private encryption encrypt signing signature app application account master service
    client storage shared consumer admin hmac jwt aes crypto webhook deploy bot subscription function functions host
    root server license licence write read""".split()
)
# What may stand behind the word for the name still to name the value ...
_TRAILING = frozenset(
    b"key id value val string str prod production live dev staging b64 base64 b hex raw plain plaintext default".split()
)
# ... and what may not stand before it.
_LEADING_NOT = frozenset(
    b"""public pub test tests testing example sample fake mock dummy page next prev previous continuation cancel
    cancellation syntax parse lex lexer start end begin stop eos bos pad unk sep mask special num max min no not without
    has is use hash hashed sync expected invalid wrong bad break csrf xsrf nonce primary foreign sort cache""".split()
)

_FORWARD = re.compile(
    rb"(?P<rest>[\w.-]{0,48}+)(?:\\?[\"'`]\]?)?+"
    rb"(?:"
    rb"(?P<spaced>[ \t]{0,8}+(?::[ \t]?[A-Za-z][\w.\[\]|?]{0,23}+[ \t]?=|:=|=>|=(?![=~>])|:(?!:))[ \t]{0,8}+)"
    rb"(?:[bBrRuUfF@$]{0,2}+(?P<quote>\\?[\"'`])(?P<quoted>[^\"'`\s\\]{8,200}+)(?P=quote)"
    rb"|(?P<bare>[^\"'`\s\\(),;{}\[\]<>]{8,200}+))"
    rb"|>(?P<element>[^<>\s\"'\\]{8,200}+)</)"
)
# What stands before a name that starts a line of a configuration file, or a parameter of a URL.
_LINE_START = re.compile(
    rb"(?:\A|[\r\n])[ \t]*+(?:export[ \t]{1,4}|set[ \t]{1,4}|ENV[ \t]{1,4}|- |-e[ \t]|//[^\s:=]{1,60}+(?::\d{1,5}/[^\s:=]{0,60}+)?+:)?\Z"
)
_LINE_END = re.compile(rb"[ \t]{0,8}(?:[\r\n]|[ \t]#|\Z)")
_MIN_BARE = 10
# An attribute of an object: without quotes, that is code.
_ATTRIBUTE = re.compile(rb"[A-Za-z_]\w*+(?:\.[A-Za-z_]\w*+)+\Z")


def kind_of_name(name: bytes) -> str | None:
    """What a variable of this name holds: ``password``, ``key`` (any other secret), or None.

    Args:
        name: an identifier, path of attributes or configuration key, at most 100 bytes.
    """
    segments = [segment.lower() for segment in _SEGMENT.findall(name)]
    for index in range(len(segments) - 1, -1, -1):
        word, before = segments[index], segments[index - 1] if index else b""
        if word in _PASSWORDS or (word == b"pass" and (not before or before in _HOLDERS)):
            kind = PASSWORD
        elif (
            word in _SECRETS or (word == b"key" and before in _KEYS) or (word == b"auth" and name[:1] == b"_")
        ):
            kind = KEY
        else:
            continue
        trailing = all(segment in _TRAILING or segment.isdigit() for segment in segments[index + 1 :])
        return kind if trailing and not _LEADING_NOT.intersection(segments[:index]) else None
    return None


def find(text: bytes, at: int) -> Hit | None:
    """The literal assigned to the name that the anchor lies in, if it looks like a secret."""
    match = _FORWARD.match(text, at)
    if match is None:
        return None
    head = text[max(0, at - _MAX_NAME) : at]
    left = head[len(head.rstrip(_NAME_BYTES)) :]
    name = left + match["rest"]
    kind = kind_of_name(name)
    if kind is None:
        return None
    start = at - len(left)
    if match["quoted"] is not None:
        value, begin, score = match["quoted"], match.start("quoted"), 0.65
    elif match["element"] is not None:
        value, begin, score = match["element"], match.start("element"), 0.65
        if not text.startswith(name, match.end()):
            return None
    else:
        value, begin, score = match["bare"], match.start("bare"), 0.55
        if match["spaced"] == b"=" and text[start - 1 : start] in (b"?", b"&"):
            value = re.split(rb"[&#]", value, maxsplit=1)[0]
        elif not _is_setting(text, start, match.end()) or _ATTRIBUTE.match(value):
            return None
        if len(value) < _MIN_BARE or value.isalpha():
            return None
    if validators.is_uuid(value):
        return Hit(begin, begin + len(value), kind, 0.4, "assignment-uuid")
    if not validators.is_secret(value, password=kind == PASSWORD):
        return None
    if kind == KEY and len(value) >= 20 and validators.entropy(value) >= 3.5:
        score += 0.15
    return Hit(begin, begin + len(value), kind, score, "assignment")


def _is_setting(text: bytes, start: int, end: int) -> bool:
    """Whether an assignment is a whole line, as in .env, INI, YAML and .npmrc files."""
    before = _LINE_START.search(text, max(0, start - 64), start)
    return before is not None and _LINE_END.match(text, end) is not None


RULES = (
    Rule(
        (
            *(literal(three) for three in (b"ssw", b"pwd", b"phr", b"ecr", b"tok", b"ede")),
            (b"e", b"y", b"=:\"' \\>\t"),
            (b"s", b"s", b"=:\"' \\>\t"),
            (b"t", b"h", b"=:\"' \\>\t"),
        ),
        find,
    ),
)
