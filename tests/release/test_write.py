"""Writing shards: what is redacted and from which score, the seed's order, and the hashes of the rows."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest

from gristmill.recipe import Redact
from gristmill.release import gather, order, plan, write
from gristmill.release.bodies import read_bodies
from gristmill.release.pieces import PAGES_OF_PIECES
from gristmill.release.verify import verify
from mill import MIT, functions, hashes, make, recipe, rows, table, write_files

FILES = {f"m{n:03d}.py": functions([n]) for n in range(120)}
LEAKY = {"leak.py": MIT + b"MAIL = 'jane.roe@corp-mail.org'\nHOST = '81.2.69.142'\nsame = '81.2.69.142'\n"}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_files(
        tmp_path_factory.mktemp("written"),
        {"d/LICENSE": MIT, **{f"d/{k}": v for k, v in {**FILES, **LEAKY}.items()}},
    )


def build(folder: Path, name: str, **release: Any) -> list[dict[str, Any]]:
    """The rows of a release of the files; ``release`` are values of that section of the recipe."""
    made = recipe([f"dir:{folder}/d"], name=name)
    changed = msgspec.structs.replace(made.release, **release)
    return rows(make(folder / "w", msgspec.structs.replace(made, release=changed)), "data")


def test_bodies_and_their_hashes(source: Path) -> None:
    for row in build(source, "plain"):
        body = str(row["content"]).encode()
        assert row["released_sha256"] == hashlib.sha256(body).hexdigest()
        assert row["released_bytes"] == len(body)
        name = str(row["path"]).lstrip("/")
        original = {**FILES, **LEAKY, "LICENSE": MIT}[name]
        assert row["original_sha256"] == hashlib.sha256(original).hexdigest()
        assert (body == original) is (name != "leak.py")


def test_the_seed_moves_rows_and_changes_nothing_else(source: Path) -> None:
    one, two = build(source, "one", seed=1), build(source, "two", seed=2)
    paths = [row["path"] for row in one]
    assert sorted(paths) == sorted(row["path"] for row in two)
    assert paths != [row["path"] for row in two]
    assert paths != sorted(paths)
    plain = {row["path"]: row["content"] for row in two if row["redactions"] == 0}
    assert {row["path"]: row["content"] for row in one if row["redactions"] == 0} == plain


def test_a_prefix_is_a_fair_sample(source: Path) -> None:
    """Half of the rows hold about half of the first and of the second half of the names."""
    half = [row["path"] for row in build(source, "plain")][:60]
    assert 15 < sum(path < "/m060" for path in half) < 45


def test_redaction_by_type_and_off(source: Path) -> None:
    (leak,) = [row for row in build(source, "plain") if row["path"] == "/leak.py"]
    text = str(leak["content"])
    assert leak["redactions"] == 3
    assert "81.2.69.142" not in text
    hosts = [line.split("'")[1] for line in text.splitlines() if "HOST" in line or "same" in line]
    assert hosts[0] == hosts[1]
    scores = {row["type"]: row["score"] for row in table(source / "w", "findings")}
    assert set(scores) == {"email", "ip_address"}
    assert scores["email"] != scores["ip_address"]
    assert min(scores.values()) >= 0.8
    some = build(source, "some", redact=Redact(sensitivity="low", types={"email": "off"}))
    (leak,) = [row for row in some if row["path"] == "/leak.py"]
    assert leak["redactions"] == sum(row["type"] == "ip_address" for row in table(source / "w", "findings"))
    none = build(source, "off", redact=Redact(enabled=False))
    (leak,) = [row for row in none if row["path"] == "/leak.py"]
    assert (str(leak["content"]).encode(), leak["redactions"]) == (LEAKY["leak.py"], 0)


# ------------------------------------------------------------------------------- what was made before


MANY = {f"p/m{n:03d}.py": functions([n, n + 1000]) for n in range(60)}
MANY |= {f"c/f{n:02d}.c": b"/* SPDX-License-Identifier: MIT */\nint f%d;\n" % n for n in range(20)}
CHANGED = {
    "p/m007.py": functions([7, 8000]),
    "p/m040.py": functions([9000, 9001]),
    "p/new.py": functions([77]),
}


def release_of(workspace: Path, source: Path) -> Path:
    """A release of two folders of source."""
    return make(workspace, recipe([f"dir:{source}/p", f"dir:{source}/c"])).released.folder


def write_tasks(workspace: Path) -> list[Path]:
    return sorted(workspace.glob("stages/write/*"))


@pytest.fixture(scope="module", params=[1, 4], ids=["one-range", "four-ranges"])
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A workspace ``warm`` with a release of the files before they changed, and ``expected`` from a fresh one.

    Pages are of a few files, and of as many ranges, so that pieces of shards are joined too.
    """
    folder = tmp_path_factory.mktemp("built")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(order, "PAGE_BYTES", 512)
        if request.param > 1:
            patch.setattr(plan, "RANGE_BYTES", 3000)
        write_files(folder / "d", {**MANY, "p/leak.py": LEAKY["leak.py"]})
        release = release_of(folder / "warm", folder / "d")
        assert verify(release).ok
        assert len(write_tasks(folder / "warm")) == request.param
        assert bool(list((folder / "warm/stages").glob("merge/*"))) is (request.param > 1)
        shutil.copytree(release, folder / "before")
        write_files(folder / "d", CHANGED)
        shutil.copytree(release_of(folder / "fresh", folder / "d"), folder / "expected")
        yield folder


