"""The stages that label: which texts are new, in which tasks, and the scores of those and no others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tiny_models import make_checkpoint

from gristmill import tables
from gristmill.annotate import label_stages, labels
from gristmill.annotate.label_stages import CURRENT, LISTED, labels_stage, texts_stage
from gristmill.annotate.labels import pin
from gristmill.collect.swhid import content_id
from gristmill.engine.shards import ShardWriter, write_table
from gristmill.engine.stages import Inputs, Stage
from gristmill.recipe import LabelSet

Files = Sequence[tuple[str, bytes]]


def segment(folder: Path, *bodies: bytes) -> Path:
    """A segment of contents, sorted by id, in a folder of its own with its table ``text``."""
    folder.mkdir(parents=True)
    rows = [
        {"content_id": i, "sha1": "0" * 40, "sha256": "0" * 64, "length": len(body), "data": body}
        for i, body in sorted((content_id(body), body) for body in bodies)
    ]
    write_table(folder / "contents.parquet", pa.Table.from_pylist(rows, schema=tables.CONTENTS.schema))
    text = [
        {"content_id": row["content_id"], "length": row["length"], "binary": binary, "encoding": None if binary else "utf-8"}
        for row in rows
        for binary in [b"\0" in row["data"]]
    ]  # fmt: skip
    write_table(folder / "text.parquet", pa.Table.from_pylist(text, schema=tables.TEXT.schema))
    return folder


def inputs(folder: Path, files: Files, segments: Sequence[Path], known: Sequence[Path] = ()) -> Inputs:
    """Inputs of the texts stage for entries (path, body), all of them Markdown and documentation."""
    folder.mkdir(parents=True)
    entries = [
        {"origin_id": "o", "anchor": "a", "directory_id": "d", "path": path, "name": path.rsplit("/", 1)[-1],
         "type": "file", "perms": 0, "content_id": content_id(body), "length": len(body), "head": True}
        for path, body in files
    ]  # fmt: skip
    write_table(folder / "entries.parquet", pa.Table.from_pylist(entries, schema=tables.ENTRIES.schema))
    paths = [{"path": path, "extension": "", "vendored": False, "test": False, "documentation": True} for path, _ in files]  # fmt: skip
    write_table(folder / "paths.parquet", pa.Table.from_pylist(paths, schema=tables.PATHS.schema))
    return Inputs(
        {
            "entries": (folder / "entries.parquet",),
            "paths": (folder / "paths.parquet",),
            "languages": (),
            "contents": tuple(one / "contents.parquet" for one in segments),
            "text": tuple(one / "text.parquet" for one in segments),
            "known": tuple(known),
        }
    )


def run(stage: Stage, given: Inputs) -> dict[str, list[pa.RecordBatch]]:
    found: dict[str, list[pa.RecordBatch]] = {name: [] for name in stage.outputs}
    for name, batch in stage.function(given, {**stage.params, **stage.private}):
        assert batch.schema.equals(stage.outputs[name])
        found[name].append(batch)
    return found


def texts(tmp_path: Path, kind: str = "readme") -> Stage:
    return texts_stage(kind, tmp_path / "spill", 100 << 20, 1)


def listed(found: dict[str, list[pa.RecordBatch]]) -> list[list[tuple[str, str]]]:
    return [[(row["segment"], row["content_id"]) for row in batch.to_pylist()] for batch in found["listed"]]


def test_texts_of_a_kind_by_segment(tmp_path: Path) -> None:
    one = segment(tmp_path / "aa", b"first", b"\0binary", b"", b"code")
    two = segment(tmp_path / "bb", b"second")
    files = [
        ("README", b"first"), ("x/README.md", b"first"), ("bin/README", b"\0binary"), ("empty/README", b""),
        ("a.py", b"code"), ("y/readme.txt", b"second"), ("z/README", b"not fetched"),
    ]  # fmt: skip
    found = run(texts(tmp_path), inputs(tmp_path / "in", files, [one, two]))
    assert listed(found) == [[("aa", content_id(b"first"))], [("bb", content_id(b"second"))]]
    current = [row["content_id"] for batch in found["current"] for row in batch.to_pylist()]
    assert current == sorted([content_id(b"first"), content_id(b"second")])
    heads = run(texts(tmp_path, "heads"), inputs(tmp_path / "heads", files, [one, two]))
    assert {i for group in listed(heads) for _, i in group} == {
        content_id(body) for body in (b"first", b"code", b"second")
    }


def test_what_an_earlier_run_listed_is_left_out_and_is_current(tmp_path: Path) -> None:
    one = segment(tmp_path / "aa", b"first", b"second")
    known = tmp_path / "key1/listed.parquet"
    known.parent.mkdir()
    write_table(known, pa.table({"segment": ["aa"], "content_id": [content_id(b"first")]}, schema=LISTED))
    files = [("README", b"first"), ("x/README", b"second")]
    found = run(texts(tmp_path), inputs(tmp_path / "in", files, [one], [known]))
    assert listed(found) == [[("aa", content_id(b"second"))]]
    assert sum(batch.num_rows for batch in found["current"]) == 2
    assert [batch.to_pylist() for batch in found["after"]] == [[{"key": "key1"}]]


def test_a_task_has_few_texts_and_one_segment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_stages, "TASK_TEXTS", 2)
    bodies = [f"text {n}".encode() for n in range(8)]
    segments = [segment(tmp_path / "aa", *bodies[:5]), segment(tmp_path / "bb", *bodies[5:])]
    files = [(f"{n}/README", body) for n, body in enumerate(bodies)]
    groups = listed(run(texts(tmp_path), inputs(tmp_path / "in", files, segments)))
    assert [(len(group), {name for name, _ in group}) for group in groups] == [
        (2, {"aa"}), (2, {"aa"}), (1, {"aa"}), (2, {"bb"}), (1, {"bb"}),
    ]  # fmt: skip
    assert sorted(i for group in groups for _, i in group) == sorted(map(content_id, bodies))


def test_no_segments(tmp_path: Path) -> None:
    found = run(texts(tmp_path), inputs(tmp_path / "in", [], []))
    assert (found["listed"], found["current"], len(found["after"])) == ([], [], 1)


def test_the_labels_of_a_row_group_and_no_others(tmp_path: Path) -> None:
    make_checkpoint(tmp_path / "model", "distilbert")
    wanted = LabelSet(name="s", model="model", labels=("a bug", "sport"), engine="numpy", texts="heads")
    stage = labels_stage(pin(wanted, tmp_path))
    assert str(tmp_path) not in str(dict(stage.params))
    bodies = [b"The driver crashes.", b"How do I install it?", b"politics", b"economy"]
    folder = segment(tmp_path / "aa", *bodies)
    with ShardWriter(tmp_path / "listed.parquet", LISTED) as writer:
        for pair in (bodies[:1], bodies[1:3]):
            ids = sorted(map(content_id, pair))
            writer.write_row_group(pa.table({"segment": ["aa"] * len(ids), "content_id": ids}, schema=LISTED))
    given = {"contents": (folder / "contents.parquet",), "text": (folder / "text.parquet",), "listed": (tmp_path / "listed.parquet",)}  # fmt: skip
    found = run(stage, Inputs(given, {"listed": 1}))
    labels.close_model()
    rows = [row for batch in found["labels"] for row in batch.to_pylist()]
    assert [(row["content_id"], row["label"]) for row in rows] == [
        (i, label) for i in sorted(map(content_id, bodies[1:3])) for label in ("a bug", "sport")
    ]
    assert pq.read_metadata(tmp_path / "listed.parquet").num_row_groups == 2
    assert CURRENT.names == ["content_id"]
