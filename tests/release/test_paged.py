"""Shards made of pages: every reader sees what pyarrow would have written, and a damaged page is refused."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_schema import file_row

from gristmill.errors import ReleaseError
from gristmill.release import paged
from gristmill.release.paged import write_paged_shard
from gristmill.release.pages import decode_page, encode_page, is_whole, row_groups
from gristmill.release.schema import FILES, logical_schema
from gristmill.release.stored import PAGE, DamagedPageError, StoredPages

WITHOUT = logical_schema(FILES)


def store(path: Path, texts: list[list[str]]) -> StoredPages:
    """Pages of these texts, one after the other in a file."""
    stored: list[tuple[int, ...]] = []
    with path.open("wb") as file:
        for page_texts in texts:
            page = encode_page([text.encode() for text in page_texts])
            stored.append(
                (0, file.tell(), page.size, len(page.header), page.raw_bytes, len(page_texts), page.crc)
            )
            file.write(page.header + bytes(page.frame))
    return StoredPages([path], np.array(stored, PAGE))


def shard_of(folder: Path, texts: list[list[str]]) -> tuple[Path, pa.Table]:
    """A shard of these pages, and the table that it should hold."""
    flat = [text for page in texts for text in page]
    rows = [file_row(f"/content {n}.c", text, "C") for n, text in enumerate(flat)]
    table = pa.Table.from_pylist(rows, schema=FILES.schema)
    path = folder / "shard.parquet"
    write_paged_shard(path, table.select(WITHOUT.names), store(folder / "pages", texts))
    return path, table


@pytest.fixture
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paged, "ROW_GROUP_BYTES", 4000)


TEXTS = [[f"int f{n}_{k};\n" * (n * k % 90) for k in range(n % 5 + 1)] for n in range(40)]


@pytest.mark.usefixtures("small_groups")
def test_every_reader_sees_the_same_rows(tmp_path: Path) -> None:
    path, table = shard_of(tmp_path, TEXTS)
    file = pq.ParquetFile(path)
    assert file.num_row_groups > 5
    assert file.schema_arrow.equals(FILES.schema)
    assert file.read().equals(table)
    assert pq.ParquetFile(path, page_checksum_verification=True).read().equals(table)
    assert (
        pq.ParquetFile(path, pre_buffer=True, memory_map=True)
        .read(columns=["content"])
        .equals(table.select(["content"]))
    )
    expected = table["content"].to_pylist()
    assert pd.read_parquet(path)["content"].tolist() == expected
    with duckdb.connect() as sql:
        assert sql.execute(f"SELECT content FROM '{path}'").fetchall() == [(text,) for text in expected]
        wanted = expected[-1]
        found = sql.execute(f"SELECT count(*) FROM '{path}' WHERE content = ?", [wanted]).fetchall()
        assert found == [(expected.count(wanted),)]
    streamed = load_dataset("parquet", data_files=str(path), split="train", streaming=True)
    assert [row["content"] for row in streamed] == expected


@pytest.mark.usefixtures("small_groups")
def test_the_footer_says_what_is_there(tmp_path: Path) -> None:
    path, table = shard_of(tmp_path, TEXTS)
    meta = pq.read_metadata(path)
    assert meta.num_rows == table.num_rows
    number = FILES.schema.get_field_index("content")
    data = path.read_bytes()
    last = 0
    for group in (meta.row_group(n) for n in range(meta.num_row_groups)):
        columns = [group.column(n) for n in range(group.num_columns)]
        content = columns[number]
        assert (content.compression, content.encodings) == ("ZSTD", ("PLAIN", "RLE"))
        assert content.dictionary_page_offset is None
        assert not content.statistics.has_min_max
        assert content.statistics.null_count == 0
        assert content.num_values == group.num_rows
        assert group.total_byte_size == sum(column.total_uncompressed_size for column in columns)
        assert content.data_page_offset >= last
        last = content.data_page_offset + content.total_compressed_size
    assert last + meta.serialized_size + 8 == len(data)  # the pages end where the footer starts


def test_a_shard_is_what_pyarrow_writes_but_for_one_column(tmp_path: Path) -> None:
    path, table = shard_of(tmp_path, TEXTS)
    usual = tmp_path / "usual.parquet"
    pq.write_table(table, usual, compression="zstd")
    ours, theirs = pq.read_metadata(path), pq.read_metadata(usual)
    assert ours.schema == theirs.schema
    assert ours.metadata == theirs.metadata
    assert ours.created_by == theirs.created_by


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.text(max_size=30), min_size=1, max_size=4), max_size=5))
def test_any_texts(tmp_path: Path, texts: list[list[str]]) -> None:
    path, table = shard_of(tmp_path, texts)
    assert pq.ParquetFile(path).read().equals(table)


@given(st.lists(st.binary(max_size=60), max_size=9))
def test_pages_are_read_back(texts: list[bytes]) -> None:
    page = encode_page(texts)
    assert [bytes(text) for text in decode_page(memoryview(page.frame), page.raw_bytes, len(texts))] == texts
    data = page.header + bytes(page.frame)
    assert is_whole(memoryview(data), len(page.header), page.crc)
    with pytest.raises(ReleaseError):
        decode_page(memoryview(page.frame), page.raw_bytes, len(texts) + 1)


@pytest.mark.parametrize("damage", ["bit", "cut", "gone"])
def test_a_damaged_page_is_refused(tmp_path: Path, damage: str) -> None:
    pages = store(tmp_path / "pages", [["one", "two"], ["three"]])
    file = tmp_path / "pages"
    data = bytearray(file.read_bytes())
    if damage == "gone":
        file.unlink()
    elif damage == "cut":
        file.write_bytes(data[:-1])
    else:
        data[-3] ^= 1
        file.write_bytes(data)
    rows = pa.Table.from_pylist([file_row(f"/{n}", n, "C") for n in ("one", "two", "three")], FILES.schema)
    with pytest.raises(DamagedPageError, match="pages"):
        write_paged_shard(tmp_path / "s.parquet", rows.select(WITHOUT.names), pages)
    assert list(tmp_path.glob("*s.parquet*")) == []


def test_pages_of_other_rows_are_refused(tmp_path: Path) -> None:
    pages = store(tmp_path / "pages", [["one", "two"]])
    rows = pa.Table.from_pylist([file_row("/a", "one", "C")], FILES.schema)
    with pytest.raises(ReleaseError, match="1 rows but 2 texts"):
        write_paged_shard(tmp_path / "s.parquet", rows.select(WITHOUT.names), pages)


@given(st.lists(st.integers(0, 100), max_size=20), st.integers(1, 150))
def test_row_groups_hold_at_most_the_limit_or_one_page(sizes: list[int], limit: int) -> None:
    runs = row_groups(np.array(sizes, np.int64), limit)
    assert [n for first, last in runs for n in range(first, last)] == list(range(len(sizes)))
    assert all(last - first == 1 or sum(sizes[first:last]) <= limit for first, last in runs)
