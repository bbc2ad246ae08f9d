"""Rules for public IP addresses.

Private addresses and all other special-purpose ranges of the IANA registries (RFC 6890), well-known public
resolvers, and what is rather a version, an object identifier or a network mask stay in place.
"""

from __future__ import annotations

import ipaddress
import itertools
import re

import numpy as np

from gristmill.annotate.findings.rule import IP_ADDRESS, Bytes, Hit, Mask, Positions, Rule

_DIGITS = b"0123456789"
_HEX = b"0123456789abcdef"

_SPECIAL = tuple(
    ipaddress.ip_network(block)
    for block in [
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "2001::/23",
        "2001:db8::/32",
        "3fff::/20",
        "3ffe::/16",
    ]
)
# Public resolvers: they name a service, not a person, and programs are wrong without them.
_RESOLVERS = frozenset(
    ipaddress.ip_address(address)
    for address in [
        "1.1.1.1",
        "1.0.0.1",
        "1.1.1.2",
        "1.1.1.3",
        "8.8.8.8",
        "8.8.4.4",
        "9.9.9.9",
        "9.9.9.10",
        "149.112.112.112",
        "149.112.112.10",
        "208.67.222.222",
        "208.67.220.220",
        "208.67.222.123",
        "208.67.220.123",
        "4.2.2.1",
        "4.2.2.2",
        "4.2.2.3",
        "4.2.2.4",
        "64.6.64.6",
        "64.6.65.6",
        "8.26.56.26",
        "8.20.247.20",
        "84.200.69.80",
        "84.200.70.40",
        "94.140.14.14",
        "94.140.15.15",
        "77.88.8.8",
        "77.88.8.1",
        "114.114.114.114",
        "114.114.115.115",
        "223.5.5.5",
        "223.6.6.6",
        "119.29.29.29",
        "180.76.76.76",
        "168.63.129.16",
        "2001:4860:4860::8888",
        "2001:4860:4860::8844",
        "2606:4700:4700::1111",
        "2606:4700:4700::1001",
        "2620:fe::fe",
        "2620:fe::9",
        "2620:119:35::35",
        "2620:119:53::53",
        "2a10:50c0::ad1:ff",
        "2a10:50c0::ad2:ff",
        "2400:3200::1",
    ]
)
_INVENTED = frozenset(
    ipaddress.ip_address(address)
    for address in [
        "11.22.33.44",
        "12.34.56.78",
        "123.45.67.89",
        "98.76.54.32",
        "99.88.77.66",
        "87.65.43.21",
        "21.43.65.87",
        "2001:cdba::3257:9652",
    ]
)
_OCTET = rb"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_AFTER = rb"(?![0-9A-Za-z_]|\.(?!in-addr)[0-9A-Za-z]|-[0-9A-Za-z.])"
_IPV4 = re.compile(rb"(?<![0-9A-Za-z_.-])" + _OCTET + rb"(?:\." + _OCTET + rb"){3}" + _AFTER)
_IPV6 = re.compile(
    rb"(?<![0-9A-Za-z_:.-])[23][0-9A-Fa-f]{3}(?::[0-9A-Fa-f]{0,4}){2,7}(?<!(?<!:):)"
    + _AFTER
    + rb"(?!:[0-9A-Fa-f:])"
)
_DECIMAL = re.compile(rb"\.\d{1,5}[ ,]\Z")
_NETWORK = re.compile(rb"/\d{1,3}(?!\d)")
_NOT_AN_ADDRESS = re.compile(
    rb"(?:(?<![a-z])(?:vers?|v|releases?|rev(?:ision)?s?|builds?|firmware|fw|oids?|objectidentifier|sections?|sect?\.?"
    rb"|chapter|clause|table|fig(?:ure)?\.?|appendix|rfc|iso|ecma)[-_ ]?\d{0,5}"
    rb"|version\w{0,12}|[~<>=!^]=|[a-z]/|(?<!root)(?<!admin)(?<!ubuntu)(?<!user)(?<!git)@)[)\]]?[\s\"'`:=(,\\]{0,8}\Z",
    re.IGNORECASE,
)
_IP_CONTEXT = re.compile(
    rb"(?:ip|ipv4|ip_?addr(?:ess)?|addr|host(?:name)?|server|dns|gateway|peer|client|ping|ssh|from)[^A-Za-z\n]{0,8}\Z|//\Z|@\Z",
    re.I,
)
_OID_ARCS = (b"2.5.", b"1.3.14.", b"1.3.132.", b"1.3.101.", b"2.16.")


