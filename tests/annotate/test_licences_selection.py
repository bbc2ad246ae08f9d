from __future__ import annotations

import sysconfig
from pathlib import Path

import numpy as np
import pytest

from gristmill.annotate.licences import engine, rules, selection
from gristmill.annotate.licences import index as index_file
from gristmill.annotate.licences.grams import Grams
from gristmill.annotate.licences.selection import Reading
from gristmill.annotate.licences.tokens import tokenise

INDEX = index_file.builtin()
PACKAGES = Path(sysconfig.get_path("purelib"))
MIT = sorted(PACKAGES.glob("pytest-*/licenses/LICENSE"))[0].read_bytes()
APACHE = sorted(PACKAGES.glob("license_expression-*/licenses/apache-2.0.LICENSE"))[0].read_bytes()
CODE = b"for item in shelf: total = total + item.weight * factor[item.kind] - loss(item)\n" * 4


def expressions_of(text: bytes, reading: Reading) -> list[str]:
    return [match.expression for match in engine.find([text], [reading])[0]]


def test_names_beside_a_text_give_way_to_it() -> None:
    assert expressions_of(b"MIT License\n\n" + MIT + b"\nThis is the MIT license.\n", "licence") == ["MIT"]


def test_a_family_gives_way_to_one_of_it() -> None:
    found = expressions_of(b"BSD\n\nLicensed under the BSD 3-Clause License, see below", "licence")
    assert found
    assert set(found) == {"BSD-3-Clause"}


@pytest.mark.parametrize(("reading", "states"), [("licence", True), ("source", False)])
def test_a_bare_name_states_a_licence_in_a_licence_file_only(reading: Reading, states: bool) -> None:
    assert bool(expressions_of(CODE + b"license = mit\n" + CODE, reading)) is states


def test_a_list_of_licences_states_none_of_them() -> None:
    names = (
        b"MIT License; Apache License 2.0; GPL-2.0; GPL-3.0; LGPL-2.1; LGPL-3.0; MPL-2.0; BSD-3-Clause; "
        b"BSD-2-Clause; ISC License; EPL-2.0; CDDL-1.0; AGPL-3.0; Artistic-2.0; Zlib; Unlicense"
    )
    assert expressions_of(names.replace(b"; ", b"\n"), "licence") == []


def test_an_exception_joins_the_licence_it_stands_nearest_to() -> None:
    text = APACHE + (
        b"\n---- LLVM Exceptions to the Apache 2.0 License ----\n\nAs an exception, if, as a result of your compiling "
        b"your source code, portions of this Software are embedded into an Object form of such source code, you may "
        b"redistribute such embedded portions in such Object form without complying with the conditions of Sections "
        b"4(a), 4(b) and 4(d) of the License.\n\nIn addition, if you combine or link compiled forms of this Software "
        b'with software that is licensed under the GPLv2 ("Combined Software") and if a court of competent '
        b"jurisdiction determines that the patent provision (Section 3), the indemnity provision (Section 9) or other "
        b"Section of the License conflicts with the conditions of the GPLv2, you may retroactively and prospectively "
        b"choose to deem waived or otherwise exclude such Section(s) of the License, but only in their entirety and "
        b"only with respect to the Combined Software.\n"
    )
    assert expressions_of(text, "licence") == ["Apache-2.0 WITH LLVM-exception"]


def test_strong_hits_are_texts_and_notices_of_several_words() -> None:
    made = tokenise([b"mit\n\n" + MIT])
    hits = rules.find(Grams(made.words), made.bounds, INDEX)
    flags = selection.strong(hits, INDEX)
    assert flags.dtype == np.bool_
    assert flags.any()
    for (rule, start, end), proves in zip(hits.tolist(), flags.tolist(), strict=True):
        of_text = int(INDEX.rule_kind[rule]) in (index_file.TEXT, index_file.NOTICE)
        assert proves is (of_text and end - start >= 8)
