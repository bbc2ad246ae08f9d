"""People as keyed pseudonyms: the same person gives the same pseudonym, and only the key's holder can link them.

Pseudonymisation in the sense of GDPR article 4(5): HMAC-SHA-256 (RFC 2104) of the normalised identity, so
that nobody without the key can test a guessed e-mail address against a published table.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass, field

_DIGITS = 20

# Everything above ASCII counts, since addresses may be UTF-8: rather a word too many than an address left.
_LOCAL = rb"[A-Za-z0-9._%+=~\x80-\xff-]"
_LABEL = rb"[A-Za-z0-9\x80-\xff-]"
# The look-behind lets a match start only where a run starts, and the possessive quantifiers never give back:
# both together keep the scan linear on a megabyte of one letter.
_BARE_ADDRESS = re.compile(rb"(?<!%s)%s++@%s++(?:\.(%s++))++" % (_LOCAL, _LOCAL, _LABEL, _LABEL))
_TRAILER = re.compile(
    rb"^([ \t]*+(?:[a-z0-9-]++(?<=-by)|cc|to|from|author|committer|reporter|tester)[ \t]*+:)([^\n]*+)",
    re.IGNORECASE | re.MULTILINE,
)
_IDENTITY = re.compile(rb"(?<![^>])([ \t,;]*+)([^<>]*+<[^<>]*+>)")
_MAIL = re.compile(rb"<([^<>]*+)>")
_CAPITALISED = rb"(?:[A-Z][a-z.'-]|[A-Z]\.|[\xc2-\xf4][\x80-\xbf])[^\s<>,;:()]{0,40}"
# A sentence's first word may stand before a bare address: a name takes two words or more.
_NAMED_ADDRESS = re.compile(rb"(?:%s[ \t]{1,4}){2,4}<[^<>@\s]{1,64}@[^<>@\s]{1,255}>" % _CAPITALISED)


@dataclass(frozen=True)
class Pseudonymiser:
    """Turns people into pseudonyms under ``key``; with ``key`` None it leaves them as they are."""

    key: bytes | None = field(repr=False)

    def pseudonym(self, identity: bytes) -> str:
        """The pseudonym of ``identity``, as git writes it: ``Name <mail>``, ``Name``, or a bare address.

        It is ``p-`` and 20 hexadecimal digits of HMAC-SHA-256 over the e-mail address if there is one (so
        that one person writing their name in two ways stays one person), else over the name. Upper and lower
        case, Unicode composition and runs of blanks make no difference. Without a key: the identity as text,
        bytes that are not UTF-8 replaced.
        """
        if self.key is None:
            return identity.decode("utf-8", "replace")
        return "p-" + hmac.new(self.key, _normalised(identity), hashlib.sha256).hexdigest()[:_DIGITS]

    def scrub_message(self, message: bytes) -> bytes:
        """``message`` with the people in it replaced: ``Name <mail>`` in trailers, and bare e-mail addresses.

        A trailer is a line such as ``Signed-off-by: Name <mail>`` (any token that ends in ``-by``; also Cc,
        To, From, Author, Committer, Reporter and Tester). In running text a name is recognised only right
        before an address in angle brackets (two to four words that begin with a capital), and goes with it.
        Without a key the message is returned as it is.
        """
        if self.key is None or (b"@" not in message and b"<" not in message):
            return message
        message = _TRAILER.sub(self._trailer, message)
        message = _NAMED_ADDRESS.sub(lambda match: self.pseudonym(match[0]).encode(), message)
        return _BARE_ADDRESS.sub(self._address, message)

    def _address(self, match: re.Match[bytes]) -> bytes:
        if match[1][:1].isdigit():  # package@1.2.3
            return match[0]
        return self.pseudonym(match[0]).encode()

    def _identity(self, match: re.Match[bytes]) -> bytes:
        return match[1] + self.pseudonym(match[2]).encode()

    def _trailer(self, match: re.Match[bytes]) -> bytes:
        return match[1] + _IDENTITY.sub(self._identity, match[2])


def _normalised(identity: bytes) -> bytes:
    """The e-mail address of ``identity``, or its name if it has none, in one canonical spelling."""
    mail = _MAIL.search(identity)
    person = mail[1] if mail and mail[1].strip() else _MAIL.sub(b"", identity)
    text = unicodedata.normalize("NFC", person.decode("utf-8", "surrogateescape")).casefold()
    return " ".join(text.split()).encode("utf-8", "surrogateescape")
