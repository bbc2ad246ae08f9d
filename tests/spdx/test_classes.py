from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.spdx import classes

RANK = {"restricted": 0, "unknown": 1, "permissive": 2}
ids = st.sampled_from(
    (
        "MIT",
        "Apache-2.0",
        "0BSD",
        "GPL-2.0-only",
        "AGPL-3.0-or-later",
        "BUSL-1.1",
        "LicenseRef-x",
        "LicenseRef-y",
    )
)
terms = st.recursive(
    ids,
    lambda inner: st.tuples(inner, st.sampled_from(("AND", "OR")), inner).map(
        lambda part: f"({part[0]} {part[1]} {part[2]})"
    ),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("MIT", "permissive"),
        ("BlueOak-1.0.0", "permissive"),
        ("CC0-1.0", "permissive"),
        ("Artistic-2.0", "permissive"),  # rated by Blue Oak, though ScanCode says Copyleft Limited
        ("GPL-2.0", "restricted"),
        ("LGPL-2.1-or-later", "restricted"),
        ("MPL-2.0", "restricted"),
        ("CC-BY-NC-4.0", "restricted"),
        ("SSPL-1.0", "restricted"),
        ("MIT OR GPL-2.0-only", "permissive"),
        ("MIT AND GPL-2.0-only", "restricted"),
        ("MIT AND LicenseRef-house", "unknown"),
        ("GPL-3.0-only AND LicenseRef-house", "restricted"),
        ("GPL-3.0-only OR LicenseRef-house", "unknown"),
        ("Apache-2.0 WITH LLVM-exception", "permissive"),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "restricted"),
        ("MIT WITH Something-Else", "unknown"),
        ("Apache-2.0+", "permissive"),
        ("Classpath-exception-2.0", "unknown"),
        ("MIT AND LicenseRef-added-restriction", "restricted"),
        ("Apache-2.0 WITH LicenseRef-scancode-commons-clause", "restricted"),
        ("LicenseRef-bsd-unspecified", "permissive"),
        ("LicenseRef-scancode-dco-1.1", "unknown"),
        ("(((", "unknown"),
        ("LicenseRef-unknown", "unknown"),
    ],
)
def test_classes(expression: str, expected: str) -> None:
    assert classes.classify(expression) == expected


@pytest.mark.parametrize("nothing", [None, "", "NOASSERTION"])
def test_no_evidence_is_never_permissive(nothing: str | None) -> None:
    assert classes.classify(nothing) == "none"


@given(terms, terms)
def test_or_takes_the_best_and_and_the_worst_in_any_order(left: str, right: str) -> None:
    a, b = RANK[classes.classify(left)], RANK[classes.classify(right)]
    assert RANK[classes.classify(f"{left} OR {right}")] == max(a, b)
    assert RANK[classes.classify(f"{left} AND {right}")] == min(a, b)
    assert classes.classify(f"{left} OR {right}") == classes.classify(f"{right} OR {left}")
    assert classes.classify(f"{left} AND {right}") == classes.classify(f"{right} AND {left}")


@given(ids, ids, terms)
def test_a_better_part_never_makes_the_whole_worse(old: str, new: str, context: str) -> None:
    if RANK[classes.classify(old)] > RANK[classes.classify(new)]:
        old, new = new, old
    for operator in ("AND", "OR"):
        before = RANK[classes.classify(f"({context}) {operator} ({old})")]
        assert RANK[classes.classify(f"({context}) {operator} ({new})")] >= before


@given(st.text(max_size=80))
def test_any_text_has_a_class(text: str) -> None:
    assert classes.classify(text) in ("permissive", "restricted", "unknown", "none")


def test_sources_name_the_versions() -> None:
    assert classes.sources()["Blue Oak Council list"] == "15.0.0"


def test_the_script_rebuilds_the_data(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    about = {"name": "@blueoak/list", "version": "15.0.0", "license": "CC0-1.0"}
    (package / "package.json").write_text(json.dumps(about))
    groups = [
        {"name": "Silver", "licenses": [{"id": "MIT"}, {"id": "ISC"}]},
        {"name": "Lead", "licenses": [{"id": "AAL"}]},
    ]
    (package / "index.json").write_text(json.dumps(groups))
    script = Path(__file__).parents[2] / "scripts" / "build_spdx_data.py"
    output = tmp_path / "out.json"
    subprocess.run([sys.executable, script, package, output], check=True)
    made = json.loads(output.read_text())
    assert made["ratings"] == {"AAL": "Lead", "ISC": "Silver", "MIT": "Silver"}
    groups[1]["licenses"].append({"id": "MIT"})
    (package / "index.json").write_text(json.dumps(groups))
    assert subprocess.run([sys.executable, script, package, output], capture_output=True).returncode != 0
