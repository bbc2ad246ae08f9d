"""What the tests of whole builds share: a corpus of real repositories, and builds of it."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from git_environment import GIT_ENVIRONMENT
from gristmill.engine.progress import Progress
from gristmill.pipeline import Built, build
from gristmill.recipe import Recipe, parse_recipe
from gristmill.settings import make_settings
from gristmill.workspace import Workspace, open_workspace

MIT = b"# SPDX-License-Identifier: MIT\n"
GPL = b"# SPDX-License-Identifier: GPL-3.0-only\n"


def git(folder: Path, *arguments: str, data: bytes = b"", date: str | None = None) -> str:
    """Run git in a folder and return its output."""
    environment = {**os.environ, **GIT_ENVIRONMENT}
    if date:
        environment |= {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], check=True, env=environment, capture_output=True, input=data
    )
    return done.stdout.decode()


def write_files(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write files below a folder."""
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def commit(folder: Path, files: Mapping[str, bytes], date: str = "2020-01-02T03:04:05+0100") -> str:
    """Write files and commit all that the folder holds; makes the repository at the first call."""
    write_files(folder, files)
    if not (folder / ".git").exists():
        git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A", "-f")
    git(folder, "commit", "-q", "-m", "a change\n\nSigned-off-by: Ada Author <ada@mill.example>", date=date)
    return git(folder, "rev-parse", "HEAD").strip()


def tar(path: Path, files: Mapping[str, bytes]) -> Path:
    """A gzipped tar of files, the same at every call."""
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def functions(numbers: Sequence[int], head: bytes = MIT) -> bytes:
    """Python source of one small function a number: shared numbers make shared shingles."""
    body = "".join(
        f"def work_{n}(left_{n}, right_{n}):\n    return left_{n} * right_{n} + {n}\n" for n in numbers
    )
    return head + body.encode()


def recipe(sources: Sequence[str], more: str = "", name: str = "mill") -> Recipe:
    """A recipe of these sources; ``more`` is TOML that follows the table ``collect``."""
    return parse_recipe(recipe_text(sources, more, name))


def recipe_text(sources: Sequence[str], more: str = "", name: str = "mill") -> str:
    """The text of such a recipe."""
    return f'[release]\nname = "{name}"\n[collect]\nsources = {json.dumps(list(sources))}\n{more}\n'


def make(
    workspace: Path, made: Recipe, *, workers: int = 1, engine: str = "local", base: Path | None = None
) -> Built:
    """Build a recipe in a workspace, quietly."""
    settings = make_settings("2GB", workers, engine)
    return build(made, open_workspace(workspace), settings, Progress(quiet=True), base=base, replace=True)


def run_cli(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own."""
    command = [sys.executable, "-m", "gristmill", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def rows(built: Built | Path, table: str) -> list[dict[str, Any]]:
    """Rows of ``data`` (kept) or ``stubs`` (dropped) of a release."""
    folder = built if isinstance(built, Path) else built.released.folder
    return [
        row
        for path in sorted((folder / table).rglob("*.parquet"))
        for row in pq.ParquetFile(path).read().to_pylist()
    ]


def kept(built: Built) -> dict[str, dict[str, Any]]:
    """Kept rows by the end of the origin's URL and the path: ``origin/path``."""
    return {_place(row): row for row in rows(built, "data")}


def dropped(built: Built) -> dict[str, dict[str, Any]]:
    """Dropped rows, as ``kept``."""
    return {_place(row): row for row in rows(built, "stubs")}


def table(workspace: Path, name: str) -> list[dict[str, Any]]:
    """Rows of a table of the last build."""
    files = open_workspace(workspace, create=False).read_catalogue()[name]
    return [row for path in files for row in pq.ParquetFile(path).read().to_pylist()]


def tasks(workspace: Workspace | Path) -> set[str]:
    """All finished tasks, ``stage/key``."""
    folder = workspace if isinstance(workspace, Path) else workspace.path
    return {f"{path.parent.name}/{path.name}" for path in folder.glob("stages/*/[0-9a-f]*")}


def task_rows(workspace: Path, task: str, output: str) -> int:
    """Rows of an output of a finished task."""
    return int(pq.read_metadata(workspace / "stages" / task / f"{output}.parquet").num_rows)


def _place(row: Mapping[str, Any]) -> str:
    return row["origin_url"].rsplit("/", 1)[-1] + row["path"]
