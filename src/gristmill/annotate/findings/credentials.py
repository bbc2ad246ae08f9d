"""Rules for credentials that show by their own form or by what stands around them, whoever the provider is.

The tokens of providers are in ``providers``, private keys in ``keys``, passwords in URIs, connection strings
and headers in ``logins``. A match is checked further by what can be checked without asking anyone.
"""

from __future__ import annotations

import re

from gristmill.annotate.findings import keys, logins, validators
from gristmill.annotate.findings.forms import issued, rule, token
from gristmill.annotate.findings.rule import KEY, Hit, Rule


def _jwt(text: bytes, match: re.Match[bytes]) -> bool:
    value = match["value"]
    payload = validators.decoded(value.split(b".")[1].replace(b"-", b"+").replace(b"_", b"/"))
    # The example of RFC 7519's best-known debugger stands in every manual.
    return validators.is_jwt(value) and b"1234567890" not in payload and b"John Doe" not in payload


_AWS_ID = re.compile(rb"(?<![A-Za-z0-9_])(?P<value>A(?:KI|SI)A[A-Z2-7]{16})(?![A-Za-z0-9_-])")
_AWS_SECRET = re.compile(rb"(?<![A-Za-z0-9/+=])(?P<value>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])")
_AWS_NEAR = 200


def _find_aws_secret(text: bytes, at: int) -> Hit | None:
    """The secret that is written behind the id of its key."""
    name = _AWS_ID.match(text, at)
    if name is None or not issued(text, name):
        return None
    match = _AWS_SECRET.search(text, name.end(), name.end() + _AWS_NEAR)
    if match is None or not issued(text, match):
        return None
    value = match["value"]
    # A digest in hexadecimal or a path would lack one of these.
    if not (re.search(rb"[A-Z]", value) and re.search(rb"[g-z]", value) and re.search(rb"[0-9]", value)):
        return None
    return Hit(match.start(), match.end(), KEY, 0.95, "aws-secret-key")


RULES = (
    *keys.RULES,
    *logins.RULES,
    token(
        "jwt",
        b"eyj",
        rb"eyJ[A-Za-z0-9_-]{10,509}+\.eyJ[A-Za-z0-9_-]{10,4096}+\.[A-Za-z0-9_-]{16,1024}+",
        _jwt,
        score=0.9,
    ),
    rule(
        "wireguard-key",
        b"tek",
        5,
        rb"PrivateKey[ \t]{0,4}=[ \t]{0,4}(?P<value>[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=)",
    ),
    rule("azure-storage-key", b"tke", 6, rb"AccountKey=(?P<value>[A-Za-z0-9+/]{86}==)"),
    rule(
        "azure-sas",
        b"sv=",
        0,
        rb"sv=20\d\d-\d\d-\d\d[&A-Za-z0-9=%:;._-]{0,400}?[&;]sig=(?P<value>[A-Za-z0-9%/+]{40,80}+=?)",
    ),
    Rule(((b"a", b"ks", b"i"),), _find_aws_secret),
)
