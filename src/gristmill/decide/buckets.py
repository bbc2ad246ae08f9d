"""Buckets of origins: the unit in which facts and verdicts are kept, so that a change costs what it touches.

A bucket is a range of origin ids, which are hashes: it holds the listings of a few origins. Its facts are made
again only if one of these listings changed, or something that is known of one of their contents. Buckets
stand in the order of origin ids, so their rows one after the other are in key order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill import tables
from gristmill.annotate.run import Annotations
from gristmill.collect.run import Collected
from gristmill.decide.facts import INPUT_TABLES
from gristmill.engine.graph import Engine
from gristmill.engine.shards import read_table
from gristmill.engine.sql import fetch_table, file_list, open_sql
from gristmill.engine.stages import Inputs, Output, Shard, Stage, digest

BUCKET_ENTRIES = 8192
"""entries that a bucket aims at: few enough that a change touches little, many enough for one join"""
MOST_BUCKETS = 4096

HOLDINGS = pa.schema([
    pa.field("listing", pa.string(), nullable=False),
    pa.field("origin_id", pa.string(), nullable=False),
    pa.field("entries", pa.int64(), nullable=False),
    pa.field("files", pa.list_(pa.field("element", pa.int32(), nullable=False)), nullable=False),
])  # fmt: skip
PER_LISTING = (tables.REVISIONS.name, tables.RELEASES.name, "entries", "visits")


@dataclass(frozen=True)
class Bucket:
    """One bucket: its number of all ``buckets``, and the inputs of its facts."""

    number: int
    buckets: int
    inputs: Shard


def buckets_of(
    collected: Collected,
    annotations: Annotations,
    licences: Sequence[Shard],
    origins: Shard,
    engine: Engine,
    sql: tuple[Path, int, int],
) -> list[Bucket]:
    """Every bucket that has entries, in order, with all that is known of its entries under one key."""
    (held,) = engine.map_shards(_holdings_stage(*sql), [_inputs(collected, annotations)])
    holdings = read_table(held.files["holdings"], HOLDINGS).to_pylist()
    count = _power_of_two(sum(row["entries"] for row in holdings) // BUCKET_ENTRIES)
    members: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in holdings:
        members[int(row["origin_id"][:8], 16) * count >> 32].append(row)
    known = _Known(
        collected, annotations, licences, read_table(origins.files["origins"], tables.ORIGINS.schema)
    )
    return [
        Bucket(number, count, _bucket_inputs(members[number], known, origins)) for number in sorted(members)
    ]


@dataclass(frozen=True)
class _Known:
    """Everything that a bucket may take from, by key of listing or by number of a file of holdings' inputs."""

    collected: Collected
    annotations: Annotations
    licences: Sequence[Shard]
    origins: pa.Table
    of_listing: dict[str, dict[str, Shard]] = field(default_factory=dict)
    of_file: list[dict[str, Shard]] = field(default_factory=list)

    def __post_init__(self) -> None:
        paths = self.annotations[tables.PATHS.name]
        for listing, licence, path in zip(self.collected.listings, self.licences, paths, strict=True):
            own = dict.fromkeys(PER_LISTING, listing)
            self.of_listing[listing.key] = {
                **own, tables.LICENCES.name: licence, tables.PATHS.name: path
            }  # fmt: skip
        of_contents = [table.name for table in INPUT_TABLES if table.key == ("content_id",)]
        side_cars = [name for name in of_contents if name in self.annotations]
        for number, segment in enumerate(self.collected.segments):
            beside = {name: self.annotations[name][number] for name in side_cars}
            both = dict.fromkeys((tables.CONTENTS.name, tables.SKIPPED_CONTENTS.name), segment)
            self.of_file.append({**both, **beside})
        for name in (tables.LABELS.name, tables.LANGUAGES.name):
            self.of_file.extend({name: shard} for shard in self.annotations[name])


