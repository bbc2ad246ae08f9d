"""The bytes of the contents of a git repository, streamed, each verified against its id."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gristmill.collect import swhid
from gristmill.collect.git.batch import CORRUPT, MISSING, ObjectReader, RawObject
from gristmill.collect.git.plumbing import open_repository
from gristmill.collect.git.sha256 import blob_ids
from gristmill.collect.reader import Context, ReadContent, State


def read_contents(state: State, wanted: Sequence[str], context: Context) -> Iterator[ReadContent]:
    """The contents ``wanted`` (their ids), in the order asked, one at a time in memory.

    One that is not there, damaged, larger than ``limits.max_content_bytes`` (never read) or that takes longer
    than ``limits.object_timeout`` comes without bytes and with the reason. Git is ended when the iterator is
    finished or closed.

    Raises:
        OriginError: the repository itself cannot be read.
    """
    repository = open_repository(state.local, context.cache, context.limits.origin_timeout)
    with ObjectReader(repository, context.limits) as reader:
        if repository.object_format == "sha1":
            found = reader.read(wanted, context.limits.max_content_bytes)
            for content_id, raw in zip(wanted, found, strict=True):
                yield _content(content_id, raw)
            return
        blobs = blob_ids(state, context, reader)
        asked = [blobs[content_id] for content_id in wanted if content_id in blobs]
        answers = reader.read(asked, context.limits.max_content_bytes)
        for content_id in wanted:
            if content_id not in blobs:
                yield ReadContent(content_id, -1, None, MISSING)
                continue
            content = _content(content_id, next(answers))
            if content.data is not None and swhid.content_id(content.data) != content_id:
                content = ReadContent(content_id, content.length, None, CORRUPT)
            yield content


def _content(content_id: str, raw: RawObject) -> ReadContent:
    if raw.data is not None and raw.kind == "blob":
        return ReadContent(content_id, raw.size, raw.data)
    return ReadContent(content_id, raw.size, None, raw.problem or CORRUPT)
