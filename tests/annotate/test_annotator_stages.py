"""The stages that annotate: the join of texts and names by key, and what of a name is new."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill import tables
from gristmill.annotate import annotators, text
from gristmill.annotate.stages import _repeat_by_name, annotator_stage, names_stage, text_batch
from gristmill.collect.stages import IDS
from gristmill.collect.swhid import content_id
from gristmill.engine.shards import ShardWriter, write_table
from gristmill.engine.stages import Inputs

KEY = b"k" * 32


def contents(folder: Path, *bodies: bytes) -> Path:
    """A segment of contents in a folder of its own, sorted by id."""
    folder.mkdir(parents=True)
    rows = sorted((content_id(body), body) for body in bodies)
    table = pa.table(
        {
            "content_id": [i for i, _ in rows],
            "sha1": ["0" * 40] * len(rows),
            "sha256": ["0" * 64] * len(rows),
            "length": [len(body) for _, body in rows],
            "data": pa.array([body for _, body in rows], pa.binary()),
        },
        schema=tables.CONTENTS.schema,
    )
    write_table(folder / "contents.parquet", table)
    return folder / "contents.parquet"


def listing(path: Path, *rows: tuple[str, str]) -> Path:
    values = [
        {"origin_id": "o", "anchor": "a", "directory_id": "d", "path": f"{n}/{name}", "name": name, "type": "file",
         "perms": 0, "content_id": content, "length": 1, "head": True}
        for n, (content, name) in enumerate(rows)
    ]  # fmt: skip
    write_table(path, pa.Table.from_pylist(values, schema=tables.ENTRIES.schema))
    return path


def run(stage: object, inputs: Inputs) -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = {}
    for name, batch in stage.function(inputs, {**stage.params, **stage.private}):  # type: ignore[attr-defined]
        found.setdefault(name, []).extend(batch.to_pylist())
    return found


def test_texts_are_joined_by_id_and_not_by_order(tmp_path: Path) -> None:
    bodies = [
        b"plain\n",
        "Gr\u00fc\u00dfe an alle, sch\u00f6ne Gr\u00fc\u00dfe\n".encode("latin-1"),
        b"\0binary\0",
    ]
    segment = contents(tmp_path / "s", *bodies)
    stage = annotator_stage(annotators.TEXT, {}, KEY, "id")
    side = run(stage, Inputs({"contents": (segment,)}))["text"]
    shuffled = pa.Table.from_pylist(side[::-1], schema=tables.TEXT.schema)
    batch = pa.RecordBatch.from_pylist(
        [{"content_id": content_id(body), "length": len(body), "data": body} for body in bodies],
        schema=pa.schema([("content_id", pa.string()), ("length", pa.int64()), ("data", pa.binary())]),
    )
    joined = text_batch(batch, shuffled)["text"].to_pylist()
    assert joined == [bodies[0], bodies[1].decode("latin-1").encode(), None]
    assert text.NAME == "text"


@given(st.lists(st.tuples(st.integers(0, 6), st.sampled_from("abc")), max_size=20))
def test_one_row_for_each_name_of_a_content(pairs: list[tuple[int, str]]) -> None:
    pairs = sorted(set(pairs))
    names = pa.table({"content_id": pa.array([f"{n:02d}" for n, _ in pairs], pa.string()),
                      "name": pa.array([name for _, name in pairs], pa.string())})  # fmt: skip
    here = sorted({n for n, _ in pairs if n != 3} | {9})
    batch = pa.RecordBatch.from_pydict({"content_id": pa.array([f"{n:02d}" for n in here], pa.string())})
    keys = names["content_id"].combine_chunks().to_numpy(zero_copy_only=False)
    found = _repeat_by_name(batch, keys, names)
    rows = zip(found["content_id"].to_pylist(), found["name"].to_pylist(), strict=True)
    assert list(rows) == [(f"{n:02d}", name) for n, name in pairs if n in here]


def test_new_names_only_a_row_group_a_segment(tmp_path: Path) -> None:
    ids = []
    for name, held in (("aa", (b"1", b"2")), ("bb", (b"3",))):
        ids.append(tmp_path / f"{name}.parquet")
        rows = [{"content_id": content_id(one), "failed_for": None} for one in held]
        rows.append({"content_id": content_id(b"gone"), "failed_for": "somebody"})
        write_table(ids[-1], pa.Table.from_pylist(rows, schema=IDS))
    entries = listing(
        tmp_path / "e.parquet", (content_id(b"1"), "x"), (content_id(b"1"), "x"), (content_id(b"1"), "y"),
        (content_id(b"3"), "x"), (content_id(b"gone"), "x"),
    )  # fmt: skip
    stage = names_stage(["aa", "bb"], tmp_path / "spill", 100 << 20, 1)
    inputs = {"entries": (entries,), "ids": tuple(ids), "known": ()}
    found = run(stage, Inputs(inputs))
    assert [(row["segment"], row["content_id"], row["name"]) for row in found["names"]] == [
        ("aa", content_id(b"1"), "x"),
        ("aa", content_id(b"1"), "y"),
        ("bb", content_id(b"3"), "x"),
    ]
    (tmp_path / "k1").mkdir()
    known = tmp_path / "k1/names.parquet"
    with ShardWriter(known, stage.outputs["names"]) as writer:
        for row in found["names"][:1]:
            writer.write(pa.RecordBatch.from_pylist([row], schema=stage.outputs["names"]))
    again = run(stage, Inputs({**inputs, "known": (known,)}))
    assert [row["name"] for row in again["names"]] == ["y", "x"]
    assert again["after"] == [{"key": "k1"}]
    assert run(stage, Inputs({**inputs, "ids": ()})).get("names") is None


@pytest.mark.parametrize("detectors", [["patterns"], ["kingfisher", "patterns"]])
def test_the_key_of_the_values_is_not_in_a_stages_key(detectors: list[str]) -> None:
    (findings,) = [one for one in annotators.CONTENT_ANNOTATORS if one.name == "findings"]
    stage = annotator_stage(findings, {"detectors": detectors}, KEY, "fingerprint")
    assert stage.params == {"detectors": detectors, "key_id": "fingerprint"}
    assert stage.private["key"] == KEY
