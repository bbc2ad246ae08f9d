"""What a caller of the classifier may ask for beside the pipeline's arguments, checked at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from gristmill.errors import LabelError
from gristmill.zeroshot.labels import check_label
from gristmill.zeroshot.windows import Pool

if TYPE_CHECKING:
    from gristmill.zeroshot.shortlist import Shortlist


class CallOptions(TypedDict, total=False):
    """Keywords of a call; see ``ZeroShotClassifier.__call__``."""

    multi_label: bool
    hypothesis_template: str | None
    language: str | None
    threshold: float | None
    none_label: str | None
    windows: Pool | None
    window_stride: int | None
    return_logits: bool
    return_probabilities: bool
    contextual: bool
    temperature: float | None
    shortlist: Shortlist | None
    beam: int
    batch_size: int | None


@dataclass(frozen=True)
class Options:
    """See ``ZeroShotClassifier.__call__``. Raises on creation: LabelError for values that make no sense."""

    multi_label: bool = False
    temperature: float = 1.0
    threshold: float | None = None
    none_label: str | None = None
    windows: Pool | None = None
    window_stride: int | None = None
    return_logits: bool = False
    return_probabilities: bool = False
    contextual: bool = False
    shortlist: Shortlist | None = None
    beam: int = 1

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise LabelError(f"threshold={self.threshold}: scores are from 0 to 1, so must the threshold be")
        if self.none_label is not None:
            check_label(self.none_label, "none_label")
            if self.threshold is None:
                raise LabelError(
                    "none_label is for texts whose scores are below a threshold; give threshold= too"
                )
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise LabelError(f"temperature={self.temperature}: it must be a number above 0")
        if self.windows not in (None, "max", "mean"):
            raise LabelError(f"windows={self.windows!r}: use 'max', 'mean', or None for the beginning alone")
        if self.window_stride is not None:
            if self.windows is None:
                raise LabelError("window_stride is for windows='max' or 'mean'; give windows= too")
            if isinstance(self.window_stride, bool) or self.window_stride < 1:
                raise LabelError(f"window_stride={self.window_stride}: it must be a number of tokens from 1")
        if self.shortlist is not None and self.shortlist.keep < 2 and not self.multi_label:
            raise LabelError(
                "a shortlist of one label has a score of 1 always; use keep=2 or more, or multi_label"
            )
        if isinstance(self.beam, bool) or not 1 <= self.beam <= 1000:
            raise LabelError(f"beam={self.beam}: it must be from 1 to 1000")

    def check_tree(self) -> None:
        """Raises: LabelError for options that have no meaning for a tree of labels."""
        if self.shortlist is not None:
            raise LabelError(
                "a shortlist is for a flat list of labels; a tree is its own way to ask few of them"
            )
        if self.return_logits or self.return_probabilities:
            raise LabelError(
                "a tree of labels has no logits of its own; ask for those of one level at a time"
            )

    def check_flat(self) -> None:
        """Raises: LabelError for options that have a meaning for a tree of labels only."""
        if self.beam != 1:
            raise LabelError("beam is for a tree of labels; leave it out for a flat list")