def _thin_ipv4(data: Bytes, positions: Positions, rows: Positions) -> Mask:
    """Keeps the first of exactly three linked anchors: the first dot of ``a.b.c.d`` but not of ``a.b.c.d.e``."""
    keep = np.zeros(len(positions), dtype=np.bool_)
    if len(positions) < 3:
        return keep
    gap = np.diff(positions)
    middle = data[np.minimum(positions[:-1] + 3, len(data) - 1)]
    linked = (gap <= 3) | ((gap == 4) & (middle >= ord("0")) & (middle <= ord("9")))
    linked &= rows[:-1] == rows[1:]
    linked = np.concatenate(([False], linked, [False]))  # linked[i]: anchor i goes on from anchor i - 1
    keep[:-2] = ~linked[:-3] & linked[1:-2] & linked[2:-1] & ~linked[3:]
    return keep


def _thin_ipv6(data: Bytes, positions: Positions, rows: Positions) -> Mask:
    """Keeps groups of four digits that start with 2 or 3: all of 2000::/3, the global unicast space."""
    lead = data[np.maximum(positions - 2, 0)]
    keep: Mask = (positions >= 2) & ((lead == ord("2")) | (lead == ord("3")))
    return keep


def _find_ipv4(text: bytes, at: int) -> Hit | None:
    start = at
    while start > at - 2 and start > 0 and 48 <= text[start - 1] <= 57:
        start -= 1
    match = _IPV4.match(text, start)
    if match is None or match[0].startswith(_OID_ARCS):
        return None
    octets = [int(part) for part in match[0].split(b".")]
    if text.startswith(b".in-addr", match.end()):
        octets.reverse()
    # Numbers that count up or down are made up; a path of a drawing puts decimals side by side.
    steps = {abs(second - first) for first, second in itertools.pairwise(octets)}
    if steps in ({1}, {10}, {20}) or _DECIMAL.search(text, max(0, start - 8), start):
        return None
    if max(octets) < 10 or len(set(octets)) == 1 or octets[2:] == [0, 0]:
        return None
    # Section and version numbers are small throughout; of the public addresses, one in a thousand is.
    small = max(octets) < 64 and not _IP_CONTEXT.search(text, max(0, start - 32), start)
    return _public(text, match, ipaddress.IPv4Address(bytes(octets)), unsure=small or octets[3] in (0, 255))


def _find_ipv6(text: bytes, at: int) -> Hit | None:
    match = _IPV6.match(text, max(0, at - 2))
    if match is None:
        return None
    try:
        address = ipaddress.IPv6Address(match[0].decode())
    except ValueError:
        return None
    return _public(text, match, address, unsure=match[0].endswith(b"::"))


def _public(
    text: bytes,
    match: re.Match[bytes],
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
    *,
    unsure: bool,
) -> Hit | None:
    """The finding for an address that was read from the text, unless it is not public or no address at all."""
    if address in _RESOLVERS or address in _INVENTED:
        return None
    if any(address in block for block in _SPECIAL if block.version == address.version):
        return None
    start = match.start()
    if text[start - 1 : start] != b"/" or text[start - 2 : start] != b"//":
        line = text.rfind(b"\n", max(0, start - 32), start) + 1
        if _NOT_AN_ADDRESS.search(text, max(line, start - 32), start):
            return None
    score = 0.4 if unsure or _NETWORK.match(text, match.end()) else 0.9
    return Hit(start, match.end(), IP_ADDRESS, score, f"ipv{address.version}")


RULES = (
    Rule(((_DIGITS, b".", _DIGITS),), _find_ipv4, _thin_ipv4),
    Rule(((_HEX, _HEX, b":"),), _find_ipv6, _thin_ipv6),
)
