"""What packages of all indexes have in common: a verified file in the cache, and a synthetic release.

Beside the downloaded files stands one small record a version, so that a pinned version is resolved again
without asking the index. Nothing of a package is ever executed.
"""

from __future__ import annotations

import datetime as dt
import os
import tempfile
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from gristmill.collect import swhid
from gristmill.collect.archive import survey_archive
from gristmill.collect.download import file_sha256
from gristmill.collect.listing import SyntheticRelease, list_items
from gristmill.collect.reader import Context, Listing, Source, State
from gristmill.errors import OriginError

SHOWN_VERSIONS = 6


class VersionNotFoundError(OriginError):
    """The index has the package, but no such version of it, or no file of the version that can be taken."""


class Record(msgspec.Struct, frozen=True):
    """A version of a package whose file is in the cache: names, digest, and upload time (ISO 8601) if stated."""

    name: str
    version: str
    filename: str
    sha256: str
    uploaded: str | None = None


def recall(context: Context, scheme: str, key: str) -> Record | None:
    """The record of a version that is in the cache with its file unharmed, else None."""
    try:
        record = msgspec.json.decode(_record_path(context, scheme, key).read_bytes(), type=Record)
    except (OSError, msgspec.MsgspecError):
        return None
    path = _file_path(context, scheme, record)
    return record if path.is_file() and file_sha256(path) == record.sha256 else None


def remember(context: Context, scheme: str, key: str, record: Record) -> None:
    """Write the record of a version whose file has been downloaded."""
    path = _record_path(context, scheme, key)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, aside = tempfile.mkstemp(prefix=".record-", dir=path.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(record))
        file.flush()
        os.fsync(file.fileno())
    Path(aside).replace(path)


def package_state(source: Source, record: Record, url: str, context: Context) -> State:
    """The state of a source that stands for this version; ``url`` is the package's page for people."""
    return State(
        source,
        f"{record.name}=={record.version} sha256:{record.sha256}",
        _file_path(context, source.scheme, record),
        {
            "origin_id": swhid.origin_id(url),
            "url": url,
            "kind": source.scheme,
            "name": record.name,
        },
        branch=record.version,
        date=parse_date(record.uploaded),
        details={"sha256": record.sha256},
    )


def list_package(
    state: State, context: Context, find_licence: Callable[[Mapping[bytes, bytes]], str | None]
) -> Listing:
    """The tables of a package version. ``find_licence`` reads the package's own metadata files, by path."""
    assert state.branch is not None
    survey = survey_archive(state, context.limits)
    release = SyntheticRelease(state.source.scheme, str(state.origin["name"]), state.branch, state.date)
    yield from list_items(state, survey.items, survey.notes, release, find_licence(survey.metadata))


def parse_date(text: str | None) -> dt.datetime | None:
    """An ISO 8601 time in UTC; None if there is none or it cannot be read."""
    try:
        date = dt.datetime.fromisoformat(text or "")
        return date.astimezone(dt.UTC) if date.tzinfo else date.replace(tzinfo=dt.UTC)
    except (ValueError, OverflowError):
        return None


def nearest(versions: Sequence[object], position: int) -> str:
    """Some of ``versions``, which are in order, around the ``position`` where the one asked for would stand."""
    start = max(0, min(position - SHOWN_VERSIONS // 2, len(versions) - SHOWN_VERSIONS))
    return ", ".join(map(str, versions[start : start + SHOWN_VERSIONS])) or "none"


def _record_path(context: Context, scheme: str, key: str) -> Path:
    return context.cache / scheme / f"{urllib.parse.quote(key, safe='=+!')}.json"


def _file_path(context: Context, scheme: str, record: Record) -> Path:
    return context.cache / scheme / record.sha256 / record.filename
