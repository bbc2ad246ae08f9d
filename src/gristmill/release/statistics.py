"""Counts of a finished release, from its shards alone: by language, licence, reason, occurrence, cluster.

The content column is never read. DuckDB scans the shards within a memory limit and spills to a temporary
folder, so the size of the release does not matter. All numbers are integers and every list has a total
order, so that equal releases give equal bytes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import duckdb
import msgspec
import pyarrow as pa
from msgspec import Meta, Struct

from gristmill.engine.sql import create_view
from gristmill.errors import ReleaseError
from gristmill.release.manifest import canonical_json, write_aside
from gristmill.release.schema import FILES, STATISTICS, STUBS, shards

FORMAT_VERSION = 1
LARGEST_CLUSTERS = 20
MEMORY_LIMIT = "1GB"
MAX_STATISTICS_BYTES = 256 << 20

Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class Totals(Struct, frozen=True, forbid_unknown_fields=True):
    """Sums over the release. ``bytes`` are original bytes, ``released_bytes`` those of the content column."""

    entries: Count
    kept: Count
    dropped: Count
    bytes: Count
    released_bytes: Count
    lines: Count
    origins: Count
    languages: Count
    redactions: Count
    redacted_files: Count


class LanguageCount(Struct, frozen=True, forbid_unknown_fields=True):
    """Kept files of one language; null is unknown."""

    language: str | None
    files: Count
    bytes: Count


class LicenceCount(Struct, frozen=True, forbid_unknown_fields=True):
    """Kept files under one licence expression (null: none found) and its class."""

    licence_expression: str | None
    license_type: str
    files: Count
    bytes: Count


class LicenceTypeCount(Struct, frozen=True, forbid_unknown_fields=True):
    """Kept files of one class of licence."""

    license_type: str
    files: Count
    bytes: Count


class LanguageLicenceCount(Struct, frozen=True, forbid_unknown_fields=True):
    """Kept files of one language and class of licence."""

    language: str | None
    license_type: str
    files: Count
    bytes: Count


class ReasonCount(Struct, frozen=True, forbid_unknown_fields=True):
    """Entries left out, by their first reason. Unknown sizes count as no bytes."""

    reason: str
    files: Count
    bytes: Count


class OccurrenceCount(Struct, frozen=True, forbid_unknown_fields=True):
    """Kept files whose content stands in ``least`` to ``most`` entries (powers of two)."""

    least: Count
    most: Count
    files: Count


class ClusterCount(Struct, frozen=True, forbid_unknown_fields=True):
    """One near-duplicate cluster: the content kept for it and how many contents it has."""

    cluster_id: str
    size: Count


class Statistics(Struct, frozen=True, forbid_unknown_fields=True):
    """What statistics.json holds."""

    format_version: int
    totals: Totals
    by_language: tuple[LanguageCount, ...]
    by_licence: tuple[LicenceCount, ...]
    by_license_type: tuple[LicenceTypeCount, ...]
    by_language_and_license_type: tuple[LanguageLicenceCount, ...]
    dropped: tuple[ReasonCount, ...]
    occurrences: tuple[OccurrenceCount, ...]
    largest_clusters: tuple[ClusterCount, ...]


@dataclass(frozen=True)
class FunnelStep:
    """One line of the funnel: what happened, to how many entries, and how many were left after it."""

    label: str
    entries: int
    left: int


_FILES_AND_BYTES = "count(*) AS files, sum(length_bytes)::BIGINT AS bytes"
_BY_LANGUAGE = f"SELECT language, {_FILES_AND_BYTES} FROM files GROUP BY 1 ORDER BY 2 DESC, 1 NULLS LAST"
_BY_LICENCE = f"""
    SELECT licence_expression, license_type, {_FILES_AND_BYTES} FROM files
    GROUP BY 1, 2 ORDER BY 3 DESC, 1 NULLS LAST, 2"""
_BY_TYPE = f"SELECT license_type, {_FILES_AND_BYTES} FROM files GROUP BY 1 ORDER BY 1"
_BY_BOTH = f"""
    SELECT language, license_type, {_FILES_AND_BYTES} FROM files GROUP BY 1, 2 ORDER BY 1 NULLS LAST, 2"""
_DROPPED = """
    SELECT reason, count(*) AS files, sum(greatest(length_bytes, 0))::BIGINT AS bytes FROM stubs
    GROUP BY 1 ORDER BY 2 DESC, 1"""
# Bucket k holds 2^(k-1)+1 to 2^k occurrences; the bit length of n-1 is exact where a logarithm is not.
_OCCURRENCES = """
    SELECT CASE WHEN k = 0 THEN 1 ELSE (1::BIGINT << (k - 1)) + 1 END AS least, 1::BIGINT << k AS most, files
    FROM (SELECT CASE WHEN occurrences <= 1 THEN 0 ELSE length(bin(occurrences - 1)) END AS k,
          count(*) AS files FROM files GROUP BY 1) ORDER BY 1"""
_CLUSTERS = f"""
    SELECT cluster_id, max(cluster_size) AS size FROM files WHERE cluster_id IS NOT NULL
    GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {LARGEST_CLUSTERS}"""
_TOTALS = """
    SELECT count(*) + (SELECT count(*) FROM stubs) AS entries, count(*) AS kept,
           (SELECT count(*) FROM stubs) AS dropped,
           coalesce(sum(length_bytes), 0)::BIGINT AS bytes,
           coalesce(sum(released_bytes), 0)::BIGINT AS released_bytes,
           coalesce(sum(num_lines), 0)::BIGINT AS lines, count(DISTINCT origin_url) AS origins,
           count(DISTINCT language) AS languages, coalesce(sum(redactions), 0)::BIGINT AS redactions,
           count(*) FILTER (redactions > 0) AS redacted_files FROM files"""


@contextmanager
def open_tables(folder: Path, *, memory_limit: str = MEMORY_LIMIT) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB connection with the views ``files`` and ``stubs`` over the shards of a release folder.

    ``memory_limit`` is a size in DuckDB's notation, such as 500MB; what does not fit goes to a temporary
    folder. Raises ReleaseError if a query on it meets a damaged shard.
    """
    with tempfile.TemporaryDirectory(prefix="gristmill-") as spill:
        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": memory_limit,
            "threads": 2,
            "temp_directory": spill,
        }
        with duckdb.connect(config=settings) as connection:
            try:
                for table in (FILES, STUBS):
                    create_view(connection, table.name, shards(folder, table), table.schema)
                yield connection
            except (duckdb.Error, pa.ArrowException, OSError) as error:
                raise ReleaseError(
                    f"{folder}: its shards cannot be counted ({error}); run the verification to see which "
                    f"one is damaged, and fetch or build that one again"
                ) from error


