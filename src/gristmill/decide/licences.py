"""The licence that applies to each entry of an anchor, and why.

In the order of evidence:

1. the file's own tags, notices and licence texts;
2. the directory: licence files and the manifest beside them, of the nearest directory at or above that has
   any (mode "nearest"), or of all of them (mode "union"). A manifest below the nearest licence file is weighed
   against that file's texts (``licence_evidence.reconcile``): it can choose among them, not undo them. READMEs
   count where no licence file or manifest does;
3. what the index or forge declares for the origin.

What does not spread: notices about other people's work (NOTICE, THIRD-PARTY-*), and anything in a directory
of licence texts (``LICENSES/``). A submodule is another repository, so nothing here reaches it. A licence file
that is a symbolic link stands for its target if that is a file of the same name further up; any other
target is an unknown licence. Without evidence the expression is null and the class "none".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from gristmill import tables
from gristmill.decide.licence_evidence import Finding, all_of, of_file, of_manifest, reconcile
from gristmill.spdx import classes, expressions, filenames, statements

Mode = Literal["nearest", "union"]


# How far up a licence file's symbolic link is followed.
_MAX_LINK_LEVELS = 16


class _Outcome(NamedTuple):
    expression: str | None
    scope: str | None
    evidence: tuple[str, ...]


@dataclass(slots=True)
class _Bearing:
    """What a directory's own files state."""

    files: list[Finding] = field(default_factory=list)
    manifests: list[Finding] = field(default_factory=list)
    readmes: list[Finding] = field(default_factory=list)


class _Applied(NamedTuple):
    """What holds in a directory: the result, the licence files' texts behind it, and if a README made it."""

    result: Finding | None = None
    files: Finding | None = None
    readme: bool = False


def apply(entries: pa.Table, matches: pa.Table, declared: str | None, mode: str = "nearest") -> pa.Table:
    """Decide the licence of every entry.

    Args:
        entries: columns origin_id, anchor, path, name, content_id and type of ``tables.ENTRIES``, all of one
            origin; a path may occur more than once.
        matches: ``tables.LICENCE_MATCHES`` of their contents; rows of other contents do not matter.
        declared: the origin's declared licence, verbatim.
        mode: "nearest" or "union", see above.

    Returns:
        ``tables.LICENCES``, one row an entry, in the order of ``entries``.

    Raises:
        ValueError: ``mode`` is neither.
    """
    if mode not in ("nearest", "union"):
        raise ValueError(f"licences: mode is {mode!r}; use 'nearest' or 'union'")
    by_content = _by_content(matches)
    paths = entries["path"].combine_chunks()
    own = _own_findings(entries, by_content)
    directories = pc.replace_substring_regex(paths, r"(?s)/?[^/]*\z", "").dictionary_encode()
    bearing = _bearings(entries, by_content, own)
    inherited = _inherit(directories.dictionary.to_pylist(), bearing, mode)
    outcomes: dict[_Outcome, int] = {}
    by_directory = [outcomes.setdefault(_outcome(None, one, declared), len(outcomes)) for one in inherited]
    nothing = outcomes.setdefault(_Outcome(None, None, ()), len(outcomes))
    submodule = pc.equal(entries["type"], "submodule").combine_chunks()
    numbers = pc.if_else(submodule, nothing, pa.array(by_directory, pa.int64()).take(directories.indices))
    numbers = numbers.to_numpy(zero_copy_only=False).copy()
    places = directories.indices.to_numpy()
    for row, finding in own.items():
        outcome = _outcome(finding, inherited[places[row]], declared)
        numbers[row] = outcomes.setdefault(outcome, len(outcomes))
    return _table(entries, list(outcomes), pa.array(numbers))


def _outcome(own: Finding | None, inherited: Finding | None, declared: str | None) -> _Outcome:
    if own is not None and not own.reference:
        return _Outcome(own.expression, "file", own.evidence)
    pointer = own.evidence if own is not None else ()
    if inherited is not None and not inherited.reference:
        return _Outcome(inherited.expression, "directory", (*pointer, *inherited.evidence))
    stated = statements.interpret(declared) if declared else None
    if declared is not None and stated is not None:
        return _Outcome(stated, "origin", (*pointer, f"declared: {declared[:200]}"))
    if own is not None:
        return _Outcome(own.expression, "file", own.evidence)
    if inherited is not None:
        return _Outcome(inherited.expression, "directory", inherited.evidence)
    return _Outcome(None, None, ())


def _by_content(matches: pa.Table) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in matches.to_pylist():
        found.setdefault(row["content_id"], []).append(row)
    return found


def _rows_with(entries: pa.Table, mask: pa.ChunkedArray) -> Iterator[tuple[int, str, str, str]]:
    """(row, path, name, content_id) of the rows that the mask keeps."""
    rows = pc.indices_nonzero(mask)
    columns = (entries[name].take(rows).to_pylist() for name in ("path", "name", "content_id"))
    return zip(rows.to_pylist(), *columns, strict=True)


def _own_findings(entries: pa.Table, by_content: dict[str, list[dict[str, Any]]]) -> dict[int, Finding]:
    mask = pc.and_(
        pc.equal(entries["type"], "file"),
        pc.is_in(entries["content_id"], value_set=pa.array(list(by_content), pa.string())),
    )
    found = {
        row: of_file(path, name, by_content[content_id])
        for row, path, name, content_id in _rows_with(entries, mask)
    }
    return {row: finding for row, finding in found.items() if finding is not None}


