from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest

from gristmill.annotate import licences
from gristmill.annotate.licences import headers, notices
from gristmill.annotate.licences.match import Match

PACKAGES = Path(sysconfig.get_path("purelib"))
MIT = sorted(PACKAGES.glob("pytest-*/licenses/LICENSE"))[0].read_text()
BSD = sorted(PACKAGES.glob("click-*/licenses/LICENSE.txt"))[0].read_text()
CHANGED = MIT.replace("without restriction", "with the restriction that evil is not done and birds are fed")


def find(text: str, limit: int = 8192) -> list[Match]:
    return headers.find(notices.view(text.encode()), limit, [])


@pytest.mark.parametrize("mark", ["// ", " * ", "# ", "dnl ", "REM ", ";; ", "-- "])
@pytest.mark.parametrize(("text", "expression"), [(MIT, "MIT"), (BSD, "BSD-3-Clause")])
def test_terms_in_comments(mark: str, text: str, expression: str) -> None:
    comment = "".join(f"{mark}{line}\n" for line in text.splitlines())
    (match,) = licences.find(f"{comment}int main() {{ return 0; }}\n".encode(), ["a.c"])
    assert (match.kind, match.expression) == ("text", expression)


def test_two_terms_in_one_header() -> None:
    found = licences.find(f"{MIT}\n\n{BSD}".encode(), ["a.c"])
    assert [match.expression for match in sorted(found, key=lambda one: one.start)] == ["MIT", "BSD-3-Clause"]


def test_changed_terms_are_not_those_that_they_look_like() -> None:
    found = licences.find(CHANGED.encode(), ["a.c"])
    assert all("LicenseRef-unknown" in match.expression for match in found)
    assert found


def test_terms_that_are_known_are_not_unknown() -> None:
    (terms,) = find(MIT)
    assert (terms.expression, terms.rule) == ("LicenseRef-unknown", "unrecognised-terms")
    known = Match("text", "MIT", "spdx/MIT", terms.start, terms.start + 10)
    assert headers.find(notices.view(MIT.encode()), 8192, [known]) == []


def test_terms_must_begin_early_but_are_read_to_their_end() -> None:
    assert find(" " * 100 + MIT, limit=90) == []
    begin = MIT.index("Permission")
    (terms,) = find(MIT, limit=begin + 200)
    assert MIT[terms.start : terms.end].endswith("SOFTWARE")


def test_terms_are_bounded() -> None:
    assert len(find(MIT * 20, 100_000)) == headers.MAX_TERMS
