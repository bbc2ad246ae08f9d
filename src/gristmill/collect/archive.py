"""Read an archive: ``archive:PATH`` or ``archive:URL``, a tar or zip of any name and compression.

The state is the SHA-256 of the file. If all members stand under one top folder (NAME-VERSION/, package/),
that folder is taken off their paths, as the folder is the packer's and not the software's; ``#strip=0``
keeps it. ``#sha256=HEX`` states the digest that the file must have; a URL is then fetched only once.
Of members with the same path the last wins, as in unpacking. Empty folders leave no trace.
"""

from __future__ import annotations

import hashlib
import re
import urllib.parse
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gristmill.collect import swhid
from gristmill.collect.download import Client, download, file_sha256, public_url
from gristmill.collect.listing import NULL_ID, Item, check_options, choose, list_items
from gristmill.collect.member import DamagedArchiveError, Member
from gristmill.collect.reader import Context, Limits, Listing, ReadContent, Source, State
from gristmill.collect.unpack import read_members
from gristmill.errors import HostileInputError, OriginError, SourceError

HOSTILE = "hostile_path"
METADATA_NAMES = frozenset({b"PKG-INFO", b"METADATA", b"package.json"})
METADATA_FILES = 16
METADATA_BYTES = 1_000_000
SHOWN_PATH_BYTES = 400
DANGEROUS = re.compile(r"[\0-\x1f\x7f]|\.\.|^[/\\]|^[A-Za-z]:|(?<![^/])\.(?![^/])")


@dataclass(frozen=True)
class Survey:
    """What an archive holds: items with distinct paths, what was wrong, and the bytes of small metadata
    files near the top (PKG-INFO, METADATA, package.json) by path."""

    items: Sequence[Item]
    notes: Sequence[str]
    metadata: dict[bytes, bytes]


def resolve(source: Source, context: Context) -> State:
    """Find (or download into the cache) the archive and hash it.

    Raises OriginError if it cannot be had or does not have the digest that the source states, SourceError
    for an unknown option, HostileInputError if it is larger than ``max_origin_bytes``.
    """
    check_options(source, ("sha256", "strip"))
    choose(source, "strip", ("1", "0"))
    expected = source.options.get("sha256", "").lower()
    if expected and not re.fullmatch(r"[0-9a-f]{64}", expected):
        raise SourceError(f"source archive:... has sha256={expected}; write 64 hexadecimal digits")
    if source.target.startswith(("http://", "https://")):
        path, digest = _download(source.target, expected, context)
        url = public_url(source.target)
        name = urllib.parse.unquote(urllib.parse.urlsplit(url).path.rpartition("/")[2]) or url
    else:
        path = Path(source.target).resolve()
        if not path.is_file():
            raise OriginError(f"archive:{source.target}: there is no such file")
        digest, url, name = file_sha256(path), path.as_uri(), path.name
        if expected and digest != expected:
            raise OriginError(f"archive {path}: its SHA-256 is {digest}, the source states {expected}")
    if path.stat().st_size > context.limits.max_origin_bytes:
        raise HostileInputError(f"archive {name}: more than {context.limits.max_origin_bytes} bytes (limit)")
    origin = {"origin_id": swhid.origin_id(url), "url": url, "kind": "archive", "name": name}
    return State(source, digest, path, origin, details={"sha256": digest})


def list_objects(state: State, context: Context) -> Listing:
    """The archive's tables; a damaged archive lists what could be read, and its visit is partial."""
    survey = survey_archive(state, context.limits)
    yield from list_items(state, survey.items, survey.notes)


def read_contents(state: State, wanted: Sequence[str], context: Context) -> Iterator[ReadContent]:
    """The wanted contents, each once, in one pass that ends as soon as all are found.

    A content that is not there is missing, or corrupt if the archive breaks off before it.
    """
    left = dict.fromkeys(wanted)
    reason = "missing"
    if not left:
        return
    try:
        for member in read_members(state.local, context.limits):
            if member.content_id in left and member.link is None:
                del left[member.content_id]
                yield ReadContent(member.content_id, member.length, member.data, member.skipped)
                if not left:
                    return
    except DamagedArchiveError:
        reason = "corrupt"
    for identifier in left:
        yield ReadContent(identifier, -1, None, reason)


def survey_archive(state: State, limits: Limits) -> Survey:
    """Read an archive once and say what it holds, hashing every member.

    Raises OriginError if the file is no archive, is no longer the one that was resolved, or nothing of it
    can be read; HostileInputError if it passes a limit.
    """
    digest = file_sha256(state.local)
    if digest != state.details["sha256"]:
        raise OriginError(
            f"archive {state.local}: its SHA-256 is {digest}, it was {state.details['sha256']}; run again"
        )
    found = _Contents(state.local.name, limits)
    try:
        for member in read_members(state.local, limits):
            found.add(member)
    except DamagedArchiveError as error:
        if not found.items:
            raise
        found.notes.append(str(error))
    top = b"" if state.source.options.get("strip") == "0" else _common_top(found.items)
    items = [item._replace(path=path[len(top) :]) for path, item in found.items.items()]
    taken = {item.path for item in items}
    for path, item in found.refused.items():
        shown = path.removeprefix(top)
        while shown in taken:
            shown += b"~"
        taken.add(shown)
        items.append(item._replace(path=shown))
    metadata = {path.removeprefix(top): data for path, data in found.metadata.items()}
    return Survey(items, found.notes, metadata)


