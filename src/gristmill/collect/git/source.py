"""From a source string ``git:TARGET#ref=NAME&date=ISO&history=all`` to the commit that it stands for."""

from __future__ import annotations

import datetime as dt
import difflib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from gristmill.collect import swhid
from gristmill.collect.git import refs as git_refs
from gristmill.collect.git.batch import ObjectReader, RawObject
from gristmill.collect.git.mirror import remote_protocol, update, without_credentials
from gristmill.collect.git.objects import Commit, parse_commit, parse_tag
from gristmill.collect.git.plumbing import Repository, open_repository
from gristmill.collect.reader import Context, Source, State
from gristmill.errors import OriginError, SourceError

OBJECT_BYTES = 64 << 20  # of a commit, a tag or one tree; more is not read
OPTIONS = ("ref", "date", "history")
HISTORIES = ("none", "all")
_TAG_DEPTH = 16


@dataclass(frozen=True)
class Asked:
    """The options of a source, checked: ref name, last second wanted (None: the tip), and the history kept."""

    ref: str
    until: dt.datetime | None
    history: str


def resolve(source: Source, context: Context) -> State:
    """Find the commit that a git source stands for now; a remote repository is mirrored into the cache first.

    Options: ``ref`` (branch, tag, full ref name or commit id; default HEAD), ``date`` (ISO 8601 date or
    date-time, UTC unless it says otherwise; a date means its whole day): the last commit on the first-parent
    chain of ref whose committer date is not later; ``history``: none (default) or all.

    Raises:
        SourceError: an option is unknown or malformed.
        OriginError: no such repository, ref or commit, no commits, or none as old as ``date``.
    """
    asked = parse_options(source)
    protocol = remote_protocol(source.target)
    if protocol is None:
        local = Path(os.path.abspath(Path(source.target).expanduser()))  # noqa: PTH100 - keep symbolic links
        if "\n" in str(local):
            raise SourceError(f"{source.target!r} has a line break in its path")
        url, name = local.as_uri(), _local_name(local)
    else:
        local = update(source.target, protocol, context)
        url = without_credentials(source.target)
        name = _remote_name(url)
    repository = open_repository(local, context.cache, context.limits.origin_timeout)
    if repository.object_format == "sha256" and asked.history == "all":
        raise OriginError(f"{url} is a SHA-256 repository, whose revisions have no SWHIDs; use history=none")
    refs = git_refs.read_refs(repository, context.limits)
    tip, branch = git_refs.find(asked.ref, refs, repository, context.limits)
    with ObjectReader(repository, context.limits) as reader:
        commit_id = _peel(reader, tip, asked.ref)
        if asked.until is not None:
            commit_id = _as_of(reader, commit_id, asked.until)
        read_commit(reader, commit_id)
    state = commit_id
    if asked.until is not None:
        state += f";date={asked.until:%Y-%m-%dT%H:%M:%SZ}"
    if asked.history == "all":
        state += f";history=all;refs={refs.digest()}"
    origin = {"origin_id": swhid.origin_id(url), "url": url, "kind": "git", "name": name}
    details = {"commit": commit_id, "history": asked.history, "object_format": repository.object_format}
    return State(source, state, local, origin, branch=branch, details=details)


def parse_options(source: Source) -> Asked:
    """The options of ``source``, checked.

    Raises:
        SourceError: an unknown option (the message names the nearest right one) or a malformed value.
    """
    for key in source.options:
        if key not in OPTIONS:
            near = difflib.get_close_matches(key, OPTIONS, 1, 0.4)
            hint = f"did you mean {near[0]!r}?" if near else f"use {', '.join(OPTIONS)}"
            raise SourceError(f"git:{source.target}: unknown option {key!r}; {hint}")
    history = source.options.get("history", "none")
    if history not in HISTORIES:
        raise SourceError(f"git:{source.target}: history={history!r}; use {' or '.join(HISTORIES)}")
    date = source.options.get("date")
    until = None if date is None else _last_second(date)
    return Asked(git_refs.check_ref_option(source.options.get("ref", "HEAD")), until, history)


