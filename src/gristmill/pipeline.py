"""Build: the five rooms in order, from a recipe to a published release and the report of the run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from gristmill import tables
from gristmill.annotate.run import Annotations, annotate
from gristmill.collect.metadata import read_metadata
from gristmill.collect.reader import Context, Limits
from gristmill.collect.run import Collected, Failure, collect
from gristmill.collect.sources import parse_sources
from gristmill.collect.stages import LISTING_TABLES
from gristmill.decide.opt_out import parse_opt_outs
from gristmill.decide.run import Decided, decide
from gristmill.engine.executors import open_executor
from gristmill.engine.graph import Engine
from gristmill.engine.progress import Progress
from gristmill.recipe import Recipe
from gristmill.release.run import Released, publish
from gristmill.settings import Settings
from gristmill.workspace import Workspace, lock, sweep, write_text


@dataclass(frozen=True)
class Built:
    """What a build made, and the sources that failed on the way."""

    released: Released
    failures: list[Failure]


def build(
    recipe: Recipe,
    workspace: Workspace,
    settings: Settings,
    progress: Progress,
    *,
    base: Path | None = None,
    replace: bool = False,
) -> Built:
    """Run a recipe in a workspace.

    ``base`` is the folder that the recipe's relative paths start from (default: the current one);
    ``replace`` publishes over a different release of the same name and version. What an earlier run has
    finished is not done again. Raises GristmillError; whatever was finished by then is kept.
    """
    base = base or Path.cwd()
    sources = parse_sources(recipe.collect.sources, base)
    _check_files(recipe, base)
    context = _context(recipe, workspace)
    with lock(workspace), open_executor(settings.engine, settings.workers) as executor:
        sweep(workspace)
        engine = Engine(workspace.stages, executor, progress)
        collected = collect(sources, workspace, engine, settings, context)
        for failure in collected.failures:
            kept = "its last good state is used" if failure.stale else "left out"
            progress.note(f"warning: {failure.source}: {failure.message} ({kept})")
        annotations = annotate(collected, workspace, engine, settings, recipe.annotate)
        decided = decide(recipe, base, collected, annotations, workspace, engine, settings)
        released = publish(
            recipe, collected, annotations, decided, workspace, engine, settings, replace=replace
        )
        workspace.write_catalogue(_catalogue(collected, annotations, decided))
        _write_report(workspace, released, collected, progress)
    return Built(released, collected.failures)


def _check_files(recipe: Recipe, base: Path) -> None:
    """Read the recipe's list files before hours of work, so that a mistake in them shows at once."""
    parse_opt_outs(recipe.policy.opt_out, base)
    if recipe.collect.metadata:
        read_metadata(base / recipe.collect.metadata)


def _context(recipe: Recipe, workspace: Workspace) -> Context:
    wanted = recipe.collect
    return Context(
        workspace.cache,
        Limits(
            max_content_bytes=wanted.max_content_bytes,
            max_origin_bytes=wanted.max_origin_bytes,
            max_entries=wanted.max_entries,
            origin_timeout=wanted.timeout_seconds,
        ),
        workspace.key() if wanted.people == "pseudonyms" else None,
    )


def _catalogue(collected: Collected, annotations: Annotations, decided: Decided) -> Mapping[str, list[Path]]:
    catalogue: dict[str, list[Path]] = {}
    for table in LISTING_TABLES:
        catalogue[table.name] = [shard.file(table.name) for shard in collected.listings]
    for table in (tables.CONTENTS, tables.SKIPPED_CONTENTS):
        catalogue[table.name] = [shard.file(table.name) for shard in collected.segments]
    for name, shards in annotations.items():
        catalogue[name] = [shard.file(name) for shard in shards]
    catalogue[tables.ORIGINS.name] = [decided.origins.file(tables.ORIGINS.name)]
    catalogue[tables.LICENCES.name] = [shard.file(tables.LICENCES.name) for shard in decided.licences]
    catalogue[tables.SIMILARITIES.name] = list(decided.similarities)
    catalogue["facts"] = [decided.facts.file("facts")]
    catalogue[tables.VERDICTS.name] = [decided.verdicts.file(tables.VERDICTS.name)]
    return catalogue


def _write_report(workspace: Workspace, released: Released, collected: Collected, progress: Progress) -> None:
    """The report of the last run: rows in and out, dropped by reason, failures, and what each stage did."""
    totals = released.manifest.totals
    report = {
        "release": released.folder.name,
        "rows": {
            "entries": totals.entries,
            "kept": totals.kept,
            "dropped": {reason.reason: reason.files for reason in released.statistics.dropped},
        },
        "failures": [asdict(failure) for failure in collected.failures],
        "stages": {name: asdict(stage) for name, stage in progress.totals.items()},
    }
    write_text(workspace.runs / "last.json", json.dumps(report, indent=1, sort_keys=True) + "\n")
