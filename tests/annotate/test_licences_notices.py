from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.annotate.licences import notices

GPL = """/* This program is free software; you can redistribute it and/or modify
 * it under the terms of the GNU General Public License as published by
 * the Free Software Foundation; {version}.
 */"""


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        (
            GPL.format(version="either version 2 of the License, or\n * (at your option) any later version"),
            "GPL-2.0-or-later",
        ),
        (GPL.format(version="version 2 of the License"), "GPL-2.0-only"),
        (GPL.format(version="either version 3, or (at your option) any later version"), "GPL-3.0-or-later"),
        (
            (
                "under the terms of the GNU Lesser General Public\ndnl License as published by the Free Software\n"
                "dnl Foundation; either version 2.1 of the License, or (at your option) any later version."
            ),
            "LGPL-2.1-or-later",
        ),
        ("under the terms of version 3 of the GNU Affero General Public License", "AGPL-3.0-only"),
        ("distributed under the terms of the GNU General Public License.", "GPL-1.0-or-later"),
        ("Licensed under GPLv3+", "GPL-3.0-or-later"),
        ("# Licensed under the Apache License, Version 2.0 (the", "Apache-2.0"),
        ("is licensed to you\n// under the Apache License,\n// Version 2.0", "Apache-2.0"),
        (
            "This Source Code Form is subject to the terms of the Mozilla Public\n * License, v. 2.0. If a copy",
            "MPL-2.0",
        ),
        ("Licensed under the MIT license.", "MIT"),
        ("Released under the 3-Clause BSD License", "BSD-3-Clause"),
        (
            (
                "Licensed under the Apache License, Version 2.0 <LICENSE-APACHE or\n// http://www.apache.org/licenses/>"
                " or the MIT license\n// <LICENSE-MIT>, at your\n// option."
            ),
            "Apache-2.0 OR MIT",
        ),
        ("Dual licensed under the MIT or GPL Version 2 licenses.", "MIT OR GPL-2.0-only"),
        ("under the same terms as Perl itself", "Artistic-1.0-Perl OR GPL-1.0-or-later"),
        ("Creative Commons Attribution-NonCommercial-ShareAlike 4.0", "CC-BY-NC-SA-4.0"),
        ("Creative Commons Attribution 4.0", "CC-BY-4.0"),
        ("This file is in the public domain", "LicenseRef-scancode-public-domain"),
        ("Proprietary and confidential", "LicenseRef-proprietary"),
        (
            "Unauthorized copying of this file, via any medium, is strictly prohibited",
            "LicenseRef-proprietary",
        ),
    ],
)
def test_notice(text: str, expression: str) -> None:
    assert [match.expression for match in notices.find(notices.view(text.encode()))] == [expression]


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        (
            "Use of this source code is governed by a BSD-style\n// license that can be found in the LICENSE file.",
            "LicenseRef-bsd-unspecified",
        ),
        ("See the LICENSE file in the project root for more information.", "LicenseRef-see-file"),
    ],
)
def test_reference(text: str, expression: str) -> None:
    (match,) = notices.find(notices.view(text.encode()))
    assert (match.kind, match.expression) == ("reference", expression)


@pytest.mark.parametrize(
    "text",
    [
        "GPL-compatible doesn't mean that we're distributing Python under the GPL.",
        "limited under mitigation licensed",
        "This is an MIT-style license",
        "import apache, mit, bsd, gpl",
        "See the License for the specific language governing permissions",
    ],
)
def test_no_notice(text: str) -> None:
    assert notices.find(notices.view(text.encode())) == []


def test_tri_licence_is_one_choice() -> None:
    text = (
        "The contents of this file are subject to the Mozilla Public License Version\n * 1.1 (the License). "
        + "Words. " * 40
        + "Alternatively, the contents of this file may be used under the terms of\n * either the GNU General Public "
        "License Version 2 or later (the GPL), or\n * the GNU Lesser General Public License Version 2.1 or later"
    )
    (match,) = notices.find(notices.view(text.encode()))
    assert match.expression == "MPL-1.1 OR GPL-2.0-or-later OR LGPL-2.1-or-later"


def test_several_notices_all_count_with_their_spans() -> None:
    text = b"Licensed under the MIT license.\n\nPortions licensed under the GPL version 2.\n"
    first, second = notices.find(notices.view(text))
    assert (first.expression, second.expression) == ("MIT", "GPL-2.0-only")
    assert text[first.start : first.end] == b"under the MIT license"


@given(st.binary(max_size=300))
def test_view_keeps_length_and_find_stays_within(data: bytes) -> None:
    view = notices.view(data)
    assert len(view) == len(data)
    assert all(0 <= match.start < match.end <= len(data) for match in notices.find(view))


def test_hits_are_bounded() -> None:
    text = notices.view(b"licensed under the mit license. licensed under the isc license. " * 2000)
    assert len(notices.find(text)) == notices.MAX_HITS
