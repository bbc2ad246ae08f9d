"""Which encoding a content that is not UTF-8 was written in, if any.

The rules, in order, each of which must decode the *whole* content without an error:

1. a byte order mark of UTF-32 or UTF-16 (Unicode standard, section 23.8);
2. UTF-16 without a mark, where NUL bytes make up at least ``_UTF16_SHARE`` of one half of every code unit
   and none of the other; any other content with a NUL byte is binary;
3. more than ``_MAX_CONTROLS`` control characters: binary;
4. the encoding that the first kilobyte declares (PEP 263, Emacs, Vim, XML, CSS ``@charset``, HTML), if known;
5. the guess of charset-normalizer from the first ``_SAMPLE_BYTES`` of lines that are not plain ASCII.

Bytes alone cannot tell the Latin code pages from each other when there are few letters to go by. So where
the bytes above 0x7F stand alone or in twos among ASCII, and make ``_FEW`` runs or could as well be
Windows-1252, the answer is ``cp1252`` (which the WHATWG encoding standard also takes ISO 8859-1 to mean).
"""

from __future__ import annotations

import codecs
import re

_SAMPLE_BYTES = 16_384
_MAX_CONTROLS = 0.01
_UTF16_SHARE = 0.7
_DECLARATION_BYTES = 1024
_CONTEXT_BYTES = 512
_FEW = 3

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

# The legacy encodings of source code, under Python's names. EBCDIC, UTF-7 and the escape codecs are left
# out on purpose: they would read nearly any bytes as text.
_LATIN = ("cp1252", "cp1250", "cp1254", "cp1257", "iso8859-2", "iso8859-15", "mac-roman", "cp437", "cp850")
_GUESSABLE = (
    *_LATIN,
    *("cp1251", "koi8-r", "koi8-u", "cp866", "iso8859-5", "cp1253", "cp1255", "cp1256", "cp874"),
    *("cp932", "euc_jp", "gb18030", "big5", "cp949"),
)
_DECLARABLE = frozenset(
    (
        *_GUESSABLE,
        *("iso8859-1", "iso8859-3", "iso8859-4", "iso8859-6", "iso8859-7", "iso8859-8", "iso8859-9"),
        *("iso8859-10", "iso8859-13", "iso8859-14", "iso8859-16", "cp852", "cp1258", "mac-cyrillic"),
        *("shift_jis", "gbk", "gb2312", "big5hkscs", "euc_kr", "johab", "tis-620"),
    )
)

_DECLARATION = re.compile(rb"(?:coding|charset)[\s:=]{1,8}[\"']?([A-Za-z0-9][-\w.:]{1,40})")
_WIDE_RUN = re.compile(rb"[\x80-\xff]++")
_BREAKS = re.compile(rb"[\x00-\x2f]")
# C0 controls other than those that text holds (BS, TAB, LF, VT, FF, CR, ESC), and DEL.
_CONTROLS = bytes([*range(8), *range(14, 27), *range(28, 32), 127])
_CONTROL_CHARACTERS = dict.fromkeys([*_CONTROLS, *range(0x80, 0x85), *range(0x86, 0xA0), 0xFFFE, 0xFFFF])


def detect(data: bytes) -> str | None:
    """The encoding of bytes that are not valid UTF-8, or that hold a NUL byte.

    Args:
        data: a whole content.

    Returns:
        Python's name of an encoding in which all of ``data`` decodes, or None if it is binary.
    """
    for mark, name in _MARKS:
        if data.startswith(mark) and _reads_as_text(data, name):
            return name
    if b"\0" in data:
        return _utf16_without_mark(data)
    if len(data) - len(data.translate(None, _CONTROLS)) > _MAX_CONTROLS * len(data):
        return None
    declared = _declared(data)
    if declared is not None and _reads_as_text(data, declared):
        return declared
    sample = _sample(data)
    for name in _guesses(sample):
        if _reads_as_text(data, name):
            return name
    return None


def _reads_as_text(data: bytes, encoding: str) -> bool:
    try:
        text = data.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return False
    if "\0" in text:
        return False
    return len(text) - len(text.translate(_CONTROL_CHARACTERS)) <= _MAX_CONTROLS * len(text)


def _utf16_without_mark(data: bytes) -> str | None:
    if len(data) < 8 or len(data) % 2:
        return None
    head = data[: _SAMPLE_BYTES * 4]
    even, odd = head[::2].count(0), head[1::2].count(0)
    name, most, least = ("utf-16-le", odd, even) if odd >= even else ("utf-16-be", even, odd)
    if least or most < _UTF16_SHARE * (len(head) // 2):
        return None
    return name if _reads_as_text(data, name) else None


def _declared(data: bytes) -> str | None:
    match = _DECLARATION.search(data[:_DECLARATION_BYTES])
    if match is None:
        return None
    try:
        name = codecs.lookup(match[1].decode("ascii")).name
    except (LookupError, UnicodeDecodeError):
        return None
    if name not in _DECLARABLE:
        return None
    return "cp1252" if name == "iso8859-1" and _reads_as_text(data, "cp1252") else name


def _sample(data: bytes) -> bytes:
    """Lines that hold bytes above 0x7F, from the front, at most ``_SAMPLE_BYTES`` in all.

    Bytes below 0x30 never stand inside a character of the encodings above: a cut behind one splits none.
    """
    parts: list[bytes] = []
    left, position = _SAMPLE_BYTES, 0
    while left > 0:
        wide = _WIDE_RUN.search(data, position)
        if wide is None:
            break
        start = max(position, data.rfind(b"\n", position, wide.start()) + 1, wide.start() - _CONTEXT_BYTES)
        end = data.find(b"\n", wide.start(), start + left) + 1
        if end == 0:
            end = min(start + left, len(data))
            breaks = _BREAKS.search(data[start:end][::-1]) if end < len(data) else None
            if breaks is not None and end - breaks.start() > wide.end():
                end -= breaks.start()
            left = 0
        parts.append(data[start:end])
        left -= end - start
        position = end
    return b"".join(parts)


def _guesses(sample: bytes) -> list[str]:
    """charset-normalizer's candidates for a sample, best first, with ``cp1252`` in front where it is as good."""
    from charset_normalizer import from_bytes  # slow to load, and few corpora need it

    matches = from_bytes(
        sample, cp_isolation=list(_GUESSABLE), preemptive_behaviour=False, enable_fallback=False
    )
    names = [codecs.lookup(match.encoding).name for match in matches]
    runs = _WIDE_RUN.findall(sample)
    isolated = sum(len(run) <= 2 for run in runs) >= 0.8 * len(runs)
    if not isolated:
        return names
    if len(runs) <= _FEW or not names or names[0] not in _LATIN or "cp1252" in names:
        return ["cp1252", *names]
    try:
        same = sample.decode(names[0]) == sample.decode("cp1252")
    except UnicodeDecodeError:
        same = False
    return ["cp1252", *names] if same else names
