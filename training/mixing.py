"""Two runs in one: the mean of the weights of a run and of the run it began with (Wortsman et al. 2022, arXiv 2203.05482).

Weights that lie on one path of training may be averaged, and the mean often does better than its ends on labels that
training never saw.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Of the later run, in what is tried."""


def mix(earlier: Mapping[str, Tensor], later: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """Both runs' weights, those of ``later`` weighing ``share``."""
    return {name: earlier[name].to(one).lerp(one, share) for name, one in later.items()}


def best_mixture(
    earlier: Mapping[str, Tensor],
    later: Mapping[str, Tensor],
    measure: Callable[[dict[str, Tensor]], dict[str, float]],
) -> tuple[float, dict[str, Tensor], list[dict[str, float]]]:
    """The share of ``later`` that does best by ``all``, the weights mixed so, and what was measured of each share."""
    found = [{"share": share, **measure(mix(earlier, later, share))} for share in SHARES]
    best = max(found, key=lambda one: one["all"])["share"]
    return best, mix(earlier, later, best), found
