"""The licence that applies to each entry of an anchor, and why.

In the order of evidence:

1. the file's own tags, notices and licence texts, or, in their place, those of ``FILE.license`` beside it (REUSE). One
   that only points to a file ("see COPYING") stands for what that file states, looked for beside it, then further up;
2. globs that match its path: ``REUSE.toml`` as its precedence says, ``.reuse/dep5`` beside what the file itself says,
   ``debian/copyright`` where the file says nothing (its paragraph for all files only where the directory says nothing);
3. the directory: licence files and the manifest beside them, of the nearest directory at or above that has
   any (mode "nearest"), or of all of them (mode "union"). A manifest below the nearest licence file is weighed
   against that file's texts (``licence_evidence.reconcile``): it can choose among them, not undo them. READMEs
   count where no licence file or manifest does;
4. what the index or forge declares for the origin.

What lies in a directory of other people's work (``VENDORED``) takes nothing from above it and nothing that is declared
for the origin, unless ``vendored`` is "inherit".

What does not spread: notices about other people's work (NOTICE, THIRD-PARTY-*), and anything in a directory
of licence texts (``LICENSES/``). A submodule is another repository, so nothing here reaches it. A licence file
that is a symbolic link stands for its target if that is a file of the same name further up; any other
target is an unknown licence. Without evidence the expression is null and the class "none".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill import tables
from gristmill.decide.licence_evidence import Finding, all_of, of_file, of_manifest, reconcile
from gristmill.decide.licence_globs import Covering, Stated, find_coverings, is_covering
from gristmill.spdx import classes, expressions, filenames, statements

Mode = Literal["nearest", "union"]
Vendored = Literal["own", "inherit"]

VENDORED = frozenset(
    {
        "vendor", "vendors", "_vendor", "vendored", "third_party", "third-party", "thirdparty", "3rdparty", "3rd_party",
        "3rd-party", "node_modules", "bower_components", "Godeps",
    }
)  # fmt: skip
"""Names of directories that hold other people's work."""
_SIDE_FILE = ".license"

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
    vendored: str = ""


def apply(
    entries: pa.Table, matches: pa.Table, declared: str | None, mode: str = "nearest", vendored: str = "own"
) -> pa.Table:
    """Decide the licence of every entry.

    Args:
        entries: columns origin_id, anchor, path, name, content_id and type of ``tables.ENTRIES``, all of one
            origin; a path may occur more than once.
        matches: ``tables.LICENCE_MATCHES`` of their contents; rows of other contents do not matter.
        declared: the origin's declared licence, verbatim.
        mode: "nearest" or "union", see above.
        vendored: "own" or "inherit", see above.

    Returns:
        ``tables.LICENCES``, one row an entry, in the order of ``entries``.

    Raises:
        ValueError: ``mode`` or ``vendored`` is neither.
    """
    if mode not in ("nearest", "union"):
        raise ValueError(f"licences: mode is {mode!r}; use 'nearest' or 'union'")
    if vendored not in ("own", "inherit"):
        raise ValueError(f"licences: vendored is {vendored!r}; use 'own' or 'inherit'")
    by_content = _by_content(matches)
    paths = entries["path"].combine_chunks()
    own = _resolved(entries, _own_findings(entries, by_content))
    directories = pc.replace_substring_regex(paths, r"(?s)/?[^/]*\z", "").dictionary_encode()
    bearing = _bearings(entries, by_content, own)
    inherited = _inherit(directories.dictionary.to_pylist(), bearing, mode, vendored)
    coverings = find_coverings(_covering_files(entries, by_content), by_content, paths)
    own |= _side_files(paths, own)
    outcomes: dict[_Outcome, int] = {}
    by_directory = [
        outcomes.setdefault(_outcome(None, (), one, declared), len(outcomes)) for one in inherited
    ]
    nothing = outcomes.setdefault(_Outcome(None, None, ()), len(outcomes))
    submodule = pc.equal(entries["type"], "submodule").combine_chunks()
    numbers = pc.if_else(submodule, nothing, pa.array(by_directory, pa.int64()).take(directories.indices))
    numbers = numbers.to_numpy(zero_copy_only=False).copy()
    places = directories.indices.to_numpy()
    for row, stated in _stated(coverings, own, submodule):
        outcome = _outcome(own.get(row), stated, inherited[places[row]], declared)
        numbers[row] = outcomes.setdefault(outcome, len(outcomes))
    return _table(entries, list(outcomes), pa.array(numbers))


def _outcome(
    own: Finding | None, stated: Sequence[Stated], above: _Applied, declared: str | None
) -> _Outcome:
    """``stated``: what globs say of the file, that of the highest directory first."""
    for one in stated:
        if one.precedence == "override":
            return _Outcome(one.finding.expression, "path", one.finding.evidence)
    said = own if own is not None and not own.reference else None
    closest = next((one.finding for one in reversed(stated) if one.precedence == "closest"), None)
    beside = [one.finding for one in stated if one.precedence == "aggregate"]
    together = all_of([said or closest, *beside])
    if together is not None:
        return _Outcome(together.expression, "file" if together is said else "path", together.evidence)
    pointer = own.evidence if own is not None else ()
    inherited = above.result
    if inherited is not None and not inherited.reference:
        return _Outcome(inherited.expression, "directory", (*pointer, *inherited.evidence))
    for one in reversed(stated):
        return _Outcome(one.finding.expression, "path", (*pointer, *one.finding.evidence))
    meant = statements.interpret(declared) if declared and not above.vendored else None
    if declared is not None and meant is not None:
        return _Outcome(meant, "origin", (*pointer, f"declared: {declared[:200]}"))
    if own is not None:
        return _Outcome(own.expression, "file", own.evidence)
    if inherited is not None:
        return _Outcome(inherited.expression, "directory", inherited.evidence)
    if above.vendored:
        return _Outcome(None, None, (f"{above.vendored}/: holds other people's work and states no licence",))
    return _Outcome(None, None, ())


