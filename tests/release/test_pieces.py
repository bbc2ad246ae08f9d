"""Pieces: rows and pages come back as they were written, or not at all."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from gristmill.errors import ReleaseError
from gristmill.release.paged import DamagedPageError, StoredPage, read_page
from gristmill.release.pages import encode_page
from gristmill.release.pieces import read_piece, write_piece

ROWS = pa.table({"path": ["a", "b", "c"], "tags": [["x"], [], ["y", "z"]]})


def stored(folder: Path, texts: list[list[bytes]]) -> list[StoredPage]:
    """Pages of some texts, one after the other in a file."""
    pages = [encode_page(page) for page in texts]
    file = folder / "spool"
    file.write_bytes(b"".join(page.header + bytes(page.frame) for page in pages))
    at = 0
    found = []
    for page, of_page in zip(pages, texts, strict=True):
        found.append(
            StoredPage(file, at, page.size, len(page.header), page.raw_bytes, len(of_page), page.crc)
        )
        at += page.size
    return found


def test_what_is_written_is_read(tmp_path: Path) -> None:
    pages = stored(tmp_path, [[b"one", b"two"], [b"three"]])
    piece = tmp_path / "c.piece"
    offsets = write_piece(piece, ROWS, pages)
    rows, found = read_piece(piece)
    assert rows.equals(ROWS)
    assert [page.offset for page in found] == offsets.tolist()
    with piece.open("rb") as copy, (tmp_path / "spool").open("rb") as file:
        for page, before in zip(found, pages, strict=True):
            assert read_page(page, copy) == read_page(before, file)
            assert (page.rows, page.raw_bytes) == (before.rows, before.raw_bytes)


def test_equal_rows_and_pages_give_equal_bytes(tmp_path: Path) -> None:
    pages = stored(tmp_path, [[b"one"], [b"two", b"three"]])
    write_piece(tmp_path / "a", ROWS, pages)
    sliced = pa.concat_tables([ROWS, ROWS]).combine_chunks().slice(3).combine_chunks()
    write_piece(tmp_path / "b", ROWS.take([0, 1, 2]), pages)
    assert sliced.equals(ROWS)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_damaged_page_is_not_copied(tmp_path: Path) -> None:
    pages = stored(tmp_path, [[b"one" * 100]])
    data = bytearray((tmp_path / "spool").read_bytes())
    data[-1] ^= 1
    (tmp_path / "spool").write_bytes(data)
    with pytest.raises(DamagedPageError):
        write_piece(tmp_path / "c.piece", ROWS, pages)


@pytest.mark.parametrize("left", [0, 7, 300])
def test_a_piece_that_is_cut_short_is_named(tmp_path: Path, left: int) -> None:
    piece = tmp_path / "c.piece"
    write_piece(piece, ROWS, stored(tmp_path, [[b"one", b"two", b"three"]]))
    piece.write_bytes(piece.read_bytes()[:left])
    with pytest.raises(ReleaseError, match=r"c\.piece"):
        read_piece(piece)
