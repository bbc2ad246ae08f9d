"""Pieces of shards, the pages in them, and where pages are read from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from test_paged import store
from test_schema import file_row

from gristmill.errors import ReleaseError
from gristmill.release import stored
from gristmill.release.pieces import PAGES_OF_PIECES, PIECES, WITHOUT_CONTENT, PieceWriter, read_piece
from gristmill.release.schema import FILES
from gristmill.release.stored import DamagedPageError, PageReader, StoredPages, copy_pages

TEXTS = [["one", "two"], ["three"], ["four", "five", "six"]]


def rows_of(texts: list[list[str]]) -> pa.Table:
    rows = [file_row(f"/{text}", text, "C") for page in texts for text in page]
    return pa.Table.from_pylist(rows, FILES.schema).select(WITHOUT_CONTENT.names)


def test_pieces_are_read_back_by_number(tmp_path: Path) -> None:
    pages = store(tmp_path / "pages", TEXTS)
    pieces = [(0, 1), (1, 3)]
    with PieceWriter(tmp_path) as writer:
        for first, last in pieces:
            offsets = writer.add(rows_of(TEXTS[first:last]), pages.take(slice(first, last)))
    for number, (first, last) in enumerate(pieces):
        rows, own = read_piece(tmp_path / PIECES, number)
        assert pa.Table.from_batches([rows]).equals(rows_of(TEXTS[first:last]))
        assert own.files == [tmp_path / PAGES_OF_PIECES]
        with PageReader(own.files) as reader, PageReader(pages.files) as before:
            assert reader.read(own.at) == before.read(pages.at[first:last])
    assert own.at["offset"].tolist() == offsets.tolist()


def test_a_piece_that_could_not_be_written_leaves_nothing(tmp_path: Path) -> None:
    pages = store(tmp_path / "pages", TEXTS)
    broken = StoredPages(pages.files, pages.at.copy())
    broken.at["crc"][2] ^= 1
    broken.at["offset"][1] = pages.at["offset"][0]  # apart: the first page is copied before the last is read
    with PieceWriter(tmp_path) as writer:
        with pytest.raises(DamagedPageError):
            writer.add(rows_of(TEXTS), broken)
        assert writer.add(rows_of(TEXTS), pages).tolist() == pages.at["offset"].tolist()
    rows, _ = read_piece(tmp_path / PIECES, 0)
    assert rows.num_rows == 6


@pytest.mark.parametrize("left", [0, 7, 3000])
def test_a_file_of_pieces_that_is_cut_short_is_named(tmp_path: Path, left: int) -> None:
    with PieceWriter(tmp_path) as writer:
        writer.add(rows_of(TEXTS), store(tmp_path / "pages", TEXTS))
    path = tmp_path / PIECES
    data = path.read_bytes()
    assert len(data) > left
    path.write_bytes(data[:left])
    with pytest.raises(ReleaseError, match=PIECES):
        read_piece(path, 0)


@pytest.mark.parametrize("limit", [1, 60, 1 << 20])
def test_pages_are_copied_in_any_order_from_any_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(stored, "READ_BYTES", limit)
    one, two = store(tmp_path / "one", TEXTS), store(tmp_path / "two", [["x"], ["y", "z"]])
    other = two.at.copy()
    other["file"] = 1
    pages = StoredPages(
        [tmp_path / "one", tmp_path / "two"], np.concatenate([one.at, other])[[0, 1, 2, 3, 4, 2, 0, 1]]
    )
    with (tmp_path / "target").open("wb") as file:
        file.write(b"head")
        offsets = copy_pages(pages, file)
    copied = pages.at.copy()
    copied["file"], copied["offset"] = 0, offsets
    with PageReader(pages.files) as before, PageReader([tmp_path / "target"]) as after:
        for number in range(len(copied)):
            one_page = slice(number, number + 1)
            assert after.read(copied[one_page]) == before.read(pages.at[one_page])
    assert int(pages.at["size"].sum()) + 4 == (tmp_path / "target").stat().st_size
