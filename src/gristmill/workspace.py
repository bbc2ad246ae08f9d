"""The workspace: one folder that holds everything a build reads again.

::

    workspace.json   layout version
    key              random key of pseudonyms and value hashes, readable by the owner only
    lock             held while a build runs
    cache/           clones and downloads
    stages/          finished tasks, <stage>/<key>/<output>.parquet
    states/          the last good state of every source
    catalogue.json   which files make up each table of the last build
    runs/            reports
    releases/        published releases
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gristmill.engine.shards import sync_folder
from gristmill.errors import WorkspaceError

LAYOUT = 1
KEY_BYTES = 32
FOLDERS = ("cache", "stages", "states", "runs", "releases", "spill")


@dataclass(frozen=True)
class Workspace:
    """A workspace folder of the layout above."""

    path: Path

    @property
    def cache(self) -> Path:
        """Clones and downloads."""
        return self.path / "cache"

    @property
    def stages(self) -> Path:
        """Results of finished tasks."""
        return self.path / "stages"

    @property
    def states(self) -> Path:
        """Last good state of every source."""
        return self.path / "states"

    @property
    def releases(self) -> Path:
        """Published releases."""
        return self.path / "releases"

    @property
    def runs(self) -> Path:
        """Reports of runs."""
        return self.path / "runs"

    @property
    def spill(self) -> Path:
        """Scratch space of the SQL engine."""
        return self.path / "spill"

    @property
    def key_file(self) -> Path:
        """File with the key of pseudonyms and value hashes."""
        return self.path / "key"

    def key(self) -> bytes:
        """The workspace's random key, 32 bytes. Raises WorkspaceError if it is lost or damaged."""
        try:
            key = self.key_file.read_bytes()
        except OSError as error:
            key, why = b"", f"cannot be read ({error.strerror})"
        else:
            why = f"holds {len(key)} bytes, not {KEY_BYTES}"
        if len(key) != KEY_BYTES:
            raise WorkspaceError(f"{self.key_file}: {why}; restore it, or use a new workspace")
        return key

    def write_catalogue(self, tables: Mapping[str, Sequence[Path]]) -> None:
        """Record which files make up each table of the build that just ended."""
        above = f"{self.path}/"
        listing = {name: [str(path).removeprefix(above) for path in paths] for name, paths in tables.items()}
        write_text(self.path / "catalogue.json", json.dumps(listing, indent=1, sort_keys=True) + "\n")

    def read_catalogue(self) -> dict[str, list[Path]]:
        """Files of each table of the last build. Raises WorkspaceError if there was none."""
        path = self.path / "catalogue.json"
        try:
            listing = json.loads(path.read_text())
            return {name: [self.path / file for file in files] for name, files in listing.items()}
        except FileNotFoundError:
            raise WorkspaceError(f"{self.path}: nothing was built here yet; run: gristmill build") from None
        except (ValueError, AttributeError, TypeError) as error:
            raise WorkspaceError(f"{path}: damaged ({error}); run: gristmill build") from error


def open_workspace(path: Path, *, create: bool = True) -> Workspace:
    """Open a workspace, making it if ``create`` and the folder is missing or empty.

    Raises WorkspaceError if the folder holds something else or a layout that this version cannot read.
    """
    marker = path / "workspace.json"
    if not marker.exists():
        if not create:
            raise WorkspaceError(f"{path}: not a gristmill workspace; run: gristmill build RECIPE")
        if path.exists() and not _is_ours(path):
            raise WorkspaceError(f"{path}: exists and is not a gristmill workspace; choose another folder")
        for name in FOLDERS:
            (path / name).mkdir(parents=True, exist_ok=True)
        _write_key(path / "key")
        write_text(marker, json.dumps({"layout": LAYOUT}) + "\n")
    try:
        layout = json.loads(marker.read_text())["layout"]
    except (ValueError, KeyError, TypeError) as error:
        raise WorkspaceError(f"{marker}: damaged ({error}); restore it or use a new workspace") from error
    if layout != LAYOUT:
        raise WorkspaceError(
            f"{path}: workspace of layout {layout}, this version reads layout {LAYOUT}; use a new workspace"
        )
    return Workspace(path.resolve())


def sweep(workspace: Workspace) -> None:
    """Remove what a killed build left unfinished; only the holder of the lock may do so.

    A release that was set aside while another took its place is put back if that did not happen.
    """
    for retired in workspace.releases.glob(".*.old"):
        folder = workspace.releases / retired.name[1:].rsplit(".", 2)[0]
        if folder.exists():
            shutil.rmtree(retired, ignore_errors=True)
        else:
            retired.replace(folder)
    for pattern in ("stages/*/.*.tmp", "releases/.*.tmp", "spill/*"):
        for path in workspace.path.glob(pattern):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


@contextmanager
def lock(workspace: Workspace) -> Iterator[None]:
    """Hold the workspace for one build. Raises WorkspaceError at once if another build holds it.

    The kernel drops the lock with the process, so a killed build leaves nothing behind.
    """
    with (workspace.path / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise WorkspaceError(
                f"{workspace.path}: another build (process {holder}) is running here; wait for it, or use "
                "another workspace"
            ) from error
        file.seek(0)
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def write_text(path: Path, text: str) -> None:
    """Write a small file aside, flush it and rename it into place."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with aside.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
        sync_folder(path.parent)
    finally:
        aside.unlink(missing_ok=True)


def _is_ours(path: Path) -> bool:
    """True for an empty folder, and for a workspace whose making was broken off: only its own parts, unused."""
    if not path.is_dir():
        return False
    for part in path.iterdir():
        if part.name in FOLDERS:
            if not part.is_dir() or any(part.iterdir()):
                return False
        elif part.name != "key" and not part.name.startswith((".key.", ".workspace.json.")):
            return False
    return True


def _write_key(path: Path) -> None:
    """Write a new key, aside and put in place whole; the key of another build that was faster stays."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    aside.unlink(missing_ok=True)
    try:
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(aside, path)
        except FileExistsError:
            pass
        except OSError:  # a file system without hard links
            aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
