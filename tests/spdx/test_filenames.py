from __future__ import annotations

import pytest

from gristmill.spdx import filenames


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (
            "licence",
            (
                "LICENSE LICENCE license.md LICENSE-MIT MIT-LICENSE.txt LICENSE.APACHE COPYING COPYING.LESSER UNLICENSE "
                "LICENSE-2.0.txt GPL-3.0.txt Apache-2.0.txt LICENSE_EE.txt COPYRIGHT licenses.txt LICENSE-APACHE-2.0"
            ),
        ),
        (
            "notice",
            "NOTICE NOTICE.md THIRD-PARTY-LICENSES.txt LICENSE-3RD-PARTY.txt LICENSE-jquery jquery-license.txt",
        ),
        ("manifest", "package.json Cargo.toml pyproject.toml setup.py PKG-INFO pom.xml x.gemspec"),
        ("readme", "README README.md readme.rst README.zh-CN.md README_de.md"),
        (
            "other",
            (
                "license.py LICENSE.go license-checker.json Licenses.java LICENSE.png x.c.license apache.conf mit.py "
                ".gemspec readme.py copying.c"
            ),
        ),
    ],
)
def test_kinds(kind: str, names: str) -> None:
    assert {name: filenames.kind(name) for name in names.split()} == dict.fromkeys(names.split(), kind)


def test_an_endless_name_is_other() -> None:
    assert filenames.kind("license-" * 100_000) == "other"


def test_only_some_licence_files_promise_a_licence() -> None:
    assert filenames.promises_licence("LICENSE.txt")
    assert not filenames.promises_licence("COPYRIGHT")
    assert not filenames.promises_licence("NOTICE")


@pytest.mark.parametrize(
    ("directory", "expected"),
    [("LICENSES", True), ("x.dist-info/licenses/vendor", True), ("", False), ("src/license_tools", False)],
)
def test_directories_of_texts(directory: str, expected: bool) -> None:
    assert filenames.holds_texts_only(directory) is expected
