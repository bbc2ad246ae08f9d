from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stand_in import Reply, Server, collect_tables, make_context, serve, tar_bytes

from gristmill.collect import download as web
from gristmill.collect import npm, swhid
from gristmill.collect.npmrc import find_registry
from gristmill.collect.reader import Source, State
from gristmill.errors import HostileInputError, OriginError, SourceError

MANIFEST = json.dumps({"name": "pad", "license": "WTFPL", "scripts": {"install": "exit 1"}}).encode()
TARBALL = tar_bytes(("package/package.json", MANIFEST), ("package/index.js", b"module.exports = 1\n"))
INTEGRITY = "sha512-" + base64.b64encode(hashlib.sha512(TARBALL).digest()).decode()
UPSTREAM = "https://upstream.example"


def dist(name: str, **values: str) -> dict[str, Any]:
    return {"dist": {"tarball": f"{UPSTREAM}/{name}", "integrity": INTEGRITY, "shasum": "0" * 40, **values}}


def put_package(server: Server, path: str, versions: dict[str, Any], **more: Any) -> None:
    document = {
        "name": "pad",
        "versions": versions,
        "time": {"created": "x", "1.3.0": "2018-04-09T01:02:03.000Z"},
    }
    server.put(
        path, Reply(json.dumps({**document, **more}).encode(), headers={"Content-Type": "application/json"})
    )


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    with serve() as running:
        monkeypatch.setattr(web, "BACK_OFF", 0.0)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("npm_config_globalconfig", str(tmp_path / "globalrc"))
        monkeypatch.delenv("npm_config_userconfig", raising=False)
        monkeypatch.delenv("npm_config_registry", raising=False)
        monkeypatch.setenv("NPM_CONFIG_REGISTRY", f"{running.url}/npm/")
        running.put("/npm/pad/-/pad-1.3.0.tgz", Reply(TARBALL))
        versions = {
            version: dist(f"pad/-/pad-{version}.tgz") for version in ("1.3.0", "1.10.0-rc.1", "0.9.0")
        }
        put_package(
            running, "/npm/pad", versions, **{"dist-tags": {"latest": "1.3.0", "next": "1.10.0-rc.1"}}
        )
        yield running


def resolve(tmp_path: Path, target: str, **options: str) -> State:
    return npm.resolve(Source("npm", target, options), make_context(tmp_path / "cache"))


def test_the_latest_version_is_fetched_from_the_registry_itself(server: Server, tmp_path: Path) -> None:
    state = resolve(tmp_path, "pad")
    digest = hashlib.sha256(TARBALL).hexdigest()
    assert server.paths() == ["/npm/pad", "/npm/pad/-/pad-1.3.0.tgz"]
    assert state.state == f"pad==1.3.0 sha256:{digest}"
    assert str(state.date) == "2018-04-09 01:02:03+00:00"
    assert state.local == tmp_path / "cache" / "npm" / digest / "pad-1.3.0.tgz"
    assert state.origin["url"] == "https://www.npmjs.com/package/pad"


def test_the_listing_hangs_on_a_synthetic_release(server: Server, tmp_path: Path) -> None:
    state = resolve(tmp_path, "pad@1.3.0")
    context = make_context(tmp_path / "cache")
    rows = collect_tables(npm.list_objects(state, context))
    assert [row["path"] for row in rows["entries"]] == ["index.js", "package.json"]
    root = str(rows["entries"][0]["directory_id"])
    message = b"Synthetic release for npm package pad version 1.3.0\n"
    anchor = swhid.swhid("rel", swhid.release_id(root, "directory", b"1.3.0", message))
    assert rows["visits"][0]["anchor"] == anchor
    assert rows["origins"][0]["declared_licence"] == "WTFPL"
    found = npm.read_contents(state, [swhid.content_id(MANIFEST)], context)
    assert [content.data for content in found] == [MANIFEST]


def test_a_pinned_version_in_the_cache_needs_no_network(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = resolve(tmp_path, "pad@1.3.0")
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "http://127.0.0.1:1")
    again = resolve(tmp_path, "pad@1.3.0")
    assert (again.state, again.date, again.local) == (state.state, state.date, state.local)
    with pytest.raises(OriginError, match="ConnectionRefused"):
        resolve(tmp_path, "pad")


def test_scoped_packages(server: Server, tmp_path: Path) -> None:
    server.put("/npm/@scope/pad/-/pad-1.3.0.tgz", Reply(TARBALL))
    put_package(server, "/npm/@scope%2Fpad", {"1.3.0": dist("@scope/pad/-/pad-1.3.0.tgz")})
    for target in ("@scope/pad", "@scope/pad@1.3.0"):
        state = resolve(tmp_path, target)
        assert state.state.startswith("@scope/pad==1.3.0 ")
        assert state.local.name == "scope-pad-1.3.0.tgz"
        assert state.origin["url"] == "https://www.npmjs.com/package/@scope/pad"
    assert (tmp_path / "cache" / "npm" / "%40scope%2Fpad%401.3.0.json").is_file()


