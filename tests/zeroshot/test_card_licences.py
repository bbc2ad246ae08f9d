"""Licences get the Hub's names; others are named as they are, never guessed."""

from __future__ import annotations

import pytest

from gristmill.zeroshot.card.licences import hub_licence


@pytest.mark.parametrize(
    ("licence", "front"),
    [
        ("Apache-2.0", {"license": "apache-2.0"}),
        ("MIT", {"license": "mit"}),
        ("CC BY-SA 4.0", {"license": "cc-by-sa-4.0"}),
        ("GPL-3.0-or-later", {"license": "gpl-3.0"}),
        ("Our Own Terms, v2!", {"license": "other", "license_name": "our-own-terms-v2"}),
        ("日本", {"license": "other", "license_name": "other"}),
    ],
)
def test_names(licence: str, front: dict[str, str]) -> None:
    assert hub_licence(licence) == front
