"""Build: the five rooms in order, from a recipe to a published release and the report of the run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec
import pyarrow as pa

from gristmill import tables
from gristmill.annotate.labels import PinnedSet, pin
from gristmill.annotate.run import Annotations, annotate
from gristmill.collect.metadata import read_metadata
from gristmill.collect.reader import Context, Limits, Source
from gristmill.collect.run import Collected, Failure, collect
from gristmill.collect.sources import parse_sources
from gristmill.collect.stages import LISTING_TABLES
from gristmill.decide.licence_decisions import Decision, digest_of, read_decisions
from gristmill.decide.opt_out import OptOut, parse_opt_outs
from gristmill.decide.run import Decided, decide, unseen_languages
from gristmill.engine.executors import open_executor
from gristmill.engine.graph import Engine
from gristmill.engine.progress import Progress
from gristmill.recipe import LabelSet, Recipe
from gristmill.release.run import Released, publish
from gristmill.settings import Settings
from gristmill.workspace import Workspace, lock, sweep, write_text

ALONE_SECONDS = 2.0
"""of a stage before workers are started: what it costs to start two of them"""


@dataclass(frozen=True)
class Inputs:
    """Everything that a recipe names, read and checked before any work is done.

    ``published`` is the recipe as the release states it: list files by digest, the opt-out list by the digest
    of its entries, since the list itself is nobody else's business; models of label sets pinned, with the template,
    engine and precision that were taken.
    """

    sources: list[Source]
    opt_outs: list[OptOut]
    decisions: list[Decision]
    metadata: pa.Table | None
    label_sets: list[PinnedSet]
    published: str


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
    inputs = read_inputs(recipe, base or Path.cwd())
    context = _context(recipe, workspace)
    with (
        lock(workspace),
        open_executor(
            settings.engine, settings.workers, frugal=settings.frugal, alone=ALONE_SECONDS
        ) as executor,
    ):
        sweep(workspace)
        engine = Engine(workspace.stages, executor, progress)
        collected = collect(inputs.sources, workspace, engine, settings, context)
        for failure in collected.failures:
            kept = "its last good state is used" if failure.stale else "left out"
            progress.note(f"warning: {failure.source}: {failure.message} ({kept})")
        for labels in inputs.label_sets:
            progress.note(f"labels {labels.name}: {labels.told()}")
        annotations = annotate(
            collected, workspace, engine, settings, recipe.annotate, label_sets=inputs.label_sets
        )
        decided = decide(
            recipe,
            inputs.opt_outs,
            inputs.metadata,
            collected,
            annotations,
            workspace,
            engine,
            settings,
            inputs.decisions,
        )
        for note in unseen_languages(recipe.policy, decided.facts):
            progress.note(f"warning: {note}")
        released = publish(
            recipe,
            inputs.published,
            collected,
            annotations,
            decided,
            workspace,
            engine,
            settings,
            replace=replace,
        )
        if not released.manifest.totals.kept:
            progress.note("warning: no file was kept; the funnel tells which rule of the policy dropped them")
        workspace.write_catalogue(_catalogue(collected, annotations, decided))
        _write_report(workspace, released, collected, progress)
    return Built(released, collected.failures)


def read_inputs(recipe: Recipe, base: Path) -> Inputs:
    """Read and check the files that a recipe names; relative paths start from ``base``.

    Models of label sets are loaded, from the hub if they are no folders, and closed again. Raises SourceError or
    RecipeError naming the file and line; ModelError, LabelError or MissingExtraError naming the label set.
    """
    sources = parse_sources(recipe.collect.sources, base)
    opt_outs = parse_opt_outs(recipe.policy.opt_out, base)
    licences = recipe.policy.licences
    decisions = read_decisions(base / licences.decisions) if licences.decisions is not None else []
    metadata = read_metadata(base / recipe.collect.metadata) if recipe.collect.metadata else None
    entries = "\n".join(str(entry) for entry in opt_outs)
    collected = msgspec.structs.replace(
        recipe.collect,
        sources=tuple(_with_digest(text, base) for text in recipe.collect.sources),
        metadata=_file_digest(base / recipe.collect.metadata) if recipe.collect.metadata else None,
    )
    policy = msgspec.structs.replace(
        recipe.policy,
        opt_out=(f"{len(opt_outs)} entries, sha256:{hashlib.sha256(entries.encode()).hexdigest()}",)
        if opt_outs
        else (),
        licences=msgspec.structs.replace(
            licences,
            decisions=f"{len(decisions)} decisions, sha256:{digest_of(decisions)}" if decisions else None,
        ),
    )
    label_sets = [pin(one, base) for one in recipe.annotate.labels]
    annotate = msgspec.structs.replace(
        recipe.annotate,
        labels=tuple(map(_pinned, recipe.annotate.labels, label_sets)),
    )
    published = msgspec.structs.replace(recipe, collect=collected, annotate=annotate, policy=policy)
    return Inputs(sources, opt_outs, decisions, metadata, label_sets, published.canonical())


def _pinned(wanted: LabelSet, found: PinnedSet) -> LabelSet:
    return msgspec.structs.replace(
        wanted,
        revision=found.revision,
        template=found.template,
        engine=found.engine,
        precision=found.precision,
    )


def _with_digest(source: str, base: Path) -> str:
    scheme, _, rest = source.partition(":")
    listed = rest.startswith("@") and (base / Path(rest[1:]).expanduser()).is_file()
    return f"{scheme}:@{_file_digest(base / Path(rest[1:]).expanduser())}" if listed else source


def _file_digest(path: Path) -> str:
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


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
    catalogue["facts"] = list(decided.facts.files["facts"])
    catalogue[tables.VERDICTS.name] = list(decided.verdicts.files[tables.VERDICTS.name])
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
