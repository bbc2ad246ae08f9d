from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stand_in import Reply, Server, collect_tables, make_context, serve, tar_bytes

from gristmill.collect import download as web
from gristmill.collect import pypi, swhid
from gristmill.collect.reader import Source, State
from gristmill.collect.simple_index import JSON_TYPE
from gristmill.errors import HostileInputError, OriginError, SourceError

PKG_INFO = b"Metadata-Version: 2.1\nName: Left.Pad\nLicense: MIT\nClassifier: License :: OSI Approved\n\nText"
SDIST = tar_bytes(("Left.Pad-1.2/PKG-INFO", PKG_INFO), ("Left.Pad-1.2/src/pad.py", b"pad = 1\n"))
SETUP = b"raise SystemExit('a package must never be executed')\n"


def wheel_bytes() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("pad.py", SETUP)
        file.writestr(
            "left_pad-3.0.dist-info/METADATA",
            "License: UNKNOWN\nClassifier: License :: OSI Approved :: MIT\n",
        )
    return buffer.getvalue()


def file(name: str, body: bytes = SDIST, **more: Any) -> dict[str, Any]:
    return {
        "filename": name,
        "url": f"../../files/{name}",
        "hashes": {"sha256": hashlib.sha256(body).hexdigest()},
        **more,
    }


def put_project(server: Server, *files: dict[str, Any], index: str = "simple") -> None:
    body = json.dumps({"meta": {"api-version": "1.1"}, "name": "left-pad", "files": files}).encode()
    server.put(f"/{index}/left-pad/", Reply(body, headers={"Content-Type": JSON_TYPE}))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    with serve() as running:
        config = tmp_path / "pip.conf"
        config.write_text("[global]\nindex-url = http://127.0.0.1:1/never\n")
        monkeypatch.setattr(web, "BACK_OFF", 0.0)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
        monkeypatch.setenv("PIP_INDEX_URL", f"{running.url}/simple")
        monkeypatch.setenv("PIP_EXTRA_INDEX_URL", f"{running.url}/extra/")
        running.put("/files/Left.Pad-1.2.tar.gz", Reply(SDIST))
        running.put("/files/left_pad-3.0-py3-none-any.whl", Reply(wheel_bytes()))
        put_project(
            running,
            file("Left.Pad-1.2.tar.gz", **{"upload-time": "2024-05-06T07:08:09.123456Z"}),
            file("left_pad-1.2-py3-none-any.whl"),
            file("left-pad-1.10rc1.tar.gz"),
            file("left-pad-1.1.zip"),
            file("left-pad-1.3.tar.gz", yanked="broken"),
            file("unrelated-9.9.tar.gz"),
        )
        yield running


def resolve(tmp_path: Path, target: str, **options: str) -> State:
    return pypi.resolve(Source("pypi", target, options), make_context(tmp_path / "cache"))


def test_the_newest_final_version_is_taken(server: Server, tmp_path: Path) -> None:
    state = resolve(tmp_path, "Left.Pad")
    digest = hashlib.sha256(SDIST).hexdigest()
    assert state.state == f"left-pad==1.2 sha256:{digest}"
    assert state.branch == "1.2"
    assert str(state.date) == "2024-05-06 07:08:09.123456+00:00"
    assert state.local == tmp_path / "cache" / "pypi" / digest / "Left.Pad-1.2.tar.gz"
    assert state.origin["url"] == "https://pypi.org/project/left-pad/"
    assert state.origin["name"] == "left-pad"
    assert JSON_TYPE in server.seen[0][1]["accept"]


def test_the_listing_hangs_on_a_synthetic_release(server: Server, tmp_path: Path) -> None:
    state = resolve(tmp_path, "left_pad==1.2")
    context = make_context(tmp_path / "cache")
    rows = collect_tables(pypi.list_objects(state, context))
    assert [row["path"] for row in rows["entries"]] == ["PKG-INFO", "src/pad.py"]
    root = str(rows["entries"][0]["directory_id"])
    message = b"Synthetic release for pypi package left-pad version 1.2\n"
    release = swhid.release_id(root, "directory", b"1.2", message)
    assert {row["anchor"] for row in rows["entries"]} == {f"swh:1:rel:{release}"}
    assert rows["releases"] == [
        {
            "release_id": release,
            "name": b"1.2",
            "target_type": "directory",
            "target": root,
            "date": state.date,
            "synthetic": True,
        }
    ]
    branches = {row["branch"]: (row["target_type"], row["target"]) for row in rows["snapshots"]}
    assert branches == {
        b"HEAD": ("alias", b"releases/1.2".hex()),
        b"releases/1.2": ("release", release),
    }
    assert rows["origins"][0]["declared_licence"] == "MIT"
    assert (rows["visits"][0]["branch"], rows["visits"][0]["status"]) == ("1.2", "full")
    wanted = [swhid.content_id(b"pad = 1\n")]
    assert [c.data for c in pypi.read_contents(state, wanted, context)] == [b"pad = 1\n"]


