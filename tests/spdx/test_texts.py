"""Texts of licences: those of the SPDX list are there, others are not made up."""

from __future__ import annotations

import pytest

from gristmill.spdx import texts


@pytest.mark.parametrize(
    ("identifier", "holds"),
    [
        ("MIT", "Permission is hereby granted, free of charge"),
        ("Apache-2.0", "TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION"),
        ("GPL-3.0-or-later", "GNU GENERAL PUBLIC LICENSE\n"),
        ("MPL-1.1+", "MOZILLA PUBLIC LICENSE"),
    ],
)
def test_texts_of_the_list(identifier: str, holds: str) -> None:
    text = texts.text_of(identifier)
    assert text is not None
    assert holds.lower() in text.lower()
    assert text.endswith("\n")
    assert "\r" not in text


@pytest.mark.parametrize("identifier", ["LicenseRef-x", "Classpath-exception-2.0", "GPL-2.0", ""])
def test_what_is_not_on_the_list_has_no_text(identifier: str) -> None:
    assert texts.text_of(identifier) is None


def test_gnu_licences_have_one_text_whatever_their_id() -> None:
    assert texts.text_of("GPL-2.0-only") == texts.text_of("GPL-2.0-or-later")
    assert texts.source() == "npm package spdx-license-list 6.12.0, licence texts of SPDX 3.28"
