"""The pipes of a ``git cat-file --batch-command`` child: requests in, lines and bodies out, all under deadlines."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import subprocess
import time
from typing import IO, cast

from gristmill.collect.git.plumbing import Repository, command, end, object_environment, start
from gristmill.collect.reader import Limits
from gristmill.errors import HostileInputError, OriginError

_PIPE_BYTES = 1 << 20


class LostError(Exception):
    """The child ended, or answered something that was not asked."""


class StalledError(Exception):
    """No complete answer within limits.object_timeout."""


class Child:
    """One child at a time, started when something is sent and there is none.

    ``waited`` counts the seconds spent waiting for its answers, over all children; when they pass
    ``limits.origin_timeout``, HostileInputError is raised.
    """

    def __init__(self, repository: Repository, limits: Limits) -> None:
        self._repository = repository
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        self._stdin = self._stdout = -1
        self._buffer = bytearray()
        self.waited = 0.0

    @property
    def running(self) -> bool:
        """Whether there is a child that was not found dead."""
        return self._process is not None

    def close(self) -> None:
        """End and reap the child, and forget what it said."""
        process, self._process = self._process, None
        self._buffer = bytearray()
        if process is not None:
            end(process)
            cast(IO[bytes], process.stdin).close()
            cast(IO[bytes], process.stdout).close()

    def send(self, requests: bytes) -> None:
        """Write whole request lines that end with a flush; start the child if need be.

        Raises:
            OriginError: a new child does not answer at all.
            LostError, StalledError: the child ended or does not read.
        """
        if self._process is None:
            self._start()
        self._write(requests)

    def line(self) -> bytes:
        """The next line, without its end."""
        deadline = self._deadline()
        while (stop := self._buffer.find(b"\n")) < 0:
            self._fill(deadline)
        line = bytes(self._buffer[:stop])
        del self._buffer[: stop + 1]
        return line

    def body(self, size: int) -> bytes:
        """The next ``size`` bytes; the line end that git writes after them is dropped."""
        deadline = self._deadline()
        while len(self._buffer) <= size:
            self._fill(deadline)
        with memoryview(self._buffer) as view:
            data = bytes(view[:size])
        del self._buffer[: size + 1]
        return data

    def _start(self) -> None:
        self._process = process = start(
            command("cat-file", "--batch-command", "--buffer"),
            object_environment(self._repository),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._stdin = cast(IO[bytes], process.stdin).fileno()
        self._stdout = cast(IO[bytes], process.stdout).fileno()
        os.set_blocking(self._stdin, False)
        if hasattr(fcntl, "F_SETPIPE_SZ"):
            with contextlib.suppress(OSError):  # a larger pipe is only faster
                fcntl.fcntl(self._stdout, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        # An id that cannot exist: the answer shows that this child works at all, so that its end can later
        # be blamed on an object.
        nobody = "0" * (2 * self._repository.id_bytes)
        try:
            self._write(f"info {nobody}\nflush\n".encode())
            answer = self.line()
        except (LostError, StalledError):
            answer = b""
        if answer != f"{nobody} missing".encode():
            self.close()
            raise OriginError(f"git cat-file does not work on {self._repository.objects}")

    def _write(self, data: bytes) -> None:
        deadline = self._deadline()
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._stdin, rest) :]
            except BlockingIOError:
                poll = select.poll()
                poll.register(self._stdin, select.POLLOUT)
                poll.register(self._stdout, select.POLLIN)
                if self._stdout in self._ready(poll, deadline):
                    self._take()  # or both sides would wait for each other
            except BrokenPipeError:
                raise LostError from None

    def _fill(self, deadline: float) -> None:
        if self._process is None:
            raise LostError
        poll = select.poll()
        poll.register(self._stdout, select.POLLIN)
        self._ready(poll, deadline)
        self._take()

    def _take(self) -> None:
        data = os.read(self._stdout, _PIPE_BYTES)
        if not data:
            raise LostError
        self._buffer += data

    def _deadline(self) -> float:
        return time.monotonic() + self._limits.object_timeout

    def _ready(self, poll: select.poll, deadline: float) -> set[int]:
        """Wait for one of the pipes; the numbers of those that are ready."""
        limit, began = self._limits.origin_timeout, time.monotonic()
        ready = poll.poll(max(0.0, min(deadline - began, limit - self.waited)) * 1000)
        self.waited += time.monotonic() - began
        if self.waited >= limit:
            raise HostileInputError(
                f"reading {self._repository.git_dir} took longer than origin_timeout ({limit:g} s); "
                "raise the limit if this is expected"
            )
        if not ready:
            raise StalledError
        return {number for number, _ in ready}
