"""Rules for names of people: in headers of authors, beside an e-mail address, in trailers and manifests.

A name is two to five words that look like one (capitals, initials, particles, any script's letters that
Unicode knows as such) where the text says that a person stands. Companies, projects, bots and placeholders
are none. A copyright notice says who grants the licence and must stay as it is, so a name in one has the
score 0.35, which only high sensitivity takes.
"""

from __future__ import annotations

import functools
import re
import unicodedata

from gristmill.annotate.findings.rule import NAME, USERNAME, Hit, Rule, literal
from gristmill.annotate.findings.thinning import spelled

_SURE, _NOTICE, _SINGLE = 0.85, 0.35, 0.55
_MAX_NAME = 60
_WORDS = b"abcdefghijklmnopqrstuvwxyz0123456789_-"

_PARTICLES = frozenset(
    b"van von der den de del della di da dos du la le ten ter zu zur al el bin ibn af av y e st".decode().split()
)
_NO_NAMES = frozenset(
    b"""inc ltd llc gmbh corp corporation company co foundation project projects team teams group groups authors author
    contributors contributor developers developer community software university universidad
    institute institution college school department dept division labs lab laboratory laboratories technologies
    technology systems solutions services service media studio studios network networks association society council
    consortium committee organization organisation open source license licence public general the all rights reserved
    copyright your my our full first last name surname example sample test tests user users admin bot core maintainers
    maintainer engineering research center centre international national government ministry agency office limited
    holdings partners ag sa bv ab oy srl kg plc pty llp ev python java javascript typescript google microsoft apple
    ibm intel amazon facebook meta mozilla apache linux gnu free unix oracle nvidia github gitlab docker kubernetes
    twitter code file version date email mail see and of for with from by this that is in on at to unknown
    anonymous none null various several many other others original modified based created written generated
    automatically automatic auto default string value title description list type object class function module
    package library framework api web data base book documentation docs guide manual press publishing books page home
    no not an as if any each it its new old more less most only also here there when where which who what why how
    you we they he she be are was were has have had can could should would might must do does did use used
    using add added fix fixed bug issue note notes todo update updated change changed changes support text html json
    xml css http https url uri id key index number int float bool boolean true false self return static const void
    field fields model models view form forms table column row query filter order detail details information info
    abstract references content contents comments comment status history summary introduction overview
    january february march july august september october november december monday tuesday wednesday thursday
    friday saturday sunday chapter section part volume edition tool tools app application server client build release
    support security working task force internet engineering association digital equipment commission european
    alliance initiative collaboration committers hackers friends members cooperation person persons somebody someone
    individual entity holder holders owner owners firstname lastname wikimedia wikipedia django flask sphinx twisted
    matrix labs systems microsystems sun hewlett packard international business machines cloud alibaba ai academy
    senior junior technical writer uc hugging face libet graph dispatcher dump compiled myself random hacker scientific graphics silicon computing enterprises kungliga publishers professor lecturer scientist engineer manager director president""".decode().split()
)
_PLACEHOLDERS = frozenset(
    name.decode()
    for name in (
        b"john doe|jane doe|foo bar|bar foo|john smith|jane smith|joe bloggs|max mustermann|erika mustermann|joe user"
        b"|alice bob|lorem ipsum|some body|john q public|foo barbaz|joe schmoe|john roe|ann other|some one|first last"
        b"|john doe ii|foo fred|hello world|joe bloggs|alice smith|bob smith|alice example"
    ).split(b"|")
)
_INITIALS = re.compile(r"(?:[^\W\d_]\.?-?){1,3}")
_WRITER = re.compile("[\u8005]|\uc800\uc790|\uc81c\uc791")
_PREFIX = re.compile(r"(?:Mc|Mac|De|Di|Du|Da|La|Le|Van|Von|Fitz|Al|El|Ter|Ten)(?=[A-Z])")
_INNER = re.compile(r"[^\W\d_][A-Z]")
_BOT = re.compile(r"bot\b|\[", re.IGNORECASE)


def is_person(name: str) -> bool:
    """Whether some words look like the name of one person, not of a firm, a project, a program or a heading.

    Args:
        name: up to 60 characters, without white space at the ends.
    """
    words = name.split()
    folded = [word.strip(".,'").lower() for word in words]
    if " ".join(folded) in _PLACEHOLDERS or _NO_NAMES.intersection(folded) or _BOT.search(name):
        return False
    if len(words) == 1:
        # Chinese, Japanese and Korean names are written without a space; one sign says that writers stand there.
        east = all(unicodedata.category(c) == "Lo" and c > "\u2e80" for c in name)
        return east and 2 <= len(name) <= 5 and not _WRITER.search(name)
    if not 2 <= len(words) <= 5 or name.isupper():
        return False
    full = 0
    for word in words:
        if word.lower() in _PARTICLES and word.islower():
            continue
        if not word[0].isalpha() or not (word[0].isupper() or (word[0] > "\u0590" and not word[0].islower())):
            return False
        if _INITIALS.fullmatch(word) and word.isupper():
            continue
        if not all(c.isalpha() or c in "-'\u2019." or unicodedata.category(c) == "Mn" for c in word):
            return False
        # Words with capitals inside are rather names of programs and classes.
        if not word.isupper() and _INNER.search(_PREFIX.sub("", word)):
            return False
        if word.endswith(".") and len(word) > 4:
            return False
        full += 1
    return full >= 1 and (words[-1][-1] != "." or words[-1] in ("Jr.", "Sr."))


