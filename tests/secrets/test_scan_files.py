from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from gristmill.collect.reader import Limits
from gristmill.errors import HostileInputError, SourceError
from gristmill.secrets.files import documents


def told(*paths: Path, exclude: tuple[str, ...] = ()) -> list[str]:
    return [one.path for one in documents(paths, exclude, [])]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for path in ("src/a.py", "src/deep/b.py", "c.md", ".git/config", ".env"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
    return tmp_path


def test_paths_are_told_from_the_current_folder(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(Path()) == [".env", "c.md", "src/a.py", "src/deep/b.py"]
    assert told(Path("src")) == ["src/a.py", "src/deep/b.py"]
    assert told(root / "src" / "a.py", Path("c.md"), Path("src")) == ["c.md", "src/a.py", "src/deep/b.py"]
    assert told(Path(), exclude=("deep", "*.md")) == [".env", "src/a.py"]
    monkeypatch.chdir(root / "src" / "deep")
    assert told(root / "src") == ["a.py", "deep/b.py"]


def test_documents_hold_the_files(root: Path) -> None:
    (one,) = documents([Path("src/a.py")], (), [])
    with one.open() as stream:
        assert stream.read(99) == b"src/a.py"


def test_links_are_not_followed_and_loops_end(root: Path) -> None:
    (root / "src" / "loop").symlink_to(root)
    (root / "src" / "self").symlink_to("self")
    (root / "src" / "file").symlink_to(root / "c.md")
    assert told(Path("src")) == ["src/a.py", "src/deep/b.py"]
    assert told(Path("src/file")) == ["c.md"]
    with pytest.raises(SourceError):
        told(Path("src/self"))


def test_a_file_that_went_away_or_is_replaced_is_an_error_of_its_own(root: Path) -> None:
    found = list(documents([Path("src")], (), []))
    (root / "src" / "a.py").unlink()
    os.mkfifo(root / "src" / "a.py")
    with pytest.raises(OSError):
        found[0].open()


def test_names_that_are_no_text(root: Path) -> None:
    (root / os.fsdecode(b"\xff\n.py")).write_text("x")
    assert told(Path()) == [".env", "c.md", "src/a.py", "src/deep/b.py", "\\xff\n.py"]


def test_standard_input(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"typed")))
    one, _ = documents([Path("-"), Path("c.md")], (), [])
    assert one.path == "-"
    with one.open() as stream:
        assert stream.read(99) == b"typed"


def test_what_cannot_be_looked_at(root: Path) -> None:
    with pytest.raises(SourceError, match="nowhere"):
        told(Path("nowhere"))
    with pytest.raises(HostileInputError):
        list(documents([Path()], (), [], Limits(max_entries=1)))
