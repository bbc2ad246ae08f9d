from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest

from gristmill.annotate.licences import headers, notices

PACKAGES = Path(sysconfig.get_path("purelib"))
MIT = sorted(PACKAGES.glob("pytest-*/licenses/LICENSE"))[0].read_text()
BSD = sorted(PACKAGES.glob("click-*/licenses/LICENSE.txt"))[0].read_text()


def find(text: str, limit: int = 8192) -> list[tuple[str, str]]:
    return [(match.expression, match.rule) for match in headers.find(notices.view(text.encode()), limit)]


@pytest.mark.parametrize("mark", ["// ", " * ", "# ", "dnl ", "REM ", ";; ", "-- "])
@pytest.mark.parametrize(("text", "expression"), [(MIT, "MIT"), (BSD, "BSD-3-Clause")])
def test_terms_in_comments(mark: str, text: str, expression: str) -> None:
    comment = "".join(f"{mark}{line}\n" for line in text.splitlines())
    assert find(comment + "int main() { return 0; }\n") == [(expression, f"licenseclassifier/{expression}")]


def test_two_terms_in_one_header() -> None:
    assert [expression for expression, _ in find(MIT + "\n\n" + BSD)] == ["MIT", "BSD-3-Clause"]


def test_changed_terms_are_unknown() -> None:
    changed = MIT.replace(
        "without restriction", "with the restriction that evil is not done and birds are fed"
    )
    assert find(changed) == [("LicenseRef-unknown", "unrecognised-terms")]


def test_terms_must_begin_early_but_are_read_to_their_end() -> None:
    assert find(" " * 100 + MIT, limit=90) == []
    begin = MIT.index("Permission")
    assert find(MIT, limit=begin + 200) == [("MIT", "licenseclassifier/MIT")]


def test_terms_are_bounded() -> None:
    assert len(headers.find(notices.view((MIT * 20).encode()), 100_000)) == headers.MAX_TERMS
