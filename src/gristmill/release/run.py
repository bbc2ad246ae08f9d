"""Release: write the shards, the statistics, what is said of licences, the manifest and the card aside, verify, then publish by a rename."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any

import gristmill
from gristmill.annotate import annotators, labels, signatures
from gristmill.annotate.run import Annotations
from gristmill.collect.run import Collected
from gristmill.decide.rules import REASONS
from gristmill.decide.run import Decided
from gristmill.engine.graph import Engine
from gristmill.engine.shards import read_table, sync_folder
from gristmill.engine.stages import Shard, digest
from gristmill.errors import ReleaseError
from gristmill.recipe import Recipe, Redact
from gristmill.release.card import Words, render_card, write_card
from gristmill.release.count import add_up
from gristmill.release.finish import VISITED, visits_stage
from gristmill.release.licences import licence_report, sources, write_licence_report
from gristmill.release.make import Made, make_release
from gristmill.release.manifest import Input, Manifest, build_manifest, read_manifest, write_manifest
from gristmill.release.manifest import Shard as ShardFacts
from gristmill.release.notice import OriginLicence, render_notice, write_notice
from gristmill.release.schema import CARD, DATA, STUBS_FOLDER
from gristmill.release.statistics import Statistics, write_statistics
from gristmill.settings import Settings
from gristmill.workspace import Workspace

TOOLS = ("duckdb", "enry-python", "license-expression", "numpy", "pyarrow")


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
    made = make_release(recipe, collected, annotations, decided, workspace, engine, settings)
    statistics = add_up(made.counts, [row for _, row in made.shards], made.dropped, made.origins)
    aside = workspace.releases / f".{recipe.release.name}-{recipe.release.version}.{os.getpid()}.tmp"
    shutil.rmtree(aside, ignore_errors=True)
    try:
        described = _lay_out(aside, made)
        write_statistics(aside, statistics)
        write_licence_report(aside, licence_report(statistics))
        title = f"{recipe.release.name} {recipe.release.version}"
        origins = (OriginLicence(**row) for row in made.origin_licences.to_pylist())
        write_notice(aside, render_notice(title, origins))
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


def _lay_out(aside: Path, made: Made) -> list[ShardFacts]:
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
    if recipe.annotate.labels:
        tools[f"annotator {labels.NAME}"] = str(labels.VERSION)
        tools |= {name: package_version(name) for name in ("safetensors", "tokenizers")}
    tools |= sources()
    tools["near-duplicate scheme"] = signatures.SCHEME
    return tools


def _inputs(collected: Collected, engine: Engine) -> list[Input]:
    """The visits that a release is made of."""
    listings = collected.listings
    files = {name: tuple(listing.file(name) for listing in listings) for name in ("origins", "visits")}
    (visited,) = engine.map_shards(visits_stage(), [Shard(digest([s.key for s in listings]), files)])
    return [Input(**row) for row in read_table(visited.files["visited"], VISITED).to_pylist()]


def _others(redact: Redact) -> str:
    """The types of findings that have a sensitivity of their own, in words."""
    named = [f"{kind} {level}" for kind, level in sorted(redact.types.items())]
    return f" ({', '.join(named)})" if named else ""


def _words(recipe: Recipe) -> Words:
    redact = recipe.release.redact
    privacy = (
        f"Secrets and personal data found by {', '.join(sorted(recipe.annotate.findings))} are replaced in the "
        f"text: those of sensitivity {redact.sensitivity}{_others(redact)}."
        if redact.enabled
        else "Nothing was redacted: the recipe switched redaction off."
    )
    return Words(
        description=recipe.release.description or "",
        policy=tuple(REASONS.items()),
        privacy=privacy,
        contact=recipe.release.contact or "",
    )
