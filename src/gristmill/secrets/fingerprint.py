"""Fingerprints of findings: by which a finding is known again, and from which its value cannot be had.

A fingerprint goes where the value must not: into baselines, logs and reports. A keyed hash would need a key that
stays the same between runs, and whoever holds the baseline would hold the key with it; a short password is then
guessed in no time. So it is scrypt (RFC 7914), of 16 MiB and some fifty milliseconds a guess, salted with rule and
path: a table of common passwords made for one place says nothing about another. It needs no state, so the same files
have the same fingerprints everywhere.

The line has no part in it: a finding that moves within its file stays known, one whose value changes does not.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

DIGITS = 32
_N, _R, _P = 1 << 14, 8, 1
_MEMORY = 64 << 20
_DOMAIN = b"gristmill-secret/1"


class Subject(NamedTuple):
    """What a fingerprint is made of: path, rule and the value's bytes as UTF-8."""

    path: str
    rule: str
    value: bytes


def fingerprint(subject: Subject) -> str:
    """The fingerprint: 32 hexadecimal digits."""
    words = (_DOMAIN, subject.rule.encode(), subject.path.encode("utf-8", "surrogatepass"))
    salt = hashlib.sha256(b"\0".join(words)).digest()
    made = hashlib.scrypt(subject.value, salt=salt, n=_N, r=_R, p=_P, maxmem=_MEMORY, dklen=DIGITS // 2)
    return made.hex()


def digests(subjects: Iterable[Subject], known: dict[Subject, str]) -> None:
    """Add SHA-256 digests of subjects to ``known``: made at once and as easily guessed, so for memory only."""
    for one in subjects:
        words = (one.path.encode("utf-8", "surrogatepass"), one.rule.encode(), one.value)
        known.setdefault(one, hashlib.sha256(b"\0".join(words)).hexdigest())


def fingerprints(subjects: Iterable[Subject], known: dict[Subject, str]) -> None:
    """Add the fingerprints of subjects to ``known``, on all cores: scrypt leaves the interpreter to others."""
    fresh = [one for one in dict.fromkeys(subjects) if one not in known]
    if not fresh:
        return
    with ThreadPoolExecutor(min(len(fresh), os.cpu_count() or 1)) as pool:
        known.update(zip(fresh, pool.map(fingerprint, fresh), strict=True))
