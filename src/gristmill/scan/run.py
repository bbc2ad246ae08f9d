"""Scan a folder or file: look, detect, decide."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from gristmill import tables
from gristmill.collect.listing import NULL_ID
from gristmill.collect.reader import Limits
from gristmill.decide import licences
from gristmill.scan.detect import detect
from gristmill.scan.report import File, Licence, Report
from gristmill.scan.walk import Seen, Tree, look


def scan(
    path: Path, *, exclude: Sequence[str] = (), mode: str = "nearest", limits: Limits | None = None
) -> Report:
    """What applies to the files of a folder, or to one file.

    A single file is judged by what it states itself: its neighbours are not looked at.

    Args:
        path: a folder or a file; links below it are not followed.
        exclude: globs of paths to leave out, see ``walk.look``.
        mode: how licences spread over folders, "nearest" or "union", see ``decide.licences``.
        limits: bounds for outsized folders.

    Raises:
        SourceError: there is nothing to read at ``path``.
        HostileInputError: it passes a limit.
        ValueError: ``mode`` is neither.
    """
    tree = look(path, exclude, limits)
    detected = detect(tree.files)
    stated: dict[str, dict[str, None]] = {}
    for row in detected.matches.select(["content_id", "kind", "expression"]).to_pylist():
        if row["kind"] != "reference":
            stated.setdefault(row["content_id"], {})[row["expression"]] = None
    whole, *applied = _applied(tree, detected.matches, mode)
    files = tuple(
        File(
            one.path,
            one.length,
            one.content_id,
            one.sha1,
            one.sha256,
            licence,
            tuple(stated.get(one.content_id, ())),
        )
        for one, licence in zip(tree.files, applied, strict=True)
        if not one.is_link
    )
    if tree.is_file and files:
        whole = files[0].licence
    unread = (*tree.unread, *detected.unread)
    return Report(tree.name, tree.root, whole, files, unread, detected.texts)


def _applied(tree: Tree, matches: pa.Table, mode: str) -> list[Licence]:
    """What applies to the folder itself, then to each of the tree's files."""
    # The folder stands in as an entry that states nothing: what holds in it is what spreads to that.
    folder = Seen("", b"", 0, 0, NULL_ID)
    rows = [folder, *tree.files]
    constant = {"origin_id": tree.name, "anchor": tree.root, "directory_id": tree.root[-40:]}
    columns = {
        **{name: [value] * len(rows) for name, value in constant.items()},
        "path": [one.path for one in rows],
        "path_raw": [None] * len(rows),
        "name": [one.path.rpartition("/")[2] for one in rows],
        "type": ["symlink" if one.is_link else "file" for one in rows],
        "perms": [one.mode for one in rows],
        "content_id": [one.content_id for one in rows],
        "length": [one.length for one in rows],
        "skipped": [None] * len(rows),
        "head": [True] * len(rows),
    }
    entries = pa.table(columns, schema=tables.ENTRIES.schema)
    decided = licences.apply(entries, matches, None, mode)
    keys = ("expression", "licence_class", "scope", "evidence")
    values = (decided[key].to_pylist() for key in keys)
    return [
        Licence(expression, licence_class, scope, tuple(evidence))
        for expression, licence_class, scope, evidence in zip(*values, strict=True)
    ]
