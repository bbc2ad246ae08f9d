"""The licences of a release as data: what each asks, and which of them may not be combined.

Worked out from the counts by expression in the statistics, so its cost does not depend on the size of the
release. An expression counts for the parts that AND joins at its top; a choice stays one part. A conflict says
that files under the two may not go into one work, not that they may not stand side by side in a data set.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import accumulate, combinations
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from gristmill.errors import ReleaseError
from gristmill.release.manifest import canonical_json, write_aside
from gristmill.release.schema import LICENCES
from gristmill.release.statistics import Statistics
from gristmill.spdx import classes, compatibility, texts
from gristmill.spdx.compatibility import ANSWERS, Answer, compare
from gristmill.spdx.expressions import normalise, operands, simple_licences
from gristmill.spdx.obligations import Obligation, obligations_of

FORMAT_VERSION = 1
COMPARED = 1_000
"""licences in the parts that are compared, those of most files first: a bound on what comparing costs"""
LISTED_PAIRS = 1_000
"""pairs that are listed of each answer, those of most files first; all are counted"""
MAX_REPORT_BYTES = 256 << 20

Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class LicenceFacts(Struct, frozen=True, forbid_unknown_fields=True):
    """One licence, maybe with an exception, and the kept files whose expression names it.

    ``category`` is ScanCode's, ``blue_oak`` the rating; null if there is none. ``obligations`` is null if they
    are not known; an exception may lift some. ``text``: NOTICE has the text of the licence.
    """

    licence: str
    files: Count
    bytes: Count
    license_class: str
    category: str | None
    blue_oak: str | None
    obligations: tuple[Obligation, ...] | None
    text: bool


class Pair(Struct, frozen=True, forbid_unknown_fields=True):
    """Two parts of expressions, the kept files under each, and what the answer rests on."""

    parts: tuple[str, str]
    files: tuple[Count, Count]
    basis: str


class Compatibility(Struct, frozen=True, forbid_unknown_fields=True):
    """Pairs of distinct parts by the answer on them; ``not_compared``: parts that are beyond COMPARED."""

    parts: Count
    not_compared: Count
    pairs: dict[Answer, Count]
    conflict: tuple[Pair, ...]
    depends: tuple[Pair, ...]
    unknown: tuple[Pair, ...]


class LicenceReport(Struct, frozen=True, forbid_unknown_fields=True):
    """What licences.json holds."""

    format_version: int
    sources: dict[str, str]
    files_without_licence: Count
    licences: tuple[LicenceFacts, ...]
    compatibility: Compatibility


def sources() -> dict[str, str]:
    """Name and version of the data behind a report."""
    return {
        **classes.sources(),
        "OSADL matrix": compatibility.source(),
        "SPDX licence texts": texts.source(),
    }


def licence_report(statistics: Statistics) -> LicenceReport:
    """The report on the licences of a release's kept files."""
    stated = [(row.licence_expression, row.files, row.bytes) for row in statistics.by_licence]
    counted = count_licences(statistics)
    parts: Counter[str] = Counter()
    for expression, files, _ in stated:
        for part in dict.fromkeys(operands(expression)) if expression else ():
            parts[part] += files
    return LicenceReport(
        format_version=FORMAT_VERSION,
        sources=sources(),
        files_without_licence=sum(files for expression, files, _ in stated if not expression),
        licences=tuple(_facts(*row) for row in counted),
        compatibility=_compatibility(parts),
    )


def count_licences(statistics: Statistics) -> list[tuple[str, int, int]]:
    """Each licence that expressions of kept files name, with its files and their bytes; most files first.

    Raises ReleaseError for an expression that is not in normal form.
    """
    files: Counter[str] = Counter()
    size: Counter[str] = Counter()
    for row in statistics.by_licence:
        if not row.licence_expression:
            continue
        if normalise(row.licence_expression) != row.licence_expression:
            raise ReleaseError(f"{row.licence_expression!r} is not an SPDX expression in normal form")
        for licence in simple_licences(row.licence_expression):
            files[licence] += row.files
            size[licence] += row.bytes
    return [(name, files[name], size[name]) for name in _most_first(files)]


def write_licence_report(folder: Path, report: LicenceReport) -> Path:
    """Write licences.json into a release folder as canonical JSON. Returns its path."""
    return write_aside(folder / LICENCES, canonical_json(report))


def read_licence_report(folder: Path) -> LicenceReport:
    """Read licences.json strictly. Raises ReleaseError if it is missing, too large or not of this form."""
    path = folder / LICENCES
    try:
        if path.is_symlink() or path.stat().st_size > MAX_REPORT_BYTES:
            raise ReleaseError(f"{path}: a symbolic link or over {MAX_REPORT_BYTES} bytes; fetch it again")
        report = msgspec.json.decode(path.read_bytes(), type=LicenceReport)
    except OSError as error:
        raise ReleaseError(f"{path}: cannot be read ({error.strerror}); fetch it again") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ReleaseError(f"{path}: not the licence report of a release: {error}; fetch it again") from error
    if report.format_version != FORMAT_VERSION:
        raise ReleaseError(
            f"{path}: format version {report.format_version}, but this Gristmill reads {FORMAT_VERSION}; "
            f"install the version that wrote it"
        )
    return report


def _facts(licence: str, files: int, size: int) -> LicenceFacts:
    identifier = licence.partition(" WITH ")[0]
    return LicenceFacts(
        licence,
        files,
        size,
        classes.classify(licence),
        classes.category(identifier),
        classes.rating(identifier),
        obligations_of(licence),
        texts.text_of(identifier) is not None,
    )


def _compatibility(parts: Counter[str]) -> Compatibility:
    ordered = _most_first(parts)
    names = accumulate(len(simple_licences(part)) for part in ordered)
    compared = [part for part, total in zip(ordered, names, strict=True) if total <= COMPARED]
    found: dict[Answer, list[Pair]] = {answer: [] for answer in ANSWERS}
    for one, other in combinations(compared, 2):
        verdict = compare(one, other)
        found[verdict.answer].append(Pair((one, other), (parts[one], parts[other]), verdict.basis))
    return Compatibility(
        parts=len(parts),
        not_compared=len(parts) - len(compared),
        pairs={answer: len(pairs) for answer, pairs in found.items()},
        conflict=_listed(found["conflict"]),
        depends=_listed(found["depends"]),
        unknown=_listed(found["unknown"]),
    )


def _listed(pairs: Iterable[Pair]) -> tuple[Pair, ...]:
    """Those pairs first that most files can meet in, which is as many as the rarer of the two has."""
    ordered = sorted(pairs, key=lambda pair: (-min(pair.files), -max(pair.files), pair.parts))
    return tuple(ordered[:LISTED_PAIRS])


def _most_first(files: Counter[str]) -> list[str]:
    return sorted(files, key=lambda name: (-files[name], name))
