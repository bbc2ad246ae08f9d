"""A model folder's files: only plain ones inside it are read."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from gristmill.errors import ModelError
from gristmill.zeroshot.models.config import read_config
from gristmill.zeroshot.models.folder import find_files, shard_names


@pytest.mark.parametrize(
    "name",
    ["../x.safetensors", "/etc/x.safetensors", "a/b.safetensors", "x.bin", "..", "", "a\\b.safetensors"],
)
def test_an_index_that_leaves_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": name}}))
    with pytest.raises(ModelError, match=r"only \*\.safetensors beside it"):
        shard_names(index)


@pytest.mark.parametrize(
    "content", ["[]", "{}", '{"weight_map": {}}', '{"weight_map": {"a": 1}}', "x", '{"a":1,"a":2}']
)
def test_an_index_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(content)
    with pytest.raises(ModelError, match=r"index\.json"):
        shard_names(index)


def test_too_many_shards_are_refused(tmp_path: Path) -> None:
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {str(n): f"{n}.safetensors" for n in range(1001)}}))
    with pytest.raises(ModelError, match="1001 files"):
        shard_names(index)


def test_a_pipe_by_the_name_of_a_file_is_not_waited_on(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.json")
    with pytest.raises(ModelError, match="is missing"):
        read_config(tmp_path / "config.json")
    with pytest.raises(ModelError, match="is missing"):
        find_files(tmp_path)


def test_a_huge_config_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(b"{" + b" " * 2000 + b"}")
    assert read_config(path).values == {}
    with pytest.raises(ModelError, match="larger than 1000 bytes"):
        read_config(path, limit=1000)


def test_one_file_of_weights_wins_over_shards(tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin"):
        (tmp_path / name).write_text("{}")
    assert find_files(tmp_path).weights == (tmp_path / "model.safetensors",)