_NAME_BYTES = rb"A-Za-z\x80-\xff.' -"
_BEFORE_MAIL = re.compile(
    rb"(?P<name>[" + _NAME_BYTES + rb"]{3,60})\\?[\"']?[ ]{0,2}(?:<|&lt;|\()(?:mailto:)?\Z"
)
_MANIFEST_BEFORE = re.compile(
    rb"\bname[\"']?[ ]?[:=][ ]?[\"'](?P<name>["
    + _NAME_BYTES
    + rb"]{3,60})[\"'],\s{0,16}[\"']?e-?mail[\"']?[ ]?[:=][ ]?[\"']\Z"
)
_MANIFEST_AFTER = re.compile(
    rb"@[\w.-]{3,80}+[\"'],\s{0,16}[\"']?name[\"']?[ ]?[:=][ ]?[\"'](?P<name>["
    + _NAME_BYTES
    + rb"]{3,60})[\"']"
)
_LOCAL_BYTES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-"
_NOTICE_WORD = re.compile(rb"copyright|\(c\)|\xc2\xa9|&copy;|\\copyright", re.IGNORECASE)
# The last word before a name, as in 'Thanks to Jane Roe <': it has no capital and is no particle.
_LEAD = re.compile(
    rb".*(?<![^ .'-])(?!(?:" + b"|".join(sorted(p.encode() for p in _PARTICLES)) + rb") )[a-z][^ ]* +",
    re.DOTALL,
)


def _name_at(text: bytes, start: int, end: int, score: float = _SURE) -> Hit | None:
    """The finding for a stretch of text, less white space at its ends, if it is a person's name."""
    value = text[start:end]
    start += len(value) - len(value.lstrip(b" .'-"))
    value = value.strip(b" '-")
    value = value.lstrip(b".")
    if not 3 <= len(value) <= _MAX_NAME:
        return None
    try:
        name = value.decode()
    except UnicodeDecodeError:
        return None
    if not is_person(name):
        return None
    line = max(0, start - 80)
    line = text.rfind(b"\n", line, start) + 1 or line
    if _NOTICE_WORD.search(text, line, start):
        score = _NOTICE
    return Hit(start, start + len(value), NAME, score, "name")


def _find_beside_mail(text: bytes, at: int) -> Hit | None:
    """``Jane Roe <jane@...>``, and the name and the address of a person in a manifest."""
    sign = at + 1
    head = text[max(0, sign - 65) : sign]
    start = sign - len(head) + len(head.rstrip(_LOCAL_BYTES))
    low = max(0, start - _MAX_NAME - 10)
    match = _BEFORE_MAIL.search(text, low, start)
    if match is not None:
        lead = _LEAD.match(match["name"])
        begin = match.start("name") + (lead.end() if lead else 0)
        return _name_at(text, begin, match.end("name"))
    match = _MANIFEST_BEFORE.search(text, max(0, start - 110), start) or _MANIFEST_AFTER.match(text, sign)
    return None if match is None else _name_at(text, match.start("name"), match.end("name"))


# ---------------------------------------------------------------------------- headers and trailers

