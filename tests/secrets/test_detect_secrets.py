from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path

import pytest
from planted import WANTED, password, token

from gristmill.errors import OriginError
from gristmill.secrets import detect as module
from gristmill.secrets.allow import read_allow_list
from gristmill.secrets.detect import Commit, Document, Finding, detect
from gristmill.secrets.files import documents


def document(path: str, data: bytes, commit: Commit | None = None) -> Document:
    return Document(path, partial(BytesIO, data), commit)


def only(data: bytes) -> Finding:
    (finding,) = detect([document("a", data)], WANTED).findings
    return finding


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "cp1252", "shift_jis"]
)
def test_line_column_and_bytes_are_those_of_the_file(encoding: str, end: str) -> None:
    # What stands before the value in each: beyond the Basic Multilingual Plane where the encoding has it.
    before = {"cp1252": "naïve café ", "shift_jis": "表示を変更する "}.get(encoding, "€😀 ")
    value = token(1)
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    lines = ["one", f"{before}'{value}'", "schließen" if encoding == "cp1252" else "three"]
    data = (mark + end.join(lines)).encode(encoding)
    one = only(data)
    assert (one.start.line, one.end.line) == (2, 2)
    assert one.start.column == len((before + "'").encode("utf-16-le")) // 2 + 1
    assert one.end.column == one.start.column + len(value)
    plain = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}.get(encoding, encoding)
    assert data[one.start.byte : one.end.byte].decode(plain) == value


def test_a_value_of_several_lines_ends_where_it_ends() -> None:
    import base64
    import random

    draw = random.Random(5)
    body = [base64.b64encode(draw.randbytes(48)).decode() for _ in range(8)]
    words = " PRIVATE KEY-----"
    text = "\n".join(["x", "-----BEGIN" + words, *body, "-----END" + words, "y"])
    one = only(text.encode())
    assert (one.start.line, one.start.column) == (2, 1)
    assert (one.end.line, one.end.column) == (11, len("-----END" + words) + 1)


def test_invalid_bytes_hide_nothing() -> None:
    value = token(2).encode()
    assert only(b"\xff\xfe\xfa " + value).start.byte == 4
    assert only(b"ok \xc3( \x81\x8d " + value + b" \xf0\x28").start.byte == 9


def test_types_and_thresholds_choose() -> None:
    data = f"key = '{token(3)}'\npassword = '{password(3)}'\nmail = 'ada.lovelace@mill-stream.org'\n".encode()
    types = {one.type for one in detect([document("a", data)], WANTED).findings}
    assert types == {"key", "password"}
    mails = replace(WANTED, thresholds={"email": 0.3})
    assert [one.type for one in detect([document("a", data)], mails).findings] == ["email"]
    never = replace(WANTED, thresholds={"key": 2.0})
    assert detect([document("a", data)], never).findings == []


def test_what_is_allowed_is_counted(tmp_path: Path) -> None:
    (tmp_path / "allow.toml").write_text('version = 1\n[[allow]]\npaths = ["t/**"]\nreason = "made up"\n')
    wanted = replace(WANTED, allow=read_allow_list(tmp_path / "allow.toml"))
    data = f"'{token(4)}'\n'{token(5)}'  # gristmill: allow-secret\n".encode()
    scan = detect([document("a", data), document("t/a", data)], wanted)
    assert [(one.path, one.start.line) for one in scan.findings] == [("a", 1)]
    assert scan.allowed == 3


def test_binary_and_unreadable_documents_are_told() -> None:
    def refuse(error: Exception) -> Callable[[], BytesIO]:
        def opened() -> BytesIO:
            raise error

        return opened

    scan = detect(
        [
            Document("gone", refuse(FileNotFoundError(2, "No such file"))),
            Document("lost", refuse(OriginError("git is gone"))),
            document("b", b"\x7fELF\0" + token(6).encode()),
            document("c", token(6).encode()),
        ],
        WANTED,
    )
    assert [one.path for one in scan.findings] == ["c"]
    assert (scan.documents, scan.binary) == (2, 1)
    assert scan.unread == [("gone", "No such file"), ("lost", "git is gone")]


def test_findings_are_sorted_whatever_the_order_and_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [document(f"{number % 7}/{number}", f"'{token(number)}'".encode()) for number in range(12)]
    first = detect(made, WANTED)
    assert [one.path for one in first.findings] == sorted(one.path for one in made)
    monkeypatch.setattr(module, "BATCH_WINDOWS", 4)
    assert detect(made[::-1], WANTED) == first


def test_once_tells_the_first_of_equal_findings() -> None:
    versions = [
        document("a", f"{'#' * number} '{token(7)}'".encode(), Commit(str(number), None))
        for number in range(3)
    ]
    scan = detect(versions, WANTED, once=True)
    ((one),) = scan.findings
    assert (one.commit, one.occurrences) == (Commit("0", None), 3)
    assert len(detect(versions, WANTED).findings) == 3


@pytest.mark.parametrize("windows", [1, 4096])
def test_a_file_of_nothing_but_secrets_is_cut_off(monkeypatch: pytest.MonkeyPatch, windows: int) -> None:
    monkeypatch.setattr(module, "MAX_FINDINGS", 3)
    monkeypatch.setattr(module, "BATCH_WINDOWS", windows)
    data = "\n".join(f"'{token(number)}'" for number in range(6)).encode()
    scan = detect([document("a", data), document("b", data)], WANTED)
    assert [(one.path, one.start.line) for one in scan.findings] == [(p, n) for p in "ab" for n in (1, 2, 3)]
    assert scan.unread == [(path, "more than 3 findings: the rest is not told") for path in "ab"]


@pytest.mark.parametrize("windows", [1, 4096])
def test_there_is_an_end_to_fingerprints(monkeypatch: pytest.MonkeyPatch, windows: int) -> None:
    monkeypatch.setattr(module, "MAX_DISTINCT", 3)
    monkeypatch.setattr(module, "BATCH_WINDOWS", windows)
    data = "\n".join(f"'{token(number)}'" for number in (0, 1, 0)).encode()
    scan = detect([document("a", data), document("b", data)], WANTED)
    assert [(one.path, one.start.line) for one in scan.findings] == [
        ("a", 1),
        ("a", 2),
        ("a", 3),
        ("b", 1),
        ("b", 3),
    ]
    ((_, why),) = scan.unread
    assert why.startswith("more than 3 findings")


@pytest.mark.slow
def test_one_line_of_300_megabytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import psutil

    monkeypatch.chdir(tmp_path)
    size, seam = 300_000_000, 4 << 20
    places = [seam - 10, 5 * seam - 1, 40 * seam - 24, 71 * seam, size - 60]
    with (tmp_path / "one-line.txt").open("wb") as file:
        block = b"abcd, " * 1_000_000
        for _ in range(size // len(block)):
            file.write(block)
        for number, place in enumerate(places):
            file.seek(place)
            file.write(f' "{token(number)}" '.encode())
    before = psutil.Process().memory_info().rss
    scan = detect(documents([Path("one-line.txt")], [], []), WANTED)
    grown = psutil.Process().memory_info().rss - before
    assert [one.start for one in scan.findings] == [(place + 2, 1, place + 3) for place in places]
    assert grown < 250_000_000


@pytest.mark.slow
def test_a_hole_of_300_megabytes_is_binary(tmp_path: Path) -> None:
    with (tmp_path / "hole").open("wb") as file:
        file.truncate(300_000_000)
    scan = detect(documents([tmp_path / "hole"], [], []), WANTED)
    assert (scan.documents, scan.binary, scan.findings) == (1, 1, [])
