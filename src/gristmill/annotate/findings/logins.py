"""Rules for what is given at the door: passwords in URIs, connection strings, commands and the files of clients."""

from __future__ import annotations

import re

from gristmill.annotate.findings import validators
from gristmill.annotate.findings.forms import NEAR, issued, rule, with_prefix
from gristmill.annotate.findings.rule import PASSWORD

# Passwords of development set-ups and manuals: nobody's secret.
_WEAK = frozenset(
    b"pass pwd passw pw root admin guest user postgres mysql mongo redis rabbitmq 1234 12345".split()
)


def _uri(text: bytes, match: re.Match[bytes]) -> bool:
    user, value = match["user"].lower(), match["value"]
    if value.lower() in _WEAK or value.lower() == user or (value.isalpha() and len(value) < 6):
        return False
    scheme = text[match.start() - 1 : match.start()].isalnum()
    return scheme and b"example." not in match["host"].lower() and not validators.is_placeholder(value)


def _chosen(text: bytes, match: re.Match[bytes]) -> bool:
    """Whether a password is neither a template, nor an example, nor one of development set-ups."""
    value = match["value"]
    return value.lower() not in _WEAK and not validators.is_placeholder(value)


# What a connection string says besides the password: ADO.NET and ODBC, libpq, JDBC.
_CONNECTION = re.compile(
    rb"(?:server|data source|host(?:name|addr)?|user(?: ?id|name)?|uid|database|initial catalog|dbname|driver|dsn"
    rb"|endpoint|address)[ ]?=|jdbc:",
    re.IGNORECASE,
)
_ATTRIBUTE = re.compile(rb"[A-Za-z_]\w*+[.\[]")


def _connection(text: bytes, match: re.Match[bytes]) -> bool:
    before, after = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
    around = text[max(0, match.start() - NEAR) : match.end() + NEAR]
    if not _CONNECTION.search(around) or not _chosen(text, match):
        return False
    # Where blanks part the settings, the same letters may be a call: 'connect(host=h, password=word)'.
    if b";" in (before, after):
        return True
    if text[match.start("value") - 1 : match.start("value")] != b"=":
        return False
    return not _ATTRIBUTE.match(match["value"]) and validators.is_secret(match["value"], password=True)


def _curl(text: bytes, match: re.Match[bytes]) -> bool:
    return b"curl" in text[max(0, match.start() - NEAR) : match.start()] and _chosen(text, match)


def _basic(text: bytes, match: re.Match[bytes]) -> bool:
    plain = validators.decoded(match["value"])
    _, colon, word = plain.partition(b":")
    return (
        bool(colon)
        and plain.isascii()
        and len(word) >= 4
        and word not in _WEAK
        and not validators.is_placeholder(word)
    )


def _bearer(text: bytes, match: re.Match[bytes]) -> bool:
    return validators.is_secret(match["value"], password=False)


_SETTING = rb"[ ]?=[ ]?(?P<value>[^\s;\"'`<>&,()]{4,128}+)(?=[;\"'`&\s<]|\Z)"
_QUOTE = rb"[\"'\])]{0,2}[ \t]{0,4}[:=,][ \t]{0,4}[\"'`]?"
_USER = rb"[ =]{1,2}[\"']?[^\s:\"'`$<{(]{1,64}+:(?P<value>[^\s\"'`$<{@]{4,128}+)(?=[\s\"'`]|\Z)"

