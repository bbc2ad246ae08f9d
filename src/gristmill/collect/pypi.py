"""Read a Python package: ``pypi:NAME`` or ``pypi:NAME==VERSION``, its source distribution.

The indexes are those that pip is configured for. Without a version the newest one that is neither yanked
nor a pre-release is taken. ``#file=wheel`` takes a wheel of a version that has no source distribution;
``#strip=0`` keeps the top folder.
"""

from __future__ import annotations

import bisect
import email.parser
import re
from collections.abc import Mapping, Sequence

from packaging.utils import (
    InvalidWheelFilename,
    canonicalize_name,
    canonicalize_version,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from gristmill.collect import archive
from gristmill.collect.download import SAFE_NAME, Client, NotFoundError, download, split_login
from gristmill.collect.listing import check_options, choose
from gristmill.collect.package import (
    Record,
    VersionNotFoundError,
    list_package,
    nearest,
    package_state,
    recall,
    remember,
)
from gristmill.collect.pipconfig import index_urls
from gristmill.collect.reader import Context, Listing, Source, State
from gristmill.collect.simple_index import IndexFile, read_project
from gristmill.errors import OriginError, SourceError

SPECIFICATION = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?:==([^\s=]+))?")
SDIST_SUFFIXES = (".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz")
WHEEL_SUFFIX = ".whl"
LONGEST_LICENCE = 200

read_contents = archive.read_contents


def resolve(source: Source, context: Context) -> State:
    """Find the version's file in the cache, or in an index, download it and check its hash.

    A pinned version that is in the cache needs no network. Indexes are asked in their order; the first that
    has a fitting file is taken. Raises SourceError if the source cannot be understood, OriginError (with
    the nearest versions) if no index has it, HostileInputError if the file is not what the index states.
    """
    check_options(source, ("file", "strip"))
    choose(source, "strip", ("1", "0"))
    wheel = choose(source, "file", ("sdist", "wheel")) == "wheel"
    name, wanted = _parse(source)
    # Software Heritage's form of the origin of a PyPI package.
    url = f"https://pypi.org/project/{name}/"
    record = recall(context, "pypi", _key(name, wanted, wheel)) if wanted is not None else None
    unfit: list[OriginError] = []
    absent: list[str] = []
    for index in index_urls() if record is None else ():
        try:
            record = _take_from(index, name, wanted, wheel, context)
            break
        except VersionNotFoundError as error:
            unfit.append(error)
        except NotFoundError as error:
            absent.append(str(error))
    if record is None:
        raise unfit[0] if unfit else NotFoundError(f"package not found: {name} ({'; '.join(absent)})")
    return package_state(source, record, url, context)


def list_objects(state: State, context: Context) -> Listing:
    """The tables of the version; its anchor is a synthetic release. Raises as ``archive.list_objects``."""
    return list_package(state, context, declared_licence)


def declared_licence(metadata: Mapping[bytes, bytes]) -> str | None:
    """The licence that PKG-INFO or METADATA states, verbatim (PyPA core metadata).

    License-Expression if there is one, else License if it is one short line, else the licence classifiers.
    """
    places = [
        path for path in sorted(metadata) if path == b"PKG-INFO" or path.endswith(b".dist-info/METADATA")
    ]
    if not places:
        return None
    headers = email.parser.HeaderParser().parsestr(metadata[places[0]].decode(errors="replace"))
    for field in ("License-Expression", "License"):
        value = str(headers.get(field, "")).strip()
        if value and value.upper() != "UNKNOWN" and "\n" not in value and len(value) <= LONGEST_LICENCE:
            return value
    classifiers = [str(value).strip() for value in headers.get_all("Classifier", [])]
    return "; ".join(value for value in classifiers if value.startswith("License ::")) or None


