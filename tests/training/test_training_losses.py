"""The loss asks for what labels are judged by, and for no more."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from training.batches import Batch
from training.losses import loss

EMPTY = torch.zeros(1, 1, dtype=torch.long)


def _batch(
    targets: list[int], positive: list[bool], group: list[int], chances: list[float] | None = None
) -> Batch:
    classes = torch.tensor([[float(target == one) for one in range(3)] for target in targets])
    return Batch(
        EMPTY, EMPTY, EMPTY, torch.tensor(targets), classes, torch.tensor(positive), torch.tensor(group),
        torch.tensor(chances or [-1.0] * len(targets)),
    )  # fmt: skip


def _gradient(logits: list[list[float]], batch: Batch) -> Tensor:
    values = torch.tensor(logits, requires_grad=True)
    loss(values, batch, label_weight=1.0).backward()  # type: ignore[no-untyped-call]
    assert values.grad is not None
    return values.grad


def test_a_pair_is_cross_entropy_of_three_classes() -> None:
    logits = torch.tensor([[1.0, 2.0, 3.0], [0.5, 0.0, -1.0]])
    batch = _batch([2, 0], [False, False], [0, 1])
    expected = torch.nn.functional.cross_entropy(logits, torch.tensor([2, 0]))
    torch.testing.assert_close(loss(logits, batch, label_weight=1.0), expected)


def test_a_pair_that_models_classed_is_matched_by_their_chances() -> None:
    batch = replace(_batch([0], [False], [0]), classes=torch.tensor([[0.6, 0.3, 0.1]]))
    matched = _gradient([[math.log(0.6), math.log(0.3), math.log(0.1)]], batch)
    assert matched.abs().max() < 1e-6
    assert _gradient([[3.0, 0.0, 0.0]], batch)[0, 0] > 0  # too sure


def test_a_false_label_says_nothing_of_neutral() -> None:
    """Only entailment and its lead over contradiction count: neutral moves by what entailment gives up."""
    text = _batch([-1, -1], [True, False], [0, 0])
    true, false = _gradient([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]], text)
    assert true[0] < 0 < false[0]  # more entailment for the true label, less for the false one
    assert false[1] < 0
    assert false[2] < 0


def test_labels_of_a_text_compete() -> None:
    """A true label's entailment logit gains from being above the false one's, however sure each is of itself."""
    batch = _batch([-1, -1], [True, False], [0, 0])
    apart = loss(torch.tensor([[6.0, 0.0, 0.0], [4.0, 9.0, 0.0]]), batch, label_weight=1.0)
    turned = loss(torch.tensor([[6.0, 0.0, 0.0], [8.0, 13.0, 4.0]]), batch, label_weight=1.0)
    assert turned > apart + 1.0  # the false label's own chances are the same in both


def test_a_text_without_a_true_label_only_pushes_down() -> None:
    gradient = _gradient([[1.0, 0.0, 0.0], [2.0, 0.0, 0.0]], _batch([-1, -1], [False, False], [3, 3]))
    assert (gradient[:, 0] > 0).all()


def test_a_ranking_that_is_matched_costs_nothing() -> None:
    chances = [0.7, 0.2, 0.1]
    logits = torch.tensor([[one, 5.0, -5.0] for one in torch.tensor(chances).log().tolist()])
    batch = _batch([-1] * 3, [False] * 3, [0] * 3, chances)
    assert abs(float(loss(logits, batch, label_weight=1.0))) < 1e-6
    assert float(loss(logits.flip(0), batch, label_weight=1.0)) > 0.1


def test_kinds_are_weighed_and_do_not_mix() -> None:
    logits = torch.randn(6, 3, generator=torch.Generator().manual_seed(1))
    whole = _batch(
        [0, -1, -1, -1, -1, 1],
        [False, True, False, False, False, False],
        [0, 1, 1, 2, 2, 3],
        [-1, -1, -1, 0.5, 0.5, -1],
    )
    parts = [
        (_batch([0, 1], [False] * 2, [0, 1]), [0, 5], 2.0),
        (_batch([-1, -1], [True, False], [0, 0]), [1, 2], 0.5),
        (_batch([-1, -1], [False] * 2, [0, 0], [0.5, 0.5]), [3, 4], 0.5),
    ]
    total = sum(loss(logits[rows], part, label_weight=1.0) * weight for part, rows, weight in parts)
    torch.testing.assert_close(loss(logits, whole, label_weight=0.5), total / 3.0)