def _bearings(
    entries: pa.Table, by_content: dict[str, list[dict[str, Any]]], own: dict[int, Finding]
) -> dict[str, _Bearing]:
    """Directory -> what its licence files, manifests and READMEs state, for those that state anything."""
    names = entries["name"].combine_chunks().dictionary_encode()
    speaks = pa.array(
        [filenames.kind(n) not in ("other", "notice") for n in names.dictionary.to_pylist()], pa.bool_()
    )
    bearing: dict[str, _Bearing] = {}
    licence_files: dict[str, Finding] = {}
    links: list[tuple[str, str]] = []
    kinds = entries["type"].combine_chunks()
    for row, path, name, content_id in _rows_with(entries, speaks.take(names.indices)):
        directory = path.rpartition("/")[0]
        if filenames.holds_texts_only(directory):
            continue
        kind = filenames.kind(name)
        if kinds[row].as_py() != "file":
            if kinds[row].as_py() == "symlink" and filenames.promises_licence(name):
                links.append((path, content_id))
        elif kind == "manifest":
            manifest = of_manifest(path, name, by_content.get(content_id, ()))
            if manifest is not None:
                bearing.setdefault(directory, _Bearing()).manifests.append(manifest)
        elif row in own:
            target = bearing.setdefault(directory, _Bearing())
            (target.files if kind == "licence" else target.readmes).append(own[row])
            if kind == "licence":
                licence_files[path] = own[row]
    for path, content_id in links:
        finding = _linked(path, content_id, licence_files)
        bearing.setdefault(path.rpartition("/")[0], _Bearing()).files.append(finding)
    for one in bearing.values():
        for findings in (one.files, one.manifests, one.readmes):
            findings.sort(key=lambda finding: finding.evidence)
    return bearing


def _linked(path: str, content_id: str, licence_files: dict[str, Finding]) -> Finding:
    """What a symbolic link states: its content is its target, so a guess at the target is verified by hash."""
    directory, _, name = path.rpartition("/")
    depth = directory.count("/") + 1 if directory else 0
    for level in range(1, min(depth, _MAX_LINK_LEVELS) + 1):
        target = ("../" * level + name).encode("utf-8", "surrogateescape")
        blob = hashlib.sha1(b"blob %d\0" % len(target) + target, usedforsecurity=False).hexdigest()
        if blob == content_id:
            above = "/".join([*directory.split("/")[:-level], name])
            if above in licence_files:
                linked = licence_files[above]
                return Finding(linked.expression, (f"{path}: symlink", *linked.evidence), linked.reference)
    return Finding(expressions.UNKNOWN, (f"{path}: symlink to a file that is not above it",))


def _inherit(directories: list[str], bearing: dict[str, _Bearing], mode: str) -> list[Finding | None]:
    """What holds in each directory, in one walk.

    Sorted by segments, a directory comes right before all that lies below it, so a stack of the bearing
    directories above the current one is all there is to keep.
    """
    wanted = {_key(directory): number for number, directory in enumerate(directories)}
    stated = {_key(directory): one for directory, one in bearing.items()}
    result: list[Finding | None] = [None] * len(directories)
    stack: list[tuple[str, _Applied]] = [("", _Applied())]
    for key in sorted(wanted.keys() | stated.keys()):
        while not key.startswith(stack[-1][0]):
            stack.pop()
        if key in stated:
            stack.append((key, _descend(stack[-1][1], stated[key], mode)))
        if key in wanted:
            result[wanted[key]] = stack[-1][1].result
    return result


def _key(directory: str) -> str:
    return directory.replace("/", "\0") + "\0" if directory else ""


def _descend(above: _Applied, here: _Bearing, mode: str) -> _Applied:
    """What holds in a directory, from what holds above it and what its own files state."""
    files = all_of(here.files)
    manifest = all_of(here.manifests)
    if files is None and manifest is None:
        # A README speaks only where nobody else does.
        if above.result is not None and not above.readme:
            return above
        readme = all_of(here.readmes)
        return _Applied(all_of([above.result, readme]) if mode == "union" else readme, None, True)
    pointer = files is not None and files.reference
    texts = None if pointer else files
    if mode == "union":
        base = None if above.readme else above.result
        return _Applied(all_of([base, reconcile(manifest, texts) or files]), None)
    if texts is None and manifest is not None and not pointer:
        return _Applied(reconcile(manifest, above.files), above.files)
    return _Applied(reconcile(manifest, texts) or files, texts)


def _table(entries: pa.Table, outcomes: list[_Outcome], numbers: pa.Array) -> pa.Table:
    """The rows, each outcome built once and taken as often as it occurs."""
    distinct = pa.table(
        {
            "expression": pa.array([one.expression for one in outcomes], pa.string()),
            "licence_class": pa.array([classes.classify(one.expression) for one in outcomes], pa.string()),
            "scope": pa.array([one.scope for one in outcomes], pa.string()),
            "evidence": pa.array([list(one.evidence) for one in outcomes], tables.STRINGS),
        }
    ).take(numbers)
    keys = entries.select(["origin_id", "anchor", "path"])
    columns = [*keys.columns, *distinct.columns]
    return pa.table(
        dict(zip(tables.LICENCES.schema.names, columns, strict=True)), schema=tables.LICENCES.schema
    )
