from __future__ import annotations

import datetime as dt
import re

import license_expression
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.scan import identifiers
from gristmill.scan.report import Licence, Report
from gristmill.spdx import expressions

SPDX = license_expression.get_spdx_licensing()
NONE = Licence(None, "none", None, ())
MOMENT = dt.datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=dt.timezone(dt.timedelta(hours=2)))


def report(name: str = "it") -> Report:
    return Report(name, "swh:1:dir:" + "0" * 40, NONE, (), (), {})


@pytest.mark.parametrize(
    ("expression", "in_2_3", "in_3"),
    [
        ("MIT", "MIT", "MIT"),
        ("(MIT OR Zlib) AND ISC", "(MIT OR Zlib) AND ISC", "(MIT OR Zlib) AND ISC"),
        ("GPL-2.0-only WITH Classpath-exception-2.0",) * 3,
        (
            "GPL-2.0-only WITH AdditionRef-house",
            "LicenseRef-GPL-2.0-only-with-house",
            "GPL-2.0-only WITH AdditionRef-house",
        ),
        ("Classpath-exception-2.0",) + ("LicenseRef-Classpath-exception-2.0",) * 2,
        ("LicenseRef-a OR MIT",) * 3,
    ],
)
def test_expressions_as_each_version_has_them(expression: str, in_2_3: str, in_3: str) -> None:
    assert identifiers.legal(expression, "2.3") == in_2_3
    assert identifiers.legal(expression, "3.0.1") == in_3


def test_an_exception_that_spdx_does_not_list_is_named_as_one() -> None:
    unlisted = next(
        row["spdx_license_key"]
        for row in license_expression.get_license_index()
        if row["is_exception"] and str(row.get("spdx_license_key")).startswith("LicenseRef-")
    )
    normal = expressions.normalise(f"GPL-2.0-only WITH {unlisted}")
    assert normal is not None
    bare = unlisted.removeprefix("LicenseRef-")
    assert identifiers.legal(normal, "3.0.1") == f"GPL-2.0-only WITH AdditionRef-{bare}"[:89]
    assert " WITH " not in identifiers.legal(normal, "2.3")
    assert identifiers.own_ids(normal, "3.0.1") == {f"AdditionRef-{bare}": unlisted}


_LEAVES = st.sampled_from(
    ["MIT", "GPL-2.0-only WITH GCC-exception-2.0", "MIT WITH AdditionRef-x", "LicenseRef-y", "GPL-2.0+", "LLVM-exception"]
)  # fmt: skip
_EXPRESSIONS = st.recursive(
    _LEAVES,
    lambda inner: st.builds(lambda a, b, o: f"({a}) {o} ({b})", inner, inner, st.sampled_from(["AND", "OR"])),
    max_leaves=6,
)


@given(_EXPRESSIONS)
def test_a_legal_expression_holds_listed_and_told_ids_only(text: str) -> None:
    expression = expressions.normalise(text)
    assert expression is not None
    for version in ("2.3", "3.0.1"):
        legal = identifiers.legal(expression, version)
        own = identifiers.own_ids(expression, version)
        assert set(re.findall(r"(?:LicenseRef|AdditionRef)-[\w.-]+", legal)) == set(own)
        listed = legal if version == "2.3" else legal.replace(" WITH AdditionRef-x", "")
        for one in own:
            listed = listed.replace(one, "Zlib")
        assert SPDX.validate(listed).errors == []


def test_the_namespace_tells_documents_apart() -> None:
    one = identifiers.namespace(report(), MOMENT)
    assert one == identifiers.namespace(report(), MOMENT.astimezone(dt.UTC))
    assert one != identifiers.namespace(report(), MOMENT + dt.timedelta(seconds=1))
    assert one != identifiers.namespace(report("other"), MOMENT)
    assert re.fullmatch(
        r"https://spdx\.org/spdxdocs/a-b-[0-9a-f]{64}", identifiers.namespace(report("a #/b"), MOMENT)
    )


def test_times_are_utc_in_seconds() -> None:
    assert identifiers.timestamp(MOMENT) == "2026-01-02T01:04:05Z"
