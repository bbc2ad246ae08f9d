"""Metadata files: types, mistakes named by file and column, and the join by URL."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gristmill import tables
from gristmill.collect.metadata import join_metadata, normalise_url, read_metadata
from gristmill.errors import RecipeError


def csv(folder: Path, text: str) -> Path:
    path = folder / "facts.csv"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "moment", ["2020-01-02", "2020-01-02T00:00:00Z", "2020-01-02 00:00:00", "2020-01-02T01:00:00+01:00"]
)
def test_dates_in_the_usual_forms(tmp_path: Path, moment: str) -> None:
    table = read_metadata(csv(tmp_path, f"url,created_at\nu,{moment}\n"))
    assert table["created_at"].to_pylist() == [dt.datetime(2020, 1, 2, tzinfo=dt.UTC)]


def test_parquet_and_csv_say_the_same(tmp_path: Path) -> None:
    text = "url,stars,licence\nhttps://h.example/A/b,3,MIT\nhttps://h.example/c/d,,\n"
    one = read_metadata(csv(tmp_path, text))
    pq.write_table(
        pa.table(
            {
                "url": ["https://h.example/A/b", "https://h.example/c/d"],
                "stars": [3, None],
                "licence": ["MIT", ""],
            }
        ),
        tmp_path / "facts.parquet",
    )
    assert read_metadata(tmp_path / "facts.parquet").to_pylist() == one.to_pylist()
    assert one["key"].to_pylist() == ["h.example/a/b", "h.example/c/d"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "cannot be read"),
        ("stars\n1\n", "no column 'url'"),
        ("url,starz\nu,1\n", "unknown column 'starz'; columns: url, stars"),
        ("url,stars,stars\nu,1,2\n", "column 'stars' stands twice"),
        ("url,stars\nu,many\n", "column 'stars'"),
        ("url,stars\nu,2020-01-01\n", "column 'stars'"),
        ("url,created_at\nu,true\n", "column 'created_at'"),
        ("url,stars\nhttps://h.example/a,1\nHTTPS://h.example/a.git/,2\n", "the same URL stands twice"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(RecipeError) as caught:
        read_metadata(csv(tmp_path, text))
    assert says in str(caught.value)
    assert "facts.csv" in str(caught.value)


def test_a_file_that_is_not_there_or_not_parquet(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_text("x")
    for name in ("x.parquet", "none.csv"):
        with pytest.raises(RecipeError, match=f"{name}: cannot be read"):
            read_metadata(tmp_path / name)


def origins(*urls: str, **values: object) -> pa.Table:
    rows = [
        {"origin_id": f"{n:040x}", "url": url, "kind": "git", "name": "n", **values}
        for n, url in enumerate(urls)
    ]
    return pa.Table.from_pylist(rows, schema=tables.ORIGINS.schema)


def test_the_join_overrides_where_it_has_a_value(tmp_path: Path) -> None:
    metadata = read_metadata(csv(tmp_path, "url,stars,licence\nhttp://h.example/a.git,5,\n"))
    given = origins("https://u@h.example/A/", "https://h.example/b", declared_licence="MIT")
    joined = join_metadata(given, metadata).to_pylist()
    assert [(row["stars"], row["declared_licence"]) for row in joined] == [(5, "MIT"), (None, "MIT")]
    assert join_metadata(given, None).equals(given)


@pytest.mark.parametrize(
    ("url", "normal"),
    [("https://H.example/A/B.git", "h.example/a/b"), ("ssh://git@h.example/a/b/", "h.example/a/b"),
     ("git@h.example:a/b.git", "h.example/a/b"), ("file:///x/y", "/x/y"),
     ("https://h.example/@scope/name", "h.example/@scope/name")],
)  # fmt: skip
def test_urls_that_mean_the_same(url: str, normal: str) -> None:
    assert normalise_url(url) == normal
