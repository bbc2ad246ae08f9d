"""Near duplicates of the surviving contents: candidate pairs, and which of them are known to be alike."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gristmill import tables
from gristmill.annotate.run import Annotations
from gristmill.collect.run import Collected
from gristmill.decide.near_duplicates import stages
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
    """Candidate pairs among the survivors (input file ``survivors``) and every similarity known of them.

    Returns a shard with files ``pairs`` and ``similarities`` (which may hold other pairs too).
    """
    signatures = annotations[tables.SIGNATURES.name]
    with_survivors = [
        Shard(digest(shard.key, survivors.key), {**shard.files, **survivors.files}) for shard in signatures
    ]
    by = stages.band_exchange(open_shard(survivors.file("survivors")).metadata.num_rows)
    bands = engine.exchange(stages.bands_stage(), with_survivors, by)
    candidates = engine.reduce_partition(stages.candidates_stage(), bands, by)
    pairs_stage = stages.pairs_stage(workspace.spill, settings.sql_memory, settings.sql_threads)
    inputs = Shard(
        digest([shard.key for shard in candidates], survivors.key),
        {
            "candidates": _files(candidates, "candidates"),
            "survivors": survivors.files["survivors"],
            "signatures": _files(signatures, tables.SIGNATURES.name),
            "known": known_similarities(workspace),
        },
    )
    (pairs,) = engine.map_shards(pairs_stage, [inputs])
    partitions = open_shard(pairs.file("asked")).metadata.num_row_groups
    if partitions:
        _verify(pairs, partitions, collected, annotations, engine)
    return Shard(pairs.key, {"pairs": pairs.files["pairs"], "similarities": known_similarities(workspace)})


def known_similarities(workspace: Workspace) -> tuple[Path, ...]:
    """All files of similarities in the workspace."""
    return tuple(
        sorted((workspace.stages / stages.SIMILARITIES_STAGE).glob("[0-9a-f]*/similarities.parquet"))
    )


def _verify(
    pairs: Shard, partitions: int, collected: Collected, annotations: Annotations, engine: Engine
) -> None:
    by = Exchange("partition", partitions)
    inputs = [
        Shard(
            digest(segment.key, text.key, pairs.key),
            {"contents": segment.files["contents"], **text.files, "wanted": pairs.files["wanted"]},
        )
        for segment, text in zip(collected.segments, annotations[tables.TEXT.name], strict=True)
    ]
    exchanged = engine.exchange(stages.shingles_stage(), inputs, by)
    asked = Shard(pairs.key, {"asked": pairs.files["asked"]})
    engine.reduce_partition(stages.similarities_stage(), exchanged, by, beside=asked)


def _files(shards: Sequence[Shard], name: str) -> tuple[Path, ...]:
    return tuple(path for shard in shards for path in shard.files[name])
