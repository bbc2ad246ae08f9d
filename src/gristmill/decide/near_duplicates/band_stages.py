"""The stages that find which contents meet in a bucket of their band keys.

Those of large segments are found once, partition by partition; whatever small segments add is found from the
keys that they touch. Nothing here knows who survives, so only a new segment makes anything of it anew.

Contents are numbered as *items*: one after the other, segment by segment, the large segments first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.annotate import signatures
from gristmill.decide.near_duplicates.meetings import Counts, Items, Keys, add_up, by_key, meet, touch
from gristmill.engine.shards import read_batches
from gristmill.engine.sql import create_view, open_sql, stream_batches
from gristmill.engine.stages import Exchange, Inputs, Output, Stage

LARGE = 4096
"""signatures from which on a segment is large: fewer are cheap to go through in every build"""

BANDS = pa.schema(
    [pa.field("key", pa.uint64(), nullable=False), pa.field("number", pa.int32(), nullable=False)]
)
ROWS = pa.schema(
    [pa.field("key", pa.uint64(), nullable=False), pa.field("item", pa.uint32(), nullable=False)]
)
PAIRS = pa.schema(
    [pa.field("pair", pa.uint64(), nullable=False), pa.field("count", pa.int16(), nullable=False)]
)


def bands_stage() -> Stage:
    """Input ``signatures`` of a segment: the band keys of its contents, by their place in the file."""
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


def meetings_stage(starts: Sequence[int]) -> Stage:
    """Reduce of ``bands`` of the large segments, whose items start at ``starts``.

    Outputs: ``rows`` by ascending key, ``pairs`` that meet in them, and ``crowds``, the rows of large buckets.
    """
    return Stage(
        "meetings",
        1,
        _meetings,
        {"rows": ROWS, "pairs": PAIRS, "crowds": ROWS},
        private={"starts": list(starts)},
        plain=(*ROWS.names, *PAIRS.names),
    )


def met_stage(spill: Path, memory: int, threads: int) -> Stage:
    """Input ``pairs`` of all partitions; output ``pairs``, each once, ascending, with its count in all."""
    return Stage(
        "met",
        1,
        _met,
        {"pairs": PAIRS},
        private={"spill": spill, "memory": memory, "threads": threads},
        plain=tuple(PAIRS.names),
    )


def touched_stage(starts: Sequence[int], partitions: int) -> Stage:
    """Inputs ``rows`` and ``crowds`` of the large segments, a file a partition, and ``bands`` of the small ones.

    Outputs: ``changes`` of the counts of pairs, and ``crowds`` of all segments together.
    """
    return Stage(
        "touched",
        1,
        _touched,
        {"changes": PAIRS, "crowds": ROWS},
        params={"partitions": partitions},
        private={"starts": list(starts)},
        plain=(*ROWS.names, *PAIRS.names),
    )


def _bands(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    start = 0
    for batch in inputs.batches("signatures", ["bands"]):
        counts = pc.fill_null(pc.list_value_length(batch["bands"]), 0).to_numpy(zero_copy_only=False)
        numbers = np.repeat(np.arange(start, start + batch.num_rows, dtype=np.int32), counts)
        rows = [batch["bands"].flatten(), pa.array(numbers)]
        yield "bands", pa.RecordBatch.from_arrays(rows, schema=BANDS)
        start += batch.num_rows


def _meetings(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    keys, items = _partition(inputs.files["bands"], inputs.row_groups["bands"], params["starts"])
    yield "rows", _rows(keys, items)
    met = meet(keys, items)
    yield "pairs", _pairs(met.pairs, met.counts)
    yield "crowds", _rows(met.crowd_keys, met.crowd_items)


def _met(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    with open_sql(params["spill"], params["memory"], params["threads"]) as sql:
        create_view(sql, "pairs", inputs.files["pairs"], PAIRS)
        query = "SELECT pair, sum(count)::SMALLINT AS count FROM pairs GROUP BY pair ORDER BY pair"
        yield from (("pairs", batch) for batch in stream_batches(sql, query, PAIRS, 1 << 17))


def _touched(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    pairs, counts = [np.empty(0, np.uint64)], [np.empty(0, np.int16)]
    for partition in range(params["partitions"]):
        base = [_read(inputs.files[name][partition : partition + 1]) for name in ("rows", "crowds")]
        (keys, items), (crowd_keys, crowd_items) = base
        rows = _partition(inputs.files["bands"], partition, params["starts"])
        change, touched = touch((keys, items), rows)
        pairs.append(change.pairs)
        counts.append(change.counts)
        stay = ~np.isin(crowd_keys, touched)
        yield "crowds", _rows(crowd_keys[stay], crowd_items[stay])
        yield "crowds", _rows(change.crowd_keys, change.crowd_items)
    yield "changes", _pairs(*add_up(np.concatenate(pairs), np.concatenate(counts)))


def _partition(files: Sequence[Path], partition: int, starts: Sequence[int]) -> tuple[Keys, Items]:
    """The rows of one partition of some segments' bands, by ascending key."""
    keys, items = [np.empty(0, np.uint64)], [np.empty(0, np.uint32)]
    for path, start in zip(files, starts, strict=True):
        for batch in read_batches([path], row_groups=(partition,)):
            keys.append(batch["key"].to_numpy())
            items.append((batch["number"].to_numpy() + start).astype(np.uint32))
    return by_key(np.concatenate(keys), np.concatenate(items))


def _read(files: Sequence[Path]) -> tuple[Keys, Items]:
    batches = list(read_batches(files))
    table = pa.Table.from_batches(batches, schema=ROWS)
    return table["key"].to_numpy(), table["item"].to_numpy()


def _rows(keys: Keys, items: Items) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array(keys), pa.array(items)], schema=ROWS)


def _pairs(pairs: Keys, counts: Counts) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array(pairs), pa.array(counts)], schema=PAIRS)
