"""Read an npm package: ``npm:NAME``, ``npm:NAME@VERSION`` (or a tag), also ``npm:@SCOPE/NAME@VERSION``.

The registry is the one that npm is configured for. Without a version the one tagged ``latest`` is taken.
``#strip=0`` keeps the tarball's top folder.
"""

from __future__ import annotations

import base64
import binascii
import re
import urllib.parse
from collections.abc import Mapping

import msgspec

from gristmill.collect import archive
from gristmill.collect.download import (
    Client,
    NotFoundError,
    TooLargeError,
    download,
    get_page,
    origin_of,
    public_url,
)
from gristmill.collect.listing import check_options, choose
from gristmill.collect.npmrc import Registry, find_registry
from gristmill.collect.package import (
    Record,
    VersionNotFoundError,
    list_package,
    nearest,
    package_state,
    recall,
    remember,
)
from gristmill.collect.reader import Context, Listing, Source, State
from gristmill.errors import OriginError, SourceError

NAME = r"(?:@[A-Za-z0-9~_-][A-Za-z0-9._~-]*/)?[A-Za-z0-9~_-][A-Za-z0-9._~!-]*"
SPECIFICATION = re.compile(rf"({NAME})(?:@([0-9A-Za-z][0-9A-Za-z.+_-]*))?")
VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")
FULL_TYPE = "application/json"
SHORT_TYPE = "application/vnd.npm.install-v1+json"
ALGORITHMS = ("sha512", "sha384", "sha256", "sha1")
METADATA = b"package.json"

read_contents = archive.read_contents


class _Dist(msgspec.Struct):
    tarball: str
    integrity: str | None = None
    shasum: str | None = None


class _Version(msgspec.Struct):
    dist: _Dist


class _Packument(msgspec.Struct):
    """The document of a package in a registry; ``time`` stands in the full form only."""

    versions: dict[str, _Version] = {}
    tags: dict[str, str] = msgspec.field(name="dist-tags", default={})
    time: dict[str, msgspec.Raw] = {}


def resolve(source: Source, context: Context) -> State:
    """Find the version's tarball in the cache, or in the registry, download it and check its hash.

    A pinned version that is in the cache needs no network. Raises SourceError if the source cannot be
    understood, OriginError (with the nearest versions) if the registry does not have it, HostileInputError
    if the tarball is not what the registry states.
    """
    check_options(source, ("strip",))
    choose(source, "strip", ("1", "0"))
    found = SPECIFICATION.fullmatch(source.target.strip())
    if not found or len(found[1]) > 214:
        raise SourceError(f"source npm:{source.target}: write npm:NAME, npm:NAME@VERSION or npm:@SCOPE/NAME")
    name, wanted = found[1], found[2]
    record = recall(context, "npm", f"{name}@{wanted}") if wanted and VERSION.fullmatch(wanted) else None
    if record is None:
        record = _take_from(find_registry(name), name, wanted or "latest", context)
    # Software Heritage's form of the origin of an npm package.
    return package_state(source, record, f"https://www.npmjs.com/package/{name}", context)


def list_objects(state: State, context: Context) -> Listing:
    """The tables of the version; its anchor is a synthetic release. Raises as ``archive.list_objects``."""
    return list_package(state, context, declared_licence)


def declared_licence(metadata: Mapping[bytes, bytes]) -> str | None:
    """The licence that package.json states: ``license``, or the old forms (an object, or ``licenses``)."""
    try:
        manifest = msgspec.json.decode(metadata[METADATA])
    except (KeyError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(manifest, dict):
        return None
    stated = manifest.get("license", manifest.get("licenses"))
    names = [
        one.get("type") if isinstance(one, dict) else one
        for one in (stated if isinstance(stated, list) else [stated])
    ]
    return "; ".join(one.strip() for one in names if isinstance(one, str) and one.strip()) or None


def version_key(version: str) -> tuple[object, ...]:
    """Sort key by precedence of semantic versions (semver 2.0.0, section 11); what is none sorts first."""
    found = VERSION.fullmatch(version)
    if not found:
        return (False, version)
    pre = tuple(
        (0, int(part), "") if part.isdigit() else (1, 0, part) for part in (found[4] or "").split(".")
    )
    return (True, int(found[1]), int(found[2]), int(found[3]), found[4] is None, pre)


def _take_from(registry: Registry, name: str, wanted: str, context: Context) -> Record:
    """Choose, download and record a version. ``wanted`` is a version or a tag."""
    client = Client.for_limits(context.limits, registry.logins)
    packument = _packument(client, registry.url, name)
    version = packument.tags.get(wanted, wanted)
    if version == "latest" and packument.versions:
        version = max(packument.versions, key=version_key)
    if version not in packument.versions or not VERSION.fullmatch(version):
        versions = sorted(packument.versions, key=version_key)
        position = sum(version_key(other) <= version_key(version) for other in versions)
        raise VersionNotFoundError(
            f"version not found: {name} {wanted}; nearest versions: {nearest(versions, position)}"
        )
    dist = packument.versions[version].dist
    filename = f"{name.removeprefix('@').replace('/', '-')}-{version}.tgz"
    url = _tarball_url(registry.url, dist.tarball)
    path, digest = download(client, url, context.cache / "npm", filename, _expected(dist))
    uploaded = packument.time.get(version)
    record = Record(name, version, path.name, digest, _text(uploaded) if uploaded is not None else None)
    remember(context, "npm", f"{name}@{version}", record)
    return record


def _packument(client: Client, registry: str, name: str) -> _Packument:
    """The full document, since it has the upload times; the short one if the full one is too large."""
    url = f"{registry}/{urllib.parse.quote(name, safe='@')}"
    try:
        try:
            page = get_page(client, url, FULL_TYPE)
        except TooLargeError:
            page = get_page(client, url, SHORT_TYPE)
    except NotFoundError as error:
        raise NotFoundError(f"package not found: {name} ({error})") from None
    try:
        return msgspec.json.decode(page.body, type=_Packument)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise OriginError(f"{public_url(url)}: not the document of an npm package: {error}") from error


def _tarball_url(registry: str, tarball: str) -> str:
    """Where to fetch a tarball: at the registry also when the document names another host (a mirror does
    not rewrite it), as npm's ``replace-registry-host`` does."""
    try:
        if origin_of(tarball) == origin_of(registry):
            return tarball
        parts, own = urllib.parse.urlsplit(tarball), urllib.parse.urlsplit(registry)
    except ValueError as error:
        raise OriginError(f"{tarball[:200]!r} is not the URL of a tarball") from error
    path = parts.path if parts.path.startswith(own.path + "/") else own.path + parts.path
    return urllib.parse.urlunsplit((own.scheme, own.netloc, path, parts.query, ""))


def _expected(dist: _Dist) -> dict[str, str]:
    """The digests that a registry states, by algorithm: ``integrity`` (W3C Subresource Integrity), ``shasum``."""
    found: dict[str, str] = {}
    for part in (dist.integrity or "").split():
        algorithm, _, text = part.partition("?")[0].partition("-")
        if algorithm in ALGORITHMS:
            try:
                found[algorithm] = base64.b64decode(text, validate=True).hex()
            except (binascii.Error, ValueError):
                raise OriginError(f"{dist.tarball[:200]}: its integrity {part!r} cannot be read") from None
    if dist.shasum:
        found.setdefault("sha1", dist.shasum)
    return found


def _text(raw: msgspec.Raw) -> str | None:
    try:
        return msgspec.json.decode(raw, type=str)
    except msgspec.MsgspecError:
        return None
