"""The stage that turns meetings into pairs of survivors, and tells known similarities from those to compute."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from gristmill import tables
from gristmill.decide.near_duplicates.band_stages import PAIRS, ROWS
from gristmill.decide.near_duplicates.candidates import candidate_pairs
from gristmill.decide.near_duplicates.components import connected_components
from gristmill.decide.near_duplicates.meetings import Integers, Keys, add_up, by_key, pack, unpack
from gristmill.engine.sql import create_view, fetch_table, file_list, open_sql
from gristmill.engine.stages import Inputs, Output, Stage

SURVIVORS = pa.schema([
    pa.field("content_id", pa.string(), nullable=False),
    pa.field("rank", pa.int64(), nullable=False),
])  # fmt: skip
RANKS = (pa.field("better", pa.int64(), nullable=False), pa.field("worse", pa.int64(), nullable=False))
EDGES = pa.schema([*RANKS, pa.field("jaccard", pa.float64(), nullable=False)])
ASKED = pa.schema([
    pa.field("content_a", pa.string(), nullable=False),
    pa.field("content_b", pa.string(), nullable=False),
    *RANKS,
])  # fmt: skip
WANTED = pa.schema(
    [pa.field("content_id", pa.string(), nullable=False), pa.field("partition", pa.uint64(), nullable=False)]
)
HELD = pa.schema(
    [pa.field("segment", pa.int32(), nullable=False), pa.field("content_id", pa.string(), nullable=False)]
)
PARTITION_SHINGLES = 4 << 20
"""shingles that one reduce of similarities aims at"""


def pairs_stage(
    segments: Sequence[int], starts: Sequence[int], spill: Path, memory: int, threads: int
) -> Stage:
    """Inputs ``met``, ``changes``, ``crowds``, ``survivors``, ``known`` (similarities), and ``signatures``.

    The signatures are those of ``segments``, whose items start at ``starts``. Outputs: ``edges``, candidate pairs whose
    similarity is known; ``asked``: those whose is not, a row group for each partition of bounded size;
    ``wanted``: which content goes to which partition; ``held``: the wanted contents of each segment that has
    any, a row group a segment.
    """
    return Stage(
        "pairs",
        3,
        _pairs,
        {"edges": EDGES, "asked": ASKED, "wanted": WANTED, "held": HELD},
        private={
            "segments": list(segments),
            "starts": list(starts),
            "spill": spill,
            "memory": memory,
            "threads": threads,
        },
        row_groups=("asked", "held"),
    )


def _pairs(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    with open_sql(params["spill"], params["memory"], params["threads"]) as sql:
        create_view(sql, "survivors", inputs.files["survivors"], SURVIVORS)
        create_view(sql, "known", inputs.files["known"], tables.SIMILARITIES.schema)
        _define_items(sql, inputs.files["signatures"], params["segments"], params["starts"])
        candidates = _candidates(inputs, _ranks(sql))
        jaccard = _known(sql, candidates)
        new = np.isnan(jaccard)
        better, worse = unpack(candidates[~new])
        columns = [pa.array(better), pa.array(worse), pa.array(jaccard[~new])]
        yield from _batches("edges", pa.Table.from_arrays(columns, schema=EDGES))
        asked, wanted = _asked(sql, candidates[new])
    held = wanted.select(HELD.names).cast(HELD)
    segments = held["segment"].to_numpy()
    for start, end in pairwise([*np.flatnonzero(np.diff(segments, prepend=-1)).tolist(), len(segments)]):
        yield from (("held", batch) for batch in held.slice(start, end - start).combine_chunks().to_batches())
    yield from _partitions(asked)


def _define_items(
    sql: duckdb.DuckDBPyConnection, files: Sequence[Path], segments: Sequence[int], starts: Sequence[int]
) -> None:
    """A view ``items``: content ids with their segment, item and number of shingles."""
    numbers = {"segment": pa.array(segments, pa.int32()), "start": pa.array(starts, pa.int64())}
    sql.register("segments", pa.table({"filename": pa.array(map(str, files), pa.string()), **numbers}))
    source = (
        f"read_parquet({file_list(files)}, filename = true, file_row_number = true)"
        if files
        else "(SELECT '' AS filename, 0 AS file_row_number, '' AS content_id, 0 AS shingles WHERE false)"
    )
    sql.execute(
        f"CREATE TEMP VIEW items AS SELECT segment, start + file_row_number AS item, content_id, shingles "
        f"FROM {source} AS file JOIN segments USING (filename)"
    )


def _ranks(sql: duckdb.DuckDBPyConnection) -> Integers:
    """The rank of every item; -1 if it does not survive."""
    found = fetch_table(sql, "SELECT item, rank FROM items JOIN survivors USING (content_id)")
    items = found["item"].to_numpy()
    ranks = np.full(int(items.max(initial=-1)) + 1, -1, np.int64)
    ranks[items] = found["rank"].to_numpy()
    return ranks


def _candidates(inputs: Inputs, ranks: Integers) -> Keys:
    """The distinct pairs of ranks that meet, packed, ascending."""
    tables_of = [inputs.table(name, PAIRS) for name in ("met", "changes")]
    both = [np.concatenate([table[name].to_numpy() for table in tables_of]) for name in PAIRS.names]
    pairs, counts = add_up(*both)
    low, high = (_rank_of(ranks, side) for side in unpack(pairs[counts > 0]))
    survive = (low >= 0) & (high >= 0) & (low != high)
    low, high = low[survive], high[survive]
    crowds = inputs.table("crowds", ROWS)
    keys, items = by_key(crowds["key"].to_numpy(), crowds["item"].to_numpy())
    of_crowds = _rank_of(ranks, items.astype(np.int64))
    known, members = np.unique(of_crowds[of_crowds >= 0], return_inverse=True)
    crowded = known[candidate_pairs(keys[of_crowds >= 0], members.astype(np.int64), np.arange(len(known)))]
    packed = np.concatenate([
        pack(np.minimum(low, high), np.maximum(low, high)), pack(crowded[:, 0], crowded[:, 1])
    ])  # fmt: skip
    packed.sort()
    new = np.ones(len(packed), bool)
    new[1:] = packed[1:] != packed[:-1]
    return packed[new]


def _rank_of(ranks: Integers, items: Integers) -> Integers:
    inside = items < len(ranks)
    return np.where(inside, ranks[np.where(inside, items, 0)], -1) if len(ranks) else np.full(len(items), -1)


def _known(sql: duckdb.DuckDBPyConnection, candidates: Keys) -> np.ndarray:
    """The similarity of each candidate pair; NaN where it is not known."""
    jaccard = np.full(len(candidates), np.nan)
    found = fetch_table(
        sql,
        """
        SELECT least(a.rank, b.rank) AS better, greatest(a.rank, b.rank) AS worse, jaccard FROM known
        JOIN survivors AS a ON a.content_id = content_a JOIN survivors AS b ON b.content_id = content_b
        """,
    )
    packed = pack(found["better"].to_numpy(), found["worse"].to_numpy())
    if len(candidates):
        at = np.minimum(np.searchsorted(candidates, packed), len(candidates) - 1)
        hit = candidates[at] == packed
        jaccard[at[hit]] = found["jaccard"].to_numpy()[hit]
    return jaccard


def _asked(sql: duckdb.DuckDBPyConnection, candidates: Keys) -> tuple[pa.Table, pa.Table]:
    """Pairs by content, with their shingles; and their contents by segment."""
    better, worse = unpack(candidates)
    sql.register("unknown", pa.table({"better": better, "worse": worse}))
    sql.execute(
        """
        CREATE TEMP TABLE wanted AS SELECT segment, content_id, shingles, rank FROM items JOIN (
            FROM survivors SEMI JOIN (SELECT better AS rank FROM unknown UNION SELECT worse FROM unknown) USING (rank)
        ) AS survivors USING (content_id)
        """
    )
    asked = fetch_table(
        sql,
        """
        WITH content AS (
            SELECT rank, any_value(content_id) AS id, any_value(shingles) AS shingles FROM wanted GROUP BY rank
        )
        SELECT a.id AS content_a, b.id AS content_b, better, worse,
               a.shingles AS shingles_a, b.shingles AS shingles_b
        FROM (
            SELECT better, worse, better AS one, worse AS other FROM unknown
            UNION ALL SELECT better, worse, worse, better FROM unknown
        ) JOIN content AS a ON a.rank = one JOIN content AS b ON b.rank = other
        WHERE a.id < b.id
        ORDER BY content_a, content_b
        """,
    )
    return asked, fetch_table(sql, "SELECT segment, content_id FROM wanted ORDER BY ALL")


def _partitions(asked: pa.Table) -> Iterator[Output]:
    """Pairs in the order of their components, cut where their shingles pass a bound; then who goes where."""
    if not asked.num_rows:
        return
    both = np.concatenate([asked["content_a"].to_numpy(), asked["content_b"].to_numpy()])
    ids, items = np.unique(both, return_inverse=True)
    pairs = items.reshape(2, -1).T.astype(np.int64)
    component = connected_components(len(ids), pairs)[pairs[:, 0]]
    order = np.lexsort((pairs[:, 1], pairs[:, 0], component))
    size = _cost(asked, pairs, order)
    _, partition = np.unique((np.cumsum(size) - size) // PARTITION_SHINGLES, return_inverse=True)
    sorted_pairs = asked.select(ASKED.names).take(pa.array(order)).cast(ASKED).combine_chunks()
    starts = np.searchsorted(partition, np.arange(partition[-1] + 2))
    for start, end in pairwise(starts.tolist()):
        yield from (("asked", batch) for batch in sorted_pairs.slice(start, end - start).to_batches())
    places = np.unique(np.stack([pairs[order].T.ravel(), np.tile(partition, 2)], axis=1), axis=0)
    names = pa.array(ids).take(pa.array(places[:, 0]))
    columns = [names.cast(pa.string()), pa.array(places[:, 1].astype(np.uint64))]
    yield from _batches("wanted", pa.Table.from_arrays(columns, schema=WANTED))


def _cost(asked: pa.Table, pairs: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Shingles that each pair adds to its partition: a file counts whole where it first comes, a quarter after.

    A file that comes again in the same partition adds nothing, in a later one it adds itself; which of the
    two is not known before the partitions are cut, so that no partition holds more than four times the bound.
    """
    sizes = np.stack([asked["shingles_a"].to_numpy(), asked["shingles_b"].to_numpy()], axis=1)[order]
    items = pairs[order].ravel()
    first = np.zeros(len(items), bool)
    first[np.unique(items, return_index=True)[1]] = True
    cost: np.ndarray = np.where(first.reshape(-1, 2), sizes, sizes // 4).sum(axis=1)
    return cost


def _batches(name: str, table: pa.Table) -> Iterator[Output]:
    for batch in table.combine_chunks().to_batches(max_chunksize=1 << 16):
        yield name, batch