def test_a_pinned_version_in_the_cache_needs_no_network(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = resolve(tmp_path, "left-pad==1.2")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/gone")
    asked = len(server.seen)
    for target in ("left-pad==1.2", "Left.Pad==1.2.0"):
        again = resolve(tmp_path, target)
        assert (again.state, again.date, again.local) == (state.state, state.date, state.local)
    assert len(server.seen) == asked
    state.local.write_bytes(b"damaged")
    with pytest.raises(OriginError, match="127"):
        resolve(tmp_path, "left-pad==1.2")


def test_an_unpinned_version_asks_the_index_but_downloads_once(server: Server, tmp_path: Path) -> None:
    resolve(tmp_path, "left-pad")
    resolve(tmp_path, "left-pad")
    assert server.paths() == ["/simple/left-pad/", "/files/Left.Pad-1.2.tar.gz", "/simple/left-pad/"]


def test_html_indexes_are_read(server: Server, tmp_path: Path) -> None:
    digest = hashlib.sha256(SDIST).hexdigest()
    page = f"""<!DOCTYPE html><html><body>
    <a href="/files/Left.Pad-1.2.tar.gz#sha256={digest}" data-requires-python="&gt;=3">Left.Pad-1.2.tar.gz</a>
    <a href="/files/left-pad-2.0.tar.gz" data-yanked="">left-pad-2.0.tar.gz</a></body></html>"""
    server.put(
        "/simple/left-pad/", Reply(page.encode(), headers={"Content-Type": "text/html; charset=utf-8"})
    )
    state = resolve(tmp_path, "left-pad")
    assert (state.branch, state.date) == ("1.2", None)
    server.put("/files/Left.Pad-1.2.tar.gz", Reply(SDIST + b"\0"))
    with pytest.raises(HostileInputError, match="sha256"):
        pypi.resolve(Source("pypi", "left-pad"), make_context(tmp_path / "other"))


def test_a_missing_hash_is_computed(server: Server, tmp_path: Path) -> None:
    put_project(server, file("Left.Pad-1.2.tar.gz", hashes={}))
    assert resolve(tmp_path, "left-pad").details["sha256"] == hashlib.sha256(SDIST).hexdigest()


def test_a_wrong_hash_is_refused_and_not_kept(server: Server, tmp_path: Path) -> None:
    put_project(server, file("Left.Pad-1.2.tar.gz", body=b"another"))
    with pytest.raises(HostileInputError, match="the file was not kept"):
        resolve(tmp_path, "left-pad==1.2")
    assert not list((tmp_path / "cache" / "pypi").iterdir())


def test_versions_that_are_not_there(server: Server, tmp_path: Path) -> None:
    with pytest.raises(
        OriginError, match=r"version not found: left-pad 1\.5; nearest.*1\.1, 1\.2, 1\.3, 1\.10rc1"
    ):
        resolve(tmp_path, "left-pad==1.5")
    with pytest.raises(OriginError, match="package not found: right-pad"):
        resolve(tmp_path, "right-pad")
    put_project(server)
    with pytest.raises(OriginError, match="nearest versions: none"):
        resolve(tmp_path, "left-pad")


def test_a_yanked_version_can_be_pinned(server: Server, tmp_path: Path) -> None:
    server.put("/files/left-pad-1.3.tar.gz", Reply(SDIST))
    assert resolve(tmp_path, "left-pad==1.3").branch == "1.3"


def test_wheels_are_taken_only_when_asked(server: Server, tmp_path: Path) -> None:
    name = "left_pad-3.0-py3-none-any.whl"
    platform = "left_pad-3.0-cp311-cp311-linux_x86_64.whl"
    put_project(server, file("left-pad-1.1.zip"), file(platform), file(name, body=wheel_bytes()))
    with pytest.raises(OriginError, match=r"no source distribution; write #file=wheel .*: 1\.1"):
        resolve(tmp_path, "left-pad")
    state = resolve(tmp_path, "left-pad", file="wheel")
    assert state.local.name == name
    rows = collect_tables(pypi.list_objects(state, make_context(tmp_path / "cache")))
    assert rows["origins"][0]["declared_licence"] == "License :: OSI Approved :: MIT"


def test_extra_indexes_are_asked_after_the_index(server: Server, tmp_path: Path) -> None:
    server.put("/simple/left-pad/", Reply(b"", 404))
    put_project(server, file("Left.Pad-1.2.tar.gz"), index="extra")
    assert resolve(tmp_path, "left-pad").branch == "1.2"
    assert server.paths()[:2] == ["/simple/left-pad/", "/extra/left-pad/"]


def test_local_indexes_are_read_but_no_web_page_leads_to_them(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mirror" / "simple" / "left-pad"
    folder.mkdir(parents=True)
    (folder / "left-pad-1.2.tar.gz").write_bytes(SDIST)
    (folder / "index.html").write_text('<a href="left-pad-1.2.tar.gz">x</a>')
    put_project(server, {"filename": "left-pad-1.2.tar.gz", "url": (folder / "left-pad-1.2.tar.gz").as_uri()})
    with pytest.raises(OriginError, match="only http and https"):
        resolve(tmp_path, "left-pad")
    monkeypatch.setenv("PIP_INDEX_URL", folder.parent.as_uri())
    assert resolve(tmp_path, "left-pad").details["sha256"] == hashlib.sha256(SDIST).hexdigest()


def test_credentials_are_used_and_never_told(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple".replace("//", "//me:secret@"))
    state = resolve(tmp_path, "left-pad==1.2")
    assert all(headers["authorization"].startswith("Basic ") for _, headers in server.seen)
    assert "secret" not in repr(state)
    assert not [p for p in (tmp_path / "cache").rglob("*.json") if b"secret" in p.read_bytes()]
    with pytest.raises(OriginError) as caught:
        resolve(tmp_path, "right-pad")
    assert "secret" not in str(caught.value)


def test_configuration_files_of_pip(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_INDEX_URL")
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL")
    config = Path(tmp_path / "pip.conf")
    config.write_text(
        f"[global]\nindex_url = http://127.0.0.1:1\n[install]\nindex-url = {server.url}/simple/\n"
    )
    assert resolve(tmp_path, "left-pad").branch == "1.2"
    config.write_text("index-url = https://me:secret@nowhere")
    with pytest.raises(OriginError, match=r"pip\.conf cannot be read: MissingSectionHeaderError$"):
        resolve(tmp_path, "left-pad")


@pytest.mark.parametrize("body", [b"{", b'{"files": [{"filename": 1}]}', b"[" * 100_000, b'{"files": {}}'])
def test_broken_indexes_are_errors(server: Server, tmp_path: Path, body: bytes) -> None:
    server.put("/simple/left-pad/", Reply(body, headers={"Content-Type": JSON_TYPE}))
    with pytest.raises(OriginError, match="not the JSON"):
        resolve(tmp_path, "left-pad")


def test_file_names_of_the_index_cannot_lead_out(server: Server, tmp_path: Path) -> None:
    put_project(server, file("../../left-pad-1.2.tar.gz"), file("left-pad-1.2/../../x-1.2.tar.gz"))
    with pytest.raises(OriginError, match="nearest versions: none"):
        resolve(tmp_path, "left-pad==1.2")


@pytest.mark.parametrize(
    ("target", "message"),
    [("a b", "write pypi:NAME"), ("a==x.y", "not a version"), ("../a", "write"), ("a>=1", "write")],
)
def test_bad_specifications(target: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=message):
        resolve(tmp_path, target)


@pytest.mark.parametrize(
    ("filename", "version"),
    [
        ("left-pad-1.2-3.tar.gz", "1.2.post3"),
        ("left_pad-1.0.dev1.tar.bz2", "1.0.dev1"),
        ("left-pad-extra-1.0.tar.gz", None),
        ("left-pad-1.0.exe", None),
        ("left_pad-1.0-py3-none-any.whl", "1.0"),
        ("other-1.0-py3-none-any.whl", None),
        ("broken.whl", None),
    ],
)
def test_versions_in_file_names(filename: str, version: str | None) -> None:
    found = pypi.file_version(filename, "left-pad")
    assert (None if found is None else str(found)) == version


@pytest.mark.parametrize(
    ("text", "licence"),
    [
        (b"License-Expression: MIT OR Apache-2.0\nLicense: x\n", "MIT OR Apache-2.0"),
        (
            b"License: a\n        whole text\nClassifier: License :: X\nClassifier: License :: Y\n",
            "License :: X; License :: Y",
        ),
        (b"License: UNKNOWN\nClassifier: Topic :: Z\n", None),
        (b"\xff\xfe\0", None),
    ],
)
def test_declared_licences(text: bytes, licence: str | None) -> None:
    assert pypi.declared_licence({b"PKG-INFO": text, b"sub/PKG-INFO": b"License: no\n"}) == licence
    assert pypi.declared_licence({b"sub/PKG-INFO": text}) is None
