"""The texts that a release publishes: read from segments, decoded, redacted, and named by what was done.

What a text is made from is said by its *recipe*: the content id, the encoding, and the findings that are
replaced in it with the seed of the replacements. Equal recipe, equal text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill import tables
from gristmill.annotate.findings import value_hash
from gristmill.annotate.stages import text_batch
from gristmill.engine.shards import SegmentReader
from gristmill.errors import BalanceError
from gristmill.release.marks import levels_table, mark_of
from gristmill.release.redact import Span, count_replacements, redact_content
from gristmill.release.schema import value_bytes

_FINDING_COLUMNS = ("content_id", "start", "end", "type", "score")


@dataclass(frozen=True)
class Body:
    """A released text as UTF-8, its SHA-256 and the number of places that were replaced in it."""

    text: memoryview
    sha256: str
    redactions: int


class Segments:
    """The contents of a workspace, and the findings in them file by file: opened when asked for, the newest first.

    A context manager that closes what was opened.
    """

    def __init__(
        self, contents: Sequence[Path], findings: Sequence[Path], levels: Mapping[str, float]
    ) -> None:
        pairs = zip(contents, findings, strict=True)
        self._left = sorted(pairs, key=lambda pair: pair[0].stat().st_mtime_ns)
        self._open: list[tuple[SegmentReader, SegmentReader]] = []
        self._stack = ExitStack()
        self.levels = levels_table(levels)

    def __iter__(self) -> Iterator[tuple[SegmentReader, SegmentReader]]:
        yield from self._open
        while self._left:
            contents, findings = (
                self._stack.enter_context(SegmentReader([path], "content_id")) for path in self._left.pop()
            )
            self._open.append((contents, findings))
            yield contents, findings

    def __enter__(self) -> Segments:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def recipes(rows: pa.Table, seed: int) -> pa.Array:
    """The recipe of each row's text, from its columns ``content_id``, ``src_encoding`` and ``mark``."""
    ids, encodings, marks = (rows[name].combine_chunks() for name in ("content_id", "src_encoding", "mark"))
    redacted = pc.binary_join_element_wise(str(seed), marks, " ")
    return pc.binary_join_element_wise(ids, encodings, redacted, " ", null_handling="skip")


def read_bodies(rows: pa.Table, segments: Segments, seed: int) -> dict[str, Body]:
    """The texts of some rows of a plan, by content id.

    Args:
        rows: columns ``content_id``, ``length_bytes``, ``src_encoding`` and ``mark``; all texts are held in memory.
        segments: the workspace's contents and findings.
        seed: keys the replacements, so that they are the same in every workspace.

    Raises:
        BalanceError: no segment holds one of the contents, or its findings are not those of its mark.
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
    marked = rows.filter(pc.is_valid(rows["mark"]))
    marks = dict(zip(marked["content_id"].to_pylist(), marked["mark"].to_pylist(), strict=True))
    wanted = np.unique(rows["content_id"].to_numpy())
    bodies: dict[str, Body] = {}
    for contents, findings in segments:
        if not len(wanted):
            break
        for batch in contents.read(wanted, ["content_id", "length", "data"]):
            texts = text_batch(batch, encodings)
            ids = texts["content_id"].to_pylist()
            spans = _spans(findings, {name: marks[name] for name in ids if name in marks}, segments.levels)
            released, replaced = _redact(texts, spans, key)
            for content_id, text, count in zip(
                ids, _values(released.cast(pa.string())), replaced, strict=True
            ):
                bodies[content_id] = Body(text, hashlib.sha256(text).hexdigest(), count)
        wanted = np.array([content_id for content_id in wanted.tolist() if content_id not in bodies], object)
    if len(wanted):
        raise BalanceError(
            f"content {wanted[0]} is kept by its verdict but no segment holds it; this is a bug"
        )
    return bodies


def _spans(findings: SegmentReader, marks: Mapping[str, str], levels: pa.Table) -> dict[str, list[Span]]:
    """What is replaced in some contents of one segment, by content id.

    The value hashes are left empty: they depend on the workspace, and a release must not.
    """
    found: dict[str, list[Span]] = {}
    for batch in findings.read(np.array(sorted(marks), object), _FINDING_COLUMNS):
        least = levels["least"].take(pc.index_in(batch["type"], levels["type"]))
        chosen = batch.filter(pc.greater_equal(batch["score"], least.combine_chunks()))
        columns = (chosen[name].to_pylist() for name in _FINDING_COLUMNS[:4])
        for content_id, start, end, kind in zip(*columns, strict=True):
            found.setdefault(content_id, []).append(Span(start, end, kind, ""))
    for content_id, mark in marks.items():
        if mark_of(found.get(content_id, ())) != mark:
            raise BalanceError(f"content {content_id}: other findings than the plan has seen; this is a bug")
    return found


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
