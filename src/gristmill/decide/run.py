"""Decide: licences that apply, facts, rules, duplicates, verdicts. No file body is read but to verify pairs."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from gristmill import tables
from gristmill.annotate.run import Annotations
from gristmill.collect.run import Collected
from gristmill.decide.facts import INPUT_TABLES, facts_stage
from gristmill.decide.licence_stages import evidence_stage, licences_of
from gristmill.decide.near_duplicates.run import verified_pairs
from gristmill.decide.opt_out import OptOut
from gristmill.decide.origins import origins_stage
from gristmill.decide.verdicts import judge_stage, verdicts_stage
from gristmill.engine.graph import Engine
from gristmill.engine.shards import open_shard, read_batches
from gristmill.engine.stages import Shard, digest
from gristmill.errors import BalanceError
from gristmill.recipe import Policy, Recipe
from gristmill.settings import Settings
from gristmill.workspace import Workspace


@dataclass(frozen=True)
class Decided:
    """Facts and verdicts (one file each), licences a listing, and every similarity known."""

    facts: Shard
    verdicts: Shard
    licences: list[Shard]
    origins: Shard
    similarities: tuple[Path, ...]


def decide(
    recipe: Recipe,
    opt_outs: Sequence[OptOut],
    metadata: pa.Table | None,
    collected: Collected,
    annotations: Annotations,
    workspace: Workspace,
    engine: Engine,
    settings: Settings,
) -> Decided:
    """Decide on every entry of this build.

    Raises BalanceError if an entry has no verdict or more than one.
    """
    sql = (workspace.spill, settings.sql_memory, settings.sql_threads)
    policy = recipe.policy
    origins = _origins(collected, metadata, engine)
    (evidence,) = engine.map_shards(evidence_stage(*sql), [_evidence_inputs(collected, annotations)])
    licences = licences_of(collected.listings, evidence, metadata, policy.licences.propagation, engine)
    (facts,) = engine.map_shards(
        facts_stage(*sql), [_facts_inputs(collected, annotations, licences, origins)]
    )
    (judged,) = engine.map_shards(judge_stage(policy, opt_outs, *sql), [facts])
    similarities: tuple[Path, ...] = ()
    key, files = (
        digest(judged.key, facts.key),
        {**judged.files, **facts.files, "pairs": (), "similarities": ()},
    )
    if policy.duplicates.near:
        survivors = Shard(judged.key, {"survivors": judged.files["survivors"]})
        alike = verified_pairs(survivors, collected, annotations, workspace, engine, settings)
        similarities = alike.files["similarities"]
        key, files = digest(key, alike.key), {**files, **alike.files}
    (verdicts,) = engine.map_shards(verdicts_stage(policy, *sql), [Shard(key, files)])
    _balance(facts, verdicts)
    return Decided(facts, verdicts, licences, origins, similarities)


def unseen_languages(policy: Policy, facts: Shard) -> list[str]:
    """What to tell the user of language names in the policy that no file of this build has."""
    seen: set[str] = set()
    for batch in read_batches(facts.files["facts"], ["language"]):
        seen.update(name for name in batch["language"].unique().to_pylist() if name)
    folded = {name.casefold(): name for name in sorted(seen)}
    notes = []
    for key in ("allow", "deny"):
        for name in getattr(policy.languages, key):
            if name not in seen:
                near = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
                hint = f"; did you mean {folded[near[0]]!r}?" if near else ""
                notes.append(f"policy.languages.{key}: no file of this build is {name!r}{hint}")
    return notes


def _origins(collected: Collected, metadata: pa.Table | None, engine: Engine) -> Shard:
    """Table ``origins`` of this build with the recipe's metadata joined."""
    inputs = Shard(
        digest([listing.key for listing in collected.listings]),
        {"origins": tuple(listing.file("origins") for listing in collected.listings)},
    )
    (origins,) = engine.map_shards(origins_stage(metadata), [inputs])
    return origins


def _evidence_inputs(collected: Collected, annotations: Annotations) -> Shard:
    matches = annotations[tables.LICENCE_MATCHES.name]
    return Shard(
        digest([listing.key for listing in collected.listings], [shard.key for shard in matches]),
        {
            "entries": tuple(listing.file("entries") for listing in collected.listings),
            tables.LICENCE_MATCHES.name: tuple(shard.file(tables.LICENCE_MATCHES.name) for shard in matches),
        },
    )


def _facts_inputs(
    collected: Collected, annotations: Annotations, licences: Sequence[Shard], origins: Shard
) -> Shard:
    sources: dict[str, Sequence[Shard]] = {
        tables.REVISIONS.name: collected.listings,
        tables.RELEASES.name: collected.listings,
        tables.CONTENTS.name: collected.segments,
        tables.SKIPPED_CONTENTS.name: collected.segments,
        tables.LICENCES.name: licences,
        "entries": collected.listings,
        "visits": collected.listings,
        "origins": [origins],
    }
    for table in INPUT_TABLES:
        sources.setdefault(table.name, annotations.get(table.name, []))
    return Shard(
        digest({name: [shard.key for shard in shards] for name, shards in sources.items()}),
        {
            name: tuple(path for shard in shards for path in shard.files[name])
            for name, shards in sources.items()
        },
    )


def _balance(facts: Shard, verdicts: Shard) -> None:
    entries = open_shard(facts.file("facts")).metadata.num_rows
    decided = open_shard(verdicts.file(tables.VERDICTS.name)).metadata.num_rows
    if entries != decided:
        raise BalanceError(f"{entries} entries went in but {decided} verdicts came out; this is a bug")
