"""Write the shards of a release: read the bodies where they lie, redact them, put them in order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill import tables
from gristmill.annotate.findings import value_hash
from gristmill.annotate.stages import text_batch
from gristmill.engine.shards import SegmentReader
from gristmill.engine.stages import Inputs, Output, Stage
from gristmill.errors import BalanceError
from gristmill.release.plan import PLAN
from gristmill.release.redact import Span, count_replacements, redact_content
from gristmill.release.schema import FILES

RELEASE_COMPRESSION = 3
PLAIN_COLUMNS = ("blob_id", "content_id", "swhid", "path", "content", "original_sha256", "released_sha256")


def write_stage(slots: Sequence[int], slugs: Sequence[str], redact_from: float | None, seed: int) -> Stage:
    """The stage that writes one range of slots, a file a language.

    Inputs ``plan``, ``contents`` (segments) and ``findings``. ``redact_from`` is the least score of a
    finding that is redacted; None leaves every text as it is. The seed keys the replacements, so that they
    are the same in every workspace.
    """
    return Stage(
        "write",
        1,
        _write,
        dict.fromkeys(slugs, FILES.schema),
        params={"slots": list(slots), "redact_from": redact_from, "seed": seed},
        plain=PLAIN_COLUMNS,
        compression_level=RELEASE_COMPRESSION,
    )


def merge_stage(name: str) -> Stage:
    """The stage that joins the pieces of a small language's shard, in order."""
    return Stage(
        "merge",
        1,
        _merge,
        {name: FILES.schema},
        plain=PLAIN_COLUMNS,
        compression_level=RELEASE_COMPRESSION,
    )


def _merge(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    (name,) = inputs.files
    for batch in inputs.batches(name):
        yield name, batch


def _write(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    (plan_file,) = inputs.files["plan"]
    least = params["redact_from"]
    key = hashlib.sha256(f"gristmill redaction {params['seed']}".encode()).digest()
    findings = () if least is None else inputs.files[tables.FINDINGS.name]
    with (
        SegmentReader(inputs.files["contents"], "content_id") as segments,
        SegmentReader(findings, "content_id") as found,
    ):
        for slot in params["slots"]:
            plan = Inputs({"plan": (plan_file,)}, {"plan": slot}).table("plan", PLAN).combine_chunks()
            spans = _spans(found, plan, least)
            for piece in pc.unique(plan["piece"]).to_pylist():
                rows, names, bounds = _by_slug(plan.filter(pc.equal(plan["piece"], piece)))
                released = _with_bodies(rows, segments, spans, key)
                for name, start, end in zip(names, bounds[:-1], bounds[1:], strict=True):
                    # A copy: a slice that waits in a writer would keep the whole piece in memory.
                    own = released.take(pa.array(np.arange(start, end))).combine_chunks()
                    for batch in own.to_batches():
                        yield name, batch


def _by_slug(rows: pa.Table) -> tuple[pa.Table, list[str], list[int]]:
    """Rows grouped by slug, in their order within each; the slugs, and the bounds of their rows."""
    slugs = rows["slug"].to_numpy()
    order = np.argsort(slugs, kind="stable")
    names, starts = np.unique(slugs[order], return_index=True)
    return rows.take(pa.array(order)).combine_chunks(), names.tolist(), [*starts.tolist(), len(slugs)]


def _spans(findings: SegmentReader, plan: pa.Table, least: float | None) -> dict[str, list[Span]]:
    """Findings to redact, by content id."""
    found: dict[str, list[Span]] = {}
    if least is None:
        return found
    for batch in findings.read(np.unique(plan["content_id"].to_numpy())):
        for row in batch.filter(pc.greater_equal(batch["score"], least)).to_pylist():
            span = Span(row["start"], row["end"], row["type"], row["value_hash"])
            found.setdefault(row["content_id"], []).append(span)
    return found


def _with_bodies(
    rows: pa.Table, segments: SegmentReader, spans: Mapping[str, Sequence[Span]], key: bytes
) -> pa.Table:
    """Plan rows as rows of FILES, in the order of the plan."""
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
        body, replaced = _redact(texts, spans, key)
        ids.append(texts["content_id"])
        bodies.append(body)
        counts += replaced
    at = pc.index_in(rows["content_id"], value_set=pa.chunked_array(ids, pa.string())).combine_chunks()
    if at.null_count:
        missing = rows["content_id"].filter(pc.is_null(at))[0].as_py()
        raise BalanceError(f"content {missing} is kept by its verdict but no segment holds it; this is a bug")
    content = pa.chunked_array(bodies, pa.binary()).take(at).combine_chunks()
    bodies.clear()
    hashes = [hashlib.sha256(value.as_buffer() or b"").hexdigest() for value in content]
    computed = {
        "content": content.cast(pa.string()),
        "redactions": pa.array(counts, pa.int32()).take(at),
        "released_sha256": pa.array(hashes, pa.string()),
        "released_bytes": pc.binary_length(content).cast(pa.int64()),
    }
    columns = [computed[name] if name in computed else rows[name] for name in FILES.schema.names]
    return pa.Table.from_arrays(columns, schema=FILES.schema)


def _redact(
    texts: pa.RecordBatch, spans: Mapping[str, Sequence[Span]], key: bytes
) -> tuple[pa.Array, list[int]]:
    """The texts with their spans replaced, and how many replacements each has had; others are not copied."""
    ids = texts["content_id"].to_pylist()
    marked = [number for number, content_id in enumerate(ids) if content_id in spans]
    counts = [0] * len(ids)
    body = texts["text"]
    if not marked:
        return body, counts
    replaced = []
    for number in marked:
        text = body[number].as_py()
        # The findings' own hashes are keyed by the workspace; a release must not depend on it.
        own = [
            span._replace(value_hash=value_hash(key, text[span.start : span.end]))
            for span in spans[ids[number]]
        ]
        counts[number] = count_replacements(text, own)
        replaced.append(redact_content(text, own))
    mask = np.zeros(len(ids), bool)
    mask[marked] = True
    return pc.replace_with_mask(body, pa.array(mask), pa.array(replaced, pa.binary())), counts
