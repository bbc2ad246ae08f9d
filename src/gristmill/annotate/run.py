"""Annotate: every annotator over every segment, once; what is known is not computed again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from gristmill import tables
from gristmill.annotate import annotators
from gristmill.annotate.known import earlier_runs, forget_incomplete, segments_of
from gristmill.annotate.label_stages import label_contents
from gristmill.annotate.labels import PinnedSet
from gristmill.annotate.stages import annotator_stage, names_stage
from gristmill.collect.run import Collected
from gristmill.engine.graph import Engine
from gristmill.engine.stages import Shard, Stage, digest
from gristmill.recipe import Annotate
from gristmill.settings import Settings
from gristmill.workspace import Workspace

Annotations = Mapping[str, list[Shard]]
"""side-car shards by table name"""


def annotate(
    collected: Collected,
    workspace: Workspace,
    engine: Engine,
    settings: Settings,
    options: Annotate,
    label_sets: Sequence[PinnedSet] = (),
) -> Annotations:
    """Run all annotators over the workspace's segments and this build's listings; ``label_sets`` are its recipe's."""
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
    done[tables.LABELS.name] = label_contents(collected, done, label_sets, workspace, engine, settings)
    return done


def _named_shards(
    collected: Collected,
    with_text: Sequence[Shard],
    workspace: Workspace,
    engine: Engine,
    settings: Settings,
) -> list[Shard]:
    """A shard for every segment and every run of the names stage that found new names for its contents."""
    forget_incomplete(workspace, "names", "names")
    inputs = Shard(
        digest([shard.key for shard in collected.listings], [shard.key for shard in collected.segments]),
        {
            "entries": tuple(shard.file("entries") for shard in collected.listings),
            "ids": tuple(shard.file("ids") for shard in collected.ids),
            "known": tuple(earlier_runs(workspace, "names", "names")),
        },
    )
    keys = [segment.key for segment in collected.segments]
    stage = names_stage(keys, workspace.spill, settings.sql_memory, settings.sql_threads)
    engine.map_shards(stage, [inputs])
    segments = {segment.key: shard for segment, shard in zip(collected.segments, with_text, strict=True)}
    shards = []
    for path in earlier_runs(workspace, "names", "names"):
        for number, segment in segments_of(path):
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
