"""The members of a zip archive, inside bounds. A member that is damaged does not harm the others.

Names are UTF-8 where the archive says so and CP437 otherwise, as the format has it.
"""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from collections.abc import Iterator
from typing import IO

from gristmill.collect import swhid
from gristmill.collect.listing import NULL_ID
from gristmill.collect.member import CHUNK, DAMAGE, Budget, Member
from gristmill.collect.reader import Limits
from gristmill.errors import OriginError

ZIP_DIRECTORY_BYTES = 1 << 30
ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
UNIX_SYSTEMS = (3, 19)


def zip_members(file: IO[bytes], limits: Limits, budget: Budget) -> Iterator[Member]:
    """The files and links of a zip archive; folders and special files are left out. Errors: DAMAGE."""
    _count_zip_members(file, budget)
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            # orig_filename, since filename ends at the first NUL.
            name = info.orig_filename.encode("utf-8", "surrogateescape")
            unix = info.external_attr >> 16 if info.create_system in UNIX_SYSTEMS else 0
            kind = stat.S_IFMT(unix)
            if name.endswith(b"/") or kind not in (0, stat.S_IFREG, stat.S_IFLNK):
                continue
            mode = swhid.EXECUTABLE_MODE if unix & stat.S_IXUSR else swhid.FILE_MODE
            if kind == stat.S_IFLNK:
                mode = swhid.SYMLINK_MODE
            yield _zip_file(archive, info, name, mode, limits, budget)


def _zip_file(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: bytes, mode: int, limits: Limits, budget: Budget
) -> Member:
    """One member of a zip; a member that is damaged does not harm the others."""
    size = info.file_size
    if size > limits.max_content_bytes:
        note = f"{name!r} has {size} bytes (limit max_content_bytes) and was not unpacked"
        return Member(name, mode, NULL_ID, size, None, "too_large", note=note)
    problem = ""
    if info.flag_bits & 1:
        problem = "is encrypted"
    elif info.compress_type not in ZIP_METHODS:
        problem = f"is compressed by method {info.compress_type}; stored and deflate are read"
    else:
        parts: list[bytes] = []
        try:
            with archive.open(info) as body:
                while part := body.read(CHUNK):
                    budget.spend(len(part))
                    parts.append(part)
            data = b"".join(parts)
            if len(data) == size:
                return Member(name, mode, swhid.content_id(data), size, data)
            problem = f"has {len(data)} bytes where {size} are stated"
        except OriginError:
            raise
        except DAMAGE as error:
            problem = f"is corrupt: {error}"
    return Member(name, mode, NULL_ID, size, None, "corrupt", note=f"{name!r} {problem}")


def _count_zip_members(file: IO[bytes], budget: Budget) -> None:
    """Walk the central directory (APPNOTE 6.3.10, 4.3.12) before zipfile builds an object a member.

    Only headers are read, and only as many as the budget allows; what is malformed is left to zipfile.
    """
    file.seek(0, io.SEEK_END)
    end = file.tell()
    tail_at = max(0, end - (1 << 16) - 22)
    file.seek(tail_at)
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < 22:
        raise zipfile.BadZipFile("no end-of-central-directory record")
    size = struct.unpack_from("<L", tail, at + 12)[0]
    position = tail_at + at - size
    if tail[max(0, at - 20) : at].startswith(b"PK\x06\x07"):
        file.seek(max(0, tail_at + at - 76))
        record = file.read(56)
        if len(record) == 56 and record.startswith(b"PK\x06\x06"):
            size = struct.unpack_from("<Q", record, 40)[0]
            position = tail_at + at - 76 - size
    if size > ZIP_DIRECTORY_BYTES:
        budget.refuse(f"has a central directory of {size} bytes", f"{ZIP_DIRECTORY_BYTES} bytes")
    limit = position + size
    while 0 <= position < limit:
        file.seek(position)
        header = file.read(46)
        if len(header) < 46 or not header.startswith(b"PK\x01\x02"):
            break
        budget.enter()
        position += 46 + sum(struct.unpack_from("<HHH", header, 28))
    file.seek(0)
