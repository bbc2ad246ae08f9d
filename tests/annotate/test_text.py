from __future__ import annotations

import sysconfig
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.annotate import charsets, text
from gristmill.errors import StageError

BINARY = pa.binary()
GERMAN = "// Größe des Puffers ändern, falls nötig\nint groesse = 0; // Übergabe für später\n"
RUSSIAN = "// Размер буфера изменяется при необходимости\nint a;\n// Привет, мир\n"
JAPANESE = "// バッファの大きさを変更する\nint a; // 日本語のコメント\n"
CHINESE = "// 修改缓冲区的大小\nint a; // 这是中文注释\n"


def batch_of(contents: list[bytes], kind: pa.DataType = BINARY) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [
            pa.array([f"{row:040x}" for row in range(len(contents))], pa.string()),
            pa.array([len(content) for content in contents], pa.int64()),
            pa.array(contents, kind),
        ],
        names=["content_id", "length", "data"],
    )


def encoding_of(content: bytes) -> str | None:
    rows = text.annotate(batch_of([content])).to_pylist()
    assert rows[0]["length"] == len(content)
    assert rows[0]["binary"] is (rows[0]["encoding"] is None)
    encoding = rows[0]["encoding"]
    assert encoding is None or isinstance(encoding, str)
    return encoding


def texts_of(batch: pa.RecordBatch) -> list[bytes | None]:
    values: list[bytes | None] = text.with_text(batch, text.annotate(batch)).column("text").to_pylist()
    return values


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (b"", "utf-8"),
        (b"plain ASCII\n", "utf-8"),
        ("naïve — 漢字 \U0001f600\n".encode(), "utf-8"),
        (b"\xef\xbb\xbfwith a mark", "utf-8"),
        (b"\x01\x02\x1b[0m control characters are still UTF-8", "utf-8"),
        (b"a NUL \0 in ASCII", None),
        (b"\0", None),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)) * 4, None),
        (GERMAN.encode("cp1252"), "cp1252"),
        (b"/* Copyright \xa9 2004 */\nint main(void) { return 0; }\n", "cp1252"),
        (RUSSIAN.encode("cp1251"), "cp1251"),
        (RUSSIAN.encode("koi8-r"), "koi8-r"),
        (JAPANESE.encode("cp932"), "cp932"),
        (JAPANESE.encode("euc_jp"), "euc_jp"),
        (CHINESE.encode("gb18030"), "gb18030"),
        (GERMAN.encode("utf-16"), "utf-16-le"),
        (b"\xfe\xff" + GERMAN.encode("utf-16-be"), "utf-16-be"),
        (GERMAN.encode("utf-32"), "utf-32-le"),
        (b"\0\0\xfe\xff" + GERMAN.encode("utf-32-be"), "utf-32-be"),
        (GERMAN.encode("utf-16-le"), "utf-16-le"),
        (GERMAN.encode("utf-16-be"), "utf-16-be"),
        (b"\xff\xfe" + b"\0" * 100, None),
        ((GERMAN * 9 + "\0").encode("utf-16"), None),
        ("odd".encode("utf-16") + b"x", None),
        # an array of small 16-bit integers has the NULs of UTF-16, but is no text
        (b"".join(n.to_bytes(2, "little") for n in range(1, 30)) * 20, None),
        (bytes(range(1, 256)) * 20, None),
    ],
)
def test_encoding_is_found(content: bytes, encoding: str | None) -> None:
    assert encoding_of(content) == encoding


def test_a_file_that_turns_invalid_late_is_judged_as_a_whole() -> None:
    front = b"x = 1  # all ASCII\n" * 60_000
    assert len(front) > 1_000_000
    assert encoding_of(front) == "utf-8"
    assert encoding_of(front + b"# caf\xe9\n") == "cp1252"
    assert encoding_of(front + "# café\n".encode() + b"# caf\xe9\n") == "cp1252"
    assert encoding_of(front + b"\0") is None


def test_a_declaration_is_believed_only_where_it_fits() -> None:
    assert encoding_of(b"# -*- coding: latin-1 -*-\n# caf\xc3\xa9\n") == "utf-8"
    assert encoding_of(b"# -*- coding: koi8-r -*-\n# caf\xe9\n") == "koi8-r"
    assert encoding_of(b"# -*- coding: utf-8 -*-\n# caf\xe9\n") == "cp1252"
    assert encoding_of(b"# -*- coding: shift_jis -*-\n# caf\xe9\n") == "cp1252"
    assert encoding_of(b"# -*- coding: rot13 -*-\n# caf\xe9\n") == "cp1252"
    assert encoding_of(b"# -*- coding: unicode_escape -*-\n# caf\xe9\n") == "cp1252"
    assert encoding_of(b"# -*- coding: no-such-codec -*-\n# caf\xe9\n") == "cp1252"
    assert encoding_of(b'<?xml version="1.0" encoding="ISO-8859-2"?><a>\xb3\xf3d\xbc</a>') == "iso8859-2"
    assert encoding_of(b"# coding: latin-1\n# caf\xe9\n") == "cp1252"
    assert encoding_of(b"# coding: iso8859-1\n# caf\xe9 " + b"long line " * 100 + b"\x81\n") == "iso8859-1"


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
def test_with_text_reencodes_and_leaves_binary_null(kind: pa.DataType) -> None:
    contents = ["é\n".encode(), b"\0\1", GERMAN.encode("cp1252"), b"", GERMAN.encode("utf-16")]
    batch = batch_of([b"before", *contents, b"after"], kind).slice(1, 5)
    result = text.with_text(batch, text.annotate(batch))
    assert result.schema.names == ["content_id", "length", "data", "text"]
    assert result.column("text").type == kind
    result.validate(full=True)
    assert result.column("data").to_pylist() == contents
    assert result.column("text").to_pylist() == [
        contents[0],
        None,
        GERMAN.encode(),
        b"",
        ("\ufeff" + GERMAN).encode(),
    ]


