"""Reading git objects through one long-lived, supervised ``git cat-file --batch-command`` child.

Requests go out in windows and answers are read while the child works on the next window. Git answers with
whatever bytes are stored under an id, right or wrong, so every object read here is hashed again. One bad
pack entry ends the child; it is started anew and the other objects of the window are asked for once more.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import select
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from types import TracebackType

from gristmill.collect.git.plumbing import Repository, command, end, object_environment, start
from gristmill.collect.reader import Limits
from gristmill.errors import HostileInputError, OriginError

MISSING, CORRUPT, TOO_LARGE, TIMEOUT = "missing", "corrupt", "too_large", "timeout"

_OBJECT_ID = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")
_READ_WINDOW = 128  # the requests of two windows must fit into a pipe
_SIZE_WINDOW = 2048
_PIPE_BYTES = 1 << 20


@dataclass(frozen=True)
class RawObject:
    """One object as git has it: id, kind (blob, tree, commit, tag), size in bytes, and its bytes if read.

    ``problem`` says why there are no bytes: missing, corrupt, too_large or timeout. Kind is empty and size
    -1 where nothing is known. ``unverified`` are bytes that were stored under this id and do not belong to it.
    """

    object_id: str
    kind: str
    size: int
    data: bytes | None = None
    problem: str | None = None
    unverified: bytes | None = None


class _LostError(Exception):
    """The child ended, or answered something that was not asked."""


class _StalledError(Exception):
    """No complete answer within limits.object_timeout."""


class ObjectReader:
    """The objects of one repository; use it as a context manager, so that the child is always reaped.

    ``waited`` counts the seconds spent waiting for git; when they pass ``limits.origin_timeout`` the reader
    raises HostileInputError. One request at a time: finish or close an iterator before the next call.
    """

    def __init__(self, repository: Repository, limits: Limits) -> None:
        self.repository = repository
        self.limits = limits
        self.waited = 0.0
        self._child: subprocess.Popen[bytes] | None = None
        self._buffer = bytearray()
        self._busy = False

    def __enter__(self) -> ObjectReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the child. A later request starts a new one."""
        child, self._child = self._child, None
        self._buffer = bytearray()
        if child is not None:
            end(child)
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    pipe.close()

    def sizes(self, ids: Iterable[str]) -> Iterator[RawObject]:
        """Kind and size of each object, in the order asked, without reading bodies."""
        source = iter(ids)
        with self._exclusive():
            while window := list(islice(source, _SIZE_WINDOW)):
                self._ask("info", window)
                yield from self._receive_sizes(window)

    def read(self, ids: Iterable[str], max_bytes: int) -> Iterator[RawObject]:
        """The bytes of each object, in the order asked, each hashed and equal to its id.

        An object of more than ``max_bytes`` is not read (problem too_large). ``ids`` is read ahead of what
        is returned, so it must not depend on it.
        """
        source = iter(ids)
        window = list(islice(source, _READ_WINDOW))
        with self._exclusive():
            self._ask("info", window)
            while window:
                found = self._receive_sizes(window)
                window = list(islice(source, _READ_WINDOW))
                self._ask(
                    "contents", (o.object_id for o in found if o.problem is None and o.size <= max_bytes)
                )
                self._ask("info", window)
                healthy = True
                for one in found:
                    if one.problem is not None:
                        yield one
                    elif one.size > max_bytes:
                        yield replace(one, problem=TOO_LARGE)
                    else:
                        answer = self._expect(self._verified, one) if healthy else None
                        healthy = answer is not None
                        yield answer or self._alone("contents", one)
                if not healthy:
                    self._ask("info", window)

    def read_one(self, object_id: str, max_bytes: int) -> RawObject:
        """One object's bytes, as `read` gives them."""
        (one,) = self.read([object_id], max_bytes)
        return one

    @contextlib.contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Guard the dialogue: whoever leaves it early leaves answers in the pipe, so the child must go."""
        if self._busy:
            raise RuntimeError("this reader is in the middle of another request")
        self._busy = True
        try:
            yield
        except BaseException:  # also GeneratorExit: the consumer stopped early
            self.close()
            raise
        finally:
            self._busy = False

    # ---------------------------------------------------------------------------------------- answers

    def _receive_sizes(self, window: Iterable[str]) -> list[RawObject]:
        found, healthy = [], True
        for object_id in window:
            unknown = RawObject(object_id, "", -1)
            answer = self._expect(self._received_header, unknown) if healthy else None
            healthy = answer is not None
            found.append(answer or self._alone("info", unknown))
        return found

    def _expect(self, receive: Callable[[RawObject], RawObject], one: RawObject) -> RawObject | None:
        """The next answer of the window, or None if the child ended or stalled (and then was ended).

        What it had buffered is lost, so the object without an answer may be innocent: the rest of the window
        is then asked for one by one, and only an object that fails alone is blamed.
        """
        try:
            return receive(one)
        except (_LostError, _StalledError):
            self.close()
            return None

    def _alone(self, verb: str, one: RawObject) -> RawObject:
        try:
            self._ask(verb, [one.object_id])
            return self._received_header(one) if verb == "info" else self._verified(one)
        except (_LostError, _StalledError) as error:
            self.close()
            return replace(one, problem=CORRUPT if isinstance(error, _LostError) else TIMEOUT)

    def _received_header(self, expected: RawObject) -> RawObject:
        object_id, words = expected.object_id, self._line().split(b" ")
        if words[0] != object_id.encode():
            raise _LostError
        if len(words) == 2 and words[1] == b"missing":
            problem = CORRUPT if self._loose_file_exists(object_id) else MISSING
            return RawObject(object_id, "", -1, problem=problem)
        if len(words) != 3 or not words[2].isdigit():
            raise _LostError
        return RawObject(object_id, words[1].decode("ascii", "replace"), int(words[2]))

    def _verified(self, expected: RawObject) -> RawObject:
        header = self._received_header(expected)
        if header.problem is not None:  # git knew its size a moment ago
            return replace(expected, problem=CORRUPT)
        if (header.kind, header.size) != (expected.kind, expected.size):
            raise _LostError
        deadline = self._deadline()
        while len(self._buffer) <= header.size:
            self._fill(deadline)
        with memoryview(self._buffer) as view:
            data = bytes(view[: header.size])
        del self._buffer[: header.size + 1]
        digest = hashlib.new(self.repository.object_format, usedforsecurity=False)
        digest.update(b"%s %d\0" % (header.kind.encode(), header.size))
        digest.update(data)
        if digest.hexdigest() != expected.object_id:
            return replace(expected, problem=CORRUPT, unverified=data)
        return replace(expected, data=data)

    def _loose_file_exists(self, object_id: str) -> bool:
        """Git says "missing" for a loose object that it cannot decode; the file tells the two apart."""
        return (self.repository.objects / object_id[:2] / object_id[2:]).exists()

    # ------------------------------------------------------------------------------------------ child

    def _ask(self, verb: str, ids: Iterable[str]) -> None:
        """Send one window of requests; git queues them until the flush, so that writing never waits for long."""
        lines = [f"{verb} {i}\n" for i in ids]
        if not lines:
            return
        if not all(map(_OBJECT_ID.match, (line.split(" ")[1][:-1] for line in lines))):
            raise OriginError("an object id is not 40 or 64 lower-case hexadecimal digits")
        child = self._child or self._start()
        try:
            self._write(child, "".join([*lines, "flush\n"]).encode())
        except (_LostError, _StalledError):
            self.close()  # whoever waits for the answers will find the child gone and ask again

    def _start(self) -> subprocess.Popen[bytes]:
        child = start(
            command("cat-file", "--batch-command", "--buffer"),
            object_environment(self.repository),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._child = child
        os.set_blocking(_number(child.stdin), False)
        if hasattr(fcntl, "F_SETPIPE_SZ"):
            with contextlib.suppress(OSError):  # a larger pipe is only faster
                fcntl.fcntl(_number(child.stdout), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        # An id that cannot exist: the answer shows that this child works at all, so that later on its end
        # can be blamed on an object.
        nobody = "0" * (2 * self.repository.id_bytes)
        try:
            self._write(child, f"info {nobody}\nflush\n".encode())
            answer = self._line()
        except (_LostError, _StalledError):
            answer = b""
        if answer != f"{nobody} missing".encode():
            self.close()
            raise OriginError(f"git cat-file does not work on {self.repository.objects}")
        return child

    def _write(self, child: subprocess.Popen[bytes], data: bytes) -> None:
        stdin, stdout, deadline = _number(child.stdin), _number(child.stdout), self._deadline()
        poll = select.poll()
        poll.register(stdin, select.POLLOUT)
        poll.register(stdout, select.POLLIN)
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(stdin, rest) :]
            except BlockingIOError:
                ready = dict(self._wait(poll, deadline))
                if stdout in ready:  # take answers in, or both sides would wait for each other
                    self._take(stdout)
            except BrokenPipeError:
                raise _LostError from None

    def _line(self) -> bytes:
        deadline = self._deadline()
        while (stop := self._buffer.find(b"\n")) < 0:
            self._fill(deadline)
        line = bytes(self._buffer[:stop])
        del self._buffer[: stop + 1]
        return line

    def _fill(self, deadline: float) -> None:
        if self._child is None:
            raise _LostError
        stdout = _number(self._child.stdout)
        poll = select.poll()
        poll.register(stdout, select.POLLIN)
        self._wait(poll, deadline)
        self._take(stdout)

    def _take(self, stdout: int) -> None:
        data = os.read(stdout, _PIPE_BYTES)
        if not data:
            raise _LostError
        self._buffer += data

    def _deadline(self) -> float:
        return time.monotonic() + self.limits.object_timeout

    def _wait(self, poll: select.poll, deadline: float) -> list[tuple[int, int]]:
        began = time.monotonic()
        ready = poll.poll(max(0.0, deadline - began) * 1000)
        self.waited += time.monotonic() - began
        if self.waited > self.limits.origin_timeout:
            raise HostileInputError(
                f"reading {self.repository.git_dir} took longer than origin_timeout "
                f"({self.limits.origin_timeout:g} s); raise the limit if this is expected"
            )
        if not ready:
            raise _StalledError
        return ready


def _number(pipe: object) -> int:
    return pipe.fileno()  # type: ignore[attr-defined,no-any-return]
