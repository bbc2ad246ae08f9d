"""Writing shards: what is redacted and from which score, the seed's order, and the hashes of the rows."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gristmill.recipe import Redact
from mill import MIT, functions, make, recipe, rows, table, write_files

FILES = {f"m{n:03d}.py": functions([n]) for n in range(120)}
LEAKY = {"leak.py": MIT + b"MAIL = 'jane.roe@corp-mail.org'\nHOST = '81.2.69.142'\nsame = '81.2.69.142'\n"}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_files(
        tmp_path_factory.mktemp("written"),
        {"d/LICENSE": MIT, **{f"d/{k}": v for k, v in {**FILES, **LEAKY}.items()}},
    )


def build(folder: Path, name: str, **release: Any) -> list[dict[str, Any]]:
    """The rows of a release of the files; ``release`` are values of that section of the recipe."""
    made = recipe([f"dir:{folder}/d"], name=name)
    changed = msgspec.structs.replace(made.release, **release)
    return rows(make(folder / "w", msgspec.structs.replace(made, release=changed)), "data")


def test_bodies_and_their_hashes(source: Path) -> None:
    for row in build(source, "plain"):
        body = str(row["content"]).encode()
        assert row["released_sha256"] == hashlib.sha256(body).hexdigest()
        assert row["released_bytes"] == len(body)
        name = str(row["path"]).lstrip("/")
        original = {**FILES, **LEAKY, "LICENSE": MIT}[name]
        assert row["original_sha256"] == hashlib.sha256(original).hexdigest()
        assert (body == original) is (name != "leak.py")


def test_the_seed_moves_rows_and_changes_nothing_else(source: Path) -> None:
    one, two = build(source, "one", seed=1), build(source, "two", seed=2)
    paths = [row["path"] for row in one]
    assert sorted(paths) == sorted(row["path"] for row in two)
    assert paths != [row["path"] for row in two]
    assert paths != sorted(paths)
    plain = {row["path"]: row["content"] for row in two if row["redactions"] == 0}
    assert {row["path"]: row["content"] for row in one if row["redactions"] == 0} == plain


def test_a_prefix_is_a_fair_sample(source: Path) -> None:
    """Half of the rows hold about half of the first and of the second half of the names."""
    half = [row["path"] for row in build(source, "plain")][:60]
    assert 15 < sum(path < "/m060" for path in half) < 45


def test_redaction_from_a_score_on_and_off(source: Path) -> None:
    (leak,) = [row for row in build(source, "plain") if row["path"] == "/leak.py"]
    text = str(leak["content"])
    assert leak["redactions"] == 3
    assert "81.2.69.142" not in text
    hosts = [line.split("'")[1] for line in text.splitlines() if "HOST" in line or "same" in line]
    assert hosts[0] == hosts[1]
    scores = {row["type"]: row["score"] for row in table(source / "w", "findings")}
    assert set(scores) == {"email", "ip_address"}
    assert scores["email"] != scores["ip_address"]
    between = build(source, "between", redact=Redact(min_score=max(scores.values())))
    (leak,) = [row for row in between if row["path"] == "/leak.py"]
    assert leak["redactions"] == sum(
        row["score"] == max(scores.values()) for row in table(source / "w", "findings")
    )
    none = build(source, "off", redact=Redact(enabled=False))
    (leak,) = [row for row in none if row["path"] == "/leak.py"]
    assert (str(leak["content"]).encode(), leak["redactions"]) == (LEAKY["leak.py"], 0)
