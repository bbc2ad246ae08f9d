"""Annotate: every annotator over every segment, once; what is known is not computed again."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from gristmill import tables
from gristmill.annotate import annotators
from gristmill.annotate.stages import AFTER, annotator_stage, names_stage
from gristmill.collect.run import Collected
from gristmill.engine.graph import Engine
from gristmill.engine.shards import open_shard, read_table
from gristmill.engine.stages import Shard, Stage, digest
from gristmill.recipe import Annotate
from gristmill.settings import Settings
from gristmill.workspace import Workspace

Annotations = Mapping[str, list[Shard]]
"""side-car shards by table name"""


def annotate(
    collected: Collected, workspace: Workspace, engine: Engine, settings: Settings, options: Annotate
) -> Annotations:
    """Run all annotators over the workspace's segments and this build's listings."""
    key = workspace.key()
    key_id = hashlib.sha256(b"gristmill value key\0" + key).hexdigest()[:16]
    values = {"detectors": sorted(options.findings)}

    def stage(annotator: annotators.Annotator) -> Stage:
        return annotator_stage(annotator, values, key, key_id)

    contents = [Shard(segment.key, {"contents": segment.files["contents"]}) for segment in collected.segments]
    done: dict[str, list[Shard]] = {}
    done[tables.TEXT.name] = texts = engine.map_shards(stage(annotators.TEXT), contents)
    with_text = [
        Shard(digest(content.key, text.key), {**content.files, **text.files})
        for content, text in zip(contents, texts, strict=True)
    ]
    for annotator in annotators.CONTENT_ANNOTATORS:
        done[annotator.table.name] = engine.map_shards(stage(annotator), with_text)
    named = _named_shards(collected, with_text, workspace, engine, settings)
    for annotator in annotators.NAME_ANNOTATORS:
        done[annotator.table.name] = engine.map_shards(stage(annotator), named)
    listings = [Shard(shard.key, {"entries": shard.files["entries"]}) for shard in collected.listings]
    done[tables.PATHS.name] = engine.map_shards(stage(annotators.PATHS), listings)
    return done


def _named_shards(
    collected: Collected,
    with_text: Sequence[Shard],
    workspace: Workspace,
    engine: Engine,
    settings: Settings,
) -> list[Shard]:
    """A shard for every segment and every run of the names stage that found new names for its contents."""
    _forget_incomplete(workspace)
    found = _names_files(workspace)
    inputs = Shard(
        digest([shard.key for shard in collected.listings], [shard.key for shard in collected.segments]),
        {
            "entries": tuple(shard.file("entries") for shard in collected.listings),
            "contents": tuple(shard.file("contents") for shard in collected.segments),
            "known": tuple(found),
        },
    )
    stage = names_stage(workspace.spill, settings.sql_memory, settings.sql_threads)
    engine.map_shards(stage, [inputs])
    segments = {segment.key: shard for segment, shard in zip(collected.segments, with_text, strict=True)}
    shards = []
    for path in _names_files(workspace):
        for number, segment in enumerate(_segments_of(path)):
            if segment not in segments:  # removed since: its contents are in another segment now
                continue
            shard = segments[segment]
            shards.append(
                Shard(
                    digest(shard.key, path.parent.name, number),
                    {**shard.files, "names": (path,)},
                    {"names": number},
                )
            )
    return shards


def _forget_incomplete(workspace: Workspace) -> None:
    """Remove runs of the names stage that left out what a run listed that is no longer there."""
    while True:
        found = _names_files(workspace)
        there = {path.parent.name for path in found}
        stale = [
            path.parent
            for path in found
            if not there.issuperset(read_table([path.with_name("after.parquet")], AFTER)["key"].to_pylist())
        ]
        for folder in stale:
            shutil.rmtree(folder)
        if not stale:
            return


def _names_files(workspace: Workspace) -> list[Path]:
    found = (workspace.stages / "names").glob("[0-9a-f]*/names.parquet")
    return sorted(path for path in found if path.with_name("after.parquet").exists())


def _segments_of(path: Path) -> list[str]:
    with open_shard(path) as file:
        groups = [file.metadata.row_group(number).column(0) for number in range(file.num_row_groups)]
    return [str(group.statistics.min) for group in groups]
