"""Secrets and personal data in texts: where they stand, of which type, and how sure we are.

Detectors state what they find; whether it is removed is decided later (``release.redact``). No value ever
leaves this package: a finding holds the span and a keyed hash (HMAC-SHA-256, RFC 2104 and FIPS 180-4), by
which equal values can be counted and replaced alike and which cannot be guessed without the key.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable

import pyarrow as pa

from gristmill import tables
from gristmill.annotate.findings import kingfisher, patterns
from gristmill.annotate.findings.gate import texts_of
from gristmill.annotate.findings.rule import Hit

NAME = "findings"
VERSION = 4
TABLE = tables.FINDINGS

Detector = Callable[[pa.Array], list[tuple[int, Hit]]]

# A new detector needs a function of this form and a line here; rule names get its name as a prefix.
DETECTORS: dict[str, Detector] = {"patterns": patterns.find, "kingfisher": kingfisher.find}
DEFAULT = ("patterns",)
_HASH_DIGITS = 32


def annotate(batch: pa.RecordBatch, *, detectors: tuple[str, ...] = DEFAULT, key: bytes) -> pa.RecordBatch:
    """The secrets and personal data of a batch of contents.

    Args:
        batch: columns ``content_id`` (string) and ``text`` (UTF-8 as binary or string; null if not text).
        detectors: names of detectors, of ``DETECTORS``. Their findings are all kept, also where they overlap.
        key: the workspace's key for ``value_hash``.

    Returns:
        Rows of ``tables.FINDINGS``, sorted by content_id, start, end and rule.

    Raises:
        ValueError: an unknown detector, or an empty key.
        MissingExtraError: a detector's package is not installed.
        TypeError: ``text`` has another type.
    """
    unknown = [name for name in detectors if name not in DETECTORS]
    if unknown:
        raise ValueError(f"unknown detector {unknown[0]!r}: choose of {', '.join(DETECTORS)}")
    if not key:
        raise ValueError("key is empty: value hashes could be guessed; give the workspace's key")
    column = batch.column("text")
    texts = texts_of(column)
    rows: list[int] = []
    hits: list[Hit] = []
    hashes: list[str] = []
    for name in dict.fromkeys(detectors):
        current, text = -1, b""
        for row, hit in DETECTORS[name](column):
            if row != current:
                current, text = row, texts.row(row)
            rows.append(row)
            hits.append(hit._replace(rule=f"{name}/{hit.rule}"))
            hashes.append(value_hash(key, text[hit.start : hit.end]))
    found = pa.RecordBatch.from_arrays(
        [
            batch.column("content_id").cast(pa.string()).take(pa.array(rows, pa.int64())),
            pa.array([hit.type for hit in hits], pa.string()),
            pa.array([hit.start for hit in hits], pa.int64()),
            pa.array([hit.end for hit in hits], pa.int64()),
            pa.array([hit.score for hit in hits], pa.float64()),
            pa.array([hit.rule for hit in hits], pa.string()),
            pa.array(hashes, pa.string()),
        ],
        schema=TABLE.schema,
    )
    return found.sort_by([(name, "ascending") for name in TABLE.key])


def value_hash(key: bytes, value: bytes) -> str:
    """The keyed hash of a value: HMAC-SHA-256, first 32 hexadecimal digits."""
    return hmac.digest(key, value, "sha256").hex()[:_HASH_DIGITS]