@pytest.mark.parametrize("contents", [[b"one", b"two"], [b"one", b"\0", b"two", b"\0\xff\xfe"]])
def test_with_text_shares_the_bytes_of_utf8(contents: list[bytes]) -> None:
    batch = batch_of([b"cut off", *contents]).slice(1)
    column = text.with_text(batch, text.annotate(batch)).column("text")
    assert column.to_pylist() == [None if b"\0" in content else content for content in contents]
    assert column.buffers()[2].address == batch.column("data").buffers()[2].address


def test_with_text_joins_by_key() -> None:
    batch = batch_of([b"utf-8", b"\0", GERMAN.encode("cp1252")])
    rows = text.annotate(batch)
    shuffled = rows.take(pa.array([2, 0, 1]))
    assert text.with_text(batch, shuffled).equals(text.with_text(batch, rows))
    with pytest.raises(StageError, match=f"{1:040x}.*annotate"):
        text.with_text(batch, rows.take(pa.array([0, 2])))


def test_with_text_refuses_an_encoding_that_does_not_fit() -> None:
    batch = batch_of([b"caf\xe9"])
    rows = text.annotate(batch).to_pylist()
    rows[0]["encoding"] = "euc_jp"
    with pytest.raises(StageError, match="does not decode as 'euc_jp'"):
        text.with_text(batch, pa.RecordBatch.from_pylist(rows, schema=text.TABLE.schema))


def test_an_empty_batch_gives_empty_tables() -> None:
    batch = batch_of([])
    rows = text.annotate(batch)
    assert rows.num_rows == 0
    assert rows.schema.equals(text.TABLE.schema)
    assert text.with_text(batch, rows).column("text").to_pylist() == []


def looks_foreign(content: bytes) -> bool:
    try:
        return "\0" in content.decode("utf-8")
    except UnicodeDecodeError:
        return True


@settings(deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=80), st.text(max_size=40).map(str.encode)), max_size=8))
def test_every_content_has_one_defined_answer(contents: list[bytes]) -> None:
    batch = batch_of([b"pad", *contents]).slice(1)
    rows = text.annotate(batch)
    assert rows.schema.equals(text.TABLE.schema)
    assert rows.column("content_id").equals(batch.column("content_id"))
    for content, row, value in zip(contents, rows.to_pylist(), texts_of(batch), strict=True):
        if not looks_foreign(content):
            assert row["encoding"] == "utf-8"
            assert value == content
        elif row["encoding"] is None:
            assert value is None
        else:
            assert row["encoding"] != "utf-8"
            assert value == content.decode(row["encoding"]).encode()
            assert b"\0" not in value


def test_a_long_line_without_line_feeds_is_sampled_in_bounds() -> None:
    front = b"a" * 2_000_000
    assert charsets.detect(front + " Größe".encode("cp1252")) == "cp1252"
    assert charsets.detect((RUSSIAN.replace("\n", " ") * 2000).encode("koi8-r")) == "koi8-r"
    assert charsets.detect((JAPANESE.replace("\n", " ") * 2000).encode("euc_jp")) == "euc_jp"


@pytest.mark.parametrize("shift", range(4))
@pytest.mark.parametrize("encoding", ["cp932", "euc_jp", "gb18030", "big5"])
def test_a_sample_splits_no_character(encoding: str, shift: int) -> None:
    line = ("漢字," * 5000 if encoding == "big5" else JAPANESE.replace("\n", " ") * 900).encode(encoding)
    sample = charsets._sample(b"x" * shift + line)
    assert 16_000 < len(sample) <= 16_384
    assert sample.decode(encoding)


def test_the_standard_library_is_utf8_but_for_files_that_say_otherwise() -> None:
    root = Path(sysconfig.get_path("stdlib"))
    files = sorted(root.glob("*.py")) + sorted(root.glob("encodings/*.py"))
    contents = [file.read_bytes() for file in files]
    rows = text.annotate(batch_of(contents)).to_pylist()
    assert len(rows) > 200
    for file, content, row in zip(files, contents, rows, strict=True):
        assert (row["encoding"] == "utf-8") == (not looks_foreign(content)), file.name
