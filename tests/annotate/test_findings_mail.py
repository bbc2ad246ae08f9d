"""E-mail addresses: the ones that stand in the test of addresses, and every other way to write one in code."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.annotate.findings import patterns

MAIL = ["email", "email-escaped", "email-spelled", "remote-account"]


def found(text: str) -> list[tuple[str, str, float]]:
    """(rule, value, score) of each finding of this module's rules."""
    data = text.encode()
    hits = patterns.find(pa.array([data], pa.binary()))
    return [(hit.rule, data[hit.start : hit.end].decode(), hit.score) for _, hit in hits if hit.rule in MAIL]


@pytest.mark.parametrize(
    ("text", "value", "rule"),
    [
        ("mailto:ann&#64;web.de", "ann&#64;web.de", "email-escaped"),
        ("ann&#064;web.de", "ann&#064;web.de", "email-escaped"),
        ("ann&#x40;web.de", "ann&#x40;web.de", "email-escaped"),
        ("?to=ann%40web.de&x=1", "ann%40web.de", "email-escaped"),
        ("é ann [at] web [dot] de é", "ann [at] web [dot] de", "email-spelled"),
        ("<ann(AT)web(DOT)de>", "ann(AT)web(DOT)de", "email-spelled"),
        ("ann (at) lists.firm.de.", "ann (at) lists.firm.de", "email-spelled"),
        ("# ann.roe at firm dot co dot uk", "ann.roe at firm dot co dot uk", "email-spelled"),
        ("ann dot roe at firm dot com", "ann dot roe at firm dot com", "email-spelled"),
        ("ann_at_firm_dot_com", "ann_at_firm_dot_com", "email-spelled"),
        ("``ann.roe at gmail.com``", "ann.roe at gmail.com", "email-spelled"),
        ("Ann <ann at firm.de>", "ann at firm.de", "email-spelled"),
        ("E<lt>ann@firm.orgE<gt>", "ann@firm.org", "email"),
        ("ann\\@firm.de", "ann\\@firm.de", "email"),
        ("ann@greenend.org.uk", "ann@greenend.org.uk", "email"),
        ("ann@mail.dotcom.fr", "ann@mail.dotcom.fr", "email"),
        ("ann@ox.cx", "ann@ox.cx", "email"),
        ("4867295103@qq.com", "4867295103@qq.com", "email"),
        ("scp x ann@build.firm.de:/srv", "ann", "remote-account"),
        ("remote = ann@code.firm.de:group/project.git", "ann", "remote-account"),
        ("ssh -p 22 ann@build.firm.de", "ann", "remote-account"),
    ],
)
def test_other_forms(text: str, value: str, rule: str) -> None:
    assert [(f[0], f[1], f[2] >= 0.5) for f in found(text)] == [(rule, value, True)]


@pytest.mark.parametrize(
    "text",
    [
        "hosted at github.com and at the end. of",
        "look at foo.org or at index.html",
        "x%40.com 100%40 width=40px",
        "noreply [at] firm [dot] de",
        "name [at] example [dot] org, you at domain dot com",
        "git&#64;github.com",
        "test_for_fail_at_collect.py",
        "array[at] (at) [at]",
        "that dot product at dot com",
        "<EMAIL> ann [at] <EMAIL> <NAME> at <EMAIL>",
        "#64bit.de &#64; #640.com",
        "me@yourdomain.co.uk a1@example.com.br",
        "you@your.com to@e.com zh-l@li.org <LL@li.org>",
    ],
)
def test_what_is_no_address(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "alice@gmail.com",
        "Z@google.golang.org/genproto",
        "20151105131424.GA32700@kolac.suse.cz",
        "dcda0127-2f45-93a3-0736-27259a33bffa@linux.firm.com",
        "50CAE2DB.80302@intel.com",
        "Call-ID: a84b4c76e66710@pc33.firm.com",
        "your.name@yahoo.com",
        "Message-ID: <JCQO1h3ET-pT@mail.firm.com>",
        "References: <a1> <JCQO1h3ET-pT@mail.firm.com>",
        "W@x.shape.Works",
        "From: ann=40web.de",
    ],
)
def test_doubtful_addresses_stay_below_the_default_threshold(text: str) -> None:
    assert [score < 0.5 for _, _, score in found(text)] == [True]


def test_a_message_id_does_not_speak_for_the_next_line() -> None:
    assert found("Message-ID: <x>\nFrom: jroe@firm.de")[0][2] > 0.9


_names = st.from_regex(r"[a-z]{3,8}[._+]?[a-z]{3,8}", fullmatch=True).filter(lambda n: "reply" not in n)
_hosts = st.from_regex(r"q[a-z]{4,9}q\.(com|de|org|co\.uk|io)", fullmatch=True)


@given(_names, _hosts, st.sampled_from(["{}@{}", "<{}@{}>", "'{}@{}'", "\n{}@{}\n", "{}&#64;{}", "{}%40{}"]))
def test_any_address_is_found_whole(name: str, host: str, frame: str) -> None:
    text = "é " + frame.format(name, host) + " é"
    assert [value.replace("&#64;", "@").replace("%40", "@") for _, value, _ in found(text)] == [
        f"{name}@{host}"
    ]
