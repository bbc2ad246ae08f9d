"""Makes a model card: gathers its values, renders them, and writes both files."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gristmill.zeroshot.calibration import load_calibration
from gristmill.zeroshot.card import results, sections
from gristmill.zeroshot.card.architecture import read_architecture
from gristmill.zeroshot.card.errors import CardError
from gristmill.zeroshot.card.evaluations import read_evaluations
from gristmill.zeroshot.card.facts import Facts
from gristmill.zeroshot.card.gather import gather
from gristmill.zeroshot.card.training import read_training
from gristmill.zeroshot.card.yaml import emit
from gristmill.zeroshot.models.load import load_model

SIGN = "<!-- Made by gristmill model-card; the same in MODEL_CARD.json's form stands beside it. -->"


def make_card(
    model: str | Path,
    evaluations: Sequence[Path] = (),
    facts: Facts | None = None,
    *,
    revision: str | None = None,
    offline: bool | None = None,
) -> dict[str, Any]:
    """The values of the card of a model: what its folder, evaluations of it, and its maker's facts say.

    Args:
        model: Folder, or id on the hub.
        evaluations: Files ``evaluation.json``, folders of one, or folders of such folders. Those of other
            models stand in the table of speeds alone, told apart by digest.

    Raises: ModelError, CalibrationError, CardError.
    """
    loaded = load_model(model, revision=revision, offline=offline)
    name = loaded.folder.resolve().name if Path(model).is_dir() else str(model)
    return gather(
        name,
        loaded.revision,
        read_architecture(loaded),
        facts or Facts(),
        read_training(loaded.folder),
        load_calibration(loaded.folder, revision=loaded.revision),
        read_evaluations(evaluations),
    )


def render(values: Mapping[str, Any]) -> str:
    """The card in Markdown with YAML front matter. The same values give the same text."""
    parts = [
        f"---\n{emit(values['front_matter'])}---",
        SIGN,
        sections.introduction(values),
        sections.examples(values),
        sections.use(values),
        results.results(values),
        results.calibration(values),
        results.speed(values),
        sections.training(values),
        sections.compute(values),
        sections.reproduce(values),
        sections.citation(values),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def check_target(to: Path, *, replace: bool) -> None:
    """Raises: CardError if ``to`` is no Markdown file that may be written: another's text is not written over."""
    if to.suffix.lower() != ".md":
        raise CardError(f"{to}: a card's name must end in .md; the JSON gets the same name with .json")
    if to.is_dir():
        raise CardError(f"{to} is a folder; name a file, such as {to / 'MODEL_CARD.md'}")
    if replace or not to.exists():
        return
    try:
        ours = SIGN in to.read_text("utf-8", "replace")
    except OSError as error:
        raise CardError(f"{to} cannot be read: {error.strerror}; name another file") from error
    if not ours:
        raise CardError(f"{to} was not made by this command; name another file, or give --replace")


def write_card(to: Path, values: Mapping[str, Any], *, replace: bool = False) -> tuple[Path, Path]:
    """Write the card and, beside it, its values as JSON; each is whole or not there. Returns both paths.

    Raises: CardError as ``check_target``, or where a file cannot be written.
    """
    check_target(to, replace=replace)
    beside = to.with_suffix(".json")
    text = json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    _write(beside, text.encode("utf-8", "backslashreplace"))
    _write(to, render(values).encode("utf-8", "replace"))
    return to, beside


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise CardError(f"{path} cannot be written: {error.strerror}; name another file") from error
    finally:
        temporary.unlink(missing_ok=True)
