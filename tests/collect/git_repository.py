"""Building real repositories with git for the tests: fixed dates and people, no user configuration."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from gristmill.collect.git import list_objects, resolve
from gristmill.collect.reader import Context, Limits, Source, State

FILE, EXECUTABLE, SYMLINK, SUBMODULE = 0o100644, 0o100755, 0o120000, 0o160000
ANN = "Ann Author <ann@example.org>"
CARL = "Carl Committer <carl@example.org>"

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ann Author",
    "GIT_AUTHOR_EMAIL": "ann@example.org",
    "GIT_AUTHOR_DATE": "1700000000 +0200",
    "GIT_COMMITTER_NAME": "Carl Committer",
    "GIT_COMMITTER_EMAIL": "carl@example.org",
    "GIT_COMMITTER_DATE": "1700000000 -0530",
}


def git(where: Path, *arguments: str, data: bytes = b"") -> bytes:
    """Run git in ``where`` and return its output; fails the test if git fails."""
    return subprocess.run(
        ["git", *arguments], cwd=where, env=ENVIRONMENT, input=data, capture_output=True, check=True
    ).stdout


def word(where: Path, *arguments: str, data: bytes = b"") -> str:
    """As `git`, the output as one stripped string: an id."""
    return git(where, *arguments, data=data).decode().strip()


def new_repository(path: Path, *options: str) -> Path:
    """A repository without commits whose HEAD is main."""
    path.mkdir(parents=True)
    git(path, "init", "-q", "-b", "main", *options)
    return path


def commit(
    where: Path,
    files: Mapping[bytes, bytes | tuple[int, bytes]],
    parents: Sequence[str] = (),
    date: int = 1_700_000_000,
    message: bytes = b"change\n",
    branch: str = "main",
    author: str = ANN,
) -> str:
    """Make a commit that holds exactly ``files`` (path to bytes, or mode and bytes); returns its id."""
    lines = [
        b"commit refs/heads/%s" % branch.encode(),
        b"author %s %d +0200" % (author.encode(), date),
        b"committer %s %d -0530" % (CARL.encode(), date),
        b"data %d\n%s" % (len(message), message),
    ]
    lines += [(b"from " if i == 0 else b"merge ") + p.encode() for i, p in enumerate(parents)]
    lines.append(b"deleteall")
    for path, what in files.items():
        mode, data = what if isinstance(what, tuple) else (FILE, what)
        quoted = b'"%s"' % b"".join(b"\\%03o" % byte for byte in path)
        if mode == SUBMODULE:
            lines.append(b"M 160000 %s %s" % (data, quoted))
        else:
            lines.append(b"M %o inline %s\ndata %d\n%s" % (mode, quoted, len(data), data))
    head = [b"reset refs/heads/%s" % branch.encode(), b""] if not parents else []
    git(where, "fast-import", "--quiet", "--force", data=b"\n".join([*head, *lines]) + b"\n")
    return word(where, "rev-parse", f"refs/heads/{branch}")


def loose(where: Path, object_id: str) -> Path:
    """The file of a loose object, made writable."""
    base = where / ".git" if (where / ".git").exists() else where
    path = base / "objects" / object_id[:2] / object_id[2:]
    path.chmod(0o644)
    return path


def context(tmp_path: Path, people_key: bytes | None = b"key", **limits: Any) -> Context:
    """A context with a cache under ``tmp_path``."""
    return Context(tmp_path / "cache", Limits(**limits), people_key)


def source(target: Path | str, **options: str) -> Source:
    """A git source."""
    return Source("git", str(target), options)


def listing(target: Path | str, at: Context, **options: str) -> tuple[State, dict[str, list[dict[str, Any]]]]:
    """Resolve and list ``target``: the state, and the rows of each table."""
    state = resolve(source(target, **options), at)
    rows: dict[str, list[dict[str, Any]]] = {}
    for name, batch in list_objects(state, at):
        assert isinstance(batch, pa.RecordBatch)
        rows.setdefault(name, []).extend(batch.to_pylist())
    return state, rows