def plain_path(name: bytes, limits: Limits) -> bytes | None:
    """The path of a member as plain segments, or None if it could lead out of the folder it is unpacked in.

    Refused are absolute paths, drive letters, ``..``, NUL, empty paths and such as are too long or deep;
    ``..`` and a leading separator also where '\\' parts the segments, as it does on Windows.
    """
    if name.startswith((b"/", b"\\")) or re.match(rb"[A-Za-z]:", name) or b"\0" in name:
        return None
    segments = [segment for segment in name.split(b"/") if segment not in (b"", b".")]
    if any(b".." in segment.split(b"\\") for segment in segments):
        return None
    path = b"/".join(segments)
    if not segments or len(path) > limits.max_path_bytes or len(segments) > limits.max_depth:
        return None
    return path


def shown_path(name: bytes) -> bytes:
    """A refused path in a form that is safe to store: what is dangerous in it written \\xNN, cut if long."""
    text = DANGEROUS.sub(
        lambda found: "".join(rf"\x{ord(character):02x}" for character in found[0]),
        name[:SHOWN_PATH_BYTES].decode(errors="backslashreplace"),
    )
    text = "/".join(filter(None, text.split("/")))
    if len(name) > SHOWN_PATH_BYTES:
        text += f"...{hashlib.sha256(name).hexdigest()[:16]}"
    return text.encode() or rb"\x2e"


class _Contents:
    """The members seen so far as unpacking would leave them."""

    def __init__(self, name: str, limits: Limits) -> None:
        self._name = name
        self._limits = limits
        self._folders: set[bytes] = set()
        self.items: dict[bytes, Item] = {}
        self.refused: dict[bytes, Item] = {}
        self.metadata: dict[bytes, bytes] = {}
        self.notes: list[str] = []

    def add(self, member: Member) -> None:
        path = plain_path(member.name, self._limits)
        if path is None:
            self._refuse(shown_path(member.name), member, "leads out of the archive or is too long")
            return
        parents = _parents(path)
        if path in self._folders or any(parent in self.items for parent in parents):
            self._refuse(path, member, "is both a file or link and a folder")
            return
        self._folders.update(parents)
        if len(self._folders) > self._limits.max_entries:
            raise HostileInputError(
                f"archive {self._name} has more than {self._limits.max_entries} folders (limit max_entries); "
                "raise the limit if you trust it"
            )
        if member.note:
            self.notes.append(member.note)
        self.items[path] = self._item(path, member)
        self._keep_metadata(path, member, len(parents))

    def _keep_metadata(self, path: bytes, member: Member, depth: int) -> None:
        named = path.rpartition(b"/")[2] in METADATA_NAMES and depth <= 1
        if not named or member.data is None or member.mode == swhid.SYMLINK_MODE:
            return
        if len(member.data) <= METADATA_BYTES and len(self.metadata) < METADATA_FILES:
            self.metadata[path] = member.data

    def _item(self, path: bytes, member: Member) -> Item:
        if member.link is None:
            return Item(path, member.mode, member.content_id, member.length, member.skipped)
        target = self.items.get(plain_path(member.link, self._limits) or b"")
        if target is not None:
            return target._replace(path=path)
        self.notes.append(f"{path!r} is a hard link to {member.link[:200]!r}, which does not stand before it")
        return Item(path, member.mode, NULL_ID, -1, "missing")

    def _refuse(self, path: bytes, member: Member, why: str) -> None:
        self.refused[path] = Item(path, member.mode, NULL_ID, member.length, HOSTILE)
        self.notes.append(f"member {member.name[:200]!r} {why} and was left out")


def _parents(path: bytes) -> list[bytes]:
    """The folders above a path, longest first."""
    parents: list[bytes] = []
    while folder := path.rpartition(b"/")[0]:
        parents.append(folder)
        path = folder
    return parents


def _common_top(paths: Iterable[bytes]) -> bytes:
    """The one folder, with its '/', that all paths stand under; empty if there is none."""
    tops = {path[: path.find(b"/") + 1] for path in paths}
    return tops.pop() if len(tops) == 1 else b""


def _download(url: str, expected: str, context: Context) -> tuple[Path, str]:
    folder = context.cache / "archive"
    name = urllib.parse.urlsplit(url).path.rpartition("/")[2]
    client = Client.for_limits(context.limits)
    return download(client, url, folder, name, {"sha256": expected} if expected else {})
