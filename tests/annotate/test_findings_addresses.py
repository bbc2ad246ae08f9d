from __future__ import annotations

import pyarrow as pa
import pytest

from gristmill.annotate.findings import patterns


def found(text: str) -> list[tuple[str, str, bool]]:
    """(rule, value, score is at or above the default threshold) of each finding."""
    data = text.encode()
    hits = patterns.find(pa.array([data], pa.binary()))
    return [(hit.rule, data[hit.start : hit.end].decode(), hit.score >= 0.5) for _, hit in hits]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Written by Jane <jane.doe@uni-bonn.de>", "jane.doe@uni-bonn.de"),
        ("mailto:bob+lists@mail.acorp.co.uk?subject=x", "bob+lists@mail.acorp.co.uk"),
        ('author = "x_y@sub.gmail.com"', "x_y@sub.gmail.com"),
        ("write to ann@web.de.", "ann@web.de"),
        ("ann@web.de, bob", "ann@web.de"),
        ("é ann@web.de é", "ann@web.de"),
        ('"line\\nann@web.de"', "ann@web.de"),
        ("\\u003cann@web.de\\u003e", "ann@web.de"),
        ("das <das@FreeBSD.ORG>", "das@FreeBSD.ORG"),
        ("no@no.org: ann@web.de", "no@no.org"),
    ],
)
def test_email(text: str, value: str) -> None:
    assert ("email", value, True) in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "lodash@4.17.21 and react@18.2.0-rc.1",
        '"@babel/core@^7.0.0"',
        "@decorator.name\n@app.route('/x')",
        "git@github.com:owner/name.git",
        "ssh://git@gitlab.com/owner/name.git",
        "https://user@host.org/path",
        "https://abc0123@o1.ingest.sentry.io/42",
        "noreply@github.com",
        "12345+jane@users.noreply.github.com",
        "no-reply@firm.de do-not-reply@firm.de",
        "a@example.com b@example.org me@mail.example.net x@y.test z@host.invalid root@localhost.localdomain",
        "you@yourdomain.com name@company.com foo@bar.com user@domain.com",
        "icon@2x.png background@3x.jpg",
        "W@x.T + u@v.shape + a@b.transpose()",
        "self@obj.name()",
        "%s@mail.com ${user}@mail.com {0}@mail.com",
        "a..b@mail.com",
        "ecdsa-sha2-nistp256@openssh.com",
        "1@web.de",
    ],
)
def test_what_is_no_email(text: str) -> None:
    assert [f for f in found(text) if f[0] == "email"] == []


@pytest.mark.parametrize(
    ("text", "rule", "value"),
    [
        ("host = 93.184.216.34", "ipv4", "93.184.216.34"),
        ('"http://93.184.216.34:8080/x"', "ipv4", "93.184.216.34"),
        ("value: 93.184.216.34", "ipv4", "93.184.216.34"),
        ("from 203.5.17.250.", "ipv4", "203.5.17.250"),
        ("server 12.1.2.3", "ipv4", "12.1.2.3"),
        ("34.216.184.93.in-addr.arpa", "ipv4", "34.216.184.93"),
        ("[2a02:8071:b5c:1200:9d:1c2:33:a1]:80", "ipv6", "2a02:8071:b5c:1200:9d:1c2:33:a1"),
        ("peer 2a02:8071:b5c::A1, next", "ipv6", "2a02:8071:b5c::A1"),
        ("2a02:8071:b5c::a1: up", "ipv6", "2a02:8071:b5c::a1"),
    ],
)
def test_public_addresses(text: str, rule: str, value: str) -> None:
    assert (rule, value, True) in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "10.1.2.3 172.20.1.2 192.168.1.77 127.0.0.1 169.254.10.20 100.64.3.4 0.0.0.0",
        "192.0.2.77 198.51.100.9 203.0.113.200",
        "224.0.0.251 255.255.255.0 255.255.254.0 0.0.0.255 250.1.1.1",
        "8.8.8.8 1.1.1.1 9.9.9.9 208.67.222.222",
        "1.2.3.4 and 5.5.5.5 and 111.111.111.111 and 123.45.67.89",
        "version 81.92.103.114",
        'v81.92.103.114 and AssemblyVersion("81.92.103.114")',
        "Chrome/91.90.4472.124 Safari/81.92.103.114",
        "pkg==81.92.103.114 pkg>=81.92.103.114 pkg@81.92.103.114",
        "oid 81.92.103.114 and 2.5.29.17",
        "1.3.6.1.4.1.311.21.20 81.92.103.114.5 5.81.92.103.114",
        "lib-81.92.103.114.tar.gz 81.92.103.114-beta 81.92.103.114.v5",
        "81.92.103 81.92.103.256 81.92.103.04 081.92.103.4",
        "::1 fe80::1 fd00::1 2001:db8::5 ff02::1 :: std::vector 2001:4860:4860::8888",
        "2023:12:24 23:59:59 a::b 2abc::foo 3fff::1 2a02:8071:b5c:1200:9d:1c2:33:a1:5",
    ],
)
def test_what_is_no_public_address(text: str) -> None:
    assert [f for f in found(text) if f[0] in ("ipv4", "ipv6")] == []


@pytest.mark.parametrize(
    "text", ["[23.2.4.1] construct", "81.92.103.0/24", "81.92.103.114/28", "2a02:8071::/32"]
)
def test_doubtful_addresses_stay_below_the_default_threshold(text: str) -> None:
    assert [sure for rule, _, sure in found(text) if rule.startswith("ip")] == [False]


def test_rows_do_not_run_into_one_another() -> None:
    column = pa.array([b"81.92.103.11", b"4.5", None, b"ann@web", b".de", b"81.92", b".103.11"], pa.binary())
    assert [(row, hit.start, hit.end) for row, hit in patterns.find(column)] == [(0, 0, 12)]