RULES = (
    rule(
        "uri-password",
        b"://",
        0,
        rb"://(?P<user>[^\s:/@\"'`<>?#\\]{0,64}+):(?P<value>[^\s:/@\"'`<>\\]{4,128}+)@(?P<host>[\w.\[:-]{1,64})",
        _uri,
        type=PASSWORD,
        score=0.8,
    ),
    rule(
        "authorization-basic",
        b"sic",
        2,
        rb"[Bb]asic (?P<value>[A-Za-z0-9+/]{12,512}+={0,2})",
        _basic,
        type=PASSWORD,
        score=0.8,
    ),
    rule(
        "authorization-bearer",
        b"rer",
        3,
        rb"[Bb]earer (?P<value>[A-Za-z0-9._~+/-]{16,512}+={0,2})",
        _bearer,
        score=0.7,
    ),
    rule(
        "authorization-header",
        b"riz",
        5,
        rb"(?i:authorization)"
        + _QUOTE
        + rb"(?i:(?:token|api-?key|key|bot|splunk|geniekey|oauth|sso-key)[ ])?"
        rb"[\"']?(?P<value>[A-Za-z0-9._~+/=-]{16,512}+)(?=[\s\"'`]|\Z)",
        _bearer,
        score=0.75,
        thin=with_prefix(b"authorization", 5, fold=True),
    ),
    rule(
        "key-header",
        b"x-a",
        0,
        rb"(?i:x-a[a-z]{2,12}-(?:[a-z]{2,12}-)?(?:key|token|secret))"
        + _QUOTE
        + rb"(?P<value>[!-~]{16,200}?)(?=[\"'`\s,]|\Z)",
        _bearer,
        score=0.75,
    ),
    rule(
        "key-header",
        b"e-t",
        6,
        rb"(?i:private-token)" + _QUOTE + rb"(?P<value>[!-~]{16,200}?)(?=[\"'`\s,]|\Z)",
        _bearer,
        score=0.75,
    ),
    rule("connection-string", b"rd=", 6, rb"(?i:password)" + _SETTING, _connection, type=PASSWORD, score=0.8),
    rule("connection-string", b"wd=", 1, rb"(?i:pwd)" + _SETTING, _connection, type=PASSWORD, score=0.8),
    rule("command-password", b"-u ", 0, rb"-u" + _USER, _curl, type=PASSWORD, score=0.8),
    rule("command-password", b"--u", 0, rb"--user" + _USER, _curl, type=PASSWORD, score=0.8),
    rule(
        "netrc",
        b"hin",
        3,
        rb"machine\s{1,4}\S{1,255}\s{1,8}login\s{1,4}\S{1,128}\s{1,8}password\s{1,4}(?P<value>\S{4,256}+)",
        _chosen,
        type=PASSWORD,
        score=0.9,
        thin=with_prefix(b"machine", 3),
    ),
    rule(
        "npmrc",
        b":_a",
        0,
        rb":_auth(?:Token)?[ ]?=[ ]?[\"']?(?P<value>[A-Za-z0-9+/_.-]{20,300}+={0,2})",
        score=0.9,
    ),
    rule(
        "npmrc-password",
        b":_p",
        0,
        rb":_password[ ]?=[ ]?[\"']?(?P<value>[A-Za-z0-9+/]{8,300}+={0,2})",
        _chosen,
        type=PASSWORD,
        score=0.9,
    ),
    rule(
        "pgpass",
        b":54",
        0,
        rb":54\d\d:[^\s:/\"']{1,63}:[^\s:/\"']{1,63}:(?P<value>[^\s:\"']{4,100}+)(?=[\r\n]|\Z)",
        _chosen,
        type=PASSWORD,
        score=0.85,
    ),
    rule(
        "docker-login",
        b'"au',
        0,
        rb"\"auth\"[ \t]{0,4}:[ \t\r\n]{0,8}\"(?P<value>[A-Za-z0-9+/]{12,512}+={0,2})\"",
        _basic,
        type=PASSWORD,
        score=0.9,
        thin=with_prefix(b'"auth"', 0),
    ),
    *(
        rule(
            "password-hash",
            anchor,
            0,
            rb"(?P<value>" + form + rb")(?![./A-Za-z0-9])",
            issued,
            type=PASSWORD,
            score=0.7,
        )
        for anchor, form in (
            (b"$ap", rb"\$apr1\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{22}"),
            ((b"$", b"2", b"abxy"), rb"\$2[abxy]\$\d\d\$[./A-Za-z0-9]{53}"),
            (b"$1$", rb"\$1\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{22}"),
            (b"$5$", rb"\$5\$(?:rounds=\d{4,9}\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{43}"),
            (b"$6$", rb"\$6\$(?:rounds=\d{4,9}\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{86}"),
            (b"$y$", rb"\$y\$[./A-Za-z0-9]{2,6}\$[./A-Za-z0-9]{1,86}\$[./A-Za-z0-9]{43}"),
            (
                b"$ar",
                rb"\$argon2(?:id|i|d)\$v=\d\d\$m=\d{1,8},t=\d{1,4},p=\d{1,3}\$[A-Za-z0-9+/]{8,64}\$[A-Za-z0-9+/]{20,100}",
            ),
        )
    ),
)