def compute_statistics(folder: Path, *, memory_limit: str = MEMORY_LIMIT) -> Statistics:
    """Count a release folder. Raises ReleaseError for shards that cannot be read."""
    with open_tables(folder, memory_limit=memory_limit) as tables:
        return count_tables(folder, tables)


def count_tables(folder: Path, tables: duckdb.DuckDBPyConnection) -> Statistics:
    """Count over the connection of ``open_tables``. Raises ReleaseError for numbers that cannot be."""

    def rows(query: str) -> list[dict[str, Any]]:
        cursor = tables.execute(query)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    found = {
        "format_version": FORMAT_VERSION,
        "totals": rows(_TOTALS)[0],
        "by_language": rows(_BY_LANGUAGE),
        "by_licence": rows(_BY_LICENCE),
        "by_license_type": rows(_BY_TYPE),
        "by_language_and_license_type": rows(_BY_BOTH),
        "dropped": rows(_DROPPED),
        "occurrences": rows(_OCCURRENCES),
        "largest_clusters": rows(_CLUSTERS),
    }
    try:
        return msgspec.convert(found, Statistics)
    except msgspec.ValidationError as error:
        raise ReleaseError(
            f"{folder}: a shard holds an impossible number ({error}); build it again"
        ) from error


def write_statistics(folder: Path, statistics: Statistics) -> Path:
    """Write statistics.json into a release folder as canonical JSON. Returns its path."""
    return write_aside(folder / STATISTICS, canonical_json(statistics))


def read_statistics(folder: Path) -> Statistics:
    """Read statistics.json strictly. Raises ReleaseError if it is missing, too large or not of this form."""
    path = folder / STATISTICS
    try:
        if path.is_symlink() or path.stat().st_size > MAX_STATISTICS_BYTES:
            raise ReleaseError(
                f"{path}: a symbolic link or over {MAX_STATISTICS_BYTES} bytes; fetch it again"
            )
        statistics = msgspec.json.decode(path.read_bytes(), type=Statistics)
    except OSError as error:
        raise ReleaseError(f"{path}: cannot be read ({error.strerror}); fetch it again") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ReleaseError(f"{path}: not the statistics of a release: {error}; fetch it again") from error
    if statistics.format_version != FORMAT_VERSION:
        raise ReleaseError(
            f"{path}: format version {statistics.format_version}, but this Gristmill reads {FORMAT_VERSION}; "
            f"install the version that wrote it"
        )
    return statistics


def funnel(statistics: Statistics, order: Sequence[str] = ()) -> list[FunnelStep]:
    """The way of the entries into the release: in, dropped for each reason, kept.

    ``order`` is the recipe's order of reasons; others follow, the most frequent first. Each entry counts
    once, under its first reason, so the steps add up.
    """
    counts: Mapping[str, int] = {count.reason: count.files for count in statistics.dropped}
    reasons = [r for r in dict.fromkeys(order) if r in counts] + [r for r in counts if r not in order]
    left = statistics.totals.entries
    steps = [FunnelStep("files in", left, left)]
    for reason in reasons:
        left -= counts[reason]
        steps.append(FunnelStep(reason, counts[reason], left))
    return [*steps, FunnelStep("kept", statistics.totals.kept, left)]
