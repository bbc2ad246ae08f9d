from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.spdx import expressions, statements


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("MIT", "MIT"),
        ("The MIT License (MIT)", "MIT"),
        ("Apache License, Version 2.0", "Apache-2.0"),
        ("Apache 2.0", "Apache-2.0"),
        ("License :: OSI Approved :: Apache Software License", "LicenseRef-apache-unspecified"),
        ("License :: OSI Approved :: BSD License", "LicenseRef-bsd-unspecified"),
        ("New BSD", "BSD-3-Clause"),
        ("License :: OSI Approved :: MIT License", "MIT"),
        ("License :: OSI Approved :: GNU General Public License v3 or later (GPLv3+)", "GPL-3.0-or-later"),
        ("License :: OSI Approved :: GNU General Public License v2 (GPLv2)", "GPL-2.0-only"),
        (
            "License :: OSI Approved :: GNU Lesser General Public License v2 or later (LGPLv2+)",
            "LGPL-2.0-or-later",
        ),
        ("License :: OSI Approved :: GNU Affero General Public License v3", "AGPL-3.0-only"),
        ("License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)", "MPL-2.0"),
        ("License :: OSI Approved :: ISC License (ISCL)", "ISC"),
        ("License :: Other/Proprietary License", "LicenseRef-proprietary"),
        ("License :: OSI Approved", "LicenseRef-osi-unspecified"),
        ("GPLv3+", "GPL-3.0-or-later"),
        ("GPL (>= 2)", "GPL-2.0-or-later"),
        ("GPL", "GPL-1.0-or-later"),
        ("MIT/Apache-2.0", "MIT OR Apache-2.0"),
        ("MIT or GPLv2", "MIT OR GPL-2.0-only"),
        ("MIT, Apache 2.0", "MIT AND Apache-2.0"),
        ("Unlicense", "Unlicense"),
        ("UNLICENSED", "LicenseRef-proprietary"),
        ("Public Domain", "LicenseRef-scancode-public-domain"),
    ],
)
def test_names(text: str, expression: str) -> None:
    assert statements.interpret(text) == expression


@pytest.mark.parametrize(
    "text", ["MIT as changed", "mostly MIT or something", "Dual MIT/GPL-like", "not MIT or BSD"]
)
def test_a_name_with_other_words_is_not_that_licence(text: str) -> None:
    expression = statements.interpret(text)
    assert expression is not None
    assert expression.startswith("LicenseRef-")
    assert " " not in expression


@pytest.mark.parametrize("text", ["", " ", "UNKNOWN", "None", "---"])
def test_no_statement(text: str) -> None:
    assert statements.interpret(text) is None


def test_classifiers_join_and_the_vague_one_gives_way() -> None:
    values = [
        "Programming Language :: Python",
        "License :: OSI Approved",
        "License :: OSI Approved :: MIT License",
    ]
    assert statements.classifiers(values) == "MIT"
    assert statements.classifiers([*values, "License :: OSI Approved :: BSD License"]) == (
        "MIT AND LicenseRef-bsd-unspecified"
    )
    assert statements.classifiers(values[:1]) is None


def test_vague_and_understood() -> None:
    assert statements.is_vague("LicenseRef-bsd-unspecified")
    assert not statements.is_vague("MIT")
    assert statements.is_understood("MIT AND LicenseRef-bsd-unspecified")
    assert not statements.is_understood("MIT AND LicenseRef-house")


@given(st.one_of(st.text(max_size=80), st.text(alphabet="GPLMITgnu v23.0+()/,|&or and", max_size=80)))
def test_any_text_gives_a_normal_expression_or_none(text: str) -> None:
    expression = statements.interpret(text)
    assert expression is None or expressions.normalise(expression) == expression


def test_a_text_too_long_is_unknown() -> None:
    assert statements.interpret("MIT, " * 1000) == expressions.UNKNOWN
