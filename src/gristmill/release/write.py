"""Write the shards of a release: read the bodies where they lie, redact them, put them in order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill import tables
from gristmill.annotate.stages import text_batch
from gristmill.engine.shards import SegmentReader, read_matching
from gristmill.engine.stages import Inputs, Output, Stage
from gristmill.errors import BalanceError
from gristmill.release.plan import PLAN
from gristmill.release.redact import Span, count_replacements, redact_content
from gristmill.release.schema import FILES


def write_stage(slots: Sequence[int], slugs: Sequence[str], redact_from: float | None) -> Stage:
    """The stage that writes one range of slots, a file a language.

    Inputs ``plan``, ``contents`` (segments) and ``findings``. ``redact_from`` is the least score of a
    finding that is redacted; None leaves every text as it is.
    """
    return Stage(
        "write",
        1,
        _write,
        dict.fromkeys(slugs, FILES.schema),
        params={"slots": list(slots), "redact_from": redact_from},
    )


def merge_stage(name: str) -> Stage:
    """The stage that joins the pieces of a small language's shard, in order."""
    return Stage("merge", 1, _merge, {name: FILES.schema})


def _merge(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    (name,) = inputs.files
    for batch in inputs.batches(name):
        yield name, batch


def _write(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    (plan_file,) = inputs.files["plan"]
    findings = [] if params["redact_from"] is None else inputs.files[tables.FINDINGS.name]
    with SegmentReader(inputs.files["contents"], "content_id") as segments:
        for slot in params["slots"]:
            plan = Inputs({"plan": (plan_file,)}, {"plan": slot}).table("plan", PLAN).combine_chunks()
            if not plan.num_rows:
                continue
            spans = _spans(findings, plan, params["redact_from"])
            for piece in pc.unique(plan["piece"]).to_pylist():
                rows = plan.filter(pc.equal(plan["piece"], piece)).combine_chunks()
                released = _with_bodies(rows, segments, spans)
                for name in pc.unique(released["slug"]).to_pylist():
                    chosen = released.filter(pc.equal(released["slug"], name)).select(FILES.schema.names)
                    for batch in chosen.cast(FILES.schema).combine_chunks().to_batches():
                        yield name, batch


def _spans(files: Sequence[Path], plan: pa.Table, least: float | None) -> dict[str, list[Span]]:
    """Findings to redact, by content id."""
    ids = np.unique(plan["content_id"].to_numpy())
    found: dict[str, list[Span]] = {}
    for path in files:
        for batch in read_matching(path, "content_id", ids):
            for row in batch.to_pylist():
                if row["score"] >= least:
                    span = Span(row["start"], row["end"], row["type"], row["value_hash"])
                    found.setdefault(row["content_id"], []).append(span)
    return found


def _with_bodies(rows: pa.Table, segments: SegmentReader, spans: Mapping[str, Sequence[Span]]) -> pa.Table:
    """Plan rows with the columns that need the body, in the order of the plan."""
    encodings = pa.table(
        {
            "content_id": rows["content_id"],
            "length": rows["length_bytes"],
            "binary": pa.array(np.zeros(rows.num_rows, bool)),
            "encoding": rows["src_encoding"],
        },
        schema=tables.TEXT.schema,
    ).combine_chunks()
    ids: list[pa.Array] = []
    bodies: list[pa.Array] = []
    counts: list[int] = []
    for batch in segments.read(np.unique(rows["content_id"].to_numpy()), ["content_id", "length", "data"]):
        texts = text_batch(batch, encodings)
        body, replaced = _redact(texts, spans)
        ids.append(texts["content_id"])
        bodies.append(body)
        counts += replaced
    found = pa.chunked_array(ids, pa.string())
    at = pc.index_in(rows["content_id"], value_set=found).combine_chunks()
    if at.null_count:
        missing = rows["content_id"].filter(pc.is_null(at))[0].as_py()
        raise BalanceError(f"content {missing} is kept by its verdict but no segment holds it; this is a bug")
    content = pa.chunked_array(bodies, pa.binary()).take(at).combine_chunks()
    hashes = [hashlib.sha256(value.as_buffer() or b"").hexdigest() for value in content]
    return (
        rows.append_column("content", content.cast(pa.string()))
        .append_column("redactions", pa.array(counts, pa.int32()).take(at))
        .append_column("released_sha256", pa.array(hashes, pa.string()))
        .append_column("released_bytes", pc.binary_length(content).cast(pa.int64()))
    )


def _redact(texts: pa.RecordBatch, spans: Mapping[str, Sequence[Span]]) -> tuple[pa.Array, list[int]]:
    """The texts with their spans replaced, and how many replacements each has had; untouched ones are not copied."""
    ids = texts["content_id"].to_pylist()
    marked = [number for number, content_id in enumerate(ids) if content_id in spans]
    counts = [0] * len(ids)
    body = texts["text"]
    if not marked:
        return body, counts
    replaced = []
    for number in marked:
        text = body[number].as_py()
        counts[number] = count_replacements(text, spans[ids[number]])
        replaced.append(redact_content(text, spans[ids[number]]))
    mask = np.zeros(len(ids), bool)
    mask[marked] = True
    return pc.replace_with_mask(body, pa.array(mask), pa.array(replaced, pa.binary())), counts
