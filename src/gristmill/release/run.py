"""Release: write the shards, the statistics, the manifest and the card aside, verify, then publish by a rename."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any

import pyarrow as pa

import gristmill
from gristmill import tables
from gristmill.annotate import annotators, signatures
from gristmill.annotate.run import Annotations
from gristmill.collect.run import Collected
from gristmill.decide.rules import REASONS
from gristmill.decide.run import Decided
from gristmill.engine.graph import Engine
from gristmill.engine.shards import read_table, sync_folder
from gristmill.engine.stages import Shard, Stage, digest
from gristmill.errors import ReleaseError
from gristmill.recipe import Recipe
from gristmill.release.card import Words, render_card, write_card
from gristmill.release.count import COUNTS, add_up
from gristmill.release.earlier import WRITTEN
from gristmill.release.finish import VISITED, describe_stage, merge_stage, visits_stage
from gristmill.release.manifest import Input, Manifest, build_manifest, read_manifest, write_manifest
from gristmill.release.manifest import Shard as ShardFacts
from gristmill.release.order import page_bits
from gristmill.release.plan import (
    DROPPED,
    LANGUAGES,
    WHOLE,
    Layout,
    bucket_inputs,
    layout,
    plan_stage,
    rows_stage,
)
from gristmill.release.schema import CARD, DATA, STUBS, STUBS_FOLDER
from gristmill.release.statistics import Statistics, write_statistics
from gristmill.release.write import Range, write_stage
from gristmill.settings import Settings
from gristmill.spdx.classes import sources
from gristmill.workspace import Workspace

TOOLS = ("duckdb", "enry-python", "license-expression", "licenseclassifier", "numpy", "pyarrow")
LOOKED_INTO = 2
"""earlier tasks of a range whose pages are looked into: the last one, and the one before it"""


@dataclass(frozen=True)
class Released:
    """A published release: its folder, its manifest and its statistics."""

    folder: Path
    manifest: Manifest
    statistics: Statistics


def publish(
    recipe: Recipe,
    published: str,
    collected: Collected,
    annotations: Annotations,
    decided: Decided,
    workspace: Workspace,
    engine: Engine,
    settings: Settings,
    *,
    replace: bool = False,
) -> Released:
    """Write a release and put it in its place, ``releases/NAME-VERSION``.

    ``published`` is the recipe as the release states it. A release that stands there already is left alone if it is the same; another one is refused unless
    ``replace``. Raises ReleaseError, or BalanceError if rows were lost.
    """
    made = _make(recipe, collected, annotations, decided, workspace, engine, settings)
    statistics = add_up(made.counts, [row for _, row in made.shards], made.dropped, made.origins)
    aside = workspace.releases / f".{recipe.release.name}-{recipe.release.version}.{os.getpid()}.tmp"
    shutil.rmtree(aside, ignore_errors=True)
    try:
        described = _lay_out(aside, made)
        write_statistics(aside, statistics)
        manifest = build_manifest(
            aside,
            name=recipe.release.name,
            version=recipe.release.version,
            gristmill_version=gristmill.__version__,
            recipe=published,
            tools=_tools(recipe),
            inputs=_inputs(collected, engine),
            entries=made.entries,
            unique_contents=recipe.policy.duplicates.exact,
            described=described,
        )
        write_card(aside, render_card(manifest, statistics, _words(recipe)))
        write_manifest(aside, manifest)
        sync_folder(aside)
        folder = _put_in_place(aside, workspace.releases, manifest, replace)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return Released(folder, manifest, statistics)


@dataclass(frozen=True)
class _Made:
    """The files of a release where they lie in the workspace, each with its row of WRITTEN, and its counts."""

    shards: list[tuple[Path, dict[str, Any]]]
    stubs: list[tuple[Path, dict[str, Any]]]
    counts: pa.Table
    dropped: pa.Table
    entries: int
    origins: int


def _make(
    recipe: Recipe,
    collected: Collected,
    annotations: Annotations,
    decided: Decided,
    workspace: Workspace,
    engine: Engine,
    settings: Settings,
) -> _Made:
    """Run the stages of a release."""
    visit_date = recipe.collect.visit_date
    stage = rows_stage(recipe.release.seed, visit_date.isoformat() if visit_date else None)
    facts, verdicts = decided.facts.files["facts"], decided.verdicts.files[tables.VERDICTS.name]
    buckets = engine.map_shards(stage, bucket_inputs(facts, verdicts))
    rows = Shard(digest([bucket.key for bucket in buckets]), {"rows": tuple(b.file("rows") for b in buckets)})
    (plan,) = engine.map_shards(
        plan_stage(workspace.spill, settings.sql_memory, settings.sql_threads),
        [Shard(rows.key, {**rows.files, "facts": facts, tables.VERDICTS.name: verdicts})],
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
    return _Made(
        _shards(written, cut, engine),
        [stub for stub in left if stub[1]["rows"]] or left[:1],
        read_table([task.file("counts") for task in written], COUNTS),
        read_table([bucket.file("dropped") for bucket in buckets], DROPPED),
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
            **rows.files,
            "crowds": plan.files["crowds"],
            "contents": tuple(shard.file("contents") for shard in collected.segments),
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
            redact.min_score if redact.enabled else None,
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
    """The shards of the release, in the order of languages and ranges; small languages' pieces are joined."""
    pieces: dict[str, dict[int, tuple[Path, Path, dict[str, Any]]]] = {}
    for number, task in enumerate(written):
        pages = task.file("pages")
        for row in read_table(task.files["written"], WRITTEN).to_pylist():
            pieces.setdefault(row["slug"], {})[number] = (
                pages.with_name(f"{row['slug']}.parquet"),
                pages,
                row,
            )
    shards: list[tuple[Path, dict[str, Any]] | None] = []
    merges: list[tuple[Stage, Shard]] = []
    for name, number in cut.shards.items():
        each = cut.ranges // number
        for start in range(0, cut.ranges, each):
            group = [pieces[name][n] for n in range(start, start + each) if n in pieces[name]]
            if each == 1:
                shards += [(path, row) for path, _, row in group]
            elif group:
                shards.append(None)
                key = digest([row["sha256"] for _, _, row in group])
                files = {"pieces": tuple(p for p, _, _ in group), "pages": tuple(p for _, p, _ in group)}
                merges.append((merge_stage(name), Shard(key, files)))
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


