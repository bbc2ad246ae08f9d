"""The contents of a workspace's last build as documents."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from io import BytesIO

from gristmill import tables
from gristmill.decide.facts import FACTS
from gristmill.engine.sql import create_view, open_sql
from gristmill.secrets.detect import Document
from gristmill.workspace import Workspace

_BODIES = 16
_QUERY = """
SELECT place, data
FROM contents JOIN (
    SELECT content_id, min(url || '/' || path) AS place FROM facts WHERE type = 'file' GROUP BY content_id
) USING (content_id)
"""


def documents(workspace: Workspace, memory: int = 1 << 30) -> Iterator[Document]:
    """Every content that was collected, each once, under its first place: URL and path.

    Args:
        workspace: of a build.
        memory: bytes for the database.

    Raises:
        WorkspaceError: nothing was built.
    """
    catalogue = workspace.read_catalogue()
    with open_sql(workspace.spill, memory, 2) as sql:
        create_view(sql, "facts", catalogue["facts"], FACTS.schema)
        create_view(sql, "contents", catalogue[tables.CONTENTS.name], tables.CONTENTS.schema)
        for batch in sql.sql(_QUERY).to_arrow_reader(_BODIES):
            for place, data in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                yield Document(place, partial(BytesIO, data))
