from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest

from gristmill.annotate.licences import notices, restrictions


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('"Commons Clause" License Condition v1.0', "commons-clause"),
        ("does not grant to you,\nthe right to Sell the Software", "no-selling"),
        ("For non-commercial use only.", "non-commercial"),
        ("may only be used for personal, noncommercial purposes", "non-commercial"),
        ("Commercial use of this code is strictly prohibited", "non-commercial"),
        ("You may not use this software for commercial purposes", "non-commercial"),
        ("free for academic use only", "non-commercial"),
        ("The Software may not be used to train machine learning models", "no-ai-training"),
        ("shall not be used, in whole or in part, for training any AI model", "no-ai-training"),
        ("Training of large language models on this code is prohibited", "no-ai-training"),
        ("No AI training.", "no-ai-training"),
        ("for research purposes only", "research-only"),
    ],
)
def test_rider(text: str, name: str) -> None:
    found = restrictions.find(notices.view(text.encode()))
    assert f"restriction/{name}" in {match.rule for match in found}
    assert {match.expression for match in found} == {"LicenseRef-added-restriction"}


@pytest.mark.parametrize(
    "text",
    [
        "for any purpose, commercial or non-commercial, and by any means",
        "we train language models; you may not like it",
        "The right to use, copy, modify and sell the software",
        "the commons",
    ],
)
def test_no_rider(text: str) -> None:
    assert restrictions.find(notices.view(text.encode())) == []


def test_permissive_licence_texts_hold_no_rider() -> None:
    packages = Path(sysconfig.get_path("purelib"))
    texts = [
        path.read_bytes()
        for path in sorted(packages.glob("*.dist-info/**/LICEN[CS]E*"))
        if path.is_file() and b"GNU GENERAL PUBLIC" not in path.read_bytes().upper()
    ]
    assert len(texts) > 10
    assert [match for text in texts for match in restrictions.find(notices.view(text))] == []
