"""Count a release as it is written: parts of its statistics that add up, range by range and bucket by bucket.

``gristmill.release.statistics`` counts a finished folder; both must come to the same, and ``verify`` checks it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.release.statistics import (
    FORMAT_VERSION,
    LARGEST_CLUSTERS,
    ClusterCount,
    LanguageCount,
    LanguageLicenceCount,
    LicenceCount,
    LicenceTypeCount,
    OccurrenceCount,
    ReasonCount,
    Statistics,
    Totals,
)

COUNTS = pa.schema([
    pa.field("kind", pa.string(), nullable=False),
    pa.field("language", pa.string()),
    pa.field("licence_expression", pa.string()),
    pa.field("license_type", pa.string()),
    pa.field("cluster_id", pa.string()),
    pa.field("number", pa.int64(), nullable=False),
    pa.field("files", pa.int64(), nullable=False),
    pa.field("bytes", pa.int64(), nullable=False),
    pa.field("lines", pa.int64(), nullable=False),
])  # fmt: skip
_GROUP = ["language", "licence_expression", "license_type"]


def count_rows(rows: pa.Table) -> pa.Table:
    """Counts of kept rows, of the schema COUNTS.

    Kinds: ``files`` by language, expression and class of licence; ``occurrences``, files whose content stands
    in more than 2^(number-1) and at most 2^number entries; ``cluster``, the largest with their size as number.
    """
    files = (
        rows.select([*_GROUP, "length_bytes", "num_lines"])
        .group_by(_GROUP, use_threads=False)
        .aggregate([([], "count_all"), ("length_bytes", "sum"), ("num_lines", "sum")])
    )
    counted = [
        _table("files", files.num_rows, {name: files[name] for name in _GROUP}
               | {"files": files["count_all"], "bytes": files["length_bytes_sum"], "lines": files["num_lines_sum"]})
    ]  # fmt: skip
    powers = np.frexp(np.maximum(rows["occurrences"].to_numpy() - 1, 0))[1]
    numbers, amounts = np.unique(powers, return_counts=True)
    counted.append(_table("occurrences", len(numbers), {"number": numbers, "files": amounts}))
    clusters = rows.select(["cluster_id", "cluster_size"]).filter(pc.is_valid(rows["cluster_id"]))
    sizes = clusters.group_by("cluster_id", use_threads=False).aggregate([("cluster_size", "max")])
    largest = sizes.sort_by([("cluster_size_max", "descending"), ("cluster_id", "ascending")])
    largest = largest.slice(0, LARGEST_CLUSTERS)
    counted.append(
        _table("cluster", largest.num_rows, {"cluster_id": largest["cluster_id"], "number": largest["cluster_size_max"]})
    )  # fmt: skip
    order = [(name, "ascending") for name in ("kind", "number", *_GROUP, "cluster_id")]
    return pa.concat_tables(counted).sort_by(order)


def add_up(
    counts: pa.Table,
    written: Sequence[dict[str, Any]],
    dropped: pa.Table,
    origins: int,
) -> Statistics:
    """The statistics of a release.

    Args:
        counts: rows of COUNTS of all ranges.
        written: rows of WRITTEN of all shards.
        dropped: columns ``reason``, ``files`` and ``bytes``, of all buckets.
        origins: how many origins have kept files.
    """
    kept = counts.filter(pc.equal(counts["kind"], "files"))
    left = [(row["reason"], row["files"], row["bytes"]) for row in _summed(dropped, ["reason"])]
    out = sum(files for _, files, _ in left)
    files, size, lines = (pc.sum(kept[name], min_count=0).as_py() for name in ("files", "bytes", "lines"))
    languages = _summed(kept, ["language"])
    return Statistics(
        format_version=FORMAT_VERSION,
        totals=Totals(
            entries=files + out,
            kept=files,
            dropped=out,
            bytes=size,
            released_bytes=_total(written, "released_bytes"),
            lines=lines,
            origins=origins,
            languages=sum(row["language"] is not None for row in languages),
            redactions=_total(written, "redactions"),
            redacted_files=_total(written, "redacted_files"),
        ),
        by_language=tuple(
            LanguageCount(row["language"], row["files"], row["bytes"])
            for row in sorted(languages, key=lambda row: (-row["files"], *_nulls_last(row["language"])))
        ),
        by_licence=tuple(
            LicenceCount(row["licence_expression"], row["license_type"], row["files"], row["bytes"])
            for row in sorted(
                _summed(kept, ["licence_expression", "license_type"]),
                key=lambda row: (-row["files"], *_nulls_last(row["licence_expression"]), row["license_type"]),
            )
        ),
        by_license_type=tuple(
            LicenceTypeCount(row["license_type"], row["files"], row["bytes"])
            for row in sorted(_summed(kept, ["license_type"]), key=lambda row: row["license_type"])
        ),
        by_language_and_license_type=tuple(
            LanguageLicenceCount(row["language"], row["license_type"], row["files"], row["bytes"])
            for row in sorted(
                _summed(kept, ["language", "license_type"]),
                key=lambda row: (*_nulls_last(row["language"]), row["license_type"]),
            )
        ),
        dropped=tuple(ReasonCount(*row) for row in sorted(left, key=lambda row: (-row[1], row[0]))),
        occurrences=tuple(
            OccurrenceCount(1 if not row["number"] else (1 << row["number"] - 1) + 1, 1 << row["number"], row["files"])
            for row in sorted(
                _summed(counts.filter(pc.equal(counts["kind"], "occurrences")), ["number"]),
                key=lambda row: row["number"],
            )
        ),
        largest_clusters=_largest(counts.filter(pc.equal(counts["kind"], "cluster"))),
    )  # fmt: skip


def _largest(clusters: pa.Table) -> tuple[ClusterCount, ...]:
    sizes = dict(zip(clusters["cluster_id"].to_pylist(), clusters["number"].to_pylist(), strict=True))
    ordered = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))
    return tuple(ClusterCount(*item) for item in ordered[:LARGEST_CLUSTERS])


def _summed(counts: pa.Table, keys: list[str]) -> list[dict[str, Any]]:
    """Files and bytes added up by some columns."""
    grouped = counts.group_by(keys, use_threads=False).aggregate([("files", "sum"), ("bytes", "sum")])
    return [
        {**{key: row[key] for key in keys}, "files": row["files_sum"], "bytes": row["bytes_sum"]}
        for row in grouped.to_pylist()
    ]


def _total(written: Iterable[dict[str, Any]], name: str) -> int:
    return sum(int(row[name]) for row in written)


def _nulls_last(text: str | None) -> tuple[bool, str]:
    return text is None, text or ""


def _table(kind: str, rows: int, columns: dict[str, Any]) -> pa.Table:
    """Rows of COUNTS of one kind; what is not given is null or 0."""
    given = {"kind": pa.repeat(pa.scalar(kind), rows), **columns}
    arrays = []
    for column in COUNTS:
        value = given.get(column.name)
        if value is None:
            value = pa.nulls(rows, column.type) if column.nullable else pa.array(np.zeros(rows), column.type)
        elif isinstance(value, np.ndarray):
            value = pa.array(value)
        arrays.append(value.cast(column.type))
    return pa.Table.from_arrays(arrays, schema=COUNTS)
