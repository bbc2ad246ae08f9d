"""The plot is well-formed XML whose bars are the bins."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from gristmill.zeroshot.reliability import reliability
from gristmill.zeroshot.reliability_plot import SIDE, STRIP, plot

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def document() -> ElementTree.Element:
    before = reliability(np.array([0.9, 0.9, 0.2]), np.array([True, False, False]), bins=10)
    after = reliability(np.array([0.55, 0.55, 0.2]), np.array([True, False, False]), bins=10)
    text = plot(before, after, 'a <b> & "c"\x00\ud800')
    text.encode("utf-8")
    return ElementTree.fromstring(text)


def bars(document: ElementTree.Element, kind: str) -> list[tuple[float, float]]:
    """Top and height of each."""
    found = [one for one in document.iter(f"{SVG}rect") if one.get("class") == kind]
    return [(float(one.get("y", "nan")), float(one.get("height", "nan"))) for one in found]


def test_bars_are_as_high_as_the_bins_say(document: ElementTree.Element) -> None:
    # bins in order: before 0.2 (none right) and 0.9 (half right), after 0.2 and 0.55
    assert [height for _, height in bars(document, "right")] == pytest.approx(
        [0, SIDE / 2, 0, SIDE / 2], abs=0.01
    )
    assert [height for _, height in bars(document, "gap")] == pytest.approx(
        [0.2 * SIDE, 0.4 * SIDE, 0.2 * SIDE, 0.05 * SIDE], abs=0.01
    )
    assert [height for _, height in bars(document, "count")] == pytest.approx(
        [STRIP / 2, STRIP] * 2, abs=0.01
    )


def test_errors_and_title_are_told(document: ElementTree.Element) -> None:
    texts = [one.text or "" for one in document.iter(f"{SVG}text")]
    assert 'a <b> & "c"\ufffd\ufffd' in texts
    assert f"before: calibration error {100 * (0.2 + 2 * 0.4) / 3:.1f} %" in texts
    assert f"after: calibration error {100 * (0.2 + 2 * 0.05) / 3:.1f} %" in texts
