"""Rules for e-mail addresses: as they stand, escaped for HTML or URLs, and spelled out against harvesters.

An address is a dot-atom of RFC 5321 and an ASCII domain under a top-level domain that people have mail under.
"""

from __future__ import annotations

import re

from gristmill.annotate.findings.rule import EMAIL, Hit, Rule

_WORD = b"abcdefghijklmnopqrstuvwxyz0123456789_"

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



RULES = (Rule(((_WORD + b"-", b"@", _WORD[:-1]),), _find_email),)
