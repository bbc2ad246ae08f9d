"""What the name of a variable, setting or field says of its value: a password, another secret, or nothing.

Names are split on case, digits and separators, so that ``monkey``, ``keyboard``, ``tokenizer`` and ``public_key``
do not count.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from gristmill.annotate.findings.rule import KEY, PASSWORD

MAX_BYTES = 96
_SEGMENT = re.compile(rb"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

_PASSWORDS = (b"password", b"passwd", b"passphrase", b"passwort", b"passwrd", b"pwd")
_WEAK_PASSWORDS = frozenset(
    b"pass pw psw pword passcode pswrd psword pasword paswrd paswd passwort pwrd".split()
)
_SECRETS = (
    b"secret", b"token", b"apikey", b"authkey", b"accesskey", b"secretkey", b"privatekey", b"apisecret",
)  # fmt: skip
_WHOLE_SECRETS = frozenset(b"secrets credential credentials creds secretaccesskey authtoken".split())
_WEAK_SECRETS = frozenset(b"auth bearer authorization cred tok userpwd".split())
# Words that make a secret of the word 'key' or 'code' behind them.
_KEYS = frozenset(
    b"""api access auth secret private encryption encrypt signing signature app application account master service
    client storage shared consumer admin hmac jwt aes crypto webhook deploy bot subscription function functions host
    root server license licence write read session cookie project ingest integration instrumentation security""".split()
)
# What may stand behind the word for the name still to name the value ...
_TRAILING = frozenset(
    b"key value val string str prod production live dev staging b64 base64 b hex raw plain plaintext default text env v".split()
)
# ... and what may not stand before it.
_LEADING_NOT = frozenset(
    b"""public pub page next prev previous continuation cancel cancellation syntax parse lex lexer start end begin stop eos
    bos pad unk sep mask special num max min no not non without has is use hash hashed sync expected invalid wrong bad
    break csrf xsrf spdx license licence primary foreign sort cache verify check validate confirm forgot reset change show hide""".split()
)
# Words behind it that name a property of a secret, which is none itself.
_TRAILING_NOT = frozenset(
    b"""hash hashed hashes digest url uri endpoint field fields type types name names file path dir length len size count
    limit policy hint label placeholder error message regex pattern format expiry expires ttl timeout ref arn provider
    manager service class factory form input reset validator strategy store header headers prefix suffix index version alias
    attribute column param params arg schema ids press event code down up frame board map list set""".split()
)


class Name(NamedTuple):
    """What a name says.

    ``kind``: the type of finding. ``weak``: it might as well name something else. ``behind``: 0 if nothing stands behind the word, 1 if only words that leave its meaning, 2 if
    others do, which name a property of the secret more often than the secret.
    """

    kind: str
    weak: bool
    behind: int


@lru_cache(maxsize=4096)
def read(name: bytes) -> Name | None:
    """What a name says; None if it names no secret.

    Args:
        name: an identifier, path of attributes or configuration key, at most ``MAX_BYTES``.
    """
    segments = [segment.lower() for segment in _SEGMENT.findall(name)]
    for index in range(len(segments) - 1, -1, -1):
        kind, weak = _word(segments[index], segments[index - 1] if index else b"")
        if kind is None:
            continue
        rest = [one for one in segments[index + 1 :] if not one.isdigit()]
        if not (_LEADING_NOT.isdisjoint(segments[:index]) and _TRAILING_NOT.isdisjoint(rest)):
            return None
        behind = 0 if not rest else 1 if _TRAILING.issuperset(rest) else 2
        return None if weak and behind == 2 else Name(kind, weak, behind)
    return None


def _word(word: bytes, before: bytes) -> tuple[str | None, bool]:
    """The type that a word names, and whether it may name something else."""
    if word.endswith(_PASSWORDS):
        return PASSWORD, False
    if word in _WEAK_PASSWORDS:
        return PASSWORD, True
    if word.endswith(_SECRETS) or word in _WHOLE_SECRETS or (word == b"key" and before in _KEYS):
        return KEY, False
    if (
        word in _WEAK_SECRETS
        or word == b"key"
        or (len(word) > 5 and word.endswith(b"key") and word[:-3] in _KEYS)
    ):
        return KEY, True
    return None, False
