"""The annotators of the house: what each states about a content, a (content, name) or a path.

To add one, write a module with ``NAME``, ``VERSION``, ``TABLE`` and ``annotate`` and name it here; its
side-car table is then computed once for every content and joined by key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

from gristmill.annotate import findings, languages, licences, paths, signals, signatures, text
from gristmill.tables import Table

Reads = Literal["bytes", "text", "names", "name lists", "paths"]


@dataclass(frozen=True)
class Annotator:
    """One annotator.

    ``reads`` says which batch ``annotate`` gets: ``bytes`` (content_id, length, data), ``text`` (those and
    the UTF-8 text), ``names`` (those, one row a file name), ``name lists`` (those, all names in a list),
    ``paths`` (path). ``options`` names the keyword arguments that the build hands over.
    """

    name: str
    version: int
    table: Table
    annotate: Callable[..., pa.RecordBatch]
    reads: Reads
    options: tuple[str, ...] = ()


TEXT = Annotator(text.NAME, text.VERSION, text.TABLE, text.annotate, "bytes")
PATHS = Annotator(paths.NAME, paths.VERSION, paths.TABLE, paths.annotate, "paths")
CONTENT_ANNOTATORS = (
    Annotator(signals.NAME, signals.VERSION, signals.TABLE, signals.annotate, "text"),
    Annotator(signatures.NAME, signatures.VERSION, signatures.TABLE, signatures.annotate, "text"),
    Annotator(
        findings.NAME, findings.VERSION, findings.TABLE, findings.annotate, "text", ("detectors", "key")
    ),
)
NAME_ANNOTATORS = (
    Annotator(languages.NAME, languages.VERSION, languages.TABLE, languages.annotate, "names"),
    Annotator(licences.NAME, licences.VERSION, licences.TABLE, licences.annotate, "name lists"),
)
ALL: Mapping[str, Annotator] = {
    annotator.name: annotator for annotator in (TEXT, PATHS, *CONTENT_ANNOTATORS, *NAME_ANNOTATORS)
}


def versions() -> dict[str, int]:
    """Name and version of every annotator, for the manifest."""
    return {name: annotator.version for name, annotator in sorted(ALL.items())}


def call(annotator: Annotator, batch: pa.RecordBatch, values: Mapping[str, Any]) -> pa.RecordBatch:
    """Annotate one batch with the options that the annotator asks for."""
    return annotator.annotate(batch, **{option: values[option] for option in annotator.options})
