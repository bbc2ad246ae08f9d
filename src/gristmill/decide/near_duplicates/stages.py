"""The stages of near-duplicate removal: bands, candidates, pairs, shingles, similarities.

Only keys and hashes move between them: band keys are exchanged to find candidates, and the shingle hashes
of candidates alone to verify them. The similarity of a pair is a fact about two contents, so it is kept and
never computed again, whatever the policy of a later build.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill import tables
from gristmill.annotate import shingles, signatures
from gristmill.annotate.stages import KERNEL_BYTES, text_batch
from gristmill.decide.near_duplicates.candidates import candidate_pairs
from gristmill.decide.near_duplicates.components import connected_components
from gristmill.decide.near_duplicates.similarity import jaccard
from gristmill.engine.shards import read_batches, read_matching, split_batch
from gristmill.engine.sql import create_view, fetch_table, file_list, open_sql, stream_batches
from gristmill.engine.stages import Exchange, Inputs, Output, Stage

SURVIVORS = pa.schema([
    pa.field("content_id", pa.string(), nullable=False),
    pa.field("rank", pa.int64(), nullable=False),
])  # fmt: skip
BANDS = pa.schema(
    [pa.field("key", pa.uint64(), nullable=False), pa.field("number", pa.int32(), nullable=False)]
)
NUMBERED = pa.schema([
    pa.field("segment", pa.int32(), nullable=False),
    pa.field("number", pa.int32(), nullable=False),
    pa.field("rank", pa.int64(), nullable=False),
])  # fmt: skip
HELD = pa.schema(
    [pa.field("segment", pa.int32(), nullable=False), pa.field("content_id", pa.string(), nullable=False)]
)
RANKS = pa.schema(
    [pa.field("better", pa.int64(), nullable=False), pa.field("worse", pa.int64(), nullable=False)]
)
ASKED = pa.schema([
    pa.field("content_a", pa.string(), nullable=False),
    pa.field("content_b", pa.string(), nullable=False),
])  # fmt: skip
PAIRS = pa.schema([*ASKED, *RANKS])
WANTED = pa.schema(
    [pa.field("content_id", pa.string(), nullable=False), pa.field("partition", pa.uint64(), nullable=False)]
)
HASHES = pa.list_(pa.field("element", pa.uint64(), nullable=False))
SHINGLES = pa.schema([
    pa.field("partition", pa.uint64(), nullable=False),
    pa.field("content_id", pa.string(), nullable=False),
    pa.field("hashes", HASHES, nullable=False),
])  # fmt: skip
SIMILARITIES_STAGE = "similarities-" + shingles.SCHEME.replace("/", "-")
"""named by the scheme, so that similarities of two schemes never stand in one folder"""
PARTITION_SHINGLES = 4 << 20
"""shingles that one reduce of similarities aims at"""


def bands_stage() -> Stage:
    """Input ``signatures`` of a segment: the band keys of its contents, by their place in the file.

    It does not know who survives, so that a segment's bands are sorted into partitions once and for all.
    """
    return Stage(
        "bands",
        2,
        _bands,
        {"bands": BANDS},
        params={"scheme": signatures.SCHEME},
        plain=tuple(BANDS.names),
    )


def band_exchange(contents: int) -> Exchange:
    """Enough partitions for about a million band rows each; a power of two, since another number cuts anew."""
    return Exchange("key", 1 << max(0, (contents * signatures.BANDS >> 20).bit_length()))


def ranks_stage(spill: Path, memory: int, threads: int) -> Stage:
    """Inputs ``signatures`` (all segments) and ``survivors``: the rank of every survivor by segment and place."""
    return Stage(
        "ranks",
        1,
        _ranks,
        {"ranks": NUMBERED},
        private={"spill": spill, "memory": memory, "threads": threads},
    )


def candidates_stage() -> Stage:
    """Reduce of ``bands`` with ``ranks`` whole: pairs of ranks that share a band key."""
    return Stage("candidates", 2, _candidates, {"candidates": RANKS})


def pairs_stage(spill: Path, memory: int, threads: int) -> Stage:
    """Inputs ``candidates``, ``survivors``, ``signatures``, ``known`` (similarities computed before).

    Output ``pairs``: all distinct candidate pairs, as ranks and as content ids; ``asked``: those whose similarity is not
    known, a row group for each partition of bounded size; ``wanted``: which content goes to which partition;
    ``held``: the wanted contents of each segment that has any, a row group a segment.
    """
    return Stage(
        "pairs",
        2,
        _pairs,
        {"pairs": PAIRS, "asked": ASKED, "wanted": WANTED, "held": HELD},
        params={"scheme": signatures.SCHEME},
        private={"spill": spill, "memory": memory, "threads": threads},
        row_groups=("asked", "held"),
    )


def shingles_stage() -> Stage:
    """Inputs ``contents``, ``text`` and ``held`` of a segment, and ``wanted``: shingle hashes of its wanted files."""
    return Stage("shingles", 2, _shingles, {"shingles": SHINGLES}, params={"scheme": shingles.SCHEME})


def similarities_stage() -> Stage:
    """Reduce of ``shingles`` with the partition's ``asked``: the exact Jaccard index of each pair."""
    return Stage(SIMILARITIES_STAGE, 1, _similarities, {tables.SIMILARITIES.name: tables.SIMILARITIES.schema})


