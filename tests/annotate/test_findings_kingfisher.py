from __future__ import annotations

import sys

import pyarrow as pa
import pytest

from gristmill.annotate.findings import kingfisher
from gristmill.annotate.findings.rule import KEY, PASSWORD
from gristmill.errors import MissingExtraError

SECRET = "hG7k" + "Lq2z9Wx"
TEXT = ("é\nurl = 'postgres://bob:" + SECRET + "@db.firm.de/x'\n").encode()


@pytest.fixture
def unmade(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kingfisher_sdk", None)
    kingfisher._scanner.cache_clear()


def test_a_missing_package_names_the_extra(unmade: None) -> None:
    with pytest.raises(MissingExtraError, match=r"gristmill\[secrets\]"):
        kingfisher.find(pa.array([b"x"], pa.binary()))


class TestWithKingfisher:
    @pytest.fixture(autouse=True)
    def _needed(self) -> None:
        pytest.importorskip("kingfisher_sdk")

    def test_finds_a_password_at_its_bytes(self) -> None:
        column = pa.array([None, TEXT, b"", "\ufeff".encode() + TEXT], pa.binary())
        hits = kingfisher.find(column)
        assert [(row, hit.type) for row, hit in hits] == [(1, PASSWORD), (3, PASSWORD)]
        for row, hit in hits:
            assert column[row].as_py()[hit.start : hit.end] == SECRET.encode()
            assert hit.score == kingfisher.SCORES["medium"]
            assert hit.rule == "betterleaks.generic-credential-uri"

    def test_parts_of_a_composite_count_only_with_it(self) -> None:
        part = 'aws_secret_access_key = "' + "wJ4lrXUtnF9MI/K7MDENG" + '/bPxRfiCY2zA1MPLQKE"\n'
        alone = kingfisher.find(pa.array([part.encode()], pa.binary()))
        assert {hit.score for _, hit in alone} <= {kingfisher.HELPER_SCORE}
        both = "aws_access_key_id = " + "AK" + "IA" + "Q3EGRZ7WYXNPLHDA" + "\n" + part
        hits = {hit.rule: hit for _, hit in kingfisher.find(pa.array([both.encode()], pa.binary()))}
        assert hits["betterleaks.aws-access-token"].score == kingfisher.SCORES["high"]
        assert hits["betterleaks.aws-secret-access-key"].score == kingfisher.SCORES["medium"]
        assert {hit.type for hit in hits.values()} == {KEY}

    def test_ordinary_code_has_no_finding(self) -> None:
        assert kingfisher.find(pa.array([b"def f(key, token):\n    return key[token]\n"], pa.binary())) == []
