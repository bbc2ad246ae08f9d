"""The licence texts of a build that wait for a person: not understood, or known only by likeness.

Texts that are much alike form one cluster, so that one look settles them all; clusters whose entries are the
most come first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from gristmill import tables
from gristmill.decide.facts import FACTS
from gristmill.decide.licence_decisions import Decision
from gristmill.engine.sql import create_view, fetch_table, open_sql
from gristmill.workspace import Workspace

LOW_SCORE = 0.95
"""a text that is less like a known one than this is worth a look"""
MAX_TEXTS = 2_000
"""texts that are read and compared, those with the largest effect"""
TEXT_BYTES = 20_000
"""most of a text that is compared and shown"""
LIKENESS = 0.7
"""least share of runs of words (Jaccard) that a text has in common with the first of its cluster"""
_RUN = 4
_BODIES = 16
_WORD = re.compile(r"[a-z0-9]+")
_UNDECIDED = r"\bLicenseRef-(?:unknown|see-file|osi-unspecified)\b"


@dataclass(frozen=True, slots=True)
class Waiting:
    """One content that waits: what was found in it, the words, where it stands, how many entries rest on it."""

    content_id: str
    expression: str
    rule: str
    score: float
    entries: int
    place: str
    text: str


@dataclass(frozen=True, slots=True)
class Cluster:
    """Contents whose texts are much alike, that with the largest effect first."""

    contents: tuple[Waiting, ...]

    @property
    def entries(self) -> int:
        """How many entries rest on them."""
        return sum(one.entries for one in self.contents)


@dataclass(frozen=True, slots=True)
class Queue:
    """Clusters, the largest effect first; ``total`` contents wait, of which the clusters hold at most MAX_TEXTS."""

    clusters: tuple[Cluster, ...]
    total: int


def queue(
    workspace: Workspace, decisions: Sequence[Decision] = (), *, low: float = LOW_SCORE, memory: int = 1 << 30
) -> Queue:
    """What waits in the last build and was not decided.

    An entry rests on a content if its licence's evidence names it; evidence beyond what a row holds is not
    counted.

    Args:
        workspace: of a build.
        decisions: what is settled already, also if the build did not know of it.
        low: texts with a lower score wait although they were taken for a known licence.
        memory: bytes for the database.

    Raises:
        WorkspaceError: nothing was built.
    """
    catalogue = workspace.read_catalogue()
    settled = pa.table({"content_id": pa.array([c for one in decisions for c in one.contents], pa.string())})
    with open_sql(workspace.spill, memory, 2) as sql:
        create_view(sql, "matches", catalogue[tables.LICENCE_MATCHES.name], tables.LICENCE_MATCHES.schema)
        create_view(sql, "facts", catalogue["facts"], FACTS.schema)
        create_view(sql, "contents", catalogue[tables.CONTENTS.name], tables.CONTENTS.schema)
        sql.register("settled", settled)
        sql.execute(f"CREATE TEMP TABLE waiting AS {_WAITING}", [_UNDECIDED, low])
        total = fetch_table(sql, "SELECT count(*) AS contents FROM waiting")["contents"][0].as_py()
        return Queue(tuple(cluster(_read(sql))), total)


# A content waits for its statement of the lowest score, the first of them. Evidence is what
# decide.licence_evidence writes: path, rule and score; each line is counted once for all entries that have it.
_WAITING = """
WITH unsure AS (
    SELECT content_id, expression, rule, score, start, "end"
    FROM matches ANTI JOIN settled USING (content_id)
    WHERE kind <> 'manifest' AND kind <> 'reference'
      AND (regexp_matches(expression, ?) OR (kind = 'text' AND score < ?))
    QUALIFY row_number() OVER (PARTITION BY content_id ORDER BY score, start, "end" DESC, rule) = 1
), resting AS (
    SELECT origin_id, anchor, line, count(*) AS entries
    FROM (SELECT origin_id, anchor, unnest(licence_evidence) AS line FROM facts) GROUP BY ALL
), counted AS (
    SELECT unsure.content_id, coalesce(sum(resting.entries), 0)::BIGINT AS entries,
           min(facts.url || ' ' || facts.path) AS place, any_value(facts.encoding) AS encoding
    FROM unsure JOIN facts USING (content_id)
    LEFT JOIN resting ON resting.origin_id = facts.origin_id AND resting.anchor = facts.anchor
        AND resting.line = facts.path || ': ' || unsure.rule || ' ' || printf('%.2f', unsure.score)
    GROUP BY unsure.content_id
)
SELECT * FROM unsure JOIN counted USING (content_id)
"""


def _read(sql: duckdb.DuckDBPyConnection) -> list[Waiting]:
    """The contents of table ``waiting`` with their words, the largest effect first."""
    largest = f"SELECT * FROM waiting ORDER BY entries DESC, content_id LIMIT {MAX_TEXTS}"
    # A few bodies at a time: of each only the words of the statement are kept.
    reader = sql.sql(
        f"SELECT largest.*, data FROM ({largest}) AS largest JOIN contents USING (content_id)"
    ).to_arrow_reader(_BODIES)
    found = [_waiting(row) for batch in reader for row in batch.to_pylist()]
    return sorted(found, key=lambda one: (-one.entries, one.content_id))


def _waiting(row: dict[str, Any]) -> Waiting:
    # Places of matches are those of the text as UTF-8.
    text = row["data"].decode(row["encoding"] or "utf-8", "replace").encode("utf-8", "replace")
    words = text[row["start"] : row["end"]][:TEXT_BYTES].decode("utf-8", "replace")
    return Waiting(
        row["content_id"], row["expression"], row["rule"], row["score"], row["entries"], row["place"], words
    )


def cluster(texts: Iterable[Waiting]) -> list[Cluster]:
    """Clusters of texts that are much alike, the largest effect first.

    Each text joins the first cluster whose first text is alike enough, so the order decides; give the largest
    effect first.
    """
    found: list[tuple[frozenset[int], list[Waiting]]] = []
    for one in texts:
        runs = _runs(one.text)
        for first, members in found:
            if len(runs & first) >= LIKENESS * len(runs | first):
                members.append(one)
                break
        else:
            found.append((runs, [one]))
    clusters = [Cluster(tuple(members)) for _, members in found]
    return sorted(clusters, key=lambda one: (-one.entries, one.contents[0].content_id))


def _runs(text: str) -> frozenset[int]:
    """The runs of words of a text, years and case aside; of a short text its words."""
    words = [word for word in _WORD.findall(text.lower()) if not re.fullmatch(r"(?:19|20)\d\d", word)]
    if len(words) < _RUN:
        return frozenset(map(hash, words))
    return frozenset(hash(tuple(words[i : i + _RUN])) for i in range(len(words) - _RUN + 1))
