"""NOTICE: a line for each origin, each text once, and nothing that an origin's name could forge."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.errors import ReleaseError
from gristmill.release.notice import (
    LISTED_EXPRESSIONS,
    ORIGIN_LICENCES,
    OriginLicence,
    count_origins,
    origin_lines,
    read_origin_lines,
    render_notice,
    write_notice,
)


def test_one_line_an_origin_with_the_revision_of_most_files() -> None:
    rows = [
        OriginLicence("https://b.example", "swh:1:rev:1", "MIT", 1),
        OriginLicence("https://a.example", "swh:1:rev:2", None, 4),
        OriginLicence("https://b.example", "swh:1:rev:2", "MIT OR ISC", 2),
        OriginLicence("https://b.example", "swh:1:rev:3", None, 1),
        OriginLicence("https://c.example", "swh:1:dir:4", "MIT", 1),
    ]
    expected = [
        "https://a.example\tswh:1:rev:2\tNONE",
        "https://b.example\tswh:1:rev:2 and 2 more\t(MIT OR ISC) AND MIT; no licence was found for 1 files",
        "https://c.example\tswh:1:dir:4\tMIT",
    ]
    assert list(origin_lines(rows)) == expected
    assert list(origin_lines(reversed(rows))) == expected


def test_an_origin_of_very_many_expressions_has_a_line_of_some() -> None:
    rows = [OriginLicence("u", "a", f"LicenseRef-{'x' * 60}-{n:04d}", 1) for n in range(200)]
    (line,) = origin_lines(rows)
    assert line.count("LicenseRef") == LISTED_EXPRESSIONS
    assert line.endswith(f" and {200 - LISTED_EXPRESSIONS} more expressions")


def test_each_text_stands_once_and_what_has_none_is_named() -> None:
    stated = [
        "GPL-2.0-only",
        "MIT OR GPL-2.0-or-later",
        "MIT",
        "Apache-2.0 WITH LLVM-exception",
        "LicenseRef-x",
    ]
    text = render_notice("corpus 1", [OriginLicence("u", "a", one, 1) for one in stated])
    assert text.count("Permission is hereby granted, free of charge") == 1
    assert text.count("\nGPL-2.0-only, GPL-2.0-or-later\n") == 1
    assert text.count("Version 2, June 1991") == 1
    assert "- LLVM-exception\n- LicenseRef-x\n" in text
    assert text.startswith("NOTICE of corpus 1\n")


@given(
    st.lists(
        st.tuples(st.text(min_size=1), st.text(min_size=1), st.sampled_from([None, "MIT", "ISC OR MIT"])),
        unique=True,
    )
)
def test_lines_are_read_back_whatever_the_names(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str | None]]
) -> None:
    folder = tmp_path_factory.mktemp("notice")
    counted = [OriginLicence(url, anchor, stated, 1) for url, anchor, stated in rows]
    write_notice(folder, render_notice("t\n1", counted))
    lines = list(origin_lines(counted))
    assert read_origin_lines(folder) == lines
    assert len(lines) == len({url for url, _, _ in rows})
    assert all(line.count("\t") == 2 and line.replace("\t", "").isprintable() for line in lines)


def test_counts_add_up_in_any_parts() -> None:
    rows = pa.table(
        {
            "origin_url": ["b", "a", "a", "a"],
            "anchor": ["r", "r", "r", "s"],
            "licence_expression": pa.array([None, "MIT", "MIT", "MIT"], pa.string()),
        }
    )
    whole = count_origins(rows)
    assert whole.schema == ORIGIN_LICENCES
    assert whole.to_pylist() == [
        {"origin_url": "a", "anchor": "r", "licence_expression": "MIT", "files": 2},
        {"origin_url": "a", "anchor": "s", "licence_expression": "MIT", "files": 1},
        {"origin_url": "b", "anchor": "r", "licence_expression": None, "files": 1},
    ]
    parts = [count_origins(rows.slice(at, 1)) for at in (3, 1, 0, 2)]
    assert count_origins(pa.concat_tables(parts)).equals(whole)
    assert count_origins(rows.slice(0, 0)).num_rows == 0


@pytest.mark.parametrize("text", [None, b"", b"NOTICE\n", b"\xff\n"])
def test_a_notice_without_a_list_is_refused(tmp_path: Path, text: bytes | None) -> None:
    if text is not None:
        (tmp_path / "NOTICE").write_bytes(text)
    with pytest.raises(ReleaseError, match=r"NOTICE: .*; fetch it again"):
        read_origin_lines(tmp_path)


def test_a_list_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    text = render_notice("t", [OriginLicence("https://a.example", "r", "MIT", 1)])
    (tmp_path / "NOTICE").write_text(text[: text.index("https://a.example") + 5])
    with pytest.raises(ReleaseError, match="has no list of origins"):
        read_origin_lines(tmp_path)
