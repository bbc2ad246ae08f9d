from __future__ import annotations

import ipaddress

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.annotate.findings import addresses, patterns


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
        ("::ffff:93.184.216.34", "ipv4", "93.184.216.34"),
        ("ping 2a02:8071:b5c::a1%eth0", "ipv6", "2a02:8071:b5c::a1"),
        ("https://[2a02:8071:b5c::a1]:8443/x", "ipv6", "2a02:8071:b5c::a1"),
        ("X-Forwarded-For: 93.184.216.34, 10.0.0.1", "ipv4", "93.184.216.34"),
        ("93.184.216.34 - - [10/Oct/2020", "ipv4", "93.184.216.34"),
        ("ssh root@93.184.216.34", "ipv4", "93.184.216.34"),
        ("93.184.216.34:443", "ipv4", "93.184.216.34"),
        ("tcp://93.184.216.34:2375", "ipv4", "93.184.216.34"),
        ("<ip>93.184.216.34</ip>", "ipv4", "93.184.216.34"),
        ("HOST=93.184.216.34\n", "ipv4", "93.184.216.34"),
        ("allow 93.184.216.34;", "ipv4", "93.184.216.34"),
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
        "::ffff:10.1.2.3 ::ffff:192.168.1.7 ::1%lo fe80::1%eth0 fe80::1ff:fe23:4567:890a%3",
        "64:ff9b::1 100::1 fc00:12::1 ff05::1:3 2001:0:ce49:7601:e866:efff:62c3:fffe",
        "std::cout 2f3a::method() 3.14::real 2abc::def::foo 2020::year",
        "1.0.0.127.in-addr.arpa 100.2.0.192.in-addr.arpa",
        "M.58 1.23.82.72 1.21 and -.36-1.02 0 0 .67-.21 2.2.82.64-.18",
        '{\\"version_name\\":\\"81.92.103.94\\"}',
        "101.102.103.104 11.12.13.14 90.80.70.60 3ffe::1 2001:cdba::3257:9652",
        "FW 81.92.103.114 firmware: 81.92.103.114",
        "1.2.840.113549.1.1.11 1.3.132.0.34 2.16.840.1 2.5.4.3",
        "2023:12:24 23:59:59 a::b 2abc::foo 3fff::1 2a02:8071:b5c:1200:9d:1c2:33:a1:5",
    ],
)
def test_what_is_no_public_address(text: str) -> None:
    assert [f for f in found(text) if f[0] in ("ipv4", "ipv6")] == []


@given(st.integers(0x0B000000, 0xDFFFFFFF).map(ipaddress.IPv4Address))
def test_only_public_addresses_are_found(address: ipaddress.IPv4Address) -> None:
    hits = [f for f in found(f"host {address}") if f[0] == "ipv4"]
    if not address.is_global or address.is_multicast:
        assert hits == []
    elif address in addresses._RESOLVERS or address in addresses._INVENTED or len(set(address.packed)) < 3:
        pass
    elif address.packed[2:] != b"\0\0" and address not in ipaddress.ip_network("192.88.99.0/24"):
        assert [value for _, value, _ in hits] == [str(address)]


@pytest.mark.parametrize(
    "text", ["[23.2.4.1] construct", "81.92.103.0/24", "81.92.103.114/28", "2a02:8071::/32"]
)
def test_doubtful_addresses_stay_below_the_default_threshold(text: str) -> None:
    assert [sure for rule, _, sure in found(text) if rule.startswith("ip")] == [False]


def test_rows_do_not_run_into_one_another() -> None:
    column = pa.array([b"81.92.103.11", b"4.5", None, b"ann@web", b".de", b"81.92", b".103.11"], pa.binary())
    assert [(row, hit.start, hit.end) for row, hit in patterns.find(column)] == [(0, 0, 12)]
