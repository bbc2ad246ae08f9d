"""An output file that grows part by part, so that an interrupted run goes on where it stopped.

Beside ``OUT`` stand ``OUT.partial``, what has been written, and ``OUT.progress``, how much of it is whole and for which
input and settings it holds. What was written after the last whole part is cut off and done again; the result has the
same bytes as that of a run without interruption.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from gristmill.errors import GristmillError

SIDE_BYTES = 1 << 16


class OutputError(GristmillError):
    """An output file cannot be written, or its unfinished part belongs to another run."""


@dataclass(frozen=True)
class Done:
    """How far the output is."""

    rows: int = 0
    failed: int = 0
    """Of the rows, those with an error."""
    bytes: int = 0


class Parts:
    """The output of one run; use it in a ``with`` block. Leaving the block early keeps what was added."""

    def __init__(self, output: Path, settings: Mapping[str, object] | None) -> None:
        """Begin, or go on where a run with equal ``settings`` (of JSON values) stopped; None never goes on.

        Raises: OutputError if the place cannot be written to, another process is writing there, or what is
        there was begun with other settings.
        """
        self.output = output
        self._partial = output.with_name(f"{output.name}.partial")
        self._side = output.with_name(f"{output.name}.progress")
        self._key = None
        if settings is not None:
            text = json.dumps(settings, sort_keys=True, ensure_ascii=True)
            self._key = hashlib.sha256(text.encode()).hexdigest()
        self._file = self._open()
        try:
            self.done = self._begin()
        except BaseException:
            self._file.close()
            raise

    def add(self, data: bytes, *, rows: int, failed: int) -> None:
        """Append a whole part; when this returns, it survives whatever happens."""
        self._file.write(data)
        self.done = Done(self.done.rows + rows, self.done.failed + failed, self.done.bytes + len(data))
        if self._key is None:
            return
        self._file.flush()
        os.fsync(self._file.fileno())
        new = self._side.with_name(f"{self._side.name}.new")
        with new.open("w", encoding="utf-8") as file:
            file.write(json.dumps({"key": self._key, **asdict(self.done)}) + "\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._side)

    def finish(self, convert: Callable[[Path, Path], None] | None = None) -> None:
        """Put the output in its place, and remove what stands beside it.

        ``convert`` makes the output (its second argument) from the parts (its first); by default they are it.
        """
        self._file.flush()
        if convert is None:
            self._partial.replace(self.output)
        else:
            new = self.output.with_name(f"{self.output.name}.new")
            convert(self._partial, new)
            new.replace(self.output)
            self._partial.unlink()
        self._side.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def _open(self) -> BinaryIO:
        if self.output.is_dir():
            raise OutputError(f"{self.output} is a folder; name a file")
        try:
            descriptor = os.open(self._partial, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except (OSError, ValueError) as error:
            raise OutputError(f"{self.output} cannot be written: {error}") from error
        file = os.fdopen(descriptor, "r+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.close()
            raise OutputError(f"another process is writing {self.output}; wait for it or end it") from error
        return file

    def _begin(self) -> Done:
        done, key = self._read_side()
        there = os.fstat(self._file.fileno()).st_size
        if there < done.bytes:  # parts that were put in place already, or are lost
            done = Done()
        elif key != self._key and done.rows:
            raise OutputError(
                f"{self._partial} was begun with other input, model, labels or settings ({done.rows} rows);"
                f" finish it with the command that began it, or delete it and {self._side.name}"
            )
        elif key != self._key:
            done = Done()
        self._file.truncate(done.bytes)
        self._file.seek(done.bytes)
        return done

    def _read_side(self) -> tuple[Done, str | None]:
        try:
            with self._side.open("rb") as file:
                values = json.loads(file.read(SIDE_BYTES))
            key = values.pop("key")
            numbers = [values[name] for name in ("rows", "failed", "bytes")]
        except FileNotFoundError:
            return Done(), None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            numbers, key = [None], None
        if not isinstance(key, str) or not all(type(one) is int and one >= 0 for one in numbers):
            raise OutputError(f"{self._side} is damaged; delete it and {self._partial.name} to begin anew")
        return Done(*numbers), key
