"""The stages that label: which texts there are of each kind, and the scores of every label set for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gristmill import tables
from gristmill.annotate import labels
from gristmill.annotate.known import AFTER, after, earlier_runs, forget_incomplete, segments_of
from gristmill.annotate.labels import PinnedSet
from gristmill.annotate.stages import KERNEL_BYTES, text_batch
from gristmill.annotate.text_kinds import define_kinds, files_of
from gristmill.collect.run import Collected
from gristmill.engine.graph import Engine
from gristmill.engine.shards import open_shard, read_matching, read_table, split_batch
from gristmill.engine.sql import create_view, fetch_table, file_list, open_sql
from gristmill.engine.stages import Inputs, Output, Shard, Stage, digest
from gristmill.settings import Settings
from gristmill.workspace import Workspace

TASK_TEXTS = 32
"""texts of one task: a model may need a second for each, and what was finished is what a killed build keeps"""

LISTED = pa.schema([
    pa.field("segment", pa.string(), nullable=False),
    pa.field("content_id", pa.string(), nullable=False),
])  # fmt: skip
CURRENT = pa.schema([pa.field("content_id", pa.string(), nullable=False)])


def label_contents(
    collected: Collected,
    side_cars: Mapping[str, list[Shard]],
    sets: Sequence[PinnedSet],
    workspace: Workspace,
    engine: Engine,
    settings: Settings,
) -> list[Shard]:
    """Table ``labels`` of every set over the texts of this build; ``side_cars`` are those made before."""
    kinds = sorted({chosen.texts for chosen in sets})
    texts = {kind: _texts_of(kind, collected, side_cars, workspace, engine, settings) for kind in kinds}
    pairs = [(labels_stage(chosen), shard) for chosen in sets for shard in texts[chosen.texts]]
    try:
        return [shard for shard in engine.map_each(pairs) if shard is not None]
    finally:
        labels.close_model()


def texts_stage(kind: str, spill: Path, memory: int, threads: int) -> Stage:
    """The stage that finds the texts of a kind that no earlier run of it has listed.

    Inputs: ``entries``, ``paths``, ``languages``, ``text``, ``contents`` (segments), ``known`` (its earlier
    outputs). Output ``listed``: at most TASK_TEXTS contents of one segment a row group; ``current``: all contents
    of this build that are of the kind; ``after``: see ``known``.
    """
    return Stage(
        f"texts-{kind}",
        1,
        _texts,
        {"listed": LISTED, "current": CURRENT, "after": AFTER},
        params={"kind": kind},
        private={"spill": spill, "memory": memory, "threads": threads},
        row_groups=("listed",),
    )


def labels_stage(chosen: PinnedSet) -> Stage:
    """Inputs ``contents`` and ``text`` of a segment, and ``listed``, a row group of them. Output: table ``labels``."""
    return Stage(
        labels.NAME,
        labels.VERSION,
        _labels,
        {tables.LABELS.name: tables.LABELS.schema},
        params=chosen.parameters(),
        private={"folder": chosen.folder},
    )


def _texts_of(
    kind: str,
    collected: Collected,
    side_cars: Mapping[str, list[Shard]],
    workspace: Workspace,
    engine: Engine,
    settings: Settings,
) -> list[Shard]:
    """A shard for every row group of texts of a kind, of those that hold one of this build."""
    stage = texts_stage(kind, workspace.spill, settings.sql_memory, settings.sql_threads)
    forget_incomplete(workspace, stage.name, "listed")
    names = (tables.PATHS.name, tables.LANGUAGES.name, tables.TEXT.name)
    groups = (collected.listings, collected.segments, *(side_cars[name] for name in names))
    inputs = Shard(
        digest(*([shard.key for shard in group] for group in groups)),
        {
            "entries": tuple(shard.file("entries") for shard in collected.listings),
            "contents": tuple(shard.file("contents") for shard in collected.segments),
            **{name: tuple(shard.file(name) for shard in side_cars[name]) for name in names},
            "known": tuple(earlier_runs(workspace, stage.name, "listed")),
        },
    )
    (found,) = engine.map_shards(stage, [inputs])
    current = read_table(found.files["current"], CURRENT)["content_id"]
    pairs = zip(collected.segments, side_cars[tables.TEXT.name], strict=True)
    segments = {segment.key: (segment, text) for segment, text in pairs}
    shards = []
    for path in earlier_runs(workspace, stage.name, "listed"):
        for number, key in _current_groups(path, current):
            if key not in segments:  # removed since: its contents are in another segment now
                continue
            segment, text = segments[key]
            shards.append(
                Shard(
                    digest(segment.key, text.key, path.parent.name, number),
                    {"contents": segment.files["contents"], **text.files, "listed": (path,)},
                    {"listed": number},
                )
            )
    return shards


def _current_groups(path: Path, current: pa.ChunkedArray) -> Iterator[tuple[int, str]]:
    """Number and segment of the row groups that list a content of this build.

    What only other builds had is not labelled again.
    """
    with open_shard(path) as file:
        sizes = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
        listed = file.read(["content_id"], use_threads=False)["content_id"]
    here = pc.is_in(listed, value_set=current).to_numpy()
    start = 0
    for size, (number, segment) in zip(sizes, segments_of(path), strict=True):
        if here[start : start + size].any():
            yield number, segment
        start += size


def _texts(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    yield "after", after(inputs.files["known"])
    if not inputs.files["contents"]:
        return
    kind = params["kind"]
    with open_sql(params["spill"], params["memory"], params["threads"]) as sql:
        for table in (tables.ENTRIES, tables.PATHS, tables.LANGUAGES, tables.TEXT):
            create_view(sql, table.name, inputs.files[table.name], table.schema)
        create_view(sql, "known", inputs.files["known"], LISTED)
        define_kinds(sql, [kind])
        sql.execute(
            f"""
            CREATE TEMP TABLE held AS
            SELECT parse_filename(parse_dirpath(filename)) AS segment, content_id
            FROM read_parquet({file_list(inputs.files["contents"])}, filename = true)
            SEMI JOIN {files_of(kind)} AS wanted USING (content_id)
            SEMI JOIN (SELECT content_id FROM text WHERE NOT "binary" AND length > 0) AS words USING (content_id)
            """
        )
        current = fetch_table(sql, "SELECT DISTINCT content_id FROM held ORDER BY content_id").cast(CURRENT)
        yield from (("current", batch) for batch in current.combine_chunks().to_batches())
        new = fetch_table(
            sql, "FROM held ANTI JOIN known USING (segment, content_id) ORDER BY segment, content_id"
        ).cast(LISTED)
    for start, end in _groups(new["segment"].to_pylist()):
        yield from (("listed", b) for b in new.slice(start, end - start).combine_chunks().to_batches())


def _groups(segments: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Bounds of runs of at most TASK_TEXTS rows of the same segment."""
    start = 0
    for row in range(1, len(segments) + 1):
        if row == len(segments) or segments[row] != segments[start] or row - start == TASK_TEXTS:
            yield start, row
            start = row


def _labels(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    chosen = PinnedSet.of({name: params[name] for name in params if name != "folder"}, params["folder"])
    wanted = inputs.table("listed", LISTED, ["content_id"])["content_id"].combine_chunks()
    ids = wanted.to_numpy(zero_copy_only=False)
    known = inputs.table("text", tables.TEXT.schema)
    text = known.filter(pc.is_in(known["content_id"], value_set=wanted)).combine_chunks()
    for path in inputs.files["contents"]:
        for batch in read_matching(path, "content_id", ids, ["content_id", "length", "data"]):
            for part in split_batch(batch, KERNEL_BYTES, "data"):
                yield tables.LABELS.name, labels.annotate(text_batch(part, text), chosen)
