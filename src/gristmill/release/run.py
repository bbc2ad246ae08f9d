"""Release: write the shards, the statistics, the manifest and the card aside, verify, then publish by a rename."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version as package_version
from pathlib import Path

import pyarrow as pa

import gristmill
from gristmill import tables
from gristmill.annotate import annotators, labels, signatures
from gristmill.annotate.run import Annotations
from gristmill.collect.run import Collected
from gristmill.collect.swhid import swhid
from gristmill.decide.rules import REASONS
from gristmill.decide.run import Decided
from gristmill.engine.graph import Engine
from gristmill.engine.shards import open_shard, read_table, sync_folder
from gristmill.engine.stages import Shard, digest
from gristmill.errors import ReleaseError
from gristmill.recipe import Recipe
from gristmill.release.card import Words, render_card, write_card
from gristmill.release.manifest import (
    Input,
    Manifest,
    build_manifest,
    describe_shard,
    read_manifest,
    write_manifest,
)
from gristmill.release.manifest import Shard as ShardFacts
from gristmill.release.plan import LANGUAGES, Layout, layout, plan_stage, slot_order
from gristmill.release.schema import CARD, DATA, FILES, STUBS, STUBS_FOLDER, shards
from gristmill.release.statistics import Statistics, compute_statistics, write_statistics
from gristmill.release.write import merge_stage, write_stage
from gristmill.settings import Settings
from gristmill.spdx.classes import sources
from gristmill.workspace import Workspace

TOOLS = ("duckdb", "enry-python", "license-expression", "licenseclassifier", "numpy", "pyarrow")


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
    visit_date = recipe.collect.visit_date
    stage = plan_stage(
        recipe.release.seed,
        visit_date.isoformat() if visit_date else None,
        workspace.spill,
        settings.sql_memory,
        settings.sql_threads,
    )
    inputs = Shard(
        digest(decided.facts.key, decided.verdicts.key), {**decided.facts.files, **decided.verdicts.files}
    )
    (plan,) = engine.map_shards(stage, [inputs])
    languages = read_table(plan.files["languages"], LANGUAGES)
    cut = layout(languages, recipe.release.shard_bytes)
    parts = _write_parts(recipe, plan, languages, cut, collected, annotations, engine)
    aside = workspace.releases / f".{recipe.release.name}-{recipe.release.version}.{os.getpid()}.tmp"
    shutil.rmtree(aside, ignore_errors=True)
    try:
        _lay_out(aside, parts, plan.file(STUBS.name))
        statistics = compute_statistics(aside, memory_limit=f"{settings.sql_memory >> 20}MiB")
        write_statistics(aside, statistics)
        manifest = build_manifest(
            aside,
            name=recipe.release.name,
            version=recipe.release.version,
            gristmill_version=gristmill.__version__,
            recipe=published,
            tools=_tools(recipe),
            inputs=_inputs(collected),
            entries=sum(open_shard(path).metadata.num_rows for path in decided.facts.files["facts"]),
            unique_contents=recipe.policy.duplicates.exact,
            described=_describe(aside, settings.workers),
        )
        write_card(aside, render_card(manifest, statistics, _words(recipe)))
        write_manifest(aside, manifest)
        sync_folder(aside)
        folder = _put_in_place(aside, workspace.releases, manifest, replace)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return Released(folder, manifest, statistics)


def _write_parts(
    recipe: Recipe,
    plan: Shard,
    languages: pa.Table,
    cut: Layout,
    collected: Collected,
    annotations: Annotations,
    engine: Engine,
) -> dict[str, list[Path]]:
    """The shard files of every language slug, in order."""
    slugs = languages["slug"].to_pylist()
    if not slugs:
        return {}
    findings = annotations[tables.FINDINGS.name]
    inputs = Shard(
        digest(plan.key, [shard.key for shard in collected.segments], [shard.key for shard in findings]),
        {
            "plan": plan.files["plan"],
            "contents": tuple(shard.file("contents") for shard in collected.segments),
            tables.FINDINGS.name: tuple(shard.file(tables.FINDINGS.name) for shard in findings),
        },
    )
    redact = recipe.release.redact
    least = redact.min_score if redact.enabled else None
    stages = [
        write_stage(slot_order(cut.slots(number), recipe.release.seed), slugs, least, recipe.release.seed)
        for number in range(cut.ranges)
    ]
    written = [shard for shard in engine.map_each([(stage, inputs) for stage in stages]) if shard is not None]
    parts: dict[str, list[Path]] = {}
    merges: list[tuple[str, Shard]] = []
    for name in slugs:
        each = cut.ranges // cut.shards[name]
        for start in range(0, cut.ranges, each):
            group = written[start : start + each]
            if each == 1:
                parts.setdefault(name, []).append(group[0].file(name))
            else:
                files = {name: tuple(shard.file(name) for shard in group)}
                merges.append((name, Shard(digest([shard.key for shard in group], name), files)))
    merged = engine.map_each([(merge_stage(name), shard) for name, shard in merges])
    for (name, _), shard in zip(merges, merged, strict=True):
        assert shard is not None
        parts.setdefault(name, []).append(shard.file(name))
    return parts


def _lay_out(aside: Path, parts: Mapping[str, Sequence[Path]], stubs: Path) -> None:
    """The files of a release as hard links into the workspace, or copies where links are not to be had."""
    for name, files in parts.items():
        holding = [file for file in files if open_shard(file).metadata.num_rows]
        for number, file in enumerate(holding):
            _link(file, aside / DATA / name / _shard_name(number, len(holding)))
    _link(stubs, aside / STUBS_FOLDER / _shard_name(0, 1))


def _shard_name(number: int, total: int) -> str:
    return f"{number:05d}-of-{total:05d}.parquet"


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _describe(folder: Path, workers: int) -> list[ShardFacts]:
    """The facts of all shards; reading and hashing let other threads run."""
    paths = [path for table in (FILES, STUBS) for path in shards(folder, table)]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda path: describe_shard(folder, path), paths))


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
    if recipe.annotate.labels:
        tools[f"annotator {labels.NAME}"] = str(labels.VERSION)
        tools |= {name: package_version(name) for name in ("safetensors", "tokenizers")}
    tools |= sources()
    tools["near-duplicate scheme"] = signatures.SCHEME
    return tools


def _inputs(collected: Collected) -> list[Input]:
    inputs = []
    for listing in collected.listings:
        (origin,) = read_table(listing.files["origins"], tables.ORIGINS.schema).to_pylist()
        for visit in read_table(listing.files["visits"], tables.VISITS.schema).to_pylist():
            snapshot = visit["snapshot_id"]
            inputs.append(
                Input(
                    origin["url"],
                    origin["kind"],
                    visit["state"],
                    swhid("snp", snapshot) if snapshot else None,
                    visit["anchor"],
                )
            )
    return inputs


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
