"""What a rule is: cheap anchors that say where to look, and an exact finder that says what is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Positions = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

# Three sets of bytes, one for each of three neighbouring bytes; ASCII letters match in either case.
Anchor = tuple[bytes, bytes, bytes]

EMAIL = "email"
IP_ADDRESS = "ip_address"
KEY = "key"
PASSWORD = "password"  # noqa: S105 (the name of a type of finding)
CARD = "card"
IBAN = "iban"
PHONE = "phone"
NAME = "name"
USERNAME = "username"
TYPES = (KEY, PASSWORD, CARD, IBAN, EMAIL, PHONE, IP_ADDRESS, NAME, USERNAME)
"""The types of findings; where findings overlap, the whole stretch is of the type that stands first here."""


class Hit(NamedTuple):
    """One value found in one text: span in bytes, type, score (0 to 1) and rule. Never the value itself."""

    start: int
    end: int
    type: str
    score: float
    rule: str


# Gets the text and the position of the first byte of an anchor. Must look at a bounded stretch around it.
Finder = Callable[[bytes, int], Hit | None]
# Gets all texts as one array, the anchors' positions in it and their rows; says which anchors to keep.
Thinner = Callable[[Bytes, Positions, Positions], Mask]


@dataclass(frozen=True)
class Rule:
    """A rule.

    ``anchors``: every value that the rule finds has one of them, at a place that ``find`` knows.
    ``thin`` drops anchors of whole batches at once, where too many would reach ``find``.
    ``form``: the regular expression of what it finds, where it is one; the group ``value`` is the finding.
    """

    anchors: tuple[Anchor, ...]
    find: Finder
    thin: Thinner | None = None
    name: str = ""
    form: bytes = b""


def literal(three: bytes) -> Anchor:
    """The anchor that stands for three given bytes."""
    if len(three) != 3:
        raise ValueError(f"anchor {three!r}: give three bytes")
    return three[:1], three[1:2], three[2:]
