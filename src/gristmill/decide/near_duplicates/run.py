"""Near duplicates of the surviving contents: candidate pairs, and how alike they are."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

from gristmill import tables
from gristmill.annotate.run import Annotations
from gristmill.collect.run import Collected
from gristmill.decide.near_duplicates import band_stages, verify_stages
from gristmill.decide.near_duplicates.pair_stages import pairs_stage
from gristmill.engine.graph import Engine
from gristmill.engine.shards import open_shard
from gristmill.engine.stages import Exchange, Shard, digest
from gristmill.settings import Settings
from gristmill.workspace import Workspace


def verified_pairs(
    survivors: Shard,
    collected: Collected,
    annotations: Annotations,
    workspace: Workspace,
    engine: Engine,
    settings: Settings,
) -> Shard:
    """Candidate pairs among the survivors (input file ``survivors``) with their similarities.

    Returns a shard with files ``edges``, pairs whose similarity was known before, ``asked``, those that it was
    computed of now, and the ``similarities`` of these.
    """
    sql = (workspace.spill, settings.sql_memory, settings.sql_threads)
    signatures = annotations[tables.SIGNATURES.name]
    sizes = [open_shard(shard.file(tables.SIGNATURES.name)).metadata.num_rows for shard in signatures]
    # The large segments come first, so that small ones never move their items.
    order = sorted(range(len(sizes)), key=lambda number: sizes[number] < band_stages.LARGE)
    starts = [0, *accumulate(sizes[number] for number in order)][: len(order)]
    met = _meetings([signatures[number] for number in order], sizes, order, starts, engine, sql)
    inputs = Shard(
        digest(met.key, survivors.key),
        {
            **met.files,
            **survivors.files,
            "signatures": tuple(signatures[number].file(tables.SIGNATURES.name) for number in order),
            "known": known_similarities(workspace),
        },
    )
    (pairs,) = engine.map_shards(pairs_stage(order, starts, *sql), [inputs])
    similarities = _verify(pairs, collected, annotations, engine)
    names = ("edges", "asked")
    return Shard(
        pairs.key, {**{name: pairs.files[name] for name in names}, tables.SIMILARITIES.name: similarities}
    )


def known_similarities(workspace: Workspace) -> tuple[Path, ...]:
    """All files of similarities in the workspace."""
    return tuple(
        sorted((workspace.stages / verify_stages.SIMILARITIES_STAGE).glob("[0-9a-f]*/similarities.parquet"))
    )


def _meetings(
    signatures: Sequence[Shard],
    sizes: Sequence[int],
    order: Sequence[int],
    starts: Sequence[int],
    engine: Engine,
    sql: tuple[Path, int, int],
) -> Shard:
    """Which contents of some segments, the large ones first, meet: files ``met``, ``changes`` and ``crowds``."""
    by = band_stages.band_exchange(sum(sizes))
    bands = engine.exchange(band_stages.bands_stage(), signatures, by)
    large = sum(sizes[number] >= band_stages.LARGE for number in order)
    parts = engine.reduce_partition(band_stages.meetings_stage(starts[:large]), bands[:large], by)
    both = Shard(digest([part.key for part in parts]), {"pairs": _files(parts, "pairs")})
    (met,) = engine.map_shards(band_stages.met_stage(*sql), [both])
    new = Shard(
        digest(met.key, [shard.key for shard in bands[large:]]),
        {
            "rows": _files(parts, "rows"),
            "crowds": _files(parts, "crowds"),
            "bands": _files(bands[large:], "bands"),
        },
    )
    (touched,) = engine.map_shards(band_stages.touched_stage(starts[large:], by.partitions), [new])
    return Shard(touched.key, {"met": met.files["pairs"], **touched.files})


def _verify(pairs: Shard, collected: Collected, annotations: Annotations, engine: Engine) -> tuple[Path, ...]:
    """The similarities of the pairs asked about."""
    partitions = open_shard(pairs.file("asked")).metadata.num_row_groups
    if not partitions:
        return ()
    by = Exchange("partition", partitions)
    inputs = []
    for group, number in enumerate(_segments_of(pairs.file("held"))):
        segment, text = collected.segments[number], annotations[tables.TEXT.name][number]
        files = {"wanted": pairs.files["wanted"], "held": pairs.files["held"]}
        inputs.append(
            Shard(
                digest(segment.key, text.key, pairs.key),
                {"contents": segment.files["contents"], **text.files, **files},
                {"held": group},
            )
        )
    exchanged = engine.exchange(verify_stages.shingles_stage(), inputs, by)
    asked = Shard(pairs.key, {"asked": pairs.files["asked"]})
    found = engine.reduce_partition(verify_stages.similarities_stage(), exchanged, by, beside=asked)
    return _files(found, tables.SIMILARITIES.name)


def _segments_of(held: Path) -> list[int]:
    """The number of the segment of each row group."""
    with open_shard(held) as file:
        groups = range(file.num_row_groups)
        return [file.metadata.row_group(group).column(0).statistics.min for group in groups]


def _files(shards: Sequence[Shard], name: str) -> tuple[Path, ...]:
    return tuple(path for shard in shards for path in shard.files[name])
