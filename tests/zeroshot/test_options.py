"""Options that make no sense are refused when they are given."""

from __future__ import annotations

import math
from typing import Any

import pytest

from gristmill.errors import LabelError
from gristmill.zeroshot.options import Options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 1.1}, "from 0 to 1"),
        ({"threshold": -0.1}, "from 0 to 1"),
        ({"threshold": math.nan}, "from 0 to 1"),
        ({"none_label": "none"}, "give threshold= too"),
        ({"none_label": " ", "threshold": 0.5}, "none_label is empty"),
        ({"none_label": 3, "threshold": 0.5}, "must be strings"),
        ({"temperature": 0.0}, "a number above 0"),
        ({"temperature": -1.0}, "a number above 0"),
        ({"temperature": math.inf}, "a number above 0"),
        ({"temperature": math.nan}, "a number above 0"),
        ({"windows": "sum"}, "use 'max', 'mean'"),
        ({"windows": True}, "use 'max', 'mean'"),
        ({"window_stride": 5}, "give windows= too"),
        ({"windows": "max", "window_stride": 0}, "from 1"),
        ({"windows": "max", "window_stride": True}, "from 1"),
        ({"beam": 0}, "from 1 to 1000"),
        ({"beam": 1001}, "from 1 to 1000"),
    ],
)
def test_values_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(LabelError, match=message):
        Options(**options)


@pytest.mark.parametrize("options", [{"return_logits": True}, {"return_probabilities": True}])
def test_a_tree_has_no_logits(options: dict[str, Any]) -> None:
    with pytest.raises(LabelError, match="no logits of its own"):
        Options(**options).check_tree()


def test_a_flat_list_has_no_beam() -> None:
    with pytest.raises(LabelError, match="beam is for a tree"):
        Options(beam=2).check_flat()
    Options(beam=2).check_tree()
    Options(threshold=0.0, none_label="none", windows="mean", window_stride=1).check_flat()
