"""The members of an archive, one after the other, inside bounds. Nothing is written to disk.

What an archive is, is told by its first bytes, never by its name. Nested archives are contents like any
other.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

from gristmill.collect.member import DAMAGE, Budget, DamagedArchiveError, Member
from gristmill.collect.reader import Limits
from gristmill.collect.untar import inflate, tar_members
from gristmill.collect.unzip import zip_members
from gristmill.errors import OriginError

ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06")


def read_members(path: Path, limits: Limits) -> Iterator[Member]:
    """The files and links of a tar (plain, gzip, bzip2, xz, zstd) or zip archive, in their order.

    Folders, devices and pipes are left out. Each body is hashed; bodies over ``max_content_bytes`` are not
    kept, and in a zip, whose members stand alone, not even unpacked. Raises OriginError if the file is no
    archive, DamagedArchiveError where its rest cannot be read, HostileInputError if it passes a limit.
    """
    budget = Budget(path, limits)
    with path.open("rb") as file:
        head = file.read(512)
        file.seek(0)
        if head.startswith(ZIP_MAGICS):
            members = zip_members(file, limits, budget)
        else:
            members = tar_members(inflate(file, head, path.name), limits, budget)
        count = 0
        try:
            for member in members:
                count += 1
                yield member
        except OriginError:
            raise
        except DAMAGE as error:
            if not count and isinstance(error, tarfile.ReadError):
                raise OriginError(f"{path.name} is neither a tar nor a zip archive: {error}") from error
            reason = str(error) or type(error).__name__
            raise DamagedArchiveError(
                f"archive {path.name} is truncated or corrupt after {count} members: {reason}"
            ) from error
