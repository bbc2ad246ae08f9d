"""A folder is read again exactly if something about it changed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from gristmill.collect import directory, fingerprint
from gristmill.collect.reader import Context, Limits, Source


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of two files."""
    root = tmp_path / "source"
    (root / "sub").mkdir(parents=True)
    (root / "a.py").write_text("one = 1\n")
    (root / "sub" / "b.py").write_text("two = 2\n")
    return root


def settle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an hour pass: times of status cannot be set, so the clock is."""
    later = time.time_ns() + 3_600_000_000_000
    monkeypatch.setattr(fingerprint.time, "time_ns", lambda: later)


def resolve(folder: Path, cache: Path, **limits: int) -> str:
    context = Context(cache, Limits(**limits), None)
    return directory.resolve(Source("dir", str(folder)), context).state


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The paths that were read."""
    seen: list[bytes] = []
    real = directory.read_file

    def read(path: bytes, status: os.stat_result, most: int) -> bytes:
        seen.append(path)
        return real(path, status, most)

    monkeypatch.setattr(directory, "read_file", read)
    return seen


def test_an_unchanged_folder_is_not_read_again(
    folder: Path, tmp_path: Path, reads: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch)
    first = resolve(folder, tmp_path / "cache")
    assert len(reads) == 2
    assert resolve(folder, tmp_path / "cache") == first
    assert len(reads) == 2


@pytest.mark.parametrize("change", ["content", "same size and time", "mode", "name", "more", "less"])
def test_every_change_is_seen(
    change: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch)
    first = resolve(folder, tmp_path / "cache")
    file = folder / "a.py"
    before = file.stat()
    match change:
        case "content":
            file.write_text("one = 100\n")
        case "same size and time":
            file.write_text("one = 2\n")
            os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
        case "mode":
            file.chmod(0o755)
        case "name":
            file.rename(folder / "c.py")
        case "more":
            (folder / "c.py").write_text("")
        case "less":
            file.unlink()
    assert resolve(folder, tmp_path / "cache") != first
    assert resolve(folder, tmp_path / "cache") == resolve(folder, tmp_path / "other cache")


def test_a_folder_that_was_just_written_is_read_again(
    folder: Path, tmp_path: Path, reads: list[bytes]
) -> None:
    resolve(folder, tmp_path / "cache")
    resolve(folder, tmp_path / "cache")
    assert len(reads) == 4


def test_limits_hold_for_a_known_folder_too(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch)
    resolve(folder, tmp_path / "cache")
    with pytest.raises(Exception, match="max_entries"):
        resolve(folder, tmp_path / "cache", max_entries=1)


def test_a_damaged_memory_is_made_anew(
    folder: Path, tmp_path: Path, reads: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch)
    first = resolve(folder, tmp_path / "cache")
    (file,) = (tmp_path / "cache" / "dir").iterdir()
    for damage in (b"", b"[]", b'{"fingerprint": 1}', b"\xff"):
        file.write_bytes(damage)
        assert resolve(folder, tmp_path / "cache") == first
    assert len(reads) == 10
