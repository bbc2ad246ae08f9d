from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.annotate.licences import manifests

NAMES = ("package.json", "composer.json", "Cargo.toml", "pyproject.toml", "setup.cfg", "setup.py", "PKG-INFO")
NAMES += ("METADATA", "DESCRIPTION", "pom.xml", "x.gemspec")


@pytest.mark.parametrize(
    ("name", "text", "expression"),
    [
        ("package.json", '{"name": "x", "license": "(MIT OR GPL-2.0)"}', "MIT OR GPL-2.0-only"),
        ("package.json", '{"licenses": [{"type": "MIT"}, {"type": "Apache-2.0"}]}', "MIT OR Apache-2.0"),
        ("package.json", '{"license": {"type": "BSD", "url": "x"}}', "LicenseRef-bsd-unspecified"),
        ("package.json", '{"license": "UNLICENSED"}', "LicenseRef-proprietary"),
        (
            "composer.json",
            '{"license": ["LGPL-2.1-only", "GPL-3.0-or-later"]}',
            "LGPL-2.1-only OR GPL-3.0-or-later",
        ),
        ("Cargo.toml", '[package]\nlicense = "MIT/Apache-2.0"\n', "MIT OR Apache-2.0"),
        ("Cargo.toml", '[workspace.package]\nlicense = "ISC"\n', "ISC"),
        ("pyproject.toml", '[project]\nlicense = "Apache-2.0"\n', "Apache-2.0"),
        ("pyproject.toml", '[project]\nlicense = {text = "BSD 3-Clause"}\n', "BSD-3-Clause"),
        ("pyproject.toml", '[tool.poetry]\nlicense = "MIT"\n', "MIT"),
        (
            "pyproject.toml",
            '[project]\nlicense = {file = "LICENSE"}\nclassifiers = ["License :: OSI Approved :: MIT License"]\n',
            "MIT",
        ),
        ("setup.cfg", "[metadata]\nlicense = GPLv3+\n", "GPL-3.0-or-later"),
        ("setup.cfg", "[metadata]\nclassifiers =\n  License :: OSI Approved :: ISC License (ISCL)\n", "ISC"),
        ("setup.py", "setup(name='x',\n  license='MIT',\n)", "MIT"),
        (
            "setup.py",
            "setup(classifiers=['License :: OSI Approved :: Apache Software License'], license='Apache 2.0')",
            "Apache-2.0",
        ),
        (
            "PKG-INFO",
            "Metadata-Version: 2.4\nName: x\nLicense-Expression: MIT OR ISC\n\nLicense: GPL\n",
            "MIT OR ISC",
        ),
        (
            "METADATA",
            "Metadata-Version: 2.1\r\nLicense: UNKNOWN\r\nClassifier: License :: OSI Approved :: MIT License\r\n\r\n",
            "MIT",
        ),
        (
            "METADATA",
            "Metadata-Version: 2.1\nLicense: MIT\nClassifier: License :: OSI Approved :: GNU General Public License v3 (GPLv3)\n\n",
            "MIT AND GPL-3.0-only",
        ),
        ("x.gemspec", "  s.licenses = ['MIT', 'Ruby']\n", "MIT AND Ruby"),
        ("x.gemspec", "  spec.license = %w[MIT ISC]\n", "MIT AND ISC"),
        ("DESCRIPTION", "Package: x\nLicense: GPL-2 | GPL-3\n", "GPL-2.0-only OR GPL-3.0-only"),
        ("DESCRIPTION", "Package: x\nLicense: MIT + file LICENSE\n", "MIT"),
        ("DESCRIPTION", "Package: x\nLicense: GPL (>= 2)\n", "GPL-2.0-or-later"),
        (
            "pom.xml",
            (
                "<project><!-- <licenses><license><name>GPL</name></license></licenses> -->\n<licenses><license>\n"
                "<name>The Apache License, Version 2.0</name></license></licenses></project>"
            ),
            "Apache-2.0",
        ),
    ],
)
def test_manifest(name: str, text: str, expression: str) -> None:
    (match,) = manifests.find(name, text.encode())
    rule = "gemspec" if name.endswith("gemspec") else name
    assert (match.kind, match.rule, match.expression) == ("manifest", rule, expression)
    assert b"licen" in text.encode()[match.start : match.end].lower()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("package.json", '{"name": "x"}'),
        ("package.json", '{"license": 1}'),
        ("package.json", "[1, 2"),
        ("package.json", '"license"'),
        ("package.json", "[" * 100_000),
        ("Cargo.toml", "license = 'MIT'"),
        ("pyproject.toml", "a = " + "[" * 5000),
        ("pyproject.toml", "a = " + "1" * 10_000),
        ("setup.cfg", "license = MIT"),
        ("METADATA", "Name: x\nLicense: MIT\n"),
        ("DESCRIPTION", "License: MIT\n"),
        ("pom.xml", "<licenses><license><name>MIT</name>"),
    ],
)
def test_no_statement(name: str, text: str) -> None:
    assert manifests.find(name, text.encode()) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("package.json", '{"license": "SEE LICENSE IN EULA.md"}'),
        ("Cargo.toml", '[package]\nlicense-file = "L"\n'),
    ],
)
def test_a_pointer_is_a_reference(name: str, text: str) -> None:
    (match,) = manifests.find(name, text.encode())
    assert (match.kind, match.expression) == ("reference", manifests.SEE_FILE)


def test_an_outsized_manifest_is_not_read() -> None:
    text = json.dumps({"license": "MIT", "x": "y" * manifests.MAX_BYTES}).encode()
    assert manifests.find("package.json", text) == []


@given(st.sampled_from(NAMES), st.text(alphabet='{}[]":,=.\n license MIT<>/name%w', max_size=120))
def test_any_text_gives_at_most_one_match(name: str, text: str) -> None:
    assert len(manifests.find(name, text.encode())) <= 1
