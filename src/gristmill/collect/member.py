"""What archives of every kind have in common: a member, what it may cost, and how damage shows."""

from __future__ import annotations

import lzma
import struct
import tarfile
import time
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from gristmill.collect.reader import Limits
from gristmill.errors import HostileInputError, OriginError

CHUNK = 1 << 16
RATIO_FLOOR = 10_000_000
DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    OverflowError,
    RecursionError,
    NotImplementedError,
)


@dataclass(frozen=True)
class Member:
    """One file, link or hard link of an archive.

    ``name`` and ``link`` (what a hard link points to) are raw bytes, unchecked. ``data`` is None where
    ``skipped`` says why (too_large, corrupt), and of hard links. ``content_id`` is NULL_ID where the bytes
    were not seen. ``note`` tells what is wrong with the member.
    """

    name: bytes
    mode: int
    content_id: str
    length: int
    data: bytes | None
    skipped: str | None = None
    link: bytes | None = None
    note: str | None = None


class DamagedArchiveError(OriginError):
    """The rest of the archive cannot be read: truncated or corrupt."""


class Budget:
    """What an archive may still cost: bytes out, members, and time. Raises HostileInputError beyond."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self._name = path.name
        self._limits = limits
        self._compressed = max(1, path.stat().st_size)
        self._deadline = time.monotonic() + limits.origin_timeout
        self._bytes = 0
        self._members = 0

    def spend(self, size: int) -> None:
        """Count bytes that came out of the archive."""
        self._bytes += size
        self._check_time()
        if self._bytes > self._limits.max_origin_bytes:
            self.refuse(f"unpacks to more than {self._limits.max_origin_bytes} bytes", "max_origin_bytes")
        most = self._limits.max_compression_ratio * self._compressed
        if self._bytes > max(RATIO_FLOOR, most):
            self.refuse(
                f"of {self._compressed} bytes unpacks to more than {self._limits.max_compression_ratio} "
                f"times its size ({self._bytes} bytes so far)",
                "max_compression_ratio",
            )

    def enter(self) -> None:
        """Count a member."""
        self._members += 1
        if self._members > self._limits.max_entries:
            self.refuse(f"has more than {self._limits.max_entries} members", "max_entries")
        self._check_time()

    def _check_time(self) -> None:
        if time.monotonic() > self._deadline:
            self.refuse(f"was not read in {self._limits.origin_timeout:g} s", "origin_timeout")

    def refuse(self, what: str, limit: str) -> NoReturn:
        """Give the archive up, naming it and the limit."""
        raise HostileInputError(
            f"archive {self._name} {what} (limit {limit}); raise the limit if you trust it"
        )
