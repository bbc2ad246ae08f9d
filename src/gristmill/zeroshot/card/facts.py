"""``card.toml``: what a model's maker knows of it and no measurement can tell."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Any, get_args

import msgspec

from gristmill.zeroshot.card.errors import CardError

BYTES = 4 << 20


class DataSet(msgspec.Struct, frozen=True, kw_only=True):
    """A data set that the model was trained on. ``rows`` are there, ``used`` were taken, ``pairs`` made of them."""

    name: str
    title: str = ""
    licence: str = ""
    url: str = ""
    hub_id: str = ""
    kind: str = ""
    rows: int | None = None
    used: int | None = None
    pairs: int | None = None


class Compute(msgspec.Struct, frozen=True, kw_only=True):
    """What training took. ``energy_method`` says how ``energy_kwh`` was measured or estimated."""

    cpu_hours: float | None = None
    gpu_hours: float | None = None
    wall_hours: float | None = None
    flops: float | None = None
    device: str = ""
    energy_kwh: float | None = None
    energy_method: str = ""


class Examples(msgspec.Struct, frozen=True, kw_only=True):
    """Code that stands in the card as it is, in place of what is made of the model's name."""

    python: str = ""
    cli: str = ""
    http: str = ""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """The maker's words. Markdown is allowed in those of several sentences."""

    name: str = ""
    version: str = ""
    licence: str = ""
    licence_link: str = ""
    language: list[str] | str = ""
    library_name: str = "transformers"
    base_model: str = ""
    tags: list[str] = []
    description: str = ""
    intended_use: str = ""
    out_of_scope: str = ""
    limits: list[str] | str = ""
    training_data: str = ""
    training_procedure: str = ""
    reproduce: str = ""
    citation: str = ""
    authors: list[str] = []
    year: int | None = None
    url: str = ""
    contact: str = ""
    datasets: list[DataSet] = []
    compute: Compute = Compute()
    examples: Examples = Examples()


def read_facts(path: Path) -> Facts:
    """Read a TOML file of facts. All keys are optional.

    Raises: CardError for a file that cannot be read, an unknown key (naming the nearest right one), or a value of
    another type.
    """
    try:
        with path.open("rb") as file:
            data = file.read(BYTES + 1)
    except OSError as error:
        raise CardError(f"{path} cannot be read: {error.strerror}; name a TOML file of facts") from error
    if len(data) > BYTES:
        raise CardError(f"{path} is larger than {BYTES >> 20} MiB; a card's facts are some pages of text")
    try:
        values = tomllib.loads(data.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CardError(f"{path} is not valid TOML: {str(error)[:200]}; mend that line") from error
    return parse_facts(values, str(path))


def parse_facts(values: dict[str, Any], name: str) -> Facts:
    """The facts of a parsed file; ``name`` says in errors where they stand. Raises: CardError."""
    _refuse_unknown(values, Facts, "", name)
    try:
        facts = msgspec.convert(values, Facts)
    except msgspec.ValidationError as error:
        raise CardError(f"{name}: {str(error).replace('$.', '')}; mend the value") from error
    compute = facts.compute
    numbers = [compute.cpu_hours, compute.gpu_hours, compute.wall_hours, compute.flops, compute.energy_kwh]
    if any(number is not None and not 0 <= number < float("inf") for number in numbers):
        raise CardError(f"{name}: a number in [compute] is negative or infinite; mend it or leave it out")
    if compute.energy_kwh is not None and not compute.energy_method:
        raise CardError(
            f"{name}: compute.energy_kwh is given without compute.energy_method; say how it was measured or estimated"
        )
    return facts


def _refuse_unknown(values: dict[str, Any], kind: type[msgspec.Struct], prefix: str, name: str) -> None:
    fields = {field.name: field.type for field in msgspec.structs.fields(kind)}
    for key, value in values.items():
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1, cutoff=0.5)
            hint = f"did you mean {prefix}{near[0]}?" if near else f"known keys here: {', '.join(fields)}"
            raise CardError(f"{name}: unknown key {prefix}{key[:80]}; {hint}")
        kinds = (fields[key], *get_args(fields[key]))
        inner = [one for one in kinds if isinstance(one, type) and issubclass(one, msgspec.Struct)]
        for one in value if isinstance(value, list) else [value]:
            if inner and isinstance(one, dict):
                _refuse_unknown(one, inner[0], f"{prefix}{key}.", name)
