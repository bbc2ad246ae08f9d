"""Run the stages of a release: rows of every bucket, the plan, the shards of every range, what is joined of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from gristmill import tables
from gristmill.annotate.findings.sensitivity import thresholds
from gristmill.annotate.run import Annotations
from gristmill.collect.run import Collected
from gristmill.decide.run import Decided
from gristmill.engine.graph import Engine
from gristmill.engine.shards import read_table
from gristmill.engine.stages import Shard, Stage, digest
from gristmill.recipe import Recipe
from gristmill.release.count import COUNTS
from gristmill.release.earlier import WRITTEN
from gristmill.release.finish import describe_stage, merge_stage
from gristmill.release.notice import ORIGIN_LICENCES
from gristmill.release.order import page_bits
from gristmill.release.pieces import PIECES
from gristmill.release.plan import (
    DROPPED,
    LANGUAGES,
    RUNS,
    WHOLE,
    Layout,
    bucket_inputs,
    layout,
    plan_stage,
    rows_stage,
)
from gristmill.release.schema import STUBS
from gristmill.release.write import Range, write_stage
from gristmill.settings import Settings
from gristmill.workspace import Workspace

LOOKED_INTO = 2
"""earlier tasks of a range whose pages are looked into: the last one, and the one before it"""


@dataclass(frozen=True)
class Made:
    """The files of a release where they lie in the workspace, each with its row of WRITTEN, and its counts."""

    shards: list[tuple[Path, dict[str, Any]]]
    stubs: list[tuple[Path, dict[str, Any]]]
    counts: pa.Table
    dropped: pa.Table
    origin_licences: pa.Table
    entries: int
    origins: int


def make_release(
    recipe: Recipe,
    collected: Collected,
    annotations: Annotations,
    decided: Decided,
    workspace: Workspace,
    engine: Engine,
    settings: Settings,
) -> Made:
    """Run the stages of a release."""
    visit_date = recipe.collect.visit_date
    stage = rows_stage(recipe.release.seed, visit_date.isoformat() if visit_date else None)
    facts, verdicts = decided.facts.files["facts"], decided.verdicts.files[tables.VERDICTS.name]
    buckets = engine.map_shards(stage, bucket_inputs(facts, verdicts))
    rows = Shard(digest([bucket.key for bucket in buckets]), {"kept": tuple(b.file("kept") for b in buckets)})
    redact = recipe.release.redact
    findings = annotations[tables.FINDINGS.name] if redact.enabled else []
    (plan,) = engine.map_shards(
        plan_stage(
            thresholds(redact.sensitivity, redact.types),
            workspace.spill,
            settings.sql_memory,
            settings.sql_threads,
        ),
        [
            Shard(
                digest(rows.key, [shard.key for shard in findings]),
                {
                    **rows.files,
                    "facts": facts,
                    tables.VERDICTS.name: verdicts,
                    tables.FINDINGS.name: tuple(shard.file(tables.FINDINGS.name) for shard in findings),
                },
            )
        ],
    )
    (whole,) = read_table(plan.files["whole"], WHOLE).to_pylist()
    languages = read_table(plan.files["languages"], LANGUAGES)
    cut = layout(languages, recipe.release.shard_bytes)
    written = _write(recipe, rows, plan, languages, cut, collected, annotations, engine)
    stubs = [Shard(bucket.key, {STUBS.name: bucket.files[STUBS.name]}) for bucket in buckets]
    described = engine.map_shards(describe_stage(), stubs)
    left = [
        (stub.file(STUBS.name), _row(shard.file("written")))
        for stub, shard in zip(stubs, described, strict=True)
    ]
    return Made(
        _shards(written, cut, engine),
        [stub for stub in left if stub[1]["rows"]] or left[:1],
        read_table([task.file("counts") for task in written], COUNTS),
        read_table([bucket.file("dropped") for bucket in buckets], DROPPED),
        read_table([bucket.file("origin_licences") for bucket in buckets], ORIGIN_LICENCES),
        whole["entries"],
        whole["origins"],
    )


def _write(
    recipe: Recipe,
    rows: Shard,
    plan: Shard,
    languages: pa.Table,
    cut: Layout,
    collected: Collected,
    annotations: Annotations,
    engine: Engine,
) -> list[Shard]:
    """The tasks that write each range; their tables without the range in the names."""
    if not languages.num_rows:
        return []
    findings = annotations[tables.FINDINGS.name]
    inputs = Shard(
        digest(rows.key, plan.key, [s.key for s in collected.segments], [s.key for s in findings]),
        {
            "runs": tuple(path.with_name(RUNS) for path in rows.files["kept"]),
            "crowds": plan.files["crowds"],
            "contents": tuple(shard.file("contents") for shard in collected.segments),
            "marks": plan.files["marks"],
            tables.FINDINGS.name: tuple(shard.file(tables.FINDINGS.name) for shard in findings),
        },
    )
    redact = recipe.release.redact
    sizes = zip(languages["slug"].to_pylist(), languages["bytes"].to_pylist(), strict=True)
    bits = {name: page_bits(size, cut.ranges) for name, size in sizes}
    final = [name for name, number in cut.shards.items() if number == cut.ranges]
    ranges = [Range(number, cut.ranges) for number in range(cut.ranges)]
    stages = [
        write_stage(
            which,
            bits,
            final,
            thresholds(redact.sensitivity, redact.types) if redact.enabled else None,
            recipe.release.seed,
            earlier_tasks(engine.folder, which),
        )
        for which in ranges
    ]
    done = engine.map_each([(stage, inputs) for stage in stages])
    return [
        Shard(task.key, {name.removesuffix(f"-{which.name}"): files for name, files in task.files.items()})
        for which, task in zip(ranges, done, strict=True)
        if task is not None
    ]


def earlier_tasks(folder: Path, which: Range) -> list[Path]:
    """Tables of pages of the last tasks that wrote a range, the newest first."""
    found = [
        (path.stat().st_mtime_ns, path) for path in (folder / "write").glob(f"*/pages-{which.name}.parquet")
    ]
    return [path for _, path in sorted(found, reverse=True)[:LOOKED_INTO]]


def _shards(written: Sequence[Shard], cut: Layout, engine: Engine) -> list[tuple[Path, dict[str, Any]]]:
    """The shards of the release, in the order of languages and ranges; pieces of several ranges are joined."""
    parts: dict[str, dict[int, tuple[Path, int, dict[str, Any]]]] = {}
    for number, task in enumerate(written):
        folder = task.file("written").parent
        pieces = 0
        for row in read_table(task.files["written"], WRITTEN).to_pylist():
            if row["logical_sha256"]:
                part = (folder / f"{row['slug']}.parquet", 0, row)
            else:  # pieces are numbered in the order of their rows
                part = (folder / PIECES, pieces, row)
                pieces += 1
            parts.setdefault(row["slug"], {})[number] = part
    shards: list[tuple[Path, dict[str, Any]] | None] = []
    merges: list[tuple[Stage, Shard]] = []
    for name, number in cut.shards.items():
        each = cut.ranges // number
        for start in range(0, cut.ranges, each):
            group = [parts[name][n] for n in range(start, start + each) if n in parts[name]]
            if each == 1:
                shards += [(path, row) for path, _, row in group]
            elif group:
                shards.append(None)
                key = digest([row["made_from"].hex() for _, _, row in group])
                stage = merge_stage(name, [number for _, number, _ in group])
                merges.append((stage, Shard(key, {"pieces": tuple(path for path, _, _ in group)})))
    merged = iter([shard for shard in engine.map_each(merges) if shard is not None])
    found = []
    for known in shards:
        if known is not None:
            found.append(known)
        else:
            path = next(merged).file("written")
            row = _row(path)
            found.append((path.with_name(f"{row['slug']}.parquet"), row))
    return found


def _row(path: Path) -> dict[str, Any]:
    (row,) = read_table([path], WRITTEN).to_pylist()
    return dict(row)
