"""The model that comes with the package, for those who name none."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from gristmill.errors import ModelError

NAME = "default"
"""What it is called where a model's name is written down."""
FOLDER = "default_model"


def default_folder() -> Path:
    """Its folder: int8 weights, tokenizer, calibration, card.

    Raises: ModelError if this copy of the package lacks it.
    """
    folder = Path(str(files("gristmill.zeroshot"))) / FOLDER
    if not (folder / "model.safetensors").is_file():
        raise ModelError(
            f"{folder} has no model.safetensors: this copy of Gristmill was installed without its default model;"
            " install it from a wheel or a complete checkout, or name a model"
        )
    return folder
