"""Rules for personal data with a grammar: e-mail addresses and public IP addresses.

E-mail follows the dot-atom form of RFC 5321 with an ASCII domain. IP addresses are the public ones: the
special-purpose ranges of the IANA registries (RFC 6890), well-known public resolvers and everything that is
rather a version, an object identifier or a network mask stay in place.
"""

from __future__ import annotations

import ipaddress
import re

import numpy as np

from gristmill.annotate.findings.rule import EMAIL, IP_ADDRESS, Bytes, Hit, Mask, Positions, Rule

_DIGITS = b"0123456789"
_HEX = b"0123456789abcdef"
_WORD = b"abcdefghijklmnopqrstuvwxyz0123456789_"

# ---------------------------------------------------------------------------------------------- e-mail

_LOCAL_BYTES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-"
_MAX_LOCAL = 64
_DOMAIN = re.compile(rb"@((?:[A-Za-z0-9-]{1,63}\.){1,8})([A-Za-z]{2,12})(?![A-Za-z0-9_@(-]|\.[A-Za-z0-9])")
# A country's code, or one of the other top-level domains that people have mail under. Of the country codes,
# those that are also common names of attributes or types after '@' in code are still far more often mail.
_TLDS = frozenset(
    b"""ac ad ae af ag ai al am ao ar as at au aw az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bw by bz ca cc
    cd cf cg ch ci ck cl cm cn co cr cu cv cw cy cz de dj dk dm do dz ec ee eg er es et eu fi fj fm fo fr ga gd
    ge gf gg gh gi gl gm gn gp gq gr gt gu gy hk hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh
    ki km kn kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms mt mu mv
    mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pr ps pt pw py qa re ro rs ru rw
    sa sb sc sd se sg sh si sk sl sm sn so sr st su sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz
    ua ug uk us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw
    com org net edu gov mil int info biz name pro aero coop museum mobi jobs travel asia cat tel post
    dev app xyz online site tech store club blog cloud email world live life today agency digital systems
    solutions software network academy company group team studio design social media news wiki page space top
    work works berlin london paris nyc vegas tokyo wien koeln hamburg bayern swiss global ltd llc gmbh inc
    science engineer engineering university education institute foundation community health finance bank law
    consulting services support center zone rocks ninja guru expert codes computer technology ventures capital
    art fun one moe tools games photo foo""".split()
)
_VERSION_CONTROL = frozenset((b"git", b"hg", b"svn", b"bzr", b"gitea", b"gitlab"))
_NO_PERSON = re.compile(rb"no-?_?reply|do-?_?not-?_?reply|mailer-daemon|\A(?:x+|\d{1,2})\Z", re.IGNORECASE)
_NO_MAIL = re.compile(
    # Reserved names (RFC 2606, RFC 6761), and names that documentation takes for granted.
    rb"(?:\A|\.)(?:example\.(?:com|org|net|edu)|[\w-]+\.(?:example|test|invalid|localhost|local))\Z"
    rb"|\A(?:[\w-]+\.)*(?:example|(?:your|my|some)?-?(?:e?mail|domain|company|host|site|server|org|website)"
    rb"|somewhere|nowhere|test|foo|bar|baz|foobar|acme|contoso|fabrikam|xxx+|x|a|b|c)\.[a-z]+(?:\.[a-z]{2})?\Z"
    rb"|(?:\A|\.)noreply\.|\A(?:openssh\.com|libssh\.org)\Z",
    re.IGNORECASE,
)
_PROVIDERS = frozenset((b"mail.com", b"email.com", b"mail.ru", b"email.cz", b"mail.de"))
_ESCAPE = re.compile(rb"u00[0-9a-fA-F]{2}|x[0-9a-fA-F]{2}|[nrtfbv]")
_USERINFO = re.compile(rb"://[^\s\"'<>/]{0,128}\Z")


def _find_email(text: bytes, at: int) -> Hit | None:
    sign = at + 1
    domain = _DOMAIN.match(text, sign)
    if domain is None or domain[2].lower() not in _TLDS:
        return None
    head = text[max(0, sign - _MAX_LOCAL - 1) : sign]
    local = head[len(head.rstrip(_LOCAL_BYTES)) :]
    before = text[sign - len(local) - 1 : sign - len(local)]
    if before == b"\\":
        # The tail of an escape sequence is no part of the name.
        escape = _ESCAPE.match(local)
        local = local[escape.end() :] if escape else local
    local = local.lstrip(b".-+")
    if not local or len(local) > _MAX_LOCAL or b".." in local or local.endswith(b"."):
        return None
    if before in (b"%", b"}", b"$", b"#", b"/", b"@", b")", b"]"):
        return None
    host = (domain[1] + domain[2]).lower()
    if b".-" in host or b"-." in host or host.startswith(b"-"):
        return None
    if local.lower() in _VERSION_CONTROL or _NO_PERSON.search(local):
        return None
    if _NO_MAIL.search(host) and host not in _PROVIDERS:
        return None
    start = sign - len(local)
    if _USERINFO.search(text, max(0, start - 136), start):
        return None
    # A capitalised last label is rather a class of a module than a domain, but for text in brackets.
    plain = domain[2].islower() or domain[2].isupper() or text[start - 1 : start] == b"<"
    score = 0.95 if plain else 0.4
    return Hit(start, domain.end(), EMAIL, score, "email")


# ---------------------------------------------------------------------------------------- IP addresses

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
    ]
)
_OCTET = rb"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_AFTER = rb"(?![0-9A-Za-z_]|\.(?!in-addr)[0-9A-Za-z]|-[0-9A-Za-z])"
_IPV4 = re.compile(rb"(?<![0-9A-Za-z_.-])" + _OCTET + rb"(?:\." + _OCTET + rb"){3}" + _AFTER)
_IPV6 = re.compile(
    rb"(?<![0-9A-Za-z_:.-])[23][0-9A-Fa-f]{3}(?::[0-9A-Fa-f]{0,4}){2,7}(?<!(?<!:):)"
    + _AFTER
    + rb"(?!:[0-9A-Fa-f:])"
)
_NETWORK = re.compile(rb"/\d{1,3}(?!\d)")
_NOT_AN_ADDRESS = re.compile(
    rb"(?:(?<![a-z])(?:vers?|v|releases?|rev(?:ision)?s?|builds?|firmware|oids?|objectidentifier|sections?|sect?\.?"
    rb"|chapter|clause|table|fig(?:ure)?\.?|appendix|rfc|iso|ecma)[-_ ]?\d{0,5}"
    rb"|version\w{0,12}|[~<>=!^]=|[a-z]/|@)[)\]]?[\s\"'`:=(,]{0,4}\Z",
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
    if max(octets) < 10 or len(set(octets)) == 1 or octets[2:] == [0, 0]:
        return None
    # Section and version numbers are small throughout; of the public addresses, one in a thousand is.
    small = max(octets) < 64 and not _IP_CONTEXT.search(text, max(0, start - 32), start)
    return _public(
        text, match, ipaddress.IPv4Address(match[0].decode()), unsure=small or octets[3] in (0, 255)
    )


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
    Rule(((_WORD + b"-", b"@", _WORD[:-1]),), _find_email),
    Rule(((_DIGITS, b".", _DIGITS),), _find_ipv4, _thin_ipv4),
    Rule(((_HEX, _HEX, b":"),), _find_ipv6, _thin_ipv6),
)
