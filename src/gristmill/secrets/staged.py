"""What is staged in a repository's index: the contents that the next commit would add or change."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import partial
from io import BytesIO
from pathlib import Path

from gristmill.collect.git.batch import ObjectReader
from gristmill.collect.git.objects import entry_type
from gristmill.collect.git.plumbing import Repository, command, open_repository, run, sealed_environment
from gristmill.collect.listing import path_text
from gristmill.collect.reader import Limits
from gristmill.errors import OriginError
from gristmill.secrets.detect import Document
from gristmill.secrets.history import MAX_BYTES

_EMPTY_TREES = {
    "sha1": "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    "sha256": "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}
_CHANGE = re.compile(rb":[0-7]+ ([0-7]+) [0-9a-f]+ ([0-9a-f]+) [A-Z]\d*")


def documents(
    path: Path, cache: Path, unread: list[tuple[str, str]], limits: Limits | None = None
) -> Iterator[Document]:
    """The staged contents, by path from the repository's top folder; arguments as of ``history.documents``.

    git itself tells which they are, without a look at the work tree. The index is the one that git names to a hook
    (``GIT_INDEX_FILE``), as for a commit of some files only.

    Raises:
        OriginError: ``path`` lies in no repository, or git cannot read its index.
    """
    bounds = limits or Limits()
    repository = open_repository(_top(path), cache, bounds.origin_timeout)
    staged: dict[str, bytes] = {}
    changes = iter(_changes(repository, bounds))
    for change, name in zip(changes, changes, strict=True):
        found = _CHANGE.fullmatch(change)
        if found is None:
            raise OriginError(f"{path}: git tells the changes of the index in an unknown form")
        object_id = found[2].decode("ascii")
        if entry_type(int(found[1], 8)) == "file" and int(found[1], 8) and object_id.strip("0"):
            staged.setdefault(object_id, name)
    with ObjectReader(repository, bounds) as reader:
        for raw in reader.read(list(staged), MAX_BYTES):
            told = path_text(staged[raw.object_id])[0]
            if raw.data is None:
                unread.append((told, (raw.problem or "missing").replace("_", " ")))
            else:
                yield Document(told, partial(BytesIO, raw.data))


def _changes(repository: Repository, limits: Limits) -> list[bytes]:
    """Change and name by turns, as ``git diff-index --raw -z`` has them."""
    environment = sealed_environment()
    index = os.environ.get("GIT_INDEX_FILE")
    if index:
        environment["GIT_INDEX_FILE"] = os.path.abspath(index)  # noqa: PTH100 - git runs elsewhere
    place, seconds = repository.git_dir, limits.origin_timeout
    head = run(command("rev-parse", "--verify", "--quiet", "HEAD", git_dir=place), environment, seconds)
    before = head.output.decode("ascii").strip() if head.status == 0 else ""
    asked = (
        "diff-index",
        "--cached",
        "--raw",
        "-z",
        "--no-abbrev",
        "--no-renames",
        "--ita-invisible-in-index",
    )
    against = before or _EMPTY_TREES[repository.object_format]
    told = run(command(*asked, against, "--", git_dir=place), environment, seconds)
    if told.status != 0:
        raise OriginError(f"git cannot tell what is staged in {place}: {told.error}")
    return told.output.split(b"\0")[:-1]


def _top(path: Path) -> Path:
    """The repository's top folder, at or above ``path``."""
    real = path.resolve()
    return next((one for one in (real, *real.parents) if (one / ".git").exists()), real)
