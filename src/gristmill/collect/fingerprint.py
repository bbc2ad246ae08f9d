"""What a folder looked like when it was last hashed, so that an unchanged one need not be read again.

The fingerprint covers path, mode, size, inode, and the times of content and status of every file: what git's
index looks at. A file that was written at the moment of the hashing could change again within the same tick
of the file system's clock, so a folder with such a file is not remembered.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gristmill.collect.reader import Limits

VERSION = 1
SETTLED_NS = 2_000_000_000
"""a file younger than this may still change without a sign: the coarsest clock of a file system in use"""
_STATUS = struct.Struct("<5q")


@dataclass(frozen=True)
class Fingerprint:
    """Digest of all paths and their status; ``settled`` if none of them was touched just before."""

    digest: str
    settled: bool


def fingerprint(walked: Iterable[tuple[bytes, os.stat_result]], limits: Limits) -> Fingerprint:
    """The fingerprint of paths and their status, in the order in which they are given, read within limits."""
    started, latest = time.time_ns(), 0
    digest = hashlib.sha256(f"gristmill folder {VERSION} {limits}\n".encode())
    update, pack = digest.update, _STATUS.pack
    for path, status in walked:
        written, touched = status.st_mtime_ns, status.st_ctime_ns
        packed = pack(status.st_mode, status.st_size, status.st_ino, written, touched)
        update(packed + path + b"\0")
        if written > latest or touched > latest:
            latest = max(written, touched)
    return Fingerprint(digest.hexdigest(), latest < started - SETTLED_NS)


def recall(cache: Path, root: Path, seen: Fingerprint) -> str | None:
    """The state that the folder had when it looked like this; None if it is not known."""
    try:
        known = json.loads(_file(cache, root).read_bytes())
        state = known["state"] if known["fingerprint"] == seen.digest else None
    except (OSError, ValueError, KeyError, TypeError):  # a cache: what cannot be read is made anew
        return None
    return state if isinstance(state, str) else None


def remember(cache: Path, root: Path, seen: Fingerprint, state: str) -> None:
    """Keep the state of a folder that was hashed after ``seen`` was taken, unless it could have changed unseen."""
    if not seen.settled:
        return
    path = _file(cache, root)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    aside.write_text(json.dumps({"fingerprint": seen.digest, "state": state}))
    aside.replace(path)


def _file(cache: Path, root: Path) -> Path:
    return cache / "dir" / f"{hashlib.sha256(os.fsencode(root)).hexdigest()}.json"
