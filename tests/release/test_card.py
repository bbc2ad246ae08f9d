from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from test_manifest import make_release, manifest_of
from test_schema import stub_row, write_shard

from gristmill.release.card import Words, quote_yaml, render_card, write_card
from gristmill.release.manifest import Manifest
from gristmill.release.schema import FILES, STUBS
from gristmill.release.statistics import Statistics, compute_statistics, read_statistics

WORDS = Words(
    description="A release made by a test.",
    policy=(
        ("opted_out", "Whoever asked to be out is out."),
        ("too_large", "Files over 10 bytes | <b>no</b>."),
    ),
    privacy="E-mail addresses are replaced by <EMAIL>.",
    contact="Write to [the keepers](mailto:keepers@example.org).",
)


@dataclass(frozen=True)
class Made:
    folder: Path
    manifest: Manifest
    statistics: Statistics

    def card(self, words: Words = WORDS) -> str:
        return render_card(self.manifest, self.statistics, words)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("made") / "a release, v1.0"
    manifest = make_release(folder, recipe="name = 'small' # ```` \n")
    made = Made(folder, manifest, read_statistics(folder))
    write_card(folder, made.card())
    return made


def front_matter(card: str) -> dict[str, Any]:
    found = re.match(r"---\n(.*?)\n---\n", card, re.DOTALL)
    assert found
    value = yaml.safe_load(found.group(1))
    assert isinstance(value, dict)
    return value


def test_the_front_matter_names_every_configuration(made: Made) -> None:
    head = front_matter(made.card())
    assert head["license"] == "other"
    assert head["pretty_name"] == "small 1.0"
    assert head["size_categories"] == ["n<1K"]
    configs = {config["config_name"]: config["data_files"][0]["path"] for config in head["configs"]}
    assert configs == {
        "default": "data/**/*.parquet",
        "cpp": "data/cpp/*.parquet",
        "csharp": "data/csharp/*.parquet",
        "python": "data/python/*.parquet",
        "unknown": "data/unknown/*.parquet",
        "stubs": "stubs/*.parquet",
    }
    assert all(list(made.folder.glob(pattern)) for pattern in configs.values())


def test_the_hub_reads_the_front_matter(made: Made) -> None:
    from huggingface_hub import DatasetCard

    data = DatasetCard((made.folder / "README.md").read_text()).data.to_dict()
    assert data["license_name"] == "per-file"
    assert data["language"] == ["code"]


def test_the_card_tells_the_whole_story(made: Made) -> None:
    card = made.card()
    for column in (*FILES.columns, *STUBS.columns):
        assert f"| `{column.name}` |" in card
    assert "| files in | 11 | 11 |\n| `opted_out` | 1 | 10 |\n| `too_large` | 2 | 8 |" in card
    assert "| kept | 7 | 7 |" in card
    assert "Files over 10 bytes \\| \\<b\\>no\\</b\\>." in card
    assert "| `MIT OR Apache-2.0` | permissive | 1 | 7 bytes |" in card
    assert "`````text\nname = 'small' # ````\n`````" in card
    assert "## Asking to be left out\n\nWrite to [the keepers]" in card
    assert "by \\<EMAIL\\>" in card
    assert re.search(r"TODO|TBD|More Information Needed", card) is None


def test_what_is_not_said_has_no_heading(made: Made) -> None:
    card = made.card(Words())
    assert "Asking to be left out" not in card
    assert "### Policy" not in card


def test_equal_releases_give_equal_cards(made: Made, tmp_path: Path) -> None:
    again = make_release(tmp_path, recipe=made.manifest.recipe)
    write_card(tmp_path, render_card(again, read_statistics(tmp_path), WORDS))
    assert (tmp_path / "README.md").read_bytes() == (made.folder / "README.md").read_bytes()


def test_hostile_names_stay_where_they_are_put(made: Made) -> None:
    name = 'evil"\n---\nlicense: mit\n# </td>| `x`'
    reason = "a|b`c\n| d |"
    stranger = msgspec.structs.replace(made.manifest, name=name)
    statistics = made.statistics
    dropped = (msgspec.structs.replace(statistics.dropped[0], reason=reason), *statistics.dropped[1:])
    card = render_card(stranger, msgspec.structs.replace(statistics, dropped=dropped), WORDS)
    head = front_matter(card)
    assert head["pretty_name"] == f"{name} 1.0"
    assert head["license"] == "other"
    tables = [line for line in card.splitlines() if line.startswith("| `a/b'c / d /` |")]
    assert tables == ["| `a/b'c / d /` | 2 | 8 |"]


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_survives_yaml(text: str) -> None:
    quoted = quote_yaml(text)
    assert quoted.isascii()
    assert "\n" not in quoted
    assert yaml.safe_load(f"key: {quoted}") == {"key": text}


def test_a_release_of_stubs_alone_has_no_configuration_of_files(tmp_path: Path) -> None:
    write_shard(tmp_path, "stubs/00000-of-00001.parquet", [stub_row("/a.c", "binary")])
    card = render_card(manifest_of(tmp_path, entries=1), compute_statistics(tmp_path), Words())
    assert [config["config_name"] for config in front_matter(card)["configs"]] == ["stubs"]
    assert "load_dataset" not in card


PROBE = """
import json

from datasets import get_dataset_config_names

def stream(*config):
    return list(load_dataset("RELEASE", *config, split="train", streaming=True))

print("PROBE" + json.dumps({
    "configs": get_dataset_config_names("RELEASE"),
    "default": [row["path"] for row in stream()],
    "cpp": [row["content"] for row in stream("cpp")],
    "csharp": [row["language"] for row in stream("csharp")],
    "unknown": [[row["language"], row["revision_id"], row["gha_language"]] for row in stream("unknown")],
    "stubs": [[row["reason"], row["reasons"][0]["rule"], row["similarity"]] for row in stream("stubs")],
    "duckdb": duckdb.sql("SELECT count(*), count(revision_date) FROM 'data/**/*.parquet'").fetchall(),
    "pandas": pd.read_parquet("data/csharp/00000-of-00001.parquet")["content"].tolist(),
    "table": table["language"].tolist(),
}))
"""


def test_the_code_of_the_card_runs(made: Made, tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", made.card(), re.DOTALL | re.MULTILINE)
    assert len(blocks) == 3
    program = "\n".join([*blocks, PROBE]).replace('"RELEASE"', repr(str(made.folder)))
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "cache"), "TZ": "UTC"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=made.folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.rpartition("PROBE")[2])
    assert seen["configs"] == ["default", "cpp", "csharp", "python", "unknown", "stubs"]
    assert sorted(seen["default"]) == [
        "/A.cs",
        "/notes",
        "/p.py",
        "/q.py",
        "/src/a.cpp",
        "/src/b.cpp",
        "/src/grüße.cpp",
    ]
    assert seen["cpp"] == ["int main() { return 0; }\n", "// grüße 🌾\n", "int b;\n"]
    assert seen["csharp"] == ["C#"]
    assert seen["unknown"] == [[None, None, None]]
    assert seen["stubs"][2] == ["near_duplicate", "filters.size", 0.93]
    assert seen["duckdb"] == [[7, 6]]
    assert seen["pandas"] == ["class A {}\n"]
    assert seen["table"] == ["C++"] * 3