def read_commit(reader: ObjectReader, commit_id: str) -> Commit:
    """The commit, verified against its id.

    Raises:
        OriginError: it is not there, damaged, or no commit.
    """
    raw = reader.read_one(commit_id, OBJECT_BYTES)
    if raw.data is None:
        raise OriginError(_unreadable(raw, reader.repository))
    try:
        if raw.kind != "commit":
            raise ValueError
        return parse_commit(raw.data)
    except ValueError:
        raise OriginError(f"object {commit_id} of {reader.repository.git_dir} is not a commit") from None


def _peel(reader: ObjectReader, object_id: str, name: str) -> str:
    """Follow annotated tags from ``object_id`` to a commit."""
    for _ in range(_TAG_DEPTH):
        raw = reader.read_one(object_id, OBJECT_BYTES)
        if raw.data is None:
            raise OriginError(_unreadable(raw, reader.repository))
        if raw.kind == "commit":
            return object_id
        if raw.kind != "tag":
            break
        try:
            object_id = parse_tag(raw.data).target
        except ValueError as error:
            raise OriginError(
                f"tag {object_id} of {reader.repository.git_dir} is malformed: {error}"
            ) from None
    raise OriginError(f"ref={name!r} of {reader.repository.git_dir} does not lead to a commit")


def _as_of(reader: ObjectReader, tip: str, until: dt.datetime) -> str:
    """The first commit, going back over first parents from ``tip``, committed at ``until`` or before."""
    limit = int(until.timestamp()) * 1_000_000
    shallow = shallow_commits(reader.repository)
    earliest: int | None = None
    commit_id, seen = tip, {tip}
    while True:
        commit = read_commit(reader, commit_id)
        when = commit.committer.microseconds if commit.committer else None
        if when is not None:
            if when <= limit:
                return commit_id
            earliest = when if earliest is None else min(earliest, when)
        if not commit.parents or commit_id in shallow or commit.parents[0] in seen:
            break
        commit_id = commit.parents[0]
        seen.add(commit_id)
    first = "has no date" if earliest is None else f"is of {_iso(earliest)}"
    note = "; this is a shallow clone, older ones may exist" if shallow else ""
    raise OriginError(
        f"{reader.repository.git_dir}: no commit on or before date={until:%Y-%m-%dT%H:%M:%SZ}; "
        f"the first one {first}{note}"
    )


def shallow_commits(repository: Repository) -> frozenset[str]:
    """Ids of the commits whose parents a shallow clone left out."""
    if not repository.shallow.is_file():  # a pipe of this name would wait for ever
        return frozenset()
    with repository.shallow.open("r", encoding="ascii", errors="replace") as file:
        return frozenset(file.read(OBJECT_BYTES).split())


def _last_second(date: str) -> dt.datetime:
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", date):
            return dt.datetime.fromisoformat(date + "T23:59:59+00:00")
        moment = dt.datetime.fromisoformat(date)
        moment = moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise SourceError(
            f"date={date!r} is not an ISO 8601 date; write 2024-05-31 or 2024-05-31T12:00:00Z"
        ) from None
    return moment.replace(microsecond=0)


def _iso(microseconds: int) -> str:
    moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=microseconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _unreadable(raw: RawObject, repository: Repository) -> str:
    mend = "a shallow or partial clone? fetch the rest" if raw.problem == "missing" else "run git fsck there"
    return f"object {raw.object_id} of {repository.git_dir} is {raw.problem}: {mend}"


def _local_name(path: Path) -> str:
    named = path.parent if path.name == ".git" else path
    return named.name.removesuffix(".git") or named.name or "git"


def _remote_name(url: str) -> str:
    path = urlsplit(url).path if "://" in url else url.partition(":")[2]
    segments = [s for s in path.removesuffix("/").removesuffix(".git").split("/") if s]
    return "/".join(segments[-2:]) or url
