from __future__ import annotations

import pytest
from planted import password

from gristmill.secrets.fingerprint import Subject, digests, fingerprint, fingerprints

SUBJECT = Subject("a/b.py", "assignment", password(1).encode())


def test_it_says_the_same_each_time_and_shows_no_value() -> None:
    one = fingerprint(SUBJECT)
    assert one == fingerprint(Subject(*SUBJECT))
    assert len(one) == 32
    assert set(one) <= set("0123456789abcdef")
    assert SUBJECT.value.hex() not in one


@pytest.mark.parametrize(
    "other",
    [
        SUBJECT._replace(path="a/c.py"),
        SUBJECT._replace(rule="uri-password"),
        SUBJECT._replace(value=SUBJECT.value + b"."),
        SUBJECT._replace(path="a\udcff"),
    ],
)
def test_path_rule_and_value_have_a_part_in_it(other: Subject) -> None:
    assert fingerprint(other) != fingerprint(SUBJECT)


def test_many_at_once_are_each_made_once() -> None:
    other = SUBJECT._replace(path="x")
    known = {SUBJECT: "kept"}
    fingerprints([SUBJECT, other, other], known)
    assert known == {SUBJECT: "kept", other: fingerprint(other)}
    fingerprints([], known)
    assert len(known) == 2


def test_digests_tell_subjects_apart() -> None:
    others = [SUBJECT, SUBJECT._replace(path="x"), SUBJECT._replace(rule="x"), SUBJECT._replace(value=b"x")]
    known = {SUBJECT: "kept"}
    digests([*others, *others], known)
    assert known[SUBJECT] == "kept"
    assert len(set(known.values())) == len(others) == len(known)
