from __future__ import annotations

import sysconfig
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.annotate.licences import engine

PACKAGES = Path(sysconfig.get_path("purelib"))


def licence_of(pattern: str) -> bytes:
    return sorted(PACKAGES.glob(pattern))[0].read_bytes()


MIT = licence_of("pytest-*/licenses/LICENSE")
BSD = licence_of("click-*/licenses/LICENSE.txt")


def expressions_of(text: bytes) -> list[str]:
    return [match.expression for match in engine.find([text])[0]]


@pytest.mark.parametrize(
    ("pattern", "expression"),
    [
        ("license_expression-*/licenses/apache-2.0.LICENSE", "Apache-2.0"),
        ("pytest-*/licenses/LICENSE", "MIT"),
        ("click-*/licenses/LICENSE.txt", "BSD-3-Clause"),
        ("pygments-*/licenses/LICENSE", "BSD-2-Clause"),
        ("pathspec-*/licenses/LICENSE", "MPL-2.0"),
    ],
)
def test_real_texts(pattern: str, expression: str) -> None:
    (match,) = engine.find([licence_of(pattern)])[0]
    assert (match.kind, match.expression) == ("text", expression)
    assert match.score > 0.95


def test_several_texts_in_one_file_each_have_their_span() -> None:
    text = "Für alle:\n".encode() + MIT + b"\n=====\n" + BSD
    first, second = engine.find([text])[0]
    assert (first.expression, second.expression) == ("MIT", "BSD-3-Clause")
    assert text[first.start : first.end].endswith(b"SOFTWARE")
    assert text[second.start :].startswith(b"Redistribution") or b"Copyright" in text[second.start :][:40]


def test_an_edited_text_is_found_by_likeness() -> None:
    text = BSD.replace(b"contributors", b"helpers").replace(b"direct,", b"direkt,")
    (match,) = engine.find([text])[0]
    assert match.expression == "BSD-3-Clause"
    assert 0.78 <= match.score < 1


def test_a_clause_put_in_makes_the_licence_unknown() -> None:
    clause = (
        b"Furthermore nobody may under any circumstances employ these things on Tuesdays without asking.\n\n"
    )
    changed = MIT.replace(b"THE SOFTWARE IS PROVIDED", clause + b"THE SOFTWARE IS PROVIDED")
    found = " ".join(expressions_of(changed.replace(b"substantial portions", b"weighty portions")))
    assert found != "MIT"


def test_an_exception_joins_its_licence() -> None:
    text = (
        b"This program is free software; you can redistribute it and/or modify it under the terms of the GNU General"
        b" Public License as published by the Free Software Foundation; either version 2 of the License, or (at your"
        b" option) any later version.\n\nLinking this library statically or dynamically with other modules is making a"
        b" combined work based on this library. Thus, the terms and conditions of the GNU General Public License cover"
        b" the whole combination.\n\nAs a special exception, the copyright holders of this library give you permission"
        b" to link this library with independent modules to produce an executable, regardless of the license terms of"
        b" these independent modules, and to copy and distribute the resulting executable under terms of your choice,"
        b" provided that you also meet, for each linked independent module, the terms and conditions of the license of"
        b" that module. An independent module is a module which is not derived from or based on this library. If you"
        b" modify this library, you may extend this exception to your version of the library, but you are not"
        b" obligated to do so. If you do not wish to do so, delete this exception statement from your version."
    )
    assert expressions_of(text) == ["GPL-2.0-or-later WITH Classpath-exception-2.0"]


def test_plain_prose_has_none() -> None:
    assert expressions_of(b"The quick brown fox jumps over the lazy dog. " * 50) == []


def test_a_batch_is_its_texts_one_by_one() -> None:
    texts = [MIT, b"", BSD, b"nothing here", MIT + BSD]
    assert engine.find(texts) == [engine.find([text])[0] for text in texts]


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_other_encodings_never_fail(encoding: str) -> None:
    text = MIT.decode().replace("holders", "hölders").encode(encoding)
    found = expressions_of(text)
    assert found == (["MIT"] if encoding == "latin-1" else [])


@settings(max_examples=60)
@given(
    st.lists(
        st.one_of(st.binary(max_size=40), st.sampled_from([MIT, BSD, MIT[:400], b"GPL-2+ "])), max_size=8
    )
)
def test_spans_are_sound_for_any_bytes(parts: list[bytes]) -> None:
    text = b"".join(parts)
    for match in engine.find([text])[0]:
        assert 0 <= match.start < match.end <= len(text)
        assert 0 < match.score <= 1
        assert match.kind in ("text", "notice", "reference")


@pytest.mark.parametrize(
    "unit",
    [
        b"permission is hereby granted ",
        b"redistribution and use in source and binary forms with or without modification are permitted ",
        b"licensed under the ",
        b"mit ",
        b"\x00\xff",
        b"(",
        MIT[-500:],
    ],
)
def test_bait_takes_bounded_time(unit: bytes) -> None:
    text = (unit * (engine.MAX_BYTES // len(unit) + 1))[: engine.MAX_BYTES]
    started = time.perf_counter()
    engine.find([text])
    assert time.perf_counter() - started < 20