_STRETCH = 240
_AUTHOR = re.compile(
    rb"author(?:s|\(s\))?(?P<link>"
    rb"[ \t]{1,12}|(?:\[[^\]\n]{0,40}\])?\{"  # @author Jane, \author{Jane}
    rb"|[ \t]{0,12}:{1,2}[ \t]{1,12}(?![\w.]+[ \t]?=)"  # Author: Jane
    rb"|(?:__)?[\"']?\]?[ \t]{0,8}(?::=?|=>?)[ \t]{0,8}(?:\[\s{0,12}|\(\s{0,12}|\{\s{0,12})?(?:[\"']?name[\"']?[ ]?[:=][ ]?)?[\"']"
    rb"|[\"'] content=[\"']|>(?:<name>)?)",
    re.IGNORECASE,
)
_WRITTEN = re.compile(rb"(?:written|created|coded|implemented|developed) by[ :]{1,3}", re.IGNORECASE)
_TRAILER = re.compile(rb"-by:[ \t]{1,4}", re.IGNORECASE)
_COPYRIGHT = re.compile(
    rb"(?i:pyright)[ ,:]{0,4}(?:\([cC]\)|\xc2\xa9|&copy;|\\\(co|@)?[ ,:]{0,4}(?:\d{4}[ ,-]{0,3}(?:\xe2\x80\x93 ?)?(?:present|now)?){0,8}[ ,:]{0,4}(?:by[ ]{1,2})?"
)
_ITEM = re.compile(
    rb"[\s\"'#*/%]{0,16}(?P<name>[" + _NAME_BYTES + rb"]{3,60}?)(?:\"|'(?![A-Za-z\x80-\xff]))?\s{0,3}"
    rb"(?:(?:<|&lt;)[^<>\n]{0,80}>|\([^()\n]{0,80}\)|on \d[^\n,]{0,30})?\s{0,3}"
    rb"(?P<end>,? (?:and|&) |\\and|[,;&/]|[.]?[\r\n]|\\n|[\"}<)\]|]|'(?![A-Za-z\x80-\xff])|[.]?\Z|, ?\d|\*/|(?<![ .][A-Z])\.  ?[A-Z]|[ \t]-->| - | \d{4}| \[)"
)
_GOES_ON = (b",", b";", b"&", b"/", b"a", b"\\", b'"', b"'")
_HANDLE = re.compile(rb"[\"']?(?P<name>[a-z][a-z0-9_.-]{2,30}[a-z0-9])[ \t]{0,4}(?:[\r\n]|\*/|[\"']\s|<|\Z)")
_NO_HANDLES = frozenset(
    b"""string none null true false self name author authors unknown anonymous admin root test user username todo
    text str int object auto me you your-name yourname foo bar example""".split()
)


_FIRM = re.compile(
    rb",? ?(?:inc|ltd|llc|gmbh|corp|co|s\.a|ag|b\.v)\b|,? (?:foundation|team|project|contributors)\b",
    re.IGNORECASE,
)


def _nth_of(text: bytes, begin: int, index: int) -> Hit | None:
    """The name number ``index`` of a list of names that starts at ``begin``."""
    end = min(len(text), begin + _STRETCH)
    for _ in range(index):
        match = _ITEM.match(text, begin, end)
        if match is None or match["end"].strip()[:1] not in _GOES_ON:
            return None
        if _name_at(text, match.start("name"), match.end("name")) is None:
            return None
        begin = match.end()
        while text[begin : begin + 1] in (b",", b" ", b"\n") and begin < end:
            begin += 1
    match = _ITEM.match(text, begin, end)
    if match is None or _FIRM.match(text, match.end("name")):
        return None
    return _name_at(text, match.start("name"), match.end("name"))


def _find_author(index: int, text: bytes, at: int) -> Hit | None:
    match = _AUTHOR.match(text, at - 1)
    if match is None:
        return None
    tagged = text[at - 2 : at - 1] in (b"@", b"\\")
    if not match["link"].strip() and not tagged:
        return None
    if text[at - 2 : at - 1].isalpha():
        return None
    hit = _nth_of(text, match.end(), index)
    if hit is None and index == 0 and (tagged or b"__" in match["link"]):
        handle = _HANDLE.match(text, match.end())
        if handle is not None and handle["name"] not in _NO_HANDLES:
            return Hit(handle.start("name"), handle.end("name"), USERNAME, _SINGLE, "author-handle")
    return hit


def _find_written(text: bytes, at: int) -> Hit | None:
    match = _WRITTEN.search(text, max(0, at - 10), at + 8)
    return None if match is None else _nth_of(text, match.end(), 0)


def _find_trailer(text: bytes, at: int) -> Hit | None:
    match = _TRAILER.match(text, at)
    return None if match is None or not text[at - 1 : at].isalpha() else _nth_of(text, match.end(), 0)


def _find_copyright(text: bytes, at: int) -> Hit | None:
    match = _COPYRIGHT.match(text, at)
    return None if match is None else _nth_of(text, match.end(), 0)


_LISTED = 4
_AUTHORS = (literal(b"uth"),)

RULES = (
    Rule(((_WORDS, b"@", _WORDS[:36]),), _find_beside_mail),
    *(
        Rule(_AUTHORS, functools.partial(_find_author, index), spelled([(-1, b"author")]))
        for index in range(_LISTED)
    ),
    Rule(
        ((b"nd", b" ", b"b"),),
        _find_written,
        spelled(
            (1 - len(word), word + b" by")
            for word in (b"written", b"created", b"coded", b"implemented", b"developed")
        ),
    ),
    Rule((literal(b"-by"),), _find_trailer),
    Rule((literal(b"pyr"),), _find_copyright, spelled([(-2, b"copyright")])),
)
