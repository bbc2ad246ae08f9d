from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.annotate.licences import tags


@pytest.mark.parametrize(
    ("line", "expression"),
    [
        ("// SPDX-License-Identifier: MIT", "MIT"),
        (
            "/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */",
            "GPL-2.0-only WITH Linux-syscall-note",
        ),
        ("<!-- SPDX-License-Identifier: (MIT OR Apache-2.0) -->", "MIT OR Apache-2.0"),
        ('"""SPDX-License-Identifier: ISC"""', "ISC"),
        ("# SPDX-License-Identifier: GPL-2.0+", "GPL-2.0-or-later"),
        ("# SPDX-License-Identifier: MIT OR GPL-2.0-only", "MIT OR GPL-2.0-only"),
        ("# SPDX-License-Identifier: MIT and so on", "MIT AND LicenseRef-so"),
        ("Use SPDX-License-Identifier: MIT tags.", "MIT"),
        ("# SPDX-License-Identifier: LicenseRef-House-1", "LicenseRef-House-1"),
        ("# SPDX-License-Identifier: BSD", "LicenseRef-bsd-unspecified"),
    ],
)
def test_tag(line: str, expression: str) -> None:
    (match,) = tags.find(b"\n" + line.encode() + b"\ncode\n")
    assert (match.kind, match.rule, match.expression) == ("tag", "spdx-tag", expression)


@pytest.mark.parametrize(
    "line",
    [
        "# SPDX-License-Identifier: NOASSERTION",
        "# SPDX-License-Identifier: <id>",
        "# SPDX-License-Identifier:",
        'pattern = "SPDX-License-Identifier: GPL-3.0-only"',
    ],
)
def test_no_tag(line: str) -> None:
    assert tags.find(line.encode()) == []


def test_span_is_in_bytes_and_ends_with_the_expression() -> None:
    text = "# © Zoë\n# SPDX-License-Identifier: MIT */".encode()
    (match,) = tags.find(text)
    assert text[match.start : match.end] == b"SPDX-License-Identifier: MIT"


@pytest.mark.parametrize(
    ("line", "expression"),
    [
        (" * @license MIT", "MIT"),
        ("# License: GPL v2 or later", "GPL-2.0-or-later"),
        ("__license__ = 'Apache 2.0'", "Apache-2.0"),
        ("# Licence: BSD", "LicenseRef-bsd-unspecified"),
    ],
)
def test_label(line: str, expression: str) -> None:
    (match,) = tags.find(line.encode())
    assert (match.kind, match.rule, match.expression) == ("notice", "label", expression)


@pytest.mark.parametrize(
    "line",
    [
        "# License: see below",
        '    "license": "GPL-3.0-only",',
        "the license: MIT",
        "# license MIT",
        "\n" * 3000 + "# License: MIT",
    ],
)
def test_no_label(line: str) -> None:
    assert tags.find(line.encode()) == []


def test_hostile_tags_are_bounded() -> None:
    assert len(tags.find(b"SPDX-License-Identifier: MIT\n" * 10_000)) == tags.MAX_TAGS
    (match,) = tags.find(b"SPDX-License-Identifier: " + b"(" * 1_000_000)
    assert match.expression == "LicenseRef-unknown"
    (match,) = tags.find(b"SPDX-License-Identifier: " + b"MIT OR " * 200_000)
    assert match.expression == "LicenseRef-unknown"


@given(st.text(alphabet="MIT()AND/or-. WITH*", max_size=60))
def test_leading_expression_is_a_beginning_of_the_value(value: str) -> None:
    assert value.strip().startswith(tags.leading_expression(value))
