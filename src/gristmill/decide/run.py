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
from gristmill.decide.buckets import Bucket, buckets_of
from gristmill.decide.facts import asked_labels, facts_stage
from gristmill.decide.licence_decisions import Decision
from gristmill.decide.licence_stages import evidence_stage, licences_of
from gristmill.decide.near_duplicates.run import known_similarities, verified_pairs
from gristmill.decide.opt_out import OptOut
from gristmill.decide.origins import origins_stage
from gristmill.decide.reasons import reasons_stage
from gristmill.decide.survivors import survivors_stage
from gristmill.decide.verdicts import decisions_of_buckets, decisions_stage, verdicts_stage
from gristmill.engine.graph import Engine
from gristmill.engine.shards import open_shard, read_batches
from gristmill.engine.stages import Shard, Stage, digest
from gristmill.errors import BalanceError
from gristmill.recipe import Policy, Recipe
from gristmill.settings import Settings
from gristmill.workspace import Workspace


@dataclass(frozen=True)
class Decided:
    """Facts and verdicts (a file a bucket, in key order), licences a listing, and every similarity known."""

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
    reviewed: Sequence[Decision] = (),
) -> Decided:
    """Decide on every entry of this build; ``reviewed`` are people's, on what contents state of licences.

    Raises BalanceError if an entry has no verdict or more than one.
    """
    whole = (workspace.spill, settings.sql_memory, settings.sql_threads)
    part = (workspace.spill, settings.worker_sql_memory, 1)
    policy = recipe.policy
    origins = _origins(collected, metadata, engine)
    (evidence,) = engine.map_shards(
        evidence_stage(*whole, reviewed), [_evidence_inputs(collected, annotations)]
    )
    licences = licences_of(
        collected.listings, evidence, origins, policy.licences.propagation, policy.licences.vendored, engine
    )
    asked = asked_labels(recipe)
    if not asked:  # labels that no rule asks for must not make facts anew
        annotations = {**annotations, tables.LABELS.name: []}
    buckets = buckets_of(collected, annotations, licences, origins, engine, whole)
    facts = engine.map_shards(facts_stage(asked, *part), [bucket.inputs for bucket in buckets])
    stages = [reasons_stage(policy, opt_outs, bucket.number, *part) for bucket in buckets]
    reasoned = _each(engine, list(zip(stages, facts, strict=True)))
    reasons = _gathered(reasoned, "reasoned")
    (standing,) = engine.map_shards(survivors_stage(policy, *whole), [reasons])
    alike = Shard("", {"edges": (), "asked": (), tables.SIMILARITIES.name: ()})
    if policy.duplicates.near:
        survivors = Shard(standing.key, {"survivors": standing.files["survivors"]})
        alike = verified_pairs(survivors, collected, annotations, workspace, engine, settings)
    both = Shard(digest(standing.key, alike.key), {**reasons.files, **standing.files, **alike.files})
    (decisions,) = engine.map_shards(decisions_stage(policy, *whole), [both])
    verdicts = _verdicts(policy, buckets, facts, reasoned, decisions, engine, part)
    for fact, verdict in zip(facts, verdicts, strict=True):
        _balance(fact, verdict)
    return Decided(
        _gathered(facts, "facts"),
        _gathered(verdicts, tables.VERDICTS.name),
        licences,
        origins,
        known_similarities(workspace) if policy.duplicates.near else (),
    )


def _verdicts(
    policy: Policy,
    buckets: Sequence[Bucket],
    facts: Sequence[Shard],
    reasoned: Sequence[Shard],
    decisions: Shard,
    engine: Engine,
    sql: tuple[Path, int, int],
) -> list[Shard]:
    """The verdicts of every bucket, from its facts, its reasons and the decisions on its entries."""
    decided = decisions_of_buckets(decisions)
    inputs = []
    for bucket, fact, reasons in zip(buckets, facts, reasoned, strict=True):
        group, fingerprint = decided.get(bucket.number, (None, ""))
        inputs.append(
            Shard(
                digest(fact.key, reasons.key, fingerprint),
                {
                    **fact.files,
                    **reasons.files,
                    "decisions": () if group is None else decisions.files["decisions"],
                },
                {} if group is None else {"decisions": group},
            )
        )
    return engine.map_shards(verdicts_stage(policy, *sql), inputs)


def _gathered(shards: Sequence[Shard], name: str) -> Shard:
    """The files of all buckets under one key, in order."""
    return Shard(
        digest([shard.key for shard in shards]),
        {name: tuple(path for shard in shards for path in shard.files[name])},
    )


def _each(engine: Engine, pairs: Sequence[tuple[Stage, Shard]]) -> list[Shard]:
    return [shard for shard in engine.map_each(pairs) if shard is not None]


def unseen_languages(policy: Policy, facts: Shard) -> list[str]:
    """What to tell the user of language names in the policy that no file of this build has."""
    if not policy.languages.allow and not policy.languages.deny:
        return []
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


def _balance(facts: Shard, verdicts: Shard) -> None:
    entries = open_shard(facts.file("facts")).metadata.num_rows
    decided = open_shard(verdicts.file(tables.VERDICTS.name)).metadata.num_rows
    if entries != decided:
        raise BalanceError(f"{entries} entries went in but {decided} verdicts came out; this is a bug")
