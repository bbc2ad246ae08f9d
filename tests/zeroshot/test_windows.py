"""Windows cover the text, and their logits are pooled label by label."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.errors import LabelError, TextError
from gristmill.zeroshot.models.model import EntailmentIds
from gristmill.zeroshot.windows import WINDOWS, cut_windows, default_stride, most_tokens, pool

IDS = EntailmentIds(entailment=2, contradiction=0, neutral=1)


@given(st.integers(1, 400), st.integers(1, 40), st.data())
def test_windows_cover_every_token_in_order(tokens: int, room: int, data: st.DataObject) -> None:
    stride = data.draw(st.one_of(st.none(), st.integers(1, room)))
    found = cut_windows(np.arange(tokens, dtype=np.int32), room, stride)
    assert all(len(window) == min(room, tokens) for window in found)
    starts = [int(window[0]) for window in found]
    step = default_stride(room) if stride is None else stride
    assert starts[0] == 0
    assert found[-1][-1] == tokens - 1
    assert all(0 < later - sooner <= step for sooner, later in pairwise(starts))


def test_a_text_that_fits_is_one_window() -> None:
    assert [window.tolist() for window in cut_windows(np.arange(5), 5)] == [[0, 1, 2, 3, 4]]
    assert len(cut_windows(np.arange(6), 5)) == 2


@pytest.mark.parametrize("stride", [0, -1, 11])
def test_a_stride_that_skips_tokens_is_refused(stride: int) -> None:
    with pytest.raises(LabelError, match="a stride from 1 to 10"):
        cut_windows(np.arange(5), 10, stride)


def test_there_is_a_limit_of_windows() -> None:
    longest = most_tokens(4, 2)
    assert len(cut_windows(np.arange(longest), 4)) == WINDOWS
    with pytest.raises(TextError, match="more than 1024 windows"):
        cut_windows(np.arange(longest + 1), 4)


LOGITS = np.array(
    [
        [[0, 0, 3], [5, 0, 4]],  # window 0: labels 0 and 1
        [[-9, 0, 2], [0, 0, 2]],
    ],
    np.float32,
)


def test_max_takes_the_window_that_speaks_most_for_each_label() -> None:
    single = pool(LOGITS, "max", IDS, multi_label=False)
    assert single.tolist() == [[0, 0, 3], [5, 0, 4]]  # highest entailment
    multi = pool(LOGITS, "max", IDS, multi_label=True)
    assert multi.tolist() == [[-9, 0, 2], [0, 0, 2]]  # largest lead over contradiction


def test_mean_averages_the_logits() -> None:
    assert pool(LOGITS, "mean", IDS, multi_label=True).tolist() == [[-4.5, 0, 2.5], [2.5, 0, 3]]


def test_one_window_is_itself_either_way() -> None:
    for how in ("max", "mean"):
        assert pool(LOGITS[:1], how, IDS, multi_label=False).tolist() == LOGITS[0].tolist()  # type: ignore[arg-type]
