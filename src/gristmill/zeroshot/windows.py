"""Long texts in overlapping windows, and the logits of the windows pooled into those of the text."""

from __future__ import annotations

from typing import Literal

import numpy as np

from gristmill.errors import LabelError, TextError
from gristmill.zeroshot.layout import Ids
from gristmill.zeroshot.models.model import EntailmentIds, Floats
from gristmill.zeroshot.scores import margins

Pool = Literal["max", "mean"]

WINDOWS = 1024
"""Most windows of one text."""


def default_stride(room: int) -> int:
    """Tokens from one window's start to the next: half a window, so that each token is once far from an edge."""
    return max(room // 2, 1)


def most_tokens(room: int, stride: int) -> int:
    """Tokens of the longest text that ``WINDOWS`` windows cover."""
    return room + (WINDOWS - 1) * stride


def cut_windows(ids: Ids, room: int, stride: int | None = None) -> list[Ids]:
    """The text in windows of ``room`` tokens, each ``stride`` after the one before (half of ``room`` by default).

    The last window ends where the text ends, so that it is a full one; a text that fits is one window.
    Raises: LabelError for a stride below 1 or beyond ``room``, which would skip tokens; TextError if there
    would be more than ``WINDOWS`` windows.
    """
    step = default_stride(room) if stride is None else stride
    if not 1 <= step <= room:
        raise LabelError(
            f"window_stride={step}: with these labels a window has {room} tokens; use a stride from 1 to {room}"
        )
    if len(ids) <= room:
        return [ids]
    if len(ids) > most_tokens(room, step):
        raise TextError(
            f"the text has more than {WINDOWS} windows of {room} tokens; split it,"
            " use a larger window_stride, or classify its beginning (windows=None)"
        )
    starts = [*range(0, len(ids) - room, step), len(ids) - room]
    return [ids[start : start + room] for start in starts]


def pool(logits: Floats, how: Pool, ids: EntailmentIds, *, multi_label: bool) -> Floats:
    """Logits [windows, labels, classes] of one text as [labels, classes].

    ``max`` takes, label by label, the logits of the window that speaks most for it (the highest entailment
    logit, with ``multi_label`` the largest lead over contradiction): is it anywhere in the text? ``mean``
    averages the logits over the windows: is it what the text as a whole is about?
    """
    if len(logits) == 1:
        alone: Floats = logits[0]
        return alone
    if how == "mean":
        mean: Floats = logits.mean(axis=0, dtype=np.float64).astype(np.float32)
        return mean
    best = margins(logits, ids, multi_label=multi_label).argmax(axis=0)
    result: Floats = logits[best, np.arange(logits.shape[1])]
    return result
