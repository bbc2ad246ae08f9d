"""Findings that are known: a file of fingerprints, without values, for a repository to keep.

It is JSON, sorted, one finding a line, so that changes can be reviewed. A line number is not in it: a finding that
moves stays known, and the file does not change with the code around it.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

from gristmill.errors import RecipeError
from gristmill.secrets.detect import Finding
from gristmill.secrets.fingerprint import DIGITS

SCHEMA = "gristmill-secret-baseline/1"
MAX_BYTES = 100_000_000

_FINGERPRINT = re.compile(rf"[0-9a-f]{{{DIGITS}}}")


def read_baseline(path: Path) -> frozenset[str]:
    """The fingerprints of a baseline.

    Raises:
        RecipeError: it cannot be read, or is none.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise RecipeError(f"{path}: larger than {MAX_BYTES:,} bytes")
        values = json.loads(data)
    except (OSError, ValueError, RecursionError) as error:
        raise RecipeError(
            f"{path}: baseline cannot be read: {error}; write it anew with --update-baseline"
        ) from error
    rows = values.get("findings") if isinstance(values, dict) and values.get("schema") == SCHEMA else None
    if not isinstance(rows, list):
        raise RecipeError(f"{path}: no baseline ({SCHEMA}); write it anew with --update-baseline")
    names = [str(row.get("fingerprint")) if isinstance(row, dict) else "" for row in rows]
    if not all(map(_FINGERPRINT.fullmatch, names)):
        raise RecipeError(f"{path}: a finding has no fingerprint of {DIGITS} digits; restore the file")
    return frozenset(names)


def write_baseline(path: Path, findings: Iterable[Finding]) -> None:
    """Write a baseline of findings, whole or not at all. Raises OSError."""
    rows = sorted({(one.path, one.rule, one.type, one.fingerprint) for one in findings})
    keys = ("path", "rule", "type", "fingerprint")
    told = ",\n".join("  " + json.dumps(dict(zip(keys, row, strict=True))) for row in rows)
    text = f'{{\n "schema": "{SCHEMA}",\n "findings": [{told and chr(10) + told + chr(10) + " "}]\n}}\n'
    number, name = tempfile.mkstemp(prefix=".baseline-", dir=path.resolve().parent)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
