"""Earlier work: what cannot be read or does not add up is passed over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gristmill.engine.shards import write_table
from gristmill.release.earlier import BODIES, PAGES, WRITTEN, Earlier, is_sound, read_earlier
from gristmill.release.manifest import file_digest
from gristmill.release.pages import encode_page

TEXTS = ["one", "two", "three"]


def task(folder: Path, **changes: Any) -> Path:
    """The files of a task that wrote one page of three texts as language c."""
    folder.mkdir()
    page = encode_page([text.encode() for text in TEXTS])
    shard = folder / "c.parquet"
    shard.write_bytes(b"PAR1" + page.header + bytes(page.frame))
    row = {
        "file": "c.parquet", "slug": "c", "made_from": b"p", "offset": 4, "size": page.size, "header_bytes": len(page.header),
        "raw_bytes": page.raw_bytes, "rows": 3, "crc": page.crc,
    }  # fmt: skip
    bodies = [
        {"recipe": f"{text} utf-8", "redactions": 0, "released_sha256": "0" * 64, "released_bytes": len(text)}
        for text in TEXTS
    ]
    written = {
        "slug": "c", "made_from": b"s", "rows": 3, "bytes": shard.stat().st_size, "sha256": file_digest(shard),
        "logical_sha256": "0" * 64, "released_bytes": 11, "redactions": 0, "redacted_files": 0,
    }  # fmt: skip
    write_table(folder / "pages-0.parquet", pa.Table.from_pylist([row | changes], PAGES))
    write_table(folder / "bodies-0.parquet", pa.Table.from_pylist(bodies, BODIES))
    write_table(folder / "written-0.parquet", pa.Table.from_pylist([written], WRITTEN))
    return folder / "pages-0.parquet"


def read_texts(path: Path, names: list[str]) -> list[bytes | None]:
    earlier = read_earlier([path])
    numbers = earlier.find(pa.array(names))
    found = earlier.read(numbers)
    return [bytes(found[n]) if n in found else None for n in numbers.tolist()]


def pages_from(earlier: Earlier, *made_from: bytes) -> list[tuple[Path, int] | None]:
    """The file and the rows of a page made from each of these."""
    numbers = earlier.find_pages(pa.array(made_from, pa.binary())).tolist()
    at = earlier.pages.at
    return [(earlier.pages.files[at["file"][n]], int(at["rows"][n])) if n >= 0 else None for n in numbers]


def test_texts_are_found_by_their_recipe(tmp_path: Path) -> None:
    path = task(tmp_path / "a")
    assert read_texts(path, ["three utf-8", "four utf-8", "one utf-8"]) == [b"three", None, b"one"]
    earlier = read_earlier([path])
    assert is_sound(earlier.shards[b"s"])
    assert pages_from(earlier, b"p", b"q") == [(tmp_path / "a/c.parquet", 3), None]
    earlier.forget()
    assert pages_from(earlier, b"p") == [None]
    assert earlier.shards == {}


def test_a_piece_is_no_shard_but_has_its_pages(tmp_path: Path) -> None:
    earlier = read_earlier([task(tmp_path / "a", file="pieces.pages")])
    assert pages_from(earlier, b"p") == [(tmp_path / "a/pieces.pages", 3)]
    path = task(tmp_path / "b")
    written = pq.read_table(tmp_path / "b/written-0.parquet").to_pylist()
    piece = pa.Table.from_pylist([row | {"logical_sha256": ""} for row in written], WRITTEN)
    write_table(tmp_path / "b/written-0.parquet", piece)
    assert read_earlier([path]).shards == {}


@pytest.mark.parametrize(
    "change",
    [
        {"crc": 5},
        {"offset": 5},
        {"size": 10**12},
        {"size": -1},
        {"offset": -4},
        {"raw_bytes": 3},
        {"header_bytes": 0},
    ],
)
def test_numbers_that_are_not_true_give_nothing(tmp_path: Path, change: dict[str, int]) -> None:
    assert read_texts(task(tmp_path / "a", **change), ["one utf-8"]) == [None]


def test_tables_that_do_not_add_up_are_passed_over(tmp_path: Path) -> None:
    path = task(tmp_path / "a", rows=4)
    assert read_texts(path, ["one utf-8"]) == [None]
    assert read_earlier([path]).shards == {}


@pytest.mark.parametrize("name", ["pages-0", "bodies-0", "written-0"])
def test_a_table_that_is_gone_or_junk_is_passed_over(tmp_path: Path, name: str) -> None:
    path, other = task(tmp_path / "a"), task(tmp_path / "b")
    (tmp_path / f"a/{name}.parquet").write_bytes(b"junk")
    assert read_earlier([path]).bodies.num_rows == 0
    assert pages_from(read_earlier([path, other]), b"p") == [(tmp_path / "b/c.parquet", 3)]
    (tmp_path / f"a/{name}.parquet").unlink()
    assert pages_from(read_earlier([path]), b"p") == [None]


def test_a_shard_of_other_bytes_is_not_sound(tmp_path: Path) -> None:
    known = read_earlier([task(tmp_path / "a")]).shards[b"s"]
    data = known.path.read_bytes()
    known.path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert not is_sound(known)
    known.path.unlink()
    assert not is_sound(known)
