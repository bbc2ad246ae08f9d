from __future__ import annotations

import gzip
import hashlib
import io
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stand_in import Reply, collect_tables, make_context, serve, tar_bytes, tar_link

from gristmill.collect import archive, swhid
from gristmill.collect.listing import NULL_ID
from gristmill.collect.reader import Context, Limits, Source, State
from gristmill.errors import HostileInputError, OriginError, SourceError

FILES = (("pkg-1/a.py", b"print(1)\n"), ("pkg-1/bin/run.sh", b"#!/bin/sh\n"), ("pkg-1/b.py", b"print(1)\n"))


def zip_bytes(*members: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, body in members:
            file.writestr(name, body, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def unix_info(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = mode << 16
    return info


def resolve(
    tmp_path: Path, data: bytes, options: dict[str, str] | None = None, **limits: float
) -> tuple[State, Context]:
    path = tmp_path / "thing"
    path.write_bytes(data)
    context = make_context(tmp_path / "cache", **limits)
    return archive.resolve(Source("archive", str(path), options or {}), context), context


def listing(
    tmp_path: Path, data: bytes, options: dict[str, str] | None = None, **limits: float
) -> dict[str, list[dict[str, object]]]:
    state, context = resolve(tmp_path, data, options, **limits)
    return collect_tables(archive.list_objects(state, context))


def paths(rows: dict[str, list[dict[str, object]]]) -> dict[object, object]:
    return {row["path"]: row["skipped"] for row in rows["entries"]}


def visit(rows: dict[str, list[dict[str, object]]]) -> dict[str, object]:
    return rows["visits"][0]


PACKED = {
    "tar": tar_bytes(*FILES, mode="w:"),
    "tar.gz": tar_bytes(*FILES, mode="w:gz"),
    "tar.bz2": tar_bytes(*FILES, mode="w:bz2"),
    "tar.xz": tar_bytes(*FILES, mode="w:xz"),
    "zip": zip_bytes(
        *((unix_info(name, 0o100755 if name.endswith(".sh") else 0o100644), body) for name, body in FILES)
    ),
}


@pytest.mark.parametrize("kind", PACKED)
def test_every_kind_gives_the_same_tree(tmp_path: Path, kind: str) -> None:
    rows = listing(tmp_path, PACKED[kind])
    assert paths(rows) == {"a.py": None, "b.py": None, "bin/run.sh": None}
    assert [row["perms"] for row in rows["entries"]] == [0o100644, 0o100644, 0o100755]
    a, run = swhid.content_id(b"print(1)\n"), swhid.content_id(b"#!/bin/sh\n")
    below = swhid.directory_id([swhid.TreeEntry(b"run.sh", 0o100755, run)])
    root = swhid.directory_id(
        [
            swhid.TreeEntry(b"a.py", 0o100644, a),
            swhid.TreeEntry(b"b.py", 0o100644, a),
            swhid.TreeEntry(b"bin", 0o40000, below),
        ]
    )
    assert visit(rows)["anchor"] == f"swh:1:dir:{root}"
    assert visit(rows)["status"] == "full"
    assert visit(rows)["state"] == hashlib.sha256(PACKED[kind]).hexdigest()


@pytest.mark.parametrize("kind", PACKED)
def test_contents_are_read_once_each(tmp_path: Path, kind: str) -> None:
    state, context = resolve(tmp_path, PACKED[kind])
    wanted = [swhid.content_id(b"print(1)\n"), "ab" * 20]
    found = list(archive.read_contents(state, wanted, context))
    assert [(c.content_id, c.data, c.skipped) for c in found] == [
        (wanted[0], b"print(1)\n", None),
        (wanted[1], None, "missing"),
    ]


def test_reading_stops_when_all_is_found(tmp_path: Path) -> None:
    noise = hashlib.shake_256(b"noise").digest(300_000)
    data = tar_bytes(("a", b"first"), ("b", noise), mode="w:")[:200_000]
    state, context = resolve(tmp_path, data)
    (content,) = archive.read_contents(state, [swhid.content_id(b"first")], context)
    assert content.data == b"first"
    (content,) = archive.read_contents(state, [swhid.content_id(noise)], context)
    assert content.skipped == "corrupt"


def test_the_top_folder_stays_if_asked_or_not_alone(tmp_path: Path) -> None:
    assert "pkg-1/a.py" in paths(listing(tmp_path, PACKED["tar"], {"strip": "0"}))
    data = tar_bytes(*FILES, ("setup.cfg", b""))
    assert "pkg-1/a.py" in paths(listing(tmp_path, data))


def test_members_that_lead_out_are_recorded_and_left_out(tmp_path: Path) -> None:
    names = ["../evil", "/etc/passwd", "a/../../b", "C:\\boot.ini", "..\\up", "ok/./fine", "ok//same", "."]
    rows = listing(tmp_path, tar_bytes(*((name, name.encode()) for name in names), mode="w:"), {"strip": "0"})
    assert paths(rows) == {
        "ok/fine": None,
        "ok/same": None,
        r"\x2e": "hostile_path",
        r"\x2e\x2e/evil": "hostile_path",
        r"\x2e\x2e\up": "hostile_path",
        r"\x2fetc/passwd": "hostile_path",
        r"\x43\x3a\boot.ini": "hostile_path",
        r"a/\x2e\x2e/\x2e\x2e/b": "hostile_path",
    }
    assert visit(rows)["status"] == "partial"
    assert "'../evil'" in str(visit(rows)["message"])
    named = {row["name"] for row in rows["directories"]}
    assert named == {b"ok", b"fine", b"same"}


def test_nul_in_a_zip_name_is_hostile(tmp_path: Path) -> None:
    data = zip_bytes(("a.txtX.exe", b"x"), ("fine", b"y")).replace(b"a.txtX.exe", b"a.txt\0.exe")
    assert paths(listing(tmp_path, data)) == {r"a.txt\x00.exe": "hostile_path", "fine": None}


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=30) | st.text("./\\C:\0a", max_size=12).map(str.encode))
def test_paths_are_plain_or_shown_safely(name: bytes) -> None:
    path = archive.plain_path(name, Limits())
    shown = archive.shown_path(name) if path is None else path
    segments = shown.split(b"/")
    assert not {b"", b".", b".."} & set(segments)
    assert b"\0" not in shown
    assert not shown.startswith((b"/", b"\\..", b"\\\\"))
    if path is None:
        assert b".." not in shown
        shown.decode()


def test_symbolic_links_are_texts_and_nothing_is_written_through_them(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    data = tar_bytes(tar_link("d/out", str(outside)), ("d/out/evil", b"evil"), ("d/x", b"x"))
    rows = listing(tmp_path, data)
    assert paths(rows) == {"out": None, "out/evil": "hostile_path", "x": None}
    (link,) = [row for row in rows["entries"] if row["path"] == "out"]
    assert (link["type"], link["perms"]) == ("symlink", 0o120000)
    assert link["content_id"] == swhid.content_id(str(outside).encode())
    assert not list(outside.iterdir())
    rows = listing(tmp_path, zip_bytes((unix_info("l", 0o120777), b"/etc/passwd"), ("f", b"")))
    assert [(row["type"], row["content_id"]) for row in rows["entries"]] == [
        ("file", swhid.content_id(b"")),
        ("symlink", swhid.content_id(b"/etc/passwd")),
    ]


def test_hard_links_are_their_target_if_it_is_inside(tmp_path: Path) -> None:
    hard = [
        tar_link("d/copy", "d/x.sh", tarfile.LNKTYPE),
        tar_link("d/out", "/etc/passwd", tarfile.LNKTYPE),
        tar_link("d/later", "d/y", tarfile.LNKTYPE),
    ]
    rows = listing(tmp_path, tar_bytes(("d/x.sh", b"x"), *hard, ("d/y", b"y")))
    assert paths(rows) == {"copy": None, "later": "missing", "out": "missing", "x.sh": None, "y": None}
    entries = {row["path"]: row for row in rows["entries"]}
    assert (entries["copy"]["content_id"], entries["copy"]["perms"]) == (swhid.content_id(b"x"), 0o100755)
    assert entries["out"]["content_id"] == NULL_ID
    assert "hard link to b'/etc/passwd'" in str(visit(rows)["message"])


def test_devices_and_folders_are_no_entries(tmp_path: Path) -> None:
    rows = listing(
        tmp_path,
        tar_bytes(
            tar_link("null", "", tarfile.CHRTYPE), tar_link("d", "", tarfile.DIRTYPE), ("f", b"f"), mode="w:"
        ),
    )
    assert paths(rows) == {"f": None}
    assert visit(rows)["status"] == "full"


def test_of_equal_names_the_last_wins(tmp_path: Path) -> None:
    rows = listing(tmp_path, tar_bytes(("f", b"old"), ("./f", b"new")))
    assert [row["content_id"] for row in rows["entries"]] == [swhid.content_id(b"new")]
    rows = listing(tmp_path, tar_bytes(("d/f", b"kept"), ("d", b"in the way"), ("e", b"")))
    assert paths(rows) == {"d": "hostile_path", "d/f": None, "e": None}


def test_names_that_are_not_utf_8(tmp_path: Path) -> None:
    latin = "caf\udce9".encode("utf-8", "surrogateescape")
    buffer = io.BytesIO()
    with tarfile.open(
        fileobj=buffer, mode="w:", format=tarfile.USTAR_FORMAT, errors="surrogateescape"
    ) as tar:
        for name in (latin, rb"caf\xe9"):
            tar.addfile(tarfile.TarInfo(name.decode("utf-8", "surrogateescape")))
    rows = listing(tmp_path, buffer.getvalue())
    assert {row["path"]: row["path_raw"] for row in rows["entries"]} == {
        r"caf\xe9": None,
        r"caf\xe9~": latin,
    }
    raw = zip_bytes(("caf_", b"")).replace(b"caf_", b"caf\x82")
    assert paths(listing(tmp_path, raw)) == {"café": None}
    assert paths(listing(tmp_path, zip_bytes(("日本.py", b"")))) == {"日本.py": None}


def test_large_members_are_skipped(tmp_path: Path) -> None:
    big = b"0123456789" * 20
    rows = listing(tmp_path, tar_bytes(("f", b"f"), ("big", big)), max_content_bytes=100)
    entries = {row["path"]: row for row in rows["entries"]}
    assert (entries["big"]["skipped"], entries["big"]["length"]) == ("too_large", 200)
    assert entries["big"]["content_id"] == swhid.content_id(big)
    assert visit(rows)["status"] == "full"
    rows = listing(tmp_path, zip_bytes(("f", b"f"), ("big", big)), max_content_bytes=100)
    entries = {row["path"]: row for row in rows["entries"]}
    assert (entries["big"]["skipped"], entries["big"]["content_id"]) == ("too_large", NULL_ID)
    assert visit(rows)["status"] == "partial"


@pytest.mark.parametrize("pack", [tar_bytes, zip_bytes])
def test_bombs_are_refused(tmp_path: Path, pack: object) -> None:
    zeros = bytes(9_000_000)
    data = pack(("a", zeros), ("b", zeros))  # type: ignore[operator]
    assert len(data) < 60_000
    with pytest.raises(HostileInputError, match=r"thing of \d+ bytes .*max_compression_ratio"):
        listing(tmp_path, data)
    with pytest.raises(HostileInputError, match="max_origin_bytes"):
        listing(tmp_path, data, max_compression_ratio=10_000, max_origin_bytes=1_000_000)
    assert len(paths(listing(tmp_path, data, max_compression_ratio=10_000))) == 2


@pytest.mark.parametrize("pack", [tar_bytes, zip_bytes])
def test_the_number_of_members_is_bounded(tmp_path: Path, pack: object) -> None:
    data = pack(*((f"d/{n}", b"") for n in range(50)))  # type: ignore[operator]
    assert len(paths(listing(tmp_path, data, max_entries=50))) == 50
    with pytest.raises(HostileInputError, match="more than 49 members"):
        listing(tmp_path, data, max_entries=49)


def test_the_number_of_folders_is_bounded(tmp_path: Path) -> None:
    data = tar_bytes(*((f"{n}/" * 20 + "f", b"") for n in range(10)))
    with pytest.raises(HostileInputError, match="more than 100 folders"):
        listing(tmp_path, data, max_entries=100)


def test_headers_cannot_fill_the_memory(tmp_path: Path) -> None:
    info = tarfile.TarInfo("f")
    info.pax_headers = {"comment": "x" * 100_000}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(info)
    with pytest.raises(HostileInputError, match="tar header"):
        listing(tmp_path, buffer.getvalue())


def test_long_and_deep_names_are_refused_but_shown(tmp_path: Path) -> None:
    rows = listing(tmp_path, tar_bytes(("x" * 5000, b""), ("d/" * 300 + "f", b""), ("ok", b"")))
    skipped = paths(rows)
    assert sorted(map(str, skipped.values())) == ["None", "hostile_path", "hostile_path"]
    assert max(len(str(path)) for path in skipped) < 450


def test_truncated_archives_are_partial(tmp_path: Path) -> None:
    noise = hashlib.shake_256(b"noise").digest(300_000)
    whole = tar_bytes(("a", b"first"), ("b", noise), mode="w:gz")
    rows = listing(tmp_path, whole[:150_000])
    assert paths(rows) == {"a": None}
    assert visit(rows)["status"] == "partial"
    assert "thing is truncated or corrupt after 1 members" in str(visit(rows)["message"])
    with pytest.raises(OriginError, match="thing is truncated or corrupt"):
        listing(tmp_path, whole[:30])


def test_damage_in_the_middle_of_a_tar_is_noticed(tmp_path: Path) -> None:
    data = bytearray(tar_bytes(("a", b"1"), ("b", b"2"), ("c", b"3"), mode="w:"))
    data[1024:1034] = b"!!!!!!!!!!"  # the header of b, which tarfile takes for the end of the archive
    rows = listing(tmp_path, bytes(data))
    assert paths(rows) == {"a": None}
    assert "no tar header at byte 1024" in str(visit(rows)["message"])


def test_a_damaged_zip_member_does_not_harm_the_others(tmp_path: Path) -> None:
    body = b"some text that deflate keeps as it is: 1970"
    data = zip_bytes(("a", b"fine"), ("b", body))
    crc = struct.pack("<L", zlib.crc32(body))
    rows = listing(tmp_path, data.replace(crc, b"\1\2\3\4"))
    assert paths(rows) == {"a": None, "b": "corrupt"}
    assert visit(rows)["status"] == "partial"


def test_encrypted_and_exotic_members_are_told(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("lzma", b"x" * 100, zipfile.ZIP_LZMA)
        file.writestr("plain", b"y")
    rows = listing(tmp_path, buffer.getvalue())
    assert paths(rows) == {"lzma": "corrupt", "plain": None}
    assert "compressed by method 14" in str(visit(rows)["message"])


@pytest.mark.parametrize(
    "data",
    [b"", b"hello", gzip.compress(b"just one file\n" * 100), b"\x1f\x8bbroken", b"PK\3\4broken"],
    ids=["empty", "text", "gzip of a file", "broken gzip", "broken zip"],
)
def test_what_is_no_archive_is_an_error(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(OriginError, match="thing"):
        listing(tmp_path, data)


def test_zstd_is_read_or_explained(tmp_path: Path) -> None:
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        with pytest.raises(OriginError, match=r"zstd, which Python reads from 3\.14"):
            listing(tmp_path, b"\x28\xb5\x2f\xfd" + bytes(600))
    else:
        assert len(paths(listing(tmp_path, zstd.compress(PACKED["tar"])))) == 3


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(sorted(PACKED)),
    st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=4),
    st.integers(0, 12_000),
)
def test_no_damage_escapes_as_another_error(
    tmp_path: Path, kind: str, changes: list[tuple[int, int]], length: int
) -> None:
    data = bytearray(PACKED[kind])
    for position, value in changes:
        data[position % len(data)] = value
    try:
        rows = listing(tmp_path, bytes(data[:length]))
    except OriginError:
        return
    assert not {b"", b".", b".."} & {row["name"] for row in rows["directories"]}


def test_an_archive_that_changed_is_not_listed(tmp_path: Path) -> None:
    state, context = resolve(tmp_path, PACKED["zip"])
    state.local.write_bytes(PACKED["tar"])
    with pytest.raises(OriginError, match="run again"):
        list(archive.list_objects(state, context))


def test_urls_are_downloaded_and_pinned_ones_only_once(tmp_path: Path) -> None:
    context = make_context(tmp_path)
    with serve() as server:
        server.put("/x/pkg-1.tgz", Reply(PACKED["tar.gz"]))
        digest = hashlib.sha256(PACKED["tar.gz"]).hexdigest()
        url = f"{server.url}/x/pkg-1.tgz"
        with_login = url.replace("//", "//me:secret@")
        source = Source("archive", with_login, {"sha256": digest})
        states = [archive.resolve(source, context) for _ in range(2)]
        assert server.paths() == ["/x/pkg-1.tgz"]
        assert states[0] == states[1]
        assert states[0].origin["url"] == url
        assert states[0].origin["name"] == "pkg-1.tgz"
        assert len(collect_tables(archive.list_objects(states[0], context))["entries"]) == 3
        wrong = Source("archive", url, {"sha256": "0" * 64})
        with pytest.raises(HostileInputError, match="sha256 is"):
            archive.resolve(wrong, context)


def test_options_are_checked(tmp_path: Path) -> None:
    for options, message in [({"strop": "1"}, "unknown option"), ({"strip": "2"}, "write one of 1, 0")]:
        with pytest.raises(SourceError, match=message):
            resolve(tmp_path, PACKED["tar"], options)
    with pytest.raises(SourceError, match="64 hexadecimal"):
        resolve(tmp_path, PACKED["tar"], {"sha256": "ab"})
    with pytest.raises(OriginError, match="the source states"):
        resolve(tmp_path, PACKED["tar"], {"sha256": "0" * 64})
    with pytest.raises(OriginError, match="no such file"):
        archive.resolve(Source("archive", str(tmp_path / "nowhere")), make_context(tmp_path))
