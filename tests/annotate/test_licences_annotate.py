from __future__ import annotations

import sysconfig
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill import tables
from gristmill.annotate import licences
from gristmill.spdx import classes

PACKAGES = Path(sysconfig.get_path("purelib"))
MIT = sorted(PACKAGES.glob("pytest-*/licenses/LICENSE"))[0].read_bytes()
APACHE = sorted(PACKAGES.glob("license_expression-*/licenses/apache-2.0.LICENSE"))[0].read_bytes()


def batch(*rows: tuple[str, bytes | None, list[str]]) -> pa.RecordBatch:
    return pa.record_batch(
        {
            "content_id": pa.array([row[0] for row in rows], pa.string()),
            "length": pa.array([len(row[1] or b"") for row in rows], pa.int64()),
            "data": pa.array([row[1] or b"\0" for row in rows], pa.binary()),
            "text": pa.array([row[1] for row in rows], pa.binary()),
            "names": pa.array([row[2] for row in rows], pa.list_(pa.string())),
        }
    )


def expressions_of(text: bytes, *names: str) -> list[str]:
    found = licences.find(text, names)
    return [match.expression for match in sorted(found, key=lambda match: match.start)]


def test_rows_are_sorted_and_of_the_table() -> None:
    result = licences.annotate(
        batch(
            ("c", MIT, ["LICENSE"]),
            ("b", b'{"license": "ISC"}', ["package.json", "x.json"]),
            (
                "a",
                b"# SPDX-License-Identifier: MIT\n# Licensed under the Apache License, Version 2.0\n",
                ["a.py"],
            ),
            ("d", None, ["LICENSE"]),
            ("e", b"print('hello')\n", ["e.py"]),
        )
    )
    assert result.schema == tables.LICENCE_MATCHES.schema
    rows = result.to_pylist()
    assert [(row["content_id"], row["kind"], row["expression"]) for row in rows] == [
        ("a", "tag", "MIT"),
        ("a", "notice", "Apache-2.0"),
        ("b", "manifest", "ISC"),
        ("c", "text", "MIT"),
    ]


def test_empty_batch_and_sliced_batch() -> None:
    assert licences.annotate(batch()).num_rows == 0
    whole = batch(("a", b"", ["LICENSE", "b"]), ("b", MIT, ["b.txt", "LICENSE"]), ("c", b"x", ["c"]))
    assert licences.annotate(whole.slice(1)).column("content_id").to_pylist() == ["b"]


def test_a_name_decides_what_is_read_whole() -> None:
    text = b"x = 1\n" * 3000 + MIT
    assert "MIT" in expressions_of(text, "LICENSE")
    assert expressions_of(text, "x.py") == []


def test_an_unknown_text_in_a_licence_file_is_a_statement() -> None:
    text = b"You owe the author a beer and may do nothing else with this."
    assert expressions_of(text, "LICENSE") == ["LicenseRef-unknown"]
    assert expressions_of(text, "NOTICE") == []
    assert expressions_of(text, "beer.txt") == []


@pytest.mark.parametrize("text", [b"", b"  \n", b"YEAR: 2020\nCOPYRIGHT HOLDER: x authors\n"])
def test_an_empty_licence_file_or_stub_is_none(text: bytes) -> None:
    assert expressions_of(text, "LICENSE") == []


def test_a_title_alone_is_a_notice() -> None:
    assert expressions_of(b"Apache 2.0\n", "LICENSE.txt") == ["Apache-2.0"]


def test_much_text_beside_a_licence_is_unknown() -> None:
    rest = b"Further terms apply which nobody has read before, and they go on for long. " * 100
    assert "LicenseRef-unknown" in expressions_of(MIT + rest, "LICENSE")
    assert "LicenseRef-unknown" not in expressions_of(MIT + rest, "README.md")


def test_what_is_too_long_to_read_is_unknown() -> None:
    found = licences.find(MIT + b"\n \n" * 100_000, ["LICENSE"])
    assert {match.expression for match in found} == {"MIT", "LicenseRef-unknown"}
    assert "unexamined" in {match.rule for match in found}


@pytest.mark.parametrize(
    "rider",
    [
        b'"Commons Clause" License Condition v1.0',
        b"The Software may not be used to train machine learning models.",
        b"Free for non-commercial use only.",
    ],
)
@pytest.mark.parametrize("name", ["LICENSE", "README.md"])
def test_a_rider_restricts_the_text_beside_it(rider: bytes, name: str) -> None:
    found = licences.find(MIT + b"\n\n" + rider + b"\n", [name])
    text = next(match for match in found if match.kind == "text")
    assert text.expression == "MIT AND LicenseRef-added-restriction"
    assert {classes.classify(match.expression) for match in found} == {"restricted"}


def test_a_rider_restricts_a_tag_in_a_header() -> None:
    text = b"# SPDX-License-Identifier: MIT\n# For non-commercial use only.\n"
    assert "MIT" not in expressions_of(text, "x.py")


def test_the_gpl_and_its_appendix_are_one_statement() -> None:
    numpy = sorted(PACKAGES.glob("numpy-*/licenses/LICENSE.txt"))[0].read_bytes()
    begin = numpy.index(b"GNU GENERAL PUBLIC LICENSE")
    end = numpy.index(b"\n", numpy.index(b"why-not-lgpl.html", begin))
    assert b"any later version" in numpy[begin:end]
    found = licences.find(numpy[begin:end], ["COPYING"])
    assert {match.expression for match in found} == {"GPL-3.0-only"}


def test_python_licence_is_not_gpl() -> None:
    text = (Path(sysconfig.get_path("stdlib")) / "LICENSE.txt").read_bytes()
    assert set(expressions_of(text, "LICENSE.txt")) == {"Python-2.0.1", "0BSD"}


def test_a_pointer_to_licence_files_is_a_reference() -> None:
    (match,) = licences.find(
        b"Use it under the terms of *either* of the licenses found in A or B.\n", ["LICENSE"]
    )
    assert match.kind == "reference"


def test_header_and_manifest_of_one_content() -> None:
    text = b"# Licensed under the GPL version 3\nfrom setuptools import setup\nsetup(license_='x', license='MIT')\n"
    found = {match.kind: match.expression for match in licences.find(text, ["setup.py"])}
    assert found == {"notice": "GPL-3.0-only", "manifest": "MIT"}


@settings(max_examples=60)
@given(
    st.lists(
        st.sampled_from(
            [b"license", b"\xff", b"(", b"MIT", b"SPDX-License-Identifier: ", b"\n", b" gpl ", MIT[:300]]
        )
    ),
    st.lists(st.sampled_from(["LICENSE", "README", "package.json", "a.c"]), max_size=3, unique=True),
)
def test_spans_and_scores_are_sound_for_any_bytes(parts: list[bytes], names: list[str]) -> None:
    text = b"".join(parts)
    found = licences.find(text, names)
    assert len({(match.start, match.end, match.rule) for match in found}) == len(found)
    for match in found:
        assert 0 <= match.start <= match.end <= len(text)
        assert 0.0 <= match.score <= 1.0
        assert classes.classify(match.expression) != "none"


def test_apache_in_licence_and_readme() -> None:
    assert expressions_of(APACHE, "LICENSE") == ["Apache-2.0"]
    assert expressions_of(b"See https://opensource.org/licenses/MIT of our parts\n", "README.md") == []
