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
    sql = (workspace.spill, settings.sql_memory, settings.sql_threads)
    files = _files(signatures, tables.SIGNATURES.name)
    by = stages.band_exchange(sum(open_shard(path).metadata.num_rows for path in files))
    bands = engine.exchange(stages.bands_stage(), signatures, by)
    both = Shard(
        digest([shard.key for shard in signatures], survivors.key),
        {"signatures": files, **survivors.files},
    )
    (ranks,) = engine.map_shards(stages.ranks_stage(*sql), [both])
    candidates = engine.reduce_partition(stages.candidates_stage(), bands, by, whole=ranks)
    pairs_stage = stages.pairs_stage(*sql)
    inputs = Shard(
        digest([shard.key for shard in candidates], survivors.key),
        {
            "candidates": _files(candidates, "candidates"),
            "survivors": survivors.files["survivors"],
            "signatures": files,
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
    exchanged = engine.exchange(stages.shingles_stage(), inputs, by)
    asked = Shard(pairs.key, {"asked": pairs.files["asked"]})
    engine.reduce_partition(stages.similarities_stage(), exchanged, by, beside=asked)


def _segments_of(held: Path) -> list[int]:
    """The number of the segment of each row group."""
    with open_shard(held) as file:
        groups = range(file.num_row_groups)
        return [file.metadata.row_group(group).column(0).statistics.min for group in groups]


def _files(shards: Sequence[Shard], name: str) -> tuple[Path, ...]:
    return tuple(path for shard in shards for path in shard.files[name])
