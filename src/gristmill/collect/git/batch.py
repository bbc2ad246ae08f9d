"""Reading git objects through one long-lived, supervised ``git cat-file --batch-command`` child.

Requests go out in windows and answers are read while the child works on the next window. Git answers with
whatever bytes are stored under an id, right or wrong, so every object read here is hashed again. One bad
pack entry ends the child; it is started anew and the other objects of the window are asked for once more.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from types import TracebackType

from gristmill.collect.git.child import Child, LostError, StalledError
from gristmill.collect.git.plumbing import Repository
from gristmill.collect.reader import Limits
from gristmill.errors import OriginError

MISSING, CORRUPT, TOO_LARGE, TIMEOUT = "missing", "corrupt", "too_large", "timeout"

_OBJECT_ID = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")
_READ_WINDOW = 128  # the requests of two windows must fit into a pipe
_SIZE_WINDOW = 2048


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


class ObjectReader:
    """The objects of one repository; use it as a context manager, so that the child is always reaped.

    One request at a time: finish or close an iterator before the next call. When the time spent waiting for
    git passes ``limits.origin_timeout``, HostileInputError is raised.
    """

    def __init__(self, repository: Repository, limits: Limits) -> None:
        self.repository = repository
        self.limits = limits
        self._child = Child(repository, limits)
        self._busy = False

    def __enter__(self) -> ObjectReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the child. A later request starts a new one."""
        self._child.close()

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
                due = [o.object_id for o in found if o.problem is None and o.size <= max_bytes]
                healthy = self._ask("contents", due) and self._ask("info", window)
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

    def _ask(self, verb: str, ids: Iterable[str]) -> bool:
        """Send one window of requests; False if the child is gone (then none of its answers will come).

        Git queues requests until the flush, so that writing never waits for long.
        """
        wanted = list(ids)
        if not wanted:
            return True
        if not all(map(_OBJECT_ID.match, wanted)):
            raise OriginError("an object id is not 40 or 64 lower-case hexadecimal digits")
        try:
            self._child.send("".join([*(f"{verb} {i}\n" for i in wanted), "flush\n"]).encode())
        except (LostError, StalledError):
            self.close()
        return self._child.running

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
        except (LostError, StalledError):
            self.close()
            return None

    def _alone(self, verb: str, one: RawObject) -> RawObject:
        """Ask for one object only; blame it if a child that was started for it ends."""
        problem = CORRUPT
        for _ in range(2):
            fresh = not self._child.running
            try:
                self._ask(verb, [one.object_id])
                return self._received_header(one) if verb == "info" else self._verified(one)
            except (LostError, StalledError) as error:
                self.close()
                problem = CORRUPT if isinstance(error, LostError) else TIMEOUT
            if fresh or problem == TIMEOUT:
                break
        return replace(one, problem=problem)

    def _received_header(self, expected: RawObject) -> RawObject:
        object_id, words = expected.object_id, self._child.line().split(b" ")
        if words[0] != object_id.encode():
            raise LostError
        if len(words) == 2 and words[1] == b"missing":
            problem = CORRUPT if self._loose_file_exists(object_id) else MISSING
            return RawObject(object_id, "", -1, problem=problem)
        if len(words) != 3 or not words[2].isdigit():
            raise LostError
        return RawObject(object_id, words[1].decode("ascii", "replace"), int(words[2]))

    def _verified(self, expected: RawObject) -> RawObject:
        header = self._received_header(expected)
        if header.problem is not None:  # git knew its size a moment ago
            return replace(expected, problem=CORRUPT)
        if (header.kind, header.size) != (expected.kind, expected.size):
            raise LostError
        data = self._child.body(header.size)
        digest = hashlib.new(self.repository.object_format, usedforsecurity=False)
        digest.update(b"%s %d\0" % (header.kind.encode(), header.size))
        digest.update(data)
        if digest.hexdigest() != expected.object_id:
            return replace(expected, problem=CORRUPT, unverified=data)
        return replace(expected, data=data)

    def _loose_file_exists(self, object_id: str) -> bool:
        """Git says "missing" for a loose object that it cannot decode; the file tells the two apart."""
        return (self.repository.objects / object_id[:2] / object_id[2:]).exists()
