"""The texts that a release publishes: read from segments, decoded, redacted, and named by what was done.

What a text is made from is said by its *recipe*: the content id, the encoding, and the findings that are
replaced in it with the seed of the replacements. Equal recipe, equal text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill import tables
from gristmill.annotate.findings import value_hash
from gristmill.annotate.stages import text_batch
from gristmill.engine.shards import SegmentReader
from gristmill.errors import BalanceError
from gristmill.release.redact import Span, count_replacements, redact_content
from gristmill.release.schema import value_bytes

_FINDING_COLUMNS = ("content_id", "start", "end", "type", "score")


@dataclass(frozen=True)
class Body:
    """A released text as UTF-8, its SHA-256 and the number of places that were replaced in it."""

    text: memoryview
    sha256: str
    redactions: int


def read_spans(findings: SegmentReader, content_ids: np.ndarray, least: float) -> dict[str, list[Span]]:
    """Findings of some contents (sorted, distinct ids) with a score of ``least`` or more, by content id.

    Their value hashes are left empty: they depend on the workspace, and a release must not.
    """
    found: dict[str, list[Span]] = {}
    for batch in findings.read(content_ids, _FINDING_COLUMNS):
        chosen = batch.filter(pc.greater_equal(batch["score"], least))
        columns = (chosen[name].to_pylist() for name in _FINDING_COLUMNS[:4])
        for content_id, start, end, kind in zip(*columns, strict=True):
            found.setdefault(content_id, []).append(Span(start, end, kind, ""))
    return found


def recipes(rows: pa.Table, spans: Mapping[str, Sequence[Span]], seed: int) -> pa.Array:
    """The recipe of each row's text, from its columns ``content_id`` and ``src_encoding``."""
    ids = rows["content_id"].combine_chunks()
    plain = pc.binary_join_element_wise(ids, rows["src_encoding"].combine_chunks(), " ")
    marked = np.flatnonzero(pc.is_in(ids, value_set=pa.array(list(spans), pa.string())).to_numpy(False))
    if not len(marked):
        return plain
    redacted = []
    for text in plain.take(pa.array(marked)).to_pylist():
        places = sorted((span.start, span.end, span.type) for span in spans[text.split(" ", 1)[0]])
        redacted.append(f"{text} {seed} {hashlib.sha256(repr(places).encode()).hexdigest()[:32]}")
    mask = np.zeros(len(ids), bool)
    mask[marked] = True
    return pc.replace_with_mask(plain, pa.array(mask), pa.array(redacted, pa.string()))


def read_bodies(
    rows: pa.Table, segments: SegmentReader, spans: Mapping[str, Sequence[Span]], seed: int
) -> dict[str, Body]:
    """The texts of some rows of a plan, by content id.

    Args:
        rows: columns ``content_id``, ``length_bytes`` and ``src_encoding``; all texts are held in memory.
        segments: the workspace's contents.
        spans: what is replaced in which content; the others stay as they are.
        seed: keys the replacements, so that they are the same in every workspace.

    Raises:
        BalanceError: no segment holds one of the contents.
        StageError: a content does not decode in the encoding stated for it.
    """
    encodings = pa.table(
        {
            "content_id": rows["content_id"],
            "length": rows["length_bytes"],
            "binary": pa.array(np.zeros(rows.num_rows, bool)),
            "encoding": rows["src_encoding"],
        },
        schema=tables.TEXT.schema,
    ).combine_chunks()
    key = hashlib.sha256(f"gristmill redaction {seed}".encode()).digest()
    wanted = np.unique(rows["content_id"].to_numpy())
    bodies: dict[str, Body] = {}
    for batch in segments.read(wanted, ["content_id", "length", "data"]):
        texts = text_batch(batch, encodings)
        released, replaced = _redact(texts, spans, key)
        ids = texts["content_id"].to_pylist()
        for content_id, text, count in zip(ids, _values(released.cast(pa.string())), replaced, strict=True):
            bodies[content_id] = Body(text, hashlib.sha256(text).hexdigest(), count)
    if len(bodies) != len(wanted):
        missing = next(content_id for content_id in wanted.tolist() if content_id not in bodies)
        raise BalanceError(f"content {missing} is kept by its verdict but no segment holds it; this is a bug")
    return bodies


def _values(texts: pa.StringArray) -> Iterable[memoryview]:
    """The bytes of each text, not copied."""
    data = value_bytes(texts)
    ends = np.cumsum(pc.binary_length(texts).to_numpy(zero_copy_only=False), dtype=np.int64).tolist()
    return [data[start:end] for start, end in pairwise([0, *ends])]


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
        own = [
            span._replace(value_hash=value_hash(key, text[span.start : span.end]))
            for span in spans[ids[number]]
        ]
        counts[number] = count_replacements(text, own)
        replaced.append(redact_content(text, own))
    mask = np.zeros(len(ids), bool)
    mask[marked] = True
    return pc.replace_with_mask(body, pa.array(mask), pa.array(replaced, pa.binary())), counts