def _bands(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    start = 0
    for batch in inputs.batches("signatures", ["bands"]):
        counts = pc.fill_null(pc.list_value_length(batch["bands"]), 0).to_numpy(zero_copy_only=False)
        numbers = np.repeat(np.arange(start, start + batch.num_rows, dtype=np.int32), counts)
        rows = [batch["bands"].flatten(), pa.array(numbers)]
        yield "bands", pa.RecordBatch.from_arrays(rows, schema=BANDS)
        start += batch.num_rows


def _ranks(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    with open_sql(params["spill"], params["memory"], params["threads"]) as sql:
        create_view(sql, "survivors", inputs.files["survivors"], SURVIVORS)
        _register_segments(sql, inputs.files["signatures"])
        query = """
        SELECT segment, file_row_number::INTEGER AS number, rank
        FROM held JOIN survivors USING (content_id) ORDER BY 1, 2
        """
        yield from (("ranks", batch) for batch in stream_batches(sql, query, NUMBERED, 1 << 17))


def _register_segments(sql: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> None:
    """A view ``held``: content ids with the number of their segment and the place in its file."""
    if not files:
        sql.register("no_contents", pa.table({"content_id": pa.array([], pa.string())}))
        sql.execute(
            "CREATE VIEW held AS SELECT 0 AS segment, 0 AS file_row_number, content_id FROM no_contents"
        )
        return
    numbers = pa.array(np.arange(len(files), dtype=np.int32))
    sql.register("segments", pa.table({"path": [str(path) for path in files], "segment": numbers}))
    sql.execute(
        f"CREATE VIEW held AS SELECT segment, file_row_number, content_id FROM read_parquet({file_list(files)}, "
        "filename = true, file_row_number = true) AS file JOIN segments ON segments.path = file.filename"
    )


def _candidates(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    ranked = inputs.table("ranks", NUMBERED)
    numbers, all_ranks = ranked["number"].to_numpy(), ranked["rank"].to_numpy()
    bounds = np.searchsorted(ranked["segment"].to_numpy(), np.arange(len(inputs.files["bands"]) + 1))
    keys_found, ranks_found = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
    for path, (start, end) in zip(inputs.files["bands"], pairwise(bounds.tolist()), strict=True):
        if start == end:
            continue
        rank_of = np.full(int(numbers[end - 1]) + 1, -1, np.int64)
        rank_of[numbers[start:end]] = all_ranks[start:end]
        for batch in read_batches([path], row_groups=(inputs.row_groups["bands"],)):
            at = batch["number"].to_numpy()
            rank = np.where(at < len(rank_of), rank_of[np.minimum(at, len(rank_of) - 1)], -1)
            keys_found.append(batch["key"].to_numpy()[rank >= 0])
            ranks_found.append(rank[rank >= 0])
    keys, ranks = _shared(np.concatenate(keys_found), np.concatenate(ranks_found))
    present = np.zeros(int(ranks.max(initial=-1)) + 1, bool)
    present[ranks] = True
    known = np.flatnonzero(present)
    items = (np.cumsum(present) - 1)[ranks]
    pairs = known[candidate_pairs(keys, items, np.arange(len(known)))]
    yield (
        "candidates",
        pa.RecordBatch.from_arrays([pa.array(pairs[:, 0]), pa.array(pairs[:, 1])], schema=RANKS),
    )


def _shared(keys: np.ndarray, ranks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows in the order of their keys, without those whose key no other row has: most of them."""
    order = np.argsort(keys)
    keys = keys[order]
    same = keys[1:] == keys[:-1]
    shared = np.zeros(len(keys), bool)
    shared[1:] |= same
    shared[:-1] |= same
    return keys[shared], ranks[order[shared]]


def _pairs(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    with open_sql(params["spill"], params["memory"], params["threads"]) as sql:
        create_view(sql, "candidates", inputs.files["candidates"], RANKS)
        create_view(sql, "survivors", inputs.files["survivors"], SURVIVORS)
        create_view(sql, "known", inputs.files["known"], tables.SIMILARITIES.schema)
        create_view(sql, "signatures", inputs.files["signatures"], tables.SIGNATURES.schema)
        sql.execute(
            """
            CREATE TEMP TABLE pairs AS
            SELECT least(a.content_id, b.content_id) AS content_a,
                   greatest(a.content_id, b.content_id) AS content_b, better, worse
            FROM (SELECT DISTINCT better, worse FROM candidates)
            JOIN survivors AS a ON a.rank = better JOIN survivors AS b ON b.rank = worse
            """
        )
        pairs = fetch_table(sql, "SELECT * FROM pairs ORDER BY better, worse")
        yield from _batches("pairs", pairs.cast(PAIRS))
        asked = fetch_table(
            sql,
            """
            SELECT content_a, content_b, a.shingles AS shingles_a, b.shingles AS shingles_b
            FROM pairs
            JOIN (SELECT content_id, any_value(shingles) AS shingles FROM signatures GROUP BY 1) AS a
              ON a.content_id = content_a
            JOIN (SELECT content_id, any_value(shingles) AS shingles FROM signatures GROUP BY 1) AS b
              ON b.content_id = content_b
            ANTI JOIN known USING (content_a, content_b)
            ORDER BY content_a, content_b
            """,
        )
        _register_segments(sql, inputs.files["signatures"])
        sql.register("unknown", asked.select(ASKED.names))
        held = fetch_table(
            sql,
            """
            SELECT segment, content_id FROM held SEMI JOIN (
                SELECT content_a AS content_id FROM unknown UNION SELECT content_b FROM unknown
            ) AS wanted USING (content_id) ORDER BY ALL
            """,
        ).cast(HELD)
    segments = held["segment"].to_numpy()
    for start, end in pairwise([*np.flatnonzero(np.diff(segments, prepend=-1)).tolist(), len(segments)]):
        yield from (("held", batch) for batch in held.slice(start, end - start).combine_chunks().to_batches())
    yield from _partitions(asked)


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


def _shingles(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    held = inputs.table("held", HELD)["content_id"]
    parts = [
        batch.filter(pc.is_in(batch["content_id"], value_set=held)) for batch in inputs.batches("wanted")
    ]
    wanted = pa.Table.from_batches(parts, schema=WANTED)
    ids, partitions = wanted["content_id"].to_numpy(), wanted["partition"].to_numpy()
    text = inputs.table("text", tables.TEXT.schema).combine_chunks()
    for path in inputs.files["contents"]:
        for batch in read_matching(path, "content_id", np.unique(ids), ["content_id", "length", "data"]):
            for part in split_batch(batch, KERNEL_BYTES, "data"):
                texts = text_batch(part, text)
                hashes, offsets = shingles.shingle_hashes(texts["text"])
                found = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(hashes)).cast(HASHES)
                names = texts["content_id"].to_numpy(zero_copy_only=False)
                first = np.searchsorted(ids, names, side="left")
                counts = np.searchsorted(ids, names, side="right") - first
                rows = np.repeat(np.arange(len(names)), counts)
                within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
                at = pa.array(rows)
                columns = [
                    pa.array(partitions[np.repeat(first, counts) + within]),
                    texts["content_id"].take(at),
                    found.take(at),
                ]
                yield "shingles", pa.RecordBatch.from_arrays(columns, schema=SHINGLES)


def _similarities(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    table = inputs.table("shingles", SHINGLES).combine_chunks()
    asked = inputs.table("asked", ASKED)
    lists = table["hashes"].combine_chunks()
    hashes, offsets = lists.flatten().to_numpy(), lists.offsets.to_numpy().astype(np.int64)
    sides = [pc.index_in(asked[name], value_set=table["content_id"]) for name in ("content_a", "content_b")]
    pairs = np.stack([side.to_numpy() for side in sides], axis=1).astype(np.int64)
    values = jaccard(hashes, offsets - offsets[0], pairs)
    result = asked.append_column("jaccard", pa.array(values))
    yield from _batches(tables.SIMILARITIES.name, result.cast(tables.SIMILARITIES.schema))


def _batches(name: str, table: pa.Table) -> Iterator[Output]:
    for batch in table.combine_chunks().to_batches(max_chunksize=1 << 16):
        yield name, batch
