"""The optional detector ``kingfisher``: MongoDB's Kingfisher (Apache-2.0) with its 488 rules, in process.

It only scans: nothing is ever validated with a provider, and no network is used. The first scanner of a
machine compiles the rules, which takes some seconds, and keeps them in Kingfisher's own cache folder; a
later process loads them in a fraction of a second.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

import pyarrow as pa

from gristmill.annotate.findings.gate import texts_of
from gristmill.annotate.findings.rule import KEY, PASSWORD, Hit
from gristmill.errors import MissingExtraError

if TYPE_CHECKING:
    from kingfisher_sdk import Finding, Scanner

# Kingfisher states its confidence in a rule in words. Rules of high confidence name a provider's form
# exactly; medium ones need context; low ones are leads, below the default threshold of redaction.
SCORES = {"high": 0.9, "medium": 0.7, "low": 0.4}
# Parts of composite rules (a client id, a host) are reported as invisible. Only a part that is itself secret
# is more than a lead, and only where the composite was found in the same text.
HELPER_SCORE = 0.3
_SECRET_PART = re.compile(
    r"(?:secret|secret-access-key|security-token|consumer-key|passphrase|packagistsecret-api-key)$"
)
_PASSWORD_RULE = re.compile(
    r"password|credential-uri|connection-string|passphrase|bitbucketcredentials|codecommitcredentials|codecatalystcredentials"
)


def find(column: pa.Array) -> list[tuple[int, Hit]]:
    """The findings in a column of texts; arguments and result as in ``patterns.find``.

    Raises:
        MissingExtraError: Kingfisher is not installed.
        TypeError: the column has another type.
    """
    scanner = _scanner()
    texts = texts_of(column)
    found: list[tuple[int, Hit]] = []
    for row in range(len(column)):
        text = texts.row(row)
        if text:
            found.extend((row, hit) for hit in _hits(text, scanner.scan(text)))
    return found


@functools.cache
def _scanner() -> Scanner:
    """The scanner of this process, made when first asked for."""
    try:
        import kingfisher_sdk
    except ImportError as error:
        raise MissingExtraError(
            "detector 'kingfisher' needs the package kingfisher-secret-scanner: "
            "install gristmill[secrets], or leave 'kingfisher' out of annotate.findings"
        ) from error
    return kingfisher_sdk.Scanner(kingfisher_sdk.Rules(confidence="low"))


def _hits(text: bytes, findings: list[Finding]) -> list[Hit]:
    composite = any(finding.visible for finding in findings)
    hits: set[Hit] = set()
    for finding in findings:
        location, rule = finding.location, finding.rule_id
        start, end = location["start_offset"], location["end_offset"]
        # Offsets count in Kingfisher's own decoding of the input; trust them only where the value is there.
        if not finding.is_base64_encoded and text[start:end] != finding.secret.encode():
            start = text.find(finding.secret.encode())
            end = start + len(finding.secret.encode())
        if not 0 <= start < end <= len(text):
            continue
        score = SCORES.get(finding.confidence, SCORES["low"])
        if not finding.visible and not (composite and _SECRET_PART.search(rule)):
            score = HELPER_SCORE
        kind = PASSWORD if _PASSWORD_RULE.search(rule) else KEY
        hits.add(Hit(start, end, kind, score, rule))
    return sorted(hits)