def file_version(filename: str, project: str) -> Version | None:
    """The version that the name of a project's file states; None if it is no distribution of the project.

    ``project`` is the normalised name. Old names of source distributions may hold '-' on both sides.
    """
    if filename.endswith(WHEEL_SUFFIX):
        try:
            name, version, _, _ = parse_wheel_filename(filename)
        except InvalidWheelFilename:
            return None
        return version if name == project else None
    stem = next((filename[: -len(end)] for end in SDIST_SUFFIXES if filename.endswith(end)), "")
    for dash in re.finditer("-", stem):
        if canonicalize_name(stem[: dash.start()]) == project:
            try:
                return Version(stem[dash.end() :])
            except InvalidVersion:
                continue
    return None


def _parse(source: Source) -> tuple[str, Version | None]:
    found = SPECIFICATION.fullmatch(source.target.strip())
    if not found:
        raise SourceError(f"source pypi:{source.target}: write pypi:NAME or pypi:NAME==VERSION")
    try:
        return canonicalize_name(found[1]), Version(found[2]) if found[2] else None
    except InvalidVersion:
        raise SourceError(f"source pypi:{source.target}: {found[2]} is not a version (PEP 440)") from None


def _key(name: str, version: Version, wheel: bool) -> str:
    """1.2 and 1.2.0 are the same version, and so have the same key."""
    return f"{name}=={canonicalize_version(version)}" + (" wheel" if wheel else "")


def _take_from(index: str, name: str, wanted: Version | None, wheel: bool, context: Context) -> Record:
    """Choose, download and record the version that one index has."""
    url, logins = split_login(index)
    limits = context.limits
    client = Client(
        logins, limits.object_timeout, limits.origin_timeout, limits.max_origin_bytes, url.startswith("file:")
    )
    version, file = _choose_file(name, read_project(client, url, name), wanted, wheel)
    path, digest = download(client, file.url, context.cache / "pypi", file.filename, file.hashes)
    record = Record(name, str(version), path.name, digest, file.uploaded)
    remember(context, "pypi", _key(name, version, wheel), record)
    return record


def _choose_file(
    name: str, files: Sequence[IndexFile], wanted: Version | None, wheel: bool
) -> tuple[Version, IndexFile]:
    """The version asked for, or the newest, and its source distribution (or wheel, if allowed)."""
    by_version: dict[Version, list[IndexFile]] = {}
    for file in files:
        version = file_version(file.filename, name)
        if version is not None and SAFE_NAME.fullmatch(file.filename):
            by_version.setdefault(version, []).append(file)
    versions = sorted(by_version)
    version = wanted if wanted is not None else _newest(by_version)
    if version is None or version not in by_version:
        position = len(versions) if version is None else bisect.bisect(versions, version)
        asked = "that is not yanked" if version is None else str(version)
        raise VersionNotFoundError(
            f"version not found: {name} {asked}; nearest versions: {nearest(versions, position)}"
        )
    version = versions[bisect.bisect_left(versions, version)]  # as the index writes it: 1.2, not 1.2.0
    ranked = sorted(by_version[version], key=lambda file: (_rank(file), file.filename))
    fitting = [file for file in ranked if wheel or _is_source(file)]
    if not fitting:
        with_source = [v for v in versions if any(map(_is_source, by_version[v]))]
        raise VersionNotFoundError(
            f"{name} {version} has no source distribution; write #file=wheel to take its wheel, or pin a "
            f"version that has one: {nearest(with_source, bisect.bisect(with_source, version))}"
        )
    return version, fitting[0]


def _newest(by_version: Mapping[Version, Sequence[IndexFile]]) -> Version | None:
    """The newest final version with a file that is not yanked; a pre-release only if there is no other."""
    offered = [version for version, files in by_version.items() if any(not file.yanked for file in files)]
    final = [version for version in offered if not version.is_prerelease]
    return max(final or offered, default=None)


def _is_source(file: IndexFile) -> bool:
    return file.filename.endswith(SDIST_SUFFIXES)


def _rank(file: IndexFile) -> tuple[int, bool]:
    """Source distributions first, in the order of SDIST_SUFFIXES; of wheels the pure ones first."""
    for number, suffix in enumerate(SDIST_SUFFIXES):
        if file.filename.endswith(suffix):
            return number, False
    return len(SDIST_SUFFIXES), not file.filename.endswith("-none-any.whl")
