"""Which of two statements about a licence holds."""

from __future__ import annotations

import pytest

from gristmill.spdx.agreement import reconcile, sharpen


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("BSD-3-Clause AND LicenseRef-bsd-unspecified", "BSD-3-Clause"),
        ("LicenseRef-apache-unspecified AND (Apache-2.0 OR MIT)", "Apache-2.0 OR MIT"),
        ("MIT AND LicenseRef-bsd-unspecified", "MIT AND LicenseRef-bsd-unspecified"),
        ("MIT OR LicenseRef-bsd-unspecified", "MIT OR LicenseRef-bsd-unspecified"),
        ("GPL-1.0-or-later AND GPL-2.0-only", "GPL-2.0-only"),
    ],
)
def test_a_family_gives_way_to_the_licence_that_is_meant(expression: str, expected: str) -> None:
    assert sharpen(expression) == expected


@pytest.mark.parametrize(
    ("stated", "found", "expected"),
    [
        ("MIT OR Apache-2.0", "MIT AND Apache-2.0", "MIT OR Apache-2.0"),
        ("MIT", "GPL-2.0-only", "MIT AND GPL-2.0-only"),
        ("LicenseRef-bsd-unspecified", "BSD-2-Clause", "BSD-2-Clause"),
        ("Apache-2.0 OR MIT", "LicenseRef-apache-unspecified AND MIT", "Apache-2.0 OR MIT"),
    ],
)
def test_a_statement_holds_if_it_covers_what_was_found(stated: str, found: str, expected: str) -> None:
    assert reconcile(stated, found) == expected
