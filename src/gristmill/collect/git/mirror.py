"""Mirrors of remote repositories in the workspace's cache: cloned once, then fetched."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from gristmill.collect.git.plumbing import Result, command, network_environment, run
from gristmill.collect.reader import Context
from gristmill.errors import HostileInputError, OriginError, SourceError

PROTOCOLS = ("https", "http", "ssh", "git", "file")

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_SCP = re.compile(r"(?:[A-Za-z0-9_.-]+@)?\[?[A-Za-z0-9_.:-]+\]?:(?![:/\\]{2})[^\x00-\x20]+\Z")


def remote_protocol(target: str) -> str | None:
    """The transport that reads ``target``, or None if it is a path on this machine.

    ``host:path`` (scp's form, read by ssh) counts only if there is no such path.

    Raises:
        SourceError: a URL with another transport than PROTOCOLS, with blanks, or one that runs a program.
    """
    scheme = _SCHEME.match(target)
    if scheme:
        protocol = scheme[1].lower()
        try:
            host, path = urlsplit(target).hostname or "", urlsplit(target).path
        except ValueError:  # unbalanced brackets
            host, path = "", ""
        blank = re.search(r"[\x00-\x20]", target)
        if protocol not in PROTOCOLS or blank or host.startswith("-") or path in ("", "/"):
            shown = without_credentials(target) if path else target
            raise SourceError(f"{shown!r} is not a clone URL; use {', '.join(PROTOCOLS)} or a local path")
        return protocol
    if "::" in target.split("/")[0]:
        raise SourceError(f"{target!r} asks git to run a helper program; use a clone URL or a local path")
    if target.startswith("-"):
        raise SourceError(f"{target!r} starts with '-'; write ./{target} if it is a path")
    if "/" not in target.split(":")[0] and not Path(target).exists() and _SCP.match(target):
        return "ssh"
    return None


def without_credentials(url: str) -> str:
    """``url`` as it may be published: without a password, and without a user name except for ssh."""
    if not _SCHEME.match(url):
        return url
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    kept = user.split(":")[0] + at if parts.scheme.lower() == "ssh" else ""
    return urlunsplit(parts._replace(netloc=kept + host))


def update(url: str, protocol: str, context: Context) -> Path:
    """Clone ``url`` into the cache, or fetch what is new since the last time; returns the mirror.

    A first clone is written aside and renamed when it is whole. Refs that are gone are pruned, and HEAD
    follows the remote's.

    Raises:
        OriginError: git could not read the URL; the message is git's.
        HostileInputError: it took too long or outgrew ``limits.max_origin_bytes``.
    """
    key = hashlib.sha1(url.encode(), usedforsecurity=False).hexdigest()
    folder = context.cache.absolute() / "git"
    folder.mkdir(parents=True, exist_ok=True)
    mirror = folder / f"{key}.git"
    with _locked(folder / f"{key}.lock"):
        if mirror.is_dir():
            _fetch(url, protocol, mirror, context)
        else:
            _clone(url, protocol, mirror, context)
    return mirror


def _clone(url: str, protocol: str, mirror: Path, context: Context) -> None:
    aside = mirror.with_name(f".{mirror.name}.part")
    shutil.rmtree(aside, ignore_errors=True)  # left by a build that was killed; we hold the lock
    try:
        _network(["clone", "--mirror", "--template=", "--", url, str(aside)], url, protocol, aside, context)
        # Later fetches name the URL themselves; one with a password has no business in a file.
        _network(
            ["config", "remote.origin.url", without_credentials(url)], url, protocol, aside, context, aside
        )
        aside.rename(mirror)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _fetch(url: str, protocol: str, mirror: Path, context: Context) -> None:
    options = ["--prune", "--force", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head"]
    _network(["fetch", *options, "--", url, "+refs/*:refs/*"], url, protocol, mirror, context, mirror)
    told = _network(["ls-remote", "--symref", "--", url, "HEAD"], url, protocol, mirror, context, mirror)
    for line in told.output.decode("utf-8", "surrogateescape").splitlines():
        value, _, name = line.partition("\t")
        if name == "HEAD" and value.startswith("ref: refs/heads/"):
            _network(["symbolic-ref", "HEAD", value[5:]], url, protocol, mirror, context, mirror)
            return
        if name == "HEAD" and re.fullmatch(r"[0-9a-f]{40,64}", value):
            _network(["update-ref", "--no-deref", "HEAD", value], url, protocol, mirror, context, mirror)
            return


def _network(
    arguments: list[str], url: str, protocol: str, folder: Path, context: Context, git_dir: Path | None = None
) -> Result:
    limits = context.limits

    def watch() -> None:
        if _size(folder) > limits.max_origin_bytes:
            raise HostileInputError(
                f"{without_credentials(url)} is larger than max_origin_bytes ({limits.max_origin_bytes}); "
                "raise the limit if this is expected"
            )

    # A plain-text URL may lead to its encrypted form; nothing else may lead anywhere else.
    environment = network_environment("http:https" if protocol == "http" else protocol)
    result = run(command(*arguments, git_dir=git_dir), environment, limits.origin_timeout, watch)
    watch()
    if result.status != 0:
        told = result.error.replace(url, without_credentials(url))
        raise OriginError(f"git could not {arguments[0]} {without_credentials(url)}: {told}")
    return result


def _size(folder: Path) -> int:
    """Bytes in the files under ``folder``; what vanishes while we look is not counted."""
    total = 0
    for root, _, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(OSError):
                total += (Path(root) / name).stat().st_size
    return total


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock file, so that two builds on one cache do not fetch the same mirror at once."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
