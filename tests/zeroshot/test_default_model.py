"""The model in the package."""

from __future__ import annotations

import pytest

from gristmill.cli import main
from gristmill.errors import ModelError
from gristmill.zeroshot import ZeroShotClassifier, default


def test_a_copy_without_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(default, "FOLDER", "nowhere")
    with pytest.raises(ModelError, match="without its default model"):
        ZeroShotClassifier.default()
    assert main(["classify", "a text", "--labels", "a,b"]) == 1
    assert "or name a model" in capsys.readouterr().err