def test_tags_name_versions(server: Server, tmp_path: Path) -> None:
    server.put("/npm/pad/-/pad-1.10.0-rc.1.tgz", Reply(TARBALL))
    assert resolve(tmp_path, "pad@next").branch == "1.10.0-rc.1"


def test_without_tags_the_highest_version_is_taken(server: Server, tmp_path: Path) -> None:
    server.put("/npm/pad/-/pad-1.10.0.tgz", Reply(TARBALL))
    put_package(
        server, "/npm/pad", {v: dist(f"pad/-/pad-{v}.tgz") for v in ("1.9.0", "1.10.0", "1.10.0-rc.1")}
    )
    assert resolve(tmp_path, "pad").branch == "1.10.0"


def test_versions_that_are_not_there(server: Server, tmp_path: Path) -> None:
    with pytest.raises(
        OriginError, match=r"not found: pad 1\.4\.0; nearest versions: 0\.9\.0, 1\.3\.0, 1\.10\.0-rc\.1"
    ):
        resolve(tmp_path, "pad@1.4.0")
    with pytest.raises(OriginError, match="package not found: nopad"):
        resolve(tmp_path, "nopad")


def test_integrity_is_checked_before_the_weaker_shasum(server: Server, tmp_path: Path) -> None:
    server.put("/npm/pad/-/pad-1.3.0.tgz", Reply(TARBALL + b"\0"))
    with pytest.raises(HostileInputError, match="its sha512 is"):
        resolve(tmp_path, "pad")
    put_package(server, "/npm/pad", {"1.3.0": dist("pad/-/pad-1.3.0.tgz", integrity="")})
    with pytest.raises(HostileInputError, match="its sha1 is"):
        resolve(tmp_path, "pad")
    put_package(server, "/npm/pad", {"1.3.0": dist("pad/-/pad-1.3.0.tgz", integrity="sha512-%%%")})
    with pytest.raises(OriginError, match="cannot be read"):
        resolve(tmp_path, "pad")


def test_a_tarball_cut_short_is_not_kept(server: Server, tmp_path: Path) -> None:
    server.put("/npm/pad/-/pad-1.3.0.tgz", Reply(TARBALL, cut_to=100))
    with pytest.raises(OriginError, match="IncompleteRead"):
        resolve(tmp_path, "pad")
    assert not list((tmp_path / "cache" / "npm").iterdir())


@pytest.mark.parametrize("body", [b"{", b'{"versions": []}', b'{"versions": {"1.0.0": {}}}', b"[" * 100_000])
def test_broken_documents_are_errors(server: Server, tmp_path: Path, body: bytes) -> None:
    server.put("/npm/pad", Reply(body))
    with pytest.raises(OriginError, match="not the document"):
        resolve(tmp_path, "pad")


def test_versions_cannot_lead_out_of_the_cache(server: Server, tmp_path: Path) -> None:
    put_package(server, "/npm/pad", {"../../evil": dist("x.tgz")}, **{"dist-tags": {"latest": "../../evil"}})
    with pytest.raises(OriginError, match="version not found"):
        resolve(tmp_path, "pad")


@pytest.mark.parametrize("target", ["", "../pad", "@scope", "a b", "pad@^1.0", "x" * 215, "@a/b/c"])
def test_bad_specifications(target: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="write npm:NAME"):
        resolve(tmp_path, target)


@pytest.mark.parametrize(
    ("manifest", "licence"),
    [
        (b'{"license": {"type": "MIT"}}', "MIT"),
        (b'{"licenses": [{"type": "MIT"}, "GPL-2.0", 3]}', "MIT; GPL-2.0"),
        (b'{"license": ""}', None),
        (b'"text"', None),
        (b"\xff", None),
        (b"[" * 100_000, None),
    ],
)
def test_declared_licences(manifest: bytes, licence: str | None) -> None:
    assert npm.declared_licence({b"package.json": manifest}) == licence
    assert npm.declared_licence({b"sub/package.json": manifest}) is None


def test_versions_are_ordered_by_semver() -> None:
    # The example of semver 2.0.0, section 11.
    ordered = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2"]
    ordered += ["1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "2.0.0", "2.1.0", "2.1.1", "2.11.0"]
    assert sorted(ordered[6:] + ordered[:6], key=npm.version_key) == ordered


def test_registries_of_npmrc(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NPM_CONFIG_REGISTRY")
    monkeypatch.setenv("TOKEN", "s3cret")
    (tmp_path / "globalrc").write_text("registry=https://global.example/\n")
    assert find_registry("pad").url == "https://global.example"
    (tmp_path / ".npmrc").write_text(
        "; comment\nregistry = https://own.example/npm/\n//own.example/npm/:_authToken=${TOKEN}\n"
        "@scope:registry=https://me:pw@scoped.example\n"
    )
    registry = find_registry("pad")
    assert registry.url == "https://own.example/npm"
    assert registry.logins == {"https://own.example:443": "Bearer s3cret"}
    scoped = find_registry("@scope/pad")
    assert scoped.url == "https://scoped.example"
    assert scoped.logins == {"https://scoped.example:443": "Basic bWU6cHc="}
    monkeypatch.setenv("npm_config_registry", "https://environment.example")
    assert find_registry("pad") == type(registry)("https://environment.example", {})
