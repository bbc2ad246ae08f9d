"""Collect: from source strings to listings and segments, reading only what the workspace does not hold."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.compute as pc

from gristmill import tables
from gristmill.collect.reader import Context, Source, State
from gristmill.collect.sources import READERS
from gristmill.collect.stages import fetch_stage, ids_stage, list_stage, plan_stage
from gristmill.collect.states import load_state, save_state
from gristmill.engine.graph import Engine
from gristmill.engine.shards import open_shard
from gristmill.engine.stages import Shard, digest
from gristmill.errors import GristmillError, OriginError, SourceError
from gristmill.settings import Settings
from gristmill.workspace import Workspace

FETCH_ROUNDS = 3
RESOLVE_THREADS = 8


@dataclass(frozen=True)
class Failure:
    """A source that could not be read as asked, and what was done instead."""

    source: str
    message: str
    stale: bool


@dataclass(frozen=True)
class Collected:
    """Listings of this build (in the order of the sources), every segment of the workspace, and its ``ids``."""

    listings: list[Shard]
    segments: list[Shard]
    ids: list[Shard]
    failures: list[Failure] = field(default_factory=list)


def collect(
    sources: Sequence[Source], workspace: Workspace, engine: Engine, settings: Settings, context: Context
) -> Collected:
    """Resolve, list and fetch all sources; a source that fails is recorded and the others go on.

    Raises OriginError if not one source can be read.
    """
    states, failures = _resolve(sources, workspace, engine, context)
    listed, failed = _list(states, workspace, engine, context)
    failures += failed
    if not listed:
        raise OriginError(
            "no source could be read: " + "; ".join(failure.message for failure in failures[:3])
        )
    for state, _ in listed:
        save_state(workspace.states, state)
    segments, ids = _fetch(listed, workspace, engine, settings, context)
    return Collected([shard for _, shard in listed], segments, ids, failures)


def find_segments(workspace: Workspace) -> list[Shard]:
    """All segments of the workspace, in a stable order; ``skipped_contents`` stands beside ``contents``."""
    names = (tables.CONTENTS.name, tables.SKIPPED_CONTENTS.name)
    return [
        Shard(folder.name, {name: (folder / f"{name}.parquet",) for name in names})
        for folder in sorted((workspace.stages / "fetch").glob("[0-9a-f]*"))
    ]


def _resolve(
    sources: Sequence[Source], workspace: Workspace, engine: Engine, context: Context
) -> tuple[list[State], list[Failure]]:
    """Ask every source for its state; where it cannot say, fall back on the last good one."""
    states: list[State] = []
    failures: list[Failure] = []

    def resolve(source: Source) -> State | GristmillError:
        try:
            state = READERS[source.scheme].resolve(source, context)
            assert isinstance(state, State)
            return state
        except GristmillError as error:
            return error
        except (OSError, ValueError, RecursionError) as error:
            return OriginError(f"{source}: {error}")

    with (
        engine.progress.stage("resolve", len(sources)) as bar,
        ThreadPoolExecutor(min(RESOLVE_THREADS, max(1, len(sources)))) as pool,
    ):
        for source, answer in zip(sources, pool.map(resolve, sources), strict=True):
            bar.advance()
            if isinstance(answer, SourceError):
                raise answer
            if isinstance(answer, State):
                states.append(answer)
                continue
            known = load_state(workspace.states, source)
            failures.append(Failure(str(source), str(answer), stale=known is not None))
            if known is not None:
                states.append(known)
    return states, failures


def _list(
    states: Sequence[State], workspace: Workspace, engine: Engine, context: Context
) -> tuple[list[tuple[State, Shard]], list[Failure]]:
    """List every state; one that cannot be listed gives way to the last good state of its source."""
    failures: list[Failure] = []
    chosen, shards, failed = list(states), *_list_states(states, engine, context)
    fallbacks = {number: load_state(workspace.states, states[number].source) for number in failed}
    older = {number: state for number, state in fallbacks.items() if state and state != states[number]}
    again, failed_again = _list_states(list(older.values()), engine, context)
    for position, number in enumerate(older):
        if position not in failed_again:
            chosen[number], shards[number] = older[number], again[position]
    for number, error in sorted(failed.items()):
        failures.append(Failure(str(states[number].source), str(error), stale=shards[number] is not None))
    listed = [(state, shard) for state, shard in zip(chosen, shards, strict=True) if shard is not None]
    return listed, failures


def _list_states(
    states: Sequence[State], engine: Engine, context: Context
) -> tuple[list[Shard | None], dict[int, Exception]]:
    failed: dict[int, Exception] = {}
    pairs = [(list_stage(state, context), Shard("", {})) for state in states]
    shards = engine.map_each(pairs, tolerate=lambda number, error: failed.update({number: error}))
    return shards, failed


def _fetch(
    listed: Sequence[tuple[State, Shard]],
    workspace: Workspace,
    engine: Engine,
    settings: Settings,
    context: Context,
) -> tuple[list[Shard], list[Shard]]:
    """Fetch what no segment holds; what one origin fails to deliver is asked from the next that lists it.

    Returns all segments and their ids.
    """
    states = dict(enumerate(state for state, _ in listed))
    entries = tuple(shard.file(tables.ENTRIES.name) for _, shard in listed)
    segments, ids = _held(workspace, engine)
    for _ in range(FETCH_ROUNDS):
        plan = plan_stage(settings.segment_bytes, workspace.spill, settings.sql_memory, settings.sql_threads)
        known = Shard(
            digest([shard.key for _, shard in listed], [segment.key for segment in segments]),
            {"entries": entries, "ids": tuple(shard.file("ids") for shard in ids)},
        )
        (planned,) = engine.map_shards(plan, [known])
        wanted = planned.file("wanted")
        pairs = []
        for number, needed in enumerate(_sources_of_batches(wanted)):
            stage = fetch_stage({source: states[source] for source in needed}, context)
            pairs.append((stage, Shard(f"{planned.key}/{number}", {"wanted": (wanted,)}, {"wanted": number})))
        if not pairs:
            break
        engine.map_each(pairs)
        segments, ids = _held(workspace, engine)
    return segments, ids


def _held(workspace: Workspace, engine: Engine) -> tuple[list[Shard], list[Shard]]:
    """All segments, and the ids of each."""
    segments = find_segments(workspace)
    return segments, engine.map_shards(ids_stage(), segments)


def _sources_of_batches(wanted: Path) -> list[list[int]]:
    with open_shard(wanted) as file:
        groups = [file.read_row_group(number, columns=["source"]) for number in range(file.num_row_groups)]
    return [sorted(pc.unique(group["source"]).to_pylist()) for group in groups]
