"""Facts: everything known of an entry joined by key, one row an entry, nothing lost and nothing doubled."""

from __future__ import annotations

from pathlib import Path

import pytest

from gristmill import tables
from gristmill.collect.swhid import content_id
from gristmill.decide.facts import FACTS
from gristmill.decide.origins import origins_stage
from gristmill.engine.shards import write_table
from gristmill.engine.stages import Inputs
from mill import MIT, commit, functions, git, make, recipe, table, write_files


def test_facts_of_a_small_corpus(tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    first = commit(
        repo, {"LICENSE": MIT, "a.py": functions([1]), "old.py": functions([2])}, "2019-01-01T00:00:00+0000"
    )
    (repo / "old.py").unlink()
    git(repo, "update-index", "--add", "--cacheinfo", f"160000,{first},sub")
    (repo / "big.bin").write_bytes(b"\0" * 3_000)
    commit(repo, {"b.py": functions([1])}, "2020-01-01T00:00:00+0000")
    git(repo, "update-index", "--add", "--cacheinfo", f"160000,{first},sub")
    git(repo, "commit", "-q", "-m", "submodule", date="2021-01-01T00:00:00+0000")
    write_files(tmp_path / "plain", {"x/a.py": functions([1])})
    sources = [f"git:{repo}#history=all", f"git:{repo}", f"dir:{tmp_path}/plain"]
    make(tmp_path / "w", recipe(sources, "max_content_bytes = 2000"))
    facts = table(tmp_path / "w", "facts")
    keys = [(row["origin_id"], row["anchor"], row["path"]) for row in facts]
    assert keys == sorted(set(keys))
    entries = {(row["origin_id"], row["anchor"], row["path"]) for row in table(tmp_path / "w", "entries")}
    assert set(keys) == entries
    rows = {(row["kind"], row["path"]): row for row in facts}
    a = rows["git", "a.py"]
    assert (a["content_id"], a["language"], a["licence_class"]) == (
        content_id(functions([1])),
        "Python",
        "permissive",
    )
    assert (a["head"], a["branch"], a["revision_id"]) == (
        True,
        "main",
        git(repo, "rev-parse", "HEAD").strip(),
    )
    assert a["committer_date"].year == 2021
    assert rows["git", "old.py"]["head"] is False
    assert rows["git", "old.py"]["anchor"] == f"swh:1:rev:{first}"
    assert rows["git", "old.py"]["committer_date"].year == 2019
    big = rows["git", "big.bin"]
    assert (big["skipped"], big["length"], big["is_binary"], big["sha1"]) == ("too_large", 3_000, None, None)
    sub = rows["git", "sub"]
    assert (sub["type"], sub["skipped"], sub["language"]) == ("submodule", None, None)
    plain = rows["dir", "x/a.py"]
    assert (plain["revision_id"], plain["committer_date"], plain["extension"]) == (None, None, "py")
    assert plain["lines"] == a["lines"] == 3
    assert table(tmp_path / "w", "facts")[0].keys() == {column.name for column in FACTS.columns}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_one_row_an_origin_whatever_the_order_of_its_listings(tmp_path: Path, order: tuple[int, int]) -> None:
    """Two versions of a package are one origin with, perhaps, two declared licences."""
    paths = []
    for number, licence in enumerate(("MIT", "Apache-2.0")):
        row = {"origin_id": "0" * 40, "url": "u", "kind": "pypi", "name": "n", "declared_licence": licence}
        paths.append(tmp_path / f"{number}.parquet")
        schema = tables.ORIGINS.schema
        write_table(paths[-1], tables.ORIGINS.empty().from_pylist([row], schema=schema))
    stage = origins_stage(None)
    files = tuple(paths[number] for number in order)
    found = list(stage.function(Inputs({"origins": files}), {**stage.params, **stage.private}))
    rows = {name: batch.to_pylist() for name, batch in found}
    assert [row["declared_licence"] for row in rows["origins"]] == ["MIT"]
    assert [row["licence"] for row in rows["declared"]] == [("MIT", "Apache-2.0")[number] for number in order]