@pytest.fixture
def changed(built: Path) -> Iterator[Path]:
    """The folder of ``built``, with its warm workspace as it was, links between task and release too."""
    subprocess.run(["cp", "-a", built / "warm", built / "kept"], check=True)
    yield built
    shutil.rmtree(built / "warm")
    (built / "kept").rename(built / "warm")


def test_a_warm_workspace_gives_the_bytes_of_a_fresh_one(
    changed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def watched(asked: Any, *others: Any) -> Any:
        read.extend(asked["content_id"].to_pylist())
        return read_bodies(asked, *others)

    monkeypatch.setattr(gather, "read_bodies", watched)
    folder = release_of(changed / "warm", changed / "d")
    assert hashes(folder) == hashes(changed / "expected")
    assert hashes(folder) != hashes(changed / "before")
    assert verify(folder).ok
    before = {row["content_id"] for row in rows(changed / "before", "data")}
    now = {row["content_id"] for row in rows(folder, "data")}
    assert sorted(read) == sorted(now - before)
    assert len(read) >= 3
    spools = list((changed / "warm/stages").rglob(write.SPOOL))
    assert spools == []


def test_shards_that_did_not_change_are_the_same_files(changed: Path) -> None:
    before = {path.stat().st_ino for path in (changed / "warm/releases").glob("*/data/c/*")}
    folder = release_of(changed / "warm", changed / "d")
    assert {path.stat().st_ino for path in folder.glob("data/c/*")} == before
    assert len(before) >= 1


def damage(file: Path, places: range) -> None:
    """Damage a copy, as a disk would the task's file: a link of the release shares its bytes."""
    data = bytearray(file.read_bytes())
    for place in places:
        data[place] ^= 0x5A
    file.unlink()
    file.write_bytes(data)


@pytest.mark.parametrize("what", ["pages", "shards", "side-tables", "texts", "all-gone"])
def test_damaged_work_of_an_earlier_build_is_not_taken(changed: Path, what: str) -> None:
    workspace = changed / "warm"
    step = 1 if what == "texts" else 200
    for task in write_tasks(workspace):
        shards = [path for path in task.glob("*.parquet") if "-of-" not in path.name]
        pieces = list(task.glob(PAGES_OF_PIECES))
        assert shards or pieces
        if what == "all-gone":
            shutil.rmtree(task)
        elif what == "shards":
            for path in (*shards, *pieces):
                path.unlink()
        elif what == "side-tables":
            for path in task.glob("*-of-*.parquet"):
                path.write_bytes(b"PAR1 not at all PAR1")
        else:
            for path in pieces:
                damage(path, range(40, path.stat().st_size, step))
            for path in shards:
                group = pq.read_metadata(path).row_group(0)
                columns = [group.column(number) for number in range(group.num_columns)]
                (content,) = [column for column in columns if column.path_in_schema == "content"]
                at = content.data_page_offset
                damage(path, range(at + 40, at + content.total_compressed_size, step))
    if what == "all-gone":
        shutil.rmtree(workspace / "stages/merge", ignore_errors=True)
    assert hashes(release_of(workspace, changed / "d")) == hashes(changed / "expected")


@pytest.mark.parametrize("ascending", [True, False])
def test_a_text_comes_from_a_segment_that_is_not_the_newest(changed: Path, ascending: bool) -> None:
    """What was made before is lost: texts and their findings are read of all segments, as they are needed."""
    for task in write_tasks(changed / "warm"):
        shutil.rmtree(task)
    shutil.rmtree(changed / "warm/stages/merge", ignore_errors=True)
    segments = sorted((changed / "warm/stages/fetch").glob("*/contents.parquet"))
    for number, path in enumerate(segments if ascending else reversed(segments)):
        os.utime(path, ns=(number, number))
    folder = release_of(changed / "warm", changed / "d")
    assert hashes(folder) == hashes(changed / "expected")
    (leak,) = [row for row in rows(folder, "data") if row["path"] == "/leak.py"]
    assert leak["redactions"] == 3


def test_a_change_of_redaction_reaches_kept_pages(changed: Path) -> None:
    made = recipe([f"dir:{changed}/d/p", f"dir:{changed}/d/c"], name="open")
    switched = msgspec.structs.replace(made.release, redact=Redact(enabled=False))
    off = msgspec.structs.replace(made, release=switched)
    warm = make(changed / "warm", off).released.folder
    (leak,) = [row for row in rows(warm, "data") if row["path"] == "/leak.py"]
    assert (str(leak["content"]).encode(), leak["redactions"]) == (LEAKY["leak.py"], 0)


def order_of(folder: Path) -> Sequence[str]:
    return [row["path"] for row in rows(folder, "data") if row["language"] == "Python"]


def test_ranges_and_pages_do_not_move_rows(changed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "PAGE_BYTES", 1 << 20)
    monkeypatch.setattr(plan, "RANGE_BYTES", 1 << 30)
    usual = release_of(changed / "warm", changed / "d")
    assert order_of(usual) == order_of(changed / "expected")
    assert len(order_of(usual)) > 50
    assert hashes(usual) != hashes(changed / "expected")
