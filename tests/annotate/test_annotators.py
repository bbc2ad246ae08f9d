"""The register of annotators: every side-car table has one, and each keeps to its table."""

from __future__ import annotations

import pyarrow as pa
import pytest

from gristmill import tables
from gristmill.annotate import annotators
from gristmill.annotate.annotators import ALL, Annotator

TEXT = b"# SPDX-License-Identifier: MIT\nmail = 'jane.roe@corp-mail.org'\na b c d e f g h i j k l m n o p\n"
VALUES = {"detectors": ["patterns"], "key": b"k" * 32}


def batch(annotator: Annotator, rows: int = 1) -> pa.RecordBatch:
    columns: dict[str, pa.Array] = {
        "content_id": pa.array([f"{n:040x}" for n in range(rows)], pa.string()),
        "length": pa.array([len(TEXT)] * rows, pa.int64()),
        "data": pa.array([TEXT] * rows, pa.binary()),
        "text": pa.array([TEXT] * rows, pa.binary()),
        "name": pa.array(["a.py"] * rows, pa.string()),
        "names": pa.array([["a.py", "b.py"]] * rows, pa.list_(pa.string())),
        "path": pa.array([f"src/{n}.py" for n in range(rows)], pa.string()),
    }
    wanted = {
        "bytes": ["content_id", "length", "data"],
        "text": ["content_id", "length", "data", "text"],
        "names": ["content_id", "length", "data", "text", "name"],
        "name lists": ["content_id", "length", "data", "text", "names"],
        "paths": ["path"],
    }[annotator.reads]
    return pa.RecordBatch.from_pydict({name: columns[name] for name in wanted})


def test_every_side_car_table_has_an_annotator() -> None:
    made = {annotator.table for annotator in ALL.values()}
    assert made == {tables.TEXT, tables.PATHS, tables.SIGNALS, tables.SIGNATURES, tables.FINDINGS,
                    tables.LANGUAGES, tables.LICENCE_MATCHES}  # fmt: skip
    assert annotators.versions() == {name: ALL[name].version for name in sorted(ALL)}


@pytest.mark.parametrize("name", sorted(ALL))
def test_an_annotator_keeps_to_its_table(name: str) -> None:
    annotator = ALL[name]
    assert annotator.name == name
    found = annotators.call(annotator, batch(annotator, 3), VALUES)
    assert found.schema == annotator.table.schema
    found.validate(full=True)
    assert found.num_rows >= 3
    keys = list(zip(*(found[column].to_pylist() for column in annotator.table.key), strict=True))
    assert len(set(keys)) == len(keys)
    assert annotators.call(annotator, batch(annotator, 0), VALUES).num_rows == 0


def test_options_reach_only_who_asks_for_them() -> None:
    found = annotators.call(ALL["findings"], batch(ALL["findings"]), VALUES)
    other = annotators.call(ALL["findings"], batch(ALL["findings"]), {**VALUES, "key": b"o" * 32})
    assert found["value_hash"].to_pylist() != other["value_hash"].to_pylist()
    assert [name for name, annotator in ALL.items() if annotator.options] == ["findings"]
