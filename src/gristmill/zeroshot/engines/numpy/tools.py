"""What a forward pass works with beside the weights."""

from __future__ import annotations

from dataclasses import dataclass

from gristmill.zeroshot.engines.numpy.noise import Noise
from gristmill.zeroshot.engines.numpy.scratch import Scratch


@dataclass(frozen=True)
class Tools:
    """Of one call."""

    scratch: Scratch
    noise: Noise | None
    """None: no dropout."""
