"""Marks: what is replaced in a content, as one digest, for the plan of a release and what is made by it.

A task that writes a range compares marks; the findings themselves are read of those texts alone that it makes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import pyarrow as pa

from gristmill.release.redact import Span

MARKS = pa.schema([
    pa.field("content_id", pa.string(), nullable=False),
    pa.field("mark", pa.string(), nullable=False),
])  # fmt: skip

MARKS_QUERY = """
SELECT content_id, sha256(string_agg(concat_ws(' ', "start", "end", type), chr(10) ORDER BY "start", "end", type))
    AS mark
FROM findings SEMI JOIN released USING (content_id) JOIN levels USING (type) WHERE score >= least
GROUP BY content_id ORDER BY content_id
"""


def levels_table(levels: Mapping[str, float]) -> pa.Table:
    """The table ``levels`` of the query: of each type of finding the least score that is replaced."""
    kinds = sorted(levels)
    return pa.table(
        {
            "type": pa.array(kinds, pa.string()),
            "least": pa.array([levels[one] for one in kinds], pa.float64()),
        }
    )


def mark_of(spans: Iterable[Span]) -> str:
    """The mark of one content, as the query makes it."""
    places = sorted((span.start, span.end, span.type) for span in spans)
    return hashlib.sha256(
        "\n".join(f"{start} {end} {kind}" for start, end, kind in places).encode()
    ).hexdigest()
