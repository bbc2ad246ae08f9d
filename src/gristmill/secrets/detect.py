"""Findings in documents, a batch of windows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import pyarrow as pa

from gristmill.annotate.findings import patterns
from gristmill.annotate.findings.rule import KEY, PASSWORD, Hit
from gristmill.errors import OriginError
from gristmill.secrets.allow import Allowed, commented, listed
from gristmill.secrets.fingerprint import Subject, digests, fingerprints
from gristmill.secrets.windows import Place, Stream, Window, advanced, windows

SECRETS = (KEY, PASSWORD)
"""the types of findings that are secrets; the others are personal data"""
MAX_FINDINGS = 1_000
"""findings of one document that are told: a file made of nothing but false secrets must not hold up the scan"""
MAX_DISTINCT = 20_000
"""different findings of a scan that are told: each has a fingerprint, which costs time on purpose"""
MAX_QUICK = 200_000
"""different findings that a quick scan holds in memory"""
BATCH_BYTES = 16_000_000
BATCH_WINDOWS = 4_096


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit: its id, and the author's date in ISO 8601 with the zone as written, None if it states none."""

    id: str
    author_date: str | None


@dataclass(frozen=True, slots=True)
class Document:
    """Something to search: its path, how to open it (may raise OSError or OriginError), the first commit that has it."""

    path: str
    open: Callable[[], AbstractContextManager[Stream]]
    commit: Commit | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding: where its value stands, what it is, and its fingerprint; ``occurrences`` of it were found."""

    path: str
    start: Place
    end: Place
    rule: str
    type: str
    score: float
    fingerprint: str
    commit: Commit | None = None
    occurrences: int = 1


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which findings count: the least score of each type (others are not wanted), and what is allowed."""

    thresholds: Mapping[str, float]
    allow: Sequence[Allowed] = ()


@dataclass(slots=True)
class Scan:
    """What a scan found, by path and place, and what it did not look into.

    ``documents`` were read, ``binary`` of them are no text, ``allowed`` findings were left out; ``unread`` are
    pairs of path and reason.
    """

    findings: list[Finding] = field(default_factory=list)
    documents: int = 0
    binary: int = 0
    allowed: int = 0
    unread: list[tuple[str, str]] = field(default_factory=list)


Show = Callable[[Finding, bytes, Hit], None]
"""Gets a finding, a text that holds it, and where in that text it stands."""


class _Part(NamedTuple):
    """A window of the document of a number."""

    number: int
    document: Document
    window: Window


def detect(
    documents: Iterable[Document],
    wanted: Wanted,
    *,
    once: bool = False,
    quick: bool = False,
    show: Show | None = None,
) -> Scan:
    """Search documents.

    Args:
        wanted: which findings count.
        once: tell findings of the same fingerprint once, where they came up first: for documents that are versions
            of each other.
        quick: name findings by digests of their values, which must be written nowhere, not by fingerprints.
        show: gets each finding with the text around it, for a person to see.
    """
    scan = Scan()
    name_all, most = (digests, MAX_QUICK) if quick else (fingerprints, MAX_DISTINCT)
    known: dict[Subject, str] = {}
    told: dict[str, int] = {}
    counts: dict[int, int] = {}
    for batch in _batches(documents, scan):
        counts = {batch[0].number: counts.get(batch[0].number, 0)}
        found = list(_wanted(batch, wanted, counts, scan))
        subjects = [_subject(batch[row], hit) for row, hit in found]
        if len(known) + len(set(subjects) - known.keys()) > most:
            found, subjects = _affordable(found, subjects, known, most)
            scan.unread.append(
                (
                    batch[0].document.path,
                    f"more than {most:,} findings: others, here or later, are not told",
                )
            )
        name_all(subjects, known)
        for place, (row, hit), subject in zip(_places(batch, found), found, subjects, strict=True):
            name = known[subject]
            if once and name in told:
                first = scan.findings[told[name]]
                scan.findings[told[name]] = replace(first, occurrences=first.occurrences + 1)
                continue
            told[name] = len(scan.findings)
            document = batch[row].document
            finding = Finding(document.path, *place, hit.rule, hit.type, hit.score, name, document.commit)
            scan.findings.append(finding)
            if show is not None:
                show(finding, batch[row].window.text, hit)
    scan.findings.sort(key=lambda one: (one.path, one.start, one.end, one.rule, one.commit and one.commit.id))
    return scan


def _batches(documents: Iterable[Document], scan: Scan) -> Iterator[list[_Part]]:
    part: list[_Part] = []
    size = 0
    for number, document in enumerate(documents):
        try:
            with document.open() as stream:
                parts = windows(stream)
                scan.documents += 1
                if parts is None:
                    scan.binary += 1
                    continue
                for window in parts:
                    part.append(_Part(number, document, window))
                    size += len(window.text)
                    if size >= BATCH_BYTES or len(part) >= BATCH_WINDOWS:
                        yield part
                        part, size = [], 0
        except (OSError, OriginError) as error:
            scan.unread.append((document.path, getattr(error, "strerror", None) or str(error)))
    if part:
        yield part


def _wanted(
    batch: Sequence[_Part], wanted: Wanted, counts: dict[int, int], scan: Scan
) -> Iterator[tuple[int, Hit]]:
    """Row and hit of what counts; ``counts`` holds the findings of each document so far."""
    for row, hit in patterns.find(pa.array([part.window.text for part in batch], pa.large_binary())):
        number, document, window = batch[row]
        if not window.begin <= hit.start < window.end:
            continue  # the window beside this one finds it
        threshold = wanted.thresholds.get(hit.type)
        if threshold is None or hit.score < threshold:
            continue
        if listed(wanted.allow, document.path, hit.rule) or commented(
            window.text, hit.start, hit.end, hit.rule
        ):
            scan.allowed += 1
            continue
        counts[number] = count = counts.get(number, 0) + 1
        if count <= MAX_FINDINGS:
            yield row, hit
        elif count == MAX_FINDINGS + 1:
            scan.unread.append((document.path, f"more than {MAX_FINDINGS:,} findings: the rest is not told"))


def _affordable(
    found: Sequence[tuple[int, Hit]], subjects: Sequence[Subject], known: Mapping[Subject, str], most: int
) -> tuple[list[tuple[int, Hit]], list[Subject]]:
    """The findings that are known or for whose names there is room, and their subjects."""
    fresh = [one for one in dict.fromkeys(subjects) if one not in known]
    kept = set(fresh[: most - len(known)])
    chosen = [number for number, one in enumerate(subjects) if one in known or one in kept]
    return [found[number] for number in chosen], [subjects[number] for number in chosen]


def _subject(part: _Part, hit: Hit) -> Subject:
    return Subject(part.document.path, hit.rule, part.window.text[hit.start : hit.end])


def _places(batch: Sequence[_Part], found: Sequence[tuple[int, Hit]]) -> Iterator[tuple[Place, Place]]:
    """First place of each value, and the place behind it; hits come by row and start."""
    current = -1
    passed, place = 0, Place(0, 1, 1)
    for row, hit in found:
        window = batch[row].window
        if row != current:
            current, passed, place = row, window.begin, window.place
        place = advanced(place, window.text[passed : hit.start], window.encoding)
        passed = hit.start
        yield place, advanced(place, window.text[hit.start : hit.end], window.encoding)
