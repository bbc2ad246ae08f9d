"""Source strings: ``scheme:target#key=value``, or ``scheme:@FILE`` for a list of targets, one a line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType

from gristmill.collect import archive, directory, git, npm, pypi
from gristmill.collect.reader import Source
from gristmill.errors import SourceError

READERS: Mapping[str, ModuleType] = {
    "archive": archive,
    "dir": directory,
    "git": git,
    "npm": npm,
    "pypi": pypi,
}
_PASSWORD = re.compile(r"://[^/@\s]*:[^/@\s]*@")
LOCAL_SCHEMES = ("archive", "dir", "git")


def parse_sources(texts: Iterable[str], base: Path) -> list[Source]:
    """Parse source strings, read list files, and drop repetitions (the first stays).

    Relative paths, of list files and of local targets, are relative to ``base`` (the recipe's folder).
    Blank lines and lines that start with ``#`` in list files are left out. Raises SourceError naming the
    string or the file and line.
    """
    found: dict[str, Source] = {}
    for text in texts:
        for source in _expand(text, base):
            found.setdefault(str(source), source)
    return list(found.values())


def parse_source(text: str, base: Path) -> Source:
    """Parse one source string. Raises SourceError if the scheme is unknown or the target is empty."""
    scheme, colon, rest = text.strip().partition(":")
    if not colon or scheme not in READERS:
        near = difflib.get_close_matches(scheme, READERS, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]}:?" if near else f"schemes: {', '.join(sorted(READERS))}"
        raise SourceError(f"source {text!r}: unknown scheme {scheme!r}; {hint}")
    target, _, fragment = rest.partition("#")
    if not target:
        raise SourceError(f"source {text!r}: nothing after {scheme}:")
    if _PASSWORD.search(target):
        raise SourceError(
            f"source {scheme}:...: the URL holds a password, which would be written into tables; use a "
            "credential helper, an SSH key or a .netrc file instead"
        )
    if "\0" in rest or "\n" in rest:
        raise SourceError(f"source {text!r}: holds a control character")
    return Source(scheme, _locate(scheme, target, base), _options(text, fragment))


def _expand(text: str, base: Path) -> Iterator[Source]:
    scheme, _, rest = text.strip().partition(":")
    if not rest.startswith("@") or ("/" in rest and scheme == "npm" and not (base / rest[1:]).is_file()):
        yield parse_source(text, base)
        return
    path = base / Path(rest[1:]).expanduser()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"source {text!r}: list file {path} cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        entry = line.strip()
        if entry and not entry.startswith("#"):
            try:
                yield parse_source(f"{scheme}:{entry}", path.parent)
            except SourceError as error:
                raise SourceError(f"{path}, line {number}: {error}") from error


def _locate(scheme: str, target: str, base: Path) -> str:
    if scheme not in LOCAL_SCHEMES or "://" in target or _is_scp_form(target, base):
        return target
    return str((base / Path(target).expanduser()).absolute())


def _is_scp_form(target: str, base: Path) -> bool:
    """``user@host:path``, as git understands it, unless a local path of that name exists."""
    head, colon, _ = target.partition(":")
    return bool(colon) and "/" not in head and not (base / target).exists()


def _options(text: str, fragment: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for part in filter(None, fragment.split("&")):
        key, equals, value = part.partition("=")
        if not equals or not value:
            raise SourceError(f"source {text!r}: write options as #key=value&key=value, not {part!r}")
        if key in options:
            raise SourceError(f"source {text!r}: option {key} stands twice")
        options[key] = value
    return options
