"""Survivors: which contents are in conflict of licences, and which entry stands for each of the others.

The total order of survivors: permissive licence first, then the earliest date (creation of the repository,
else committer date or upload time; unknown last), more stars, more forks, URL, anchor, path.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from gristmill.decide.reasons import REASONED
from gristmill.engine.sql import create_view, open_sql, stream_batches
from gristmill.engine.stages import Inputs, Output, Stage
from gristmill.recipe import Policy

SURVIVORS = pa.schema([
    pa.field("content_id", pa.string(), nullable=False),
    pa.field("rank", pa.int64(), nullable=False),
    pa.field("row", pa.int64(), nullable=False),
])  # fmt: skip
REPEATS = pa.schema([
    pa.field("row", pa.int64(), nullable=False),
    pa.field("content_id", pa.string(), nullable=False),
    pa.field("kept_row", pa.int64(), nullable=False),
])  # fmt: skip
CONFLICTS = pa.schema([
    pa.field("row", pa.int64(), nullable=False),
    pa.field("licences", pa.string(), nullable=False),
])  # fmt: skip

_STANDING = "permissive DESC, day NULLS LAST, stars DESC NULLS LAST, forks DESC NULLS LAST, url"


def survivors_stage(policy: Policy, spill: Path, memory: int, threads: int) -> Stage:
    """Inputs ``reasoned`` of all buckets.

    Outputs: ``survivors``, the entry that stands for each content that may be in (``rank`` 0 is best);
    ``repeats``, the other entries of these contents, with the one that stands for them; ``conflicts``, the
    entries whose content stands elsewhere under a licence that is not allowed.
    """
    return Stage(
        "survivors",
        2,
        _survivors,
        {"survivors": SURVIVORS, "repeats": REPEATS, "conflicts": CONFLICTS},
        params={"conflict": policy.licences.conflict},
        private={"spill": spill, "memory": memory, "threads": threads},
    )


def _survivors(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    agreed = {
        "earliest": "first(licence_allowed ORDER BY day NULLS LAST, url, row)",
        "majority": "2 * count(DISTINCT url) FILTER (licence_allowed) > count(DISTINCT url)",
        "any": "bool_or(licence_allowed)",
        "all": "bool_and(licence_allowed)",
    }[params["conflict"]]
    with open_sql(params["spill"], params["memory"], params["threads"]) as sql:
        create_view(sql, "reasoned", inputs.files["reasoned"], REASONED)
        # Only contents of which something is allowed and something is not can be in conflict: few.
        sql.execute(
            f"""
            CREATE TEMP TABLE conflict AS
            SELECT content_id, array_to_string(list_sort(list(DISTINCT stated))[:8], '; ') AS licences
            FROM reasoned SEMI JOIN (
                SELECT content_id FROM reasoned WHERE has_a_say AND NOT licence_allowed
            ) AS doubtful USING (content_id)
            WHERE has_a_say GROUP BY content_id HAVING bool_or(licence_allowed) AND NOT {agreed}
            """
        )
        sql.execute(
            """
            CREATE TEMP TABLE passed AS
            SELECT row, content_id, permissive, day, stars, forks, url
            FROM reasoned LEFT JOIN conflict USING (content_id)
            WHERE passed AND (licences IS NULL OR NOT licence_allowed)
            """
        )
        # An order of whole entries is an order of few standings, which is dear to sort by, and of rows in each.
        sql.execute(
            f"""
            CREATE TEMP TABLE placed AS
            SELECT row, content_id, (standing::HUGEINT << 64) + row AS place
            FROM passed JOIN (
                SELECT *, row_number() OVER (ORDER BY {_STANDING}) AS standing
                FROM (SELECT DISTINCT permissive, day, stars, forks, url FROM passed)
            ) AS standings
              ON standings.url = passed.url AND standings.permissive = passed.permissive
             AND standings.day IS NOT DISTINCT FROM passed.day
             AND standings.stars IS NOT DISTINCT FROM passed.stars
             AND standings.forks IS NOT DISTINCT FROM passed.forks
            """
        )
        sql.execute(
            """
            CREATE TEMP TABLE ranked AS
            SELECT content_id, row_number() OVER (ORDER BY place) - 1 AS rank, row
            FROM placed SEMI JOIN (SELECT min(place) AS place FROM placed GROUP BY content_id) AS first USING (place)
            """
        )
        queries = {
            "survivors": ("SELECT content_id, rank, row FROM ranked ORDER BY rank", SURVIVORS),
            "repeats": (
                """
                SELECT placed.row, content_id, ranked.row AS kept_row FROM placed JOIN ranked USING (content_id)
                WHERE placed.row <> ranked.row ORDER BY 1
                """,
                REPEATS,
            ),
            "conflicts": (
                "SELECT row, licences FROM reasoned JOIN conflict USING (content_id) WHERE licence_allowed ORDER BY 1",
                CONFLICTS,
            ),
        }
        for name, (query, schema) in queries.items():
            yield from ((name, batch) for batch in stream_batches(sql, query, schema))
