"""The members of a tar archive, plain or compressed, in one forward pass inside bounds.

Every byte that comes out of the decoder is counted; headers have an allowance of their own, so that no
header can fill the memory or keep the parser busy.
"""

from __future__ import annotations

import bz2
import hashlib
import importlib
import io
import lzma
import stat
import tarfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Protocol, cast

from gristmill.collect import swhid
from gristmill.collect.listing import NULL_ID
from gristmill.collect.member import CHUNK, Budget, Member
from gristmill.collect.reader import Limits
from gristmill.errors import OriginError

HEADER_BYTES = 1 << 16
XZ_MEMORY = 1 << 28


class Readable(Protocol):
    """Anything that bytes can be read from, in order."""

    def read(self, size: int, /) -> bytes: ...


class _Decoder(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


# 31 selects zlib's largest window and a gzip header and trailer.
_DECODERS: dict[bytes, Callable[[], _Decoder]] = {
    b"\x1f\x8b": lambda: zlib.decompressobj(31),
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ\0": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY),
}


def tar_members(source: Readable, limits: Limits, budget: Budget) -> Iterator[Member]:
    """The files and links of a tar stream; its folders, devices and pipes are left out. Errors: DAMAGE."""
    stream = _ForwardStream(source, budget)
    tar = tarfile.TarFile(fileobj=cast(IO[bytes], stream), encoding="utf-8", errors="surrogateescape")
    while (info := tar.next()) is not None:
        tar.members.clear()  # type: ignore[attr-defined]  # tarfile keeps every header it has seen
        budget.enter()
        name = info.name.encode("utf-8", "surrogateescape")
        link = info.linkname.encode("utf-8", "surrogateescape")
        mode = swhid.EXECUTABLE_MODE if info.mode & stat.S_IXUSR else swhid.FILE_MODE
        if info.issym():
            yield Member(name, swhid.SYMLINK_MODE, swhid.content_id(link), len(link), link)
        elif info.islnk():
            yield Member(name, mode, NULL_ID, -1, None, link=link)
        elif info.sparse is not None:
            note = f"{name!r} is a sparse file, which is not read"
            yield Member(name, mode, NULL_ID, info.size, None, "corrupt", note=note)
        elif info.isreg():
            stream.seek(info.offset_data)
            yield _tar_file(stream, name, mode, info.size, limits)
        stream.open_header()
    # tarfile takes a broken header for the end of the archive; a true end is a block of zeros or no block.
    if stream.last.strip(b"\0"):
        raise tarfile.ReadError(f"no tar header at byte {tar.offset}")


def inflate(file: IO[bytes], head: bytes, name: str) -> Readable:
    """The bytes in a file that may be compressed, told by its first bytes. Raises OriginError for zstd
    where Python cannot read it."""
    for magic, new_decoder in _DECODERS.items():
        if head.startswith(magic):
            return _Inflated(file, new_decoder)
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        try:
            zstd = importlib.import_module("compression.zstd")
        except ImportError as error:
            raise OriginError(
                f"archive {name} is compressed with zstd, which Python reads from 3.14 on; "
                "use that Python, or unpack it and collect the folder as dir:PATH"
            ) from error
        return cast(Readable, zstd.ZstdFile(file))
    return file


class _Inflated:
    """What a compressed file holds: its streams one after the other, never more at once than asked for.

    Unlike gzip.open and lzma.open it bounds the decoder's memory and the reading of headers.
    """

    def __init__(self, file: IO[bytes], new_decoder: Callable[[], _Decoder]) -> None:
        self._file = file
        self._new_decoder = new_decoder
        self._decoder = new_decoder()

    def read(self, size: int, /) -> bytes:
        while True:
            if self._decoder.eof:  # zeros may pad the space between streams
                data = self._decoder.unused_data.lstrip(b"\0") or self._file.read(CHUNK).lstrip(b"\0")
                if not data:
                    return b""
                self._decoder = self._new_decoder()
            else:
                data = getattr(self._decoder, "unconsumed_tail", b"")
                if not data and getattr(self._decoder, "needs_input", True):
                    data = self._file.read(CHUNK)
            out = self._decoder.decompress(data, size)
            if out:
                return out
            if not data and not self._decoder.eof:
                raise EOFError("the compressed stream ends early")


class _ForwardStream:
    """A tar stream that only moves forward, counts every byte, and bounds what headers may read."""

    def __init__(self, source: Readable, budget: Budget) -> None:
        self._source = source
        self._budget = budget
        self._position = 0
        self._allowance = HEADER_BYTES
        self.last = b""

    def open_header(self) -> None:
        """Give the next header its allowance."""
        self._allowance = HEADER_BYTES

    def read(self, size: int = -1, /) -> bytes:
        """Bytes of a header. Raises HostileInputError when the allowance is used up."""
        if not 0 <= size <= self._allowance:
            self._budget.refuse(f"has a tar header of {size} bytes or more", f"{HEADER_BYTES} bytes a member")
        self._allowance -= size
        self.last = self.take(size)
        return self.last

    def take(self, size: int) -> bytes:
        """Up to ``size`` bytes of a body; less only at the end of the stream."""
        parts: list[bytes] = []
        while size > 0 and (part := self._source.read(min(size, CHUNK))):
            parts.append(part)
            size -= len(part)
            self._position += len(part)
            self._budget.spend(len(part))
        return b"".join(parts)

    def tell(self) -> int:
        return self._position

    def seek(self, position: int, whence: int = io.SEEK_SET, /) -> int:
        """Move forward, past bytes that are not asked for. Raises OSError when asked to go back."""
        if whence != io.SEEK_SET or position < self._position:
            raise OSError("a tar header points backwards")
        while self._position < position:
            if not self.take(min(CHUNK, position - self._position)):
                break
        return self._position


def _tar_file(stream: _ForwardStream, name: bytes, mode: int, size: int, limits: Limits) -> Member:
    digest = hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)
    keep = size <= limits.max_content_bytes
    parts: list[bytes] = []
    left = size
    while left > 0:
        part = stream.take(min(CHUNK, left))
        if not part:
            raise EOFError(f"{name!r} ends {left} bytes early")
        left -= len(part)
        digest.update(part)
        if keep:
            parts.append(part)
    data = b"".join(parts) if keep else None
    return Member(name, mode, digest.hexdigest(), size, data, None if keep else "too_large")
