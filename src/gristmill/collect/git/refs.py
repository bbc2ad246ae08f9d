"""The refs of a repository, the one that a source asks for, and the snapshot they make."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from gristmill.collect.git.objects import KINDS
from gristmill.collect.git.plumbing import Repository, command, object_environment, run, sealed_environment
from gristmill.collect.reader import Limits
from gristmill.collect.swhid import Branch
from gristmill.errors import HostileInputError, OriginError, SourceError

_FORMAT = "--format=%(objectname)%00%(symref)%00%(refname)"
_REFUSED = re.compile(r"^-|[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|^/|/$|//|\.lock(?:/|$)|(?:^|/)\.|\.$")
_HEX = re.compile(r"[0-9a-f]{4,64}\Z")


@dataclass(frozen=True)
class Refs:
    """All refs of a repository: name to hexadecimal id, symbolic refs to the name they point to.

    ``HEAD`` is among them; a symbolic HEAD is in ``targets`` only if the branch it points to exists.
    """

    targets: Mapping[bytes, str]
    symbolic: Mapping[bytes, bytes]

    def digest(self) -> str:
        """Hexadecimal digest of all names and targets: equal if and only if no ref has changed."""
        lines = [b"%s %s\n" % (t.encode(), n) for n, t in sorted(self.targets.items())]
        lines += [b"ref: %s %s\n" % (t, n) for n, t in sorted(self.symbolic.items())]
        return hashlib.sha256(b"".join(lines)).hexdigest()[:40]


def read_refs(repository: Repository, limits: Limits) -> Refs:
    """List every ref and HEAD. Opens no object, so that a partial clone's promises are never called in.

    Raises:
        OriginError: git cannot list the refs.
        HostileInputError: there are more than ``limits.max_entries``.
    """
    environment, place, seconds = sealed_environment(), repository.git_dir, limits.origin_timeout
    listed = run(command("for-each-ref", _FORMAT, git_dir=place), environment, seconds)
    if listed.status != 0:
        raise OriginError(f"git cannot list the refs of {place}: {listed.error}")
    lines = listed.output.split(b"\n")[:-1]
    if len(lines) > limits.max_entries:
        raise HostileInputError(
            f"{place} has {len(lines)} refs, more than max_entries ({limits.max_entries})"
        )
    targets: dict[bytes, str] = {}
    symbolic: dict[bytes, bytes] = {}
    for line in lines:
        target, link, name = line.split(b"\0")
        targets[name] = target.decode("ascii")
        if link:
            symbolic[name] = link
    head = run(command("symbolic-ref", "--quiet", "HEAD", git_dir=place), environment, seconds)
    if head.status == 0:
        branch = head.output.rstrip(b"\n")
        symbolic[b"HEAD"] = branch
        if branch in targets:
            targets[b"HEAD"] = targets[branch]
    else:
        detached = run(
            command("rev-parse", "--verify", "--quiet", "HEAD", git_dir=place), environment, seconds
        )
        if detached.status == 0:
            targets[b"HEAD"] = detached.output.decode("ascii").strip()
    return Refs(targets, symbolic)


def check_ref_option(name: str) -> str:
    """``name`` if it can be a branch, tag, full ref name or commit id.

    Raises:
        SourceError: it could be taken for an option or a revision expression, or no ref can have this name.
    """
    if not name or _REFUSED.search(name):
        raise SourceError(
            f"ref={name!r} is not the name of a ref; give a branch, a tag, a full name such as "
            "refs/heads/main, or a commit id"
        )
    return name


def find(name: str, refs: Refs, repository: Repository, limits: Limits) -> tuple[str, str | None]:
    """The object id that ``name`` stands for, and the ref's short name (None for a commit id).

    Names are looked up in git's order: a whole commit id, HEAD or a full name, then tags, branches, remote
    branches; last an abbreviated commit id.

    Raises:
        OriginError: nothing has this name, HEAD points to a branch without commits, or an abbreviation is
            ambiguous.
    """
    where = repository.git_dir
    if not refs.targets:
        raise OriginError(f"{where} is an empty repository: it has no commits yet")
    if _HEX.match(name) and len(name) == 2 * repository.id_bytes:
        return name, None
    raw = os.fsencode(name)
    for full in (raw, b"refs/" + raw, b"refs/tags/" + raw, b"refs/heads/" + raw, b"refs/remotes/" + raw):
        if full in refs.targets:
            return refs.targets[full], _short(refs.symbolic.get(full, full), detached=full == b"HEAD")
    if raw == b"HEAD":
        unborn = refs.symbolic.get(raw)
        state = f"points to the branch {_text(unborn)}, which has no commits" if unborn else "is missing"
        raise OriginError(f"HEAD of {where} {state}; name a branch with ref=, one of: {_some(refs)}")
    if _HEX.match(name):
        # Only hexadecimal digits get here, so nothing of the user's text can be an option or expression.
        asked = command("rev-parse", "--verify", "--quiet", "--end-of-options", name + "^{commit}")
        found = run(asked, object_environment(repository), limits.origin_timeout)
        if found.status == 0:
            return found.output.decode("ascii").split()[-1], None
    raise OriginError(f"{where} has no ref or commit {name!r}; it has {_some(refs)}")


def branches(refs: Refs, kinds: Mapping[str, str]) -> list[Branch]:
    """The branches of the snapshot, as Software Heritage makes them from a git repository.

    ``kinds`` maps object ids to git kinds; a target that is not in it (not there) makes a dangling branch.
    What a forge merges by itself and refs of its machinery are left out.
    """
    made: dict[bytes, Branch] = {}
    for name, target in refs.targets.items():
        if _ignored(name):
            continue
        if name in refs.symbolic:
            link = refs.symbolic[name]
            made[name] = Branch(name, "alias", link.hex())
            if _ignored(link) or link not in refs.targets:
                made[link] = Branch(link, "dangling", None)
        elif target in kinds:
            made[name] = Branch(name, KINDS[kinds[target]], target)
        else:
            made[name] = Branch(name, "dangling", None)
    return [made[name] for name in sorted(made)]


def _ignored(name: bytes) -> bool:
    if name.startswith((b"refs/pull/", b"refs/merge-requests/")):
        return name.endswith(b"/merge")
    return name.startswith((b"refs/pipelines/", b"refs/changes/")) or name.endswith(b"^{}")


def _short(name: bytes, detached: bool) -> str | None:
    if detached and name == b"HEAD":
        return None
    for prefix in (b"refs/heads/", b"refs/tags/", b"refs/remotes/"):
        name = name.removeprefix(prefix)
    return _text(name)


def _text(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")


def _some(refs: Refs) -> str:
    names = [n for n in sorted(refs.targets) if n.startswith((b"refs/heads/", b"refs/tags/"))]
    shown = ", ".join(str(_short(n, detached=False)) for n in names[:5])
    return (shown + (f" and {len(names) - 5} more" if len(names) > 5 else "")) or "no branches or tags"
