"""Open a published release to read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from gristmill.engine.shards import read_batches
from gristmill.release.manifest import Manifest, read_manifest
from gristmill.release.schema import FILES, STUBS, shards, slug


@dataclass(frozen=True)
class Release:
    """A release folder and its manifest."""

    folder: Path
    manifest: Manifest

    def files(
        self, columns: Sequence[str] | None = None, *, language: str | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Released files, a row group at a time; ``language`` (linguist's name) narrows them."""
        paths = shards(self.folder, FILES)
        if language is not None:
            paths = [path for path in paths if path.parent.name == slug(language)]
        return read_batches(paths, columns)

    def stubs(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """What was left out, with the reasons."""
        return read_batches(shards(self.folder, STUBS), columns)


def open_release(folder: Path | str) -> Release:
    """Open a release. Raises ReleaseError if there is no sound manifest; ``verify`` checks the rest."""
    path = Path(folder)
    return Release(path, read_manifest(path))
