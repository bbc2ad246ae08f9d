"""Weights of two runs are mixed by the share that does best."""

from __future__ import annotations

import torch

from training.mixing import SHARES, best_mixture, mix

EARLIER = {"a": torch.zeros(3), "b": torch.tensor([2.0])}
LATER = {"a": torch.ones(3), "b": torch.tensor([4.0])}


def test_the_ends_are_the_runs() -> None:
    for share, run in ((0.0, EARLIER), (1.0, LATER)):
        mixed = mix(EARLIER, LATER, share)
        assert all(torch.equal(mixed[name], one) for name, one in run.items())


def test_the_best_share_is_taken_and_all_are_told() -> None:
    def measure(weights: dict[str, torch.Tensor]) -> dict[str, float]:
        return {"all": -abs(float(weights["b"]) - 3.4)}

    share, weights, tried = best_mixture(EARLIER, LATER, measure)
    assert share == 0.75
    assert weights["b"].item() == 3.5
    assert [one["share"] for one in tried] == list(SHARES)
