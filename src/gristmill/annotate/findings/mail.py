"""Rules for e-mail addresses: as they stand, escaped for HTML or URLs, and spelled out against harvesters.

An address is a dot-atom of RFC 5321 and an ASCII domain under a top-level domain that people have mail under.
"""

from __future__ import annotations

import re

from gristmill.annotate.findings.rule import EMAIL, USERNAME, Bytes, Hit, Mask, Positions, Rule
from gristmill.annotate.findings.thinning import byte_at

_WORD = b"abcdefghijklmnopqrstuvwxyz0123456789_"

_LOCAL_BYTES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-"
_MAX_LOCAL = 64
_DOMAIN = re.compile(
    rb"((?:[A-Za-z0-9-]{1,63}\.){1,8})([A-Za-z]{2,12}?(?=E<gt>)|[A-Za-z]{2,12}(?![A-Za-z0-9_@(-]|\.[A-Za-z0-9]))"
)
# A country's code, or one of the other top-level domains that people have mail under. Of the country codes,
# those that are also common names of attributes or types after '@' in code are still far more often mail.
_TLDS = frozenset(
    b"""ac ad ae af ag ai al am ao ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bw by bz ca cc
    cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj fm fo fr ga gd
    ge gf gg gh gi gl gm gn gp gq gs gw gn gp gq gr gt gu gy hk hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh
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
    rb"|\A(?:[\w-]+\.)*(?:example|(?:your|my|some)-?org|(?:your|my|some)?-?(?:e?mail|domain|company|host|site|server|website)"
    rb"|your|somewhere|nowhere|someplace|test|foo|bar|baz|foobar|acme|contoso|fabrikam|xxx+|[a-pr-z])\.(?:[a-z]+|(?:co|com|org|net|ac)\.[a-z]{2})\Z"
    rb"|(?:\A|\.)noreply\.|\A(?:openssh\.com|libssh\.org|li\.org)\Z",
    re.IGNORECASE,
)
_PROVIDERS = frozenset((b"mail.com", b"email.com", b"mail.ru", b"email.cz", b"mail.de"))
_ESCAPE = re.compile(rb"u00[0-9a-fA-F]{2}|x[0-9a-fA-F]{2}|[nrtfbv]")
_USERINFO = re.compile(rb"://[^\s\"'<>/]{0,128}\Z")


# Stand-ins for a person, under a domain that is real.
_ANYONE = re.compile(
    rb"(?:alice|bob|charlie|eve|mallory|foo|bar|baz|foobar|test|tests|tester|testuser|test\.?user|user|username|user\.?name"
    rb"|someone|somebody|email|mail|me|you|your\.?(?:name|e?mail)|name|myname|my\.?e?mail|john\.?doe|example)\d{0,3}",
    re.IGNORECASE,
)
_FREE = re.compile(
    rb"(?:gmail|googlemail|hotmail|yahoo|outlook|live|icloud|mail|email|protonmail)\.[a-z.]{2,6}"
)
_MESSAGE = re.compile(
    rb"(?:message-id|in-reply-to|references|content-id|call-id)[\"']?: {0,2}[^\n]{0,120}\Z|\bcid:\Z",
    re.IGNORECASE,
)
_MACHINE = re.compile(
    rb"[0-9A-Fa-f]{7,12}\.[0-9A-Fa-f]{4,8}\w{0,8}|\d{12,}|\d+\.\w{9,}|[0-9a-f]{24,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{8,14}\.[A-Z]{2}\d+"
)
_REMOTE = re.compile(rb":(?:[/~]|[\w.-]{1,60}/|[\w.-]{1,60}\.git\b)")
_SHELL = re.compile(rb"\b(?:ssh|scp|sftp|rsync|ssh-copy-id|mosh)[ ](?:-\w[ ]?[^\s-]{0,40} ){0,2}\Z")


def _address(text: bytes, left: int, right: int, score: float, rule: str) -> Hit | None:
    """The address whose local part ends at ``left`` and whose domain starts at ``right``."""
    domain = _DOMAIN.match(text, right)
    if domain is None or domain[2].lower() not in _TLDS:
        return None
    head = text[max(0, left - _MAX_LOCAL - 1) : left]
    local = head[len(head.rstrip(_LOCAL_BYTES)) :]
    before = text[left - len(local) - 1 : left - len(local)]
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
    start = left - len(local)
    if _USERINFO.search(text, max(0, start - 136), start):
        return None
    if _REMOTE.match(text, domain.end()) or _SHELL.search(text, max(0, start - 60), start):
        return Hit(start, left, USERNAME, 0.6, "remote-account")
    line = text.rfind(b"\n", max(0, start - 160), start) + 1
    if _MESSAGE.search(text, max(line, start - 160, 0), start):
        score = 0.3
    # A capitalised last label is rather a class of a module than a domain, but for text in brackets.
    plain = domain[2].islower() or domain[2].isupper() or text[start - 1 : start] == b"<"
    # A name that a program made, a node of a network and a path are rarely a person's address.
    path = text[domain.end() : domain.end() + 1] == b"/"
    if not plain or path or _MACHINE.fullmatch(local) or (_ANYONE.fullmatch(local) and _FREE.fullmatch(host)):
        score = min(score, 0.4)
    return Hit(start, domain.end(), EMAIL, score, rule)


def _find_email(text: bytes, at: int) -> Hit | None:
    # Perl and TeX write a backslash before the sign.
    return _address(text, at + (text[at : at + 1] != b"\\"), at + 2, 0.95, "email")


_ESCAPED_SIGN = re.compile(rb"&#0{0,4}64;|&#[xX]0{0,4}40;|%40|=40")


def _find_escaped(text: bytes, at: int) -> Hit | None:
    """``jane&#64;...``, ``jane%40...`` and ``jane=40...`` (HTML, RFC 3986 and quoted-printable, RFC 2045)."""
    sign = _ESCAPED_SIGN.match(text, at) or _ESCAPED_SIGN.match(text, max(0, at - 1))
    if sign is None:
        return None
    # Behind '=' a number is far more often assigned than a sign quoted.
    score = 0.4 if sign[0].startswith(b"=") else 0.8
    return _address(text, sign.start(), sign.end(), score, "email-escaped")


_SPELLED_SIGN = re.compile(rb" ?[\[(] ?at ?[\])] ?| at |_at_| -at- ", re.IGNORECASE)
_SPELLED_DOT = rb"(?: ?[\[({<] ?dot ?[\])}>] ?| dot |_dot_)"
_SPELLED_HOST = re.compile(
    rb"[a-z0-9][a-z0-9-]{1,40}(?:(?P<dot>"
    + _SPELLED_DOT
    + rb"|\.)[a-z0-9-]{2,40}){0,3}(?:"
    + _SPELLED_DOT
    + rb"|\.)"
    rb"(?P<top>[a-z]{2,12})(?![a-z0-9_(-]|\.[a-z0-9])",
    re.IGNORECASE,
)
_SPELLED_LOCAL = re.compile(
    rb"(?<![\w.+%/-])[a-z0-9_+-]{1,40}(?:(?:" + _SPELLED_DOT + rb"|\.)[a-z0-9_+-]{1,40}){0,3}\Z",
    re.IGNORECASE,
)
_DOTTED = re.compile(_SPELLED_DOT, re.IGNORECASE)


def _find_spelled(text: bytes, at: int) -> Hit | None:
    """``jane at firm dot com``, ``jane [at] firm [dot] com``, ``jane (at) firm.com`` and ``jane at gmail.com``."""
    sign = _SPELLED_SIGN.match(text, max(0, at - 1)) or _SPELLED_SIGN.match(text, at)
    host = None if sign is None else _SPELLED_HOST.match(text, sign.end())
    if sign is None or host is None or host["top"].lower() not in _TLDS:
        return None
    local = _SPELLED_LOCAL.search(text, max(0, sign.start() - 80), sign.start())
    if local is None or len(local[0]) < 2 or _ANYONE.fullmatch(local[0]) or _NO_PERSON.search(local[0]):
        return None
    bracket = not sign[0].strip(b" ").isalpha()
    plain = _DOTTED.sub(b".", host[0]).lower()
    framed = text[local.start() - 1 : local.start()] == b"<" and text[host.end() : host.end() + 1] == b">"
    # '_at_' is a part of many names of files, and ' at ' of prose, where the dot is not spelled out too.
    sure = framed or _FREE.fullmatch(plain) or plain != host[0].lower()
    if not sure and (not bracket or sign[0].startswith(b"_")):
        return None
    if _NO_MAIL.search(plain) and plain not in _PROVIDERS:
        return None
    return Hit(local.start(), host.end(), EMAIL, 0.75 if bracket else 0.6, "email-spelled")


def _thin_spelled(data: Bytes, positions: Positions, rows: Positions) -> Mask:
    """Keeps the word 'at' in brackets, or between two spaces, underscores or hyphens."""
    first, last = data[positions], byte_at(data, positions, 3)
    paired = (first == ord(" ")) | (first == ord("_")) | (first == ord("-"))
    closing = (last == ord("]")) | (last == ord(")")) | (last == ord(" "))
    keep: Mask = (paired & (first == last)) | (~paired & closing) | ((first == ord(" ")) & closing)
    return keep


RULES = (
    Rule(((_WORD + b"-\\", b"@", _WORD[:-1]),), _find_email),
    Rule(((b"#", b"06", b"046"), (b"#", b"x", b"4"), (b"%=", b"4", b"0")), _find_escaped),
    Rule(((b" [(_-", b"a", b"t"),), _find_spelled, _thin_spelled),
)