def _lay_out(aside: Path, made: _Made) -> list[ShardFacts]:
    """The files of a release as hard links into the workspace, or copies where links are not to be had."""
    names: dict[str, list[tuple[Path, dict[str, Any]]]] = {}
    for path, row in made.shards:
        names.setdefault(f"{DATA}/{row['slug']}", []).append((path, row))
    names[STUBS_FOLDER] = made.stubs
    described = []
    for folder, files in names.items():
        (aside / folder).mkdir(parents=True)
        for number, (path, row) in enumerate(files):
            name = f"{folder}/{number:05d}-of-{len(files):05d}.parquet"
            _link(path, aside / name)
            described.append(
                ShardFacts(name, row["rows"], row["bytes"], row["sha256"], row["logical_sha256"])
            )
    return described


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _put_in_place(aside: Path, releases: Path, manifest: Manifest, replace: bool) -> Path:
    folder = releases / f"{manifest.name}-{manifest.version}"
    if folder.exists():
        same = _stands(folder, manifest, replace)
        if same and _complete(folder, manifest):
            return folder
        if not same and not replace:
            raise ReleaseError(
                f"{folder}: a release of this name and version exists and is another one; raise "
                "release.version in the recipe, or build with --replace"
            )
        retired = releases / f".{folder.name}.{os.getpid()}.old"
        folder.replace(retired)
        aside.replace(folder)
        shutil.rmtree(retired)
    else:
        aside.replace(folder)
    sync_folder(releases)
    return folder


def _stands(folder: Path, manifest: Manifest, replace: bool) -> bool:
    """True if the folder holds this release; one that cannot be read holds another, if it may be replaced."""
    try:
        return read_manifest(folder) == manifest
    except ReleaseError:
        if not replace:
            raise
        return False


def _complete(folder: Path, manifest: Manifest) -> bool:
    """True if every file of the release is there in its size; ``verify`` checks the bytes."""
    sizes = {part.path: part.bytes for part in manifest.shards}
    sizes |= {part.path: part.bytes for part in manifest.files}
    there = {path: folder / path for path in sizes}
    return (folder / CARD).is_file() and all(
        path.is_file() and path.stat().st_size == sizes[name] for name, path in there.items()
    )


def _tools(recipe: Recipe) -> dict[str, str]:
    tools = {name: package_version(name) for name in TOOLS}
    if "kingfisher" in recipe.annotate.findings:
        tools["kingfisher-secret-scanner"] = package_version("kingfisher-secret-scanner")
    tools |= {f"annotator {name}": str(number) for name, number in annotators.versions().items()}
    tools |= sources()
    tools["near-duplicate scheme"] = signatures.SCHEME
    return tools


def _inputs(collected: Collected, engine: Engine) -> list[Input]:
    """The visits that a release is made of."""
    listings = collected.listings
    files = {name: tuple(listing.file(name) for listing in listings) for name in ("origins", "visits")}
    (visited,) = engine.map_shards(visits_stage(), [Shard(digest([s.key for s in listings]), files)])
    return [Input(**row) for row in read_table(visited.files["visited"], VISITED).to_pylist()]


def _words(recipe: Recipe) -> Words:
    redact = recipe.release.redact
    privacy = (
        f"Secrets and personal data found by {', '.join(sorted(recipe.annotate.findings))} with a score of "
        f"{redact.min_score} or more are replaced in the text."
        if redact.enabled
        else "Nothing was redacted: the recipe switched redaction off."
    )
    return Words(
        description=recipe.release.description or "",
        policy=tuple(REASONS.items()),
        privacy=privacy,
        contact=recipe.release.contact or "",
    )