def _bucket_inputs(rows: Sequence[Mapping[str, Any]], known: _Known, origins: Shard) -> Shard:
    """The shards that speak of some listings; two of one name and key are one."""
    taken: dict[str, dict[str, Shard]] = {table.name: {} for table in INPUT_TABLES}
    for row in sorted(rows, key=lambda row: row["listing"]):
        groups = [known.of_listing[row["listing"]], *(known.of_file[file] for file in sorted(row["files"]))]
        for group in groups:
            for name, shard in group.items():
                taken.setdefault(name, {})[shard.key] = shard
    ids = pa.array(sorted({row["origin_id"] for row in rows}), pa.string())
    described = known.origins.filter(pc.is_in(known.origins["origin_id"], value_set=ids)).to_pylist()
    files = {name: tuple(shards[key].file(name) for key in sorted(shards)) for name, shards in taken.items()}
    return Shard(
        digest({name: sorted(shards) for name, shards in taken.items()}, repr(described)),
        {**files, "origins": origins.files["origins"]},
    )


def _inputs(collected: Collected, annotations: Annotations) -> Shard:
    languages, labels = annotations[tables.LANGUAGES.name], annotations[tables.LABELS.name]
    return Shard(
        digest(*([shard.key for shard in found] for found in (collected.listings, collected.segments, languages, labels))),
        {
            "entries": tuple(listing.file("entries") for listing in collected.listings),
            "held": (
                *(shard.file("ids") for shard in collected.ids),
                *(shard.file(tables.LABELS.name) for shard in labels),
            ),
            "named": tuple(shard.file(tables.LANGUAGES.name) for shard in languages),
        },
    )  # fmt: skip


def _holdings_stage(spill: Path, memory: int, threads: int) -> Stage:
    """Inputs ``entries`` (listings), ``held`` (files by content), ``named`` (files by content and name).

    Output ``holdings``: for each listing its entries, and which of the files hold something of them, by their
    numbers: those of ``held`` come before those of ``named``.
    """
    return Stage(
        "holdings",
        2,
        _holdings,
        {"holdings": HOLDINGS},
        private={"spill": spill, "memory": memory, "threads": threads},
    )


def _holdings(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    held, named = inputs.files["held"], inputs.files["named"]
    with open_sql(params["spill"], params["memory"], params["threads"]) as sql:
        for name, files in (("listings", inputs.files["entries"]), ("files", (*held, *named))):
            paths = pa.array([str(path) for path in files], pa.string())
            sql.register(name, pa.table({"filename": paths, "number": np.arange(len(files), dtype=np.int32)}))
        sql.execute(
            f"""
            CREATE TEMP TABLE entry AS SELECT number AS listing, origin_id, content_id, name
            FROM read_parquet({file_list(inputs.files["entries"])}, filename = true) JOIN listings USING (filename)
            """
        )
        parts = [
            f"SELECT DISTINCT listing, number FROM entry JOIN (SELECT {key}, number "
            f"FROM read_parquet({file_list(files)}, filename = true) JOIN files USING (filename)) USING ({key})"
            for files, key in ((held, "content_id"), (named, "content_id, name"))
            if files
        ]  # fmt: skip
        pairs = " UNION ALL ".join(parts) or "SELECT 0 AS listing, 0 AS number WHERE false"
        query = f"""
        SELECT parse_filename(parse_dirpath(filename)) AS listing, origin_id, entries,
               coalesce(files, []) AS files
        FROM (SELECT listing, any_value(origin_id) AS origin_id, count(*) AS entries FROM entry GROUP BY 1)
        JOIN listings ON listing = listings.number
        LEFT JOIN (SELECT listing, list(number ORDER BY number) AS files FROM ({pairs}) GROUP BY 1) USING (listing)
        ORDER BY 1
        """
        for batch in fetch_table(sql, query).cast(HOLDINGS).combine_chunks().to_batches():
            yield "holdings", batch


def _power_of_two(number: int) -> int:
    """The smallest power of two that is at least ``number``, from 1 to MOST_BUCKETS."""
    return min(MOST_BUCKETS, 1 << max(0, (number - 1).bit_length() if number > 1 else 0))