def _stated(
    coverings: Sequence[Covering], own: dict[int, Finding], submodule: pa.Array
) -> Iterator[tuple[int, list[Stated]]]:
    """The rows of which more is known than their directory, with what globs say of them."""
    rows = set(own)
    for covering in coverings:
        rows.update(np.flatnonzero(covering.chosen >= 0).tolist())
    rows.difference_update(pc.indices_nonzero(submodule).to_pylist())
    for row in sorted(rows):
        chosen = [(covering, int(covering.chosen[row])) for covering in coverings]
        yield row, [covering.statements[number] for covering, number in chosen if number >= 0]


def _covering_files(
    entries: pa.Table, by_content: dict[str, list[dict[str, Any]]]
) -> Iterator[tuple[str, str, str]]:
    """(path, name, content id) of the files whose content speaks of others by globs."""
    holding = [content for content, rows in by_content.items() if any(map(is_covering, rows))]
    mask = pc.and_(
        pc.equal(entries["type"], "file"),
        pc.is_in(entries["content_id"], value_set=pa.array(holding, pa.string())),
    )
    for _, path, name, content_id in _rows_with(entries, mask):
        yield path, name, content_id


def _side_files(paths: pa.Array, own: dict[int, Finding]) -> dict[int, Finding]:
    """What ``FILE.license`` says of FILE, by the row of FILE."""
    if not own:
        return {}
    rows = np.array(list(own))
    named = {
        path.removesuffix(_SIDE_FILE): own[row]
        for row, path in zip(rows.tolist(), paths.take(pa.array(rows)).to_pylist(), strict=True)
        if path.endswith(_SIDE_FILE) and not own[row].reference
    }
    found = pc.indices_nonzero(pc.is_in(paths, value_set=pa.array(list(named), pa.string())))
    return {
        row: named[path] for row, path in zip(found.to_pylist(), paths.take(found).to_pylist(), strict=True)
    }


def _resolved(entries: pa.Table, own: dict[int, Finding]) -> dict[int, Finding]:
    """Findings that only point to files, replaced by what those files state where they are there."""
    pointing = [row for row, finding in own.items() if finding.reference and finding.names]
    if not pointing:
        return own
    rows = pa.array(list(own), pa.int64())
    by_path = {
        path: own[row]
        for row, path in zip(rows.to_pylist(), entries["path"].take(rows).to_pylist(), strict=True)
        if not own[row].reference
    }
    found = dict(own)
    for row, path in zip(pointing, entries["path"].take(pa.array(pointing)).to_pylist(), strict=True):
        finding = own[row]
        target = next(filter(None, (_target(path, name, by_path) for name in finding.names)), None)
        if target is not None:
            found[row] = Finding(target.expression, (*finding.evidence, *target.evidence))
    return found


def _target(path: str, name: str, by_path: dict[str, Finding]) -> Finding | None:
    """What a file that ``path`` names states: looked for from its directory, then from those above it."""
    folders = path.split("/")[:-1]
    for depth in range(len(folders), max(-1, len(folders) - _MAX_LINK_LEVELS - 1), -1):
        place = _join(folders[:depth], name)
        if place in by_path and place != path:
            return by_path[place]
    return None


def _join(folders: list[str], name: str) -> str:
    """A relative name from a directory, as a path of the tree; of one that leads out of it nothing is left."""
    parts = list(folders)
    for part in name.split("/"):
        if part == "..":
            if not parts:
                return ""
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


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
        elif row in own and not any(map(is_covering, by_content.get(content_id, ()))):
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


def _inherit(
    directories: list[str], bearing: dict[str, _Bearing], mode: str, vendored: str
) -> list[_Applied]:
    """What holds in each directory, in one walk.

    Sorted by segments, a directory comes right before all that lies below it, so a stack of the bearing
    directories above the current one is all there is to keep.
    """
    wanted = {_key(directory): number for number, directory in enumerate(directories)}
    stated = {_key(directory): one for directory, one in bearing.items()}
    others = {_key(one): one for one in _vendored(directories)} if vendored == "own" else {}
    for key in others:
        stated.setdefault(key, _Bearing())
    result = [_Applied()] * len(directories)
    stack: list[tuple[str, _Applied]] = [("", _Applied())]
    for key in sorted(wanted.keys() | stated.keys()):
        while not key.startswith(stack[-1][0]):
            stack.pop()
        if key in stated:
            above = _Applied(vendored=others[key]) if key in others else stack[-1][1]
            here = _descend(above, stated[key], mode)
            stack.append((key, here._replace(vendored=above.vendored)))
        if key in wanted:
            result[wanted[key]] = stack[-1][1]
    return result


def _vendored(directories: list[str]) -> set[str]:
    """The directories of other people's work at or above some directories."""
    found: set[str] = set()
    for directory in directories:
        segments = directory.split("/")
        if not VENDORED.isdisjoint(segments):
            found.update("/".join(segments[: n + 1]) for n, name in enumerate(segments) if name in VENDORED)
    return found


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
