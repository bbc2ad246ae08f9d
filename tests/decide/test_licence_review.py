from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.cli import main
from gristmill.collect.swhid import content_id
from gristmill.decide.licence_decisions import Decision, read_decisions
from gristmill.decide.licence_review import Cluster, Waiting, cluster, queue
from gristmill.spdx.texts import text_of
from gristmill.workspace import Workspace, open_workspace
from mill import make, recipe, write_files

HOUSE = (
    b"The house licence, %d. You may look at this, and the house may look at you, and all that was seen " * 2
)
ROOM = b"Rooms are let by the day. No guest keeps a copy of the key, nor tells others where it hangs.\n" * 3
CODE = b"def f(value):\n    return value\n"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    root = tmp_path_factory.mktemp("review")
    files = {
        "one": {"LICENSE": HOUSE % (2019, 2019), "a.py": CODE + b"# 1\n", "b.py": CODE + b"# 2\n"},
        "two": {"LICENSE": HOUSE % (2021, 2021), "c.py": CODE + b"# 3\n"},
        "three": {"COPYING": ROOM, "d.py": CODE + b"# 4\n"},
        "four": {"LICENSE": b"SPDX-License-Identifier: MIT\n", "e.py": CODE + b"# 5\n"},
    }
    sources = [f"dir:{write_files(root / name, some)}" for name, some in files.items()]
    make(root / "workspace", recipe(sources))
    return open_workspace(root / "workspace", create=False)


def test_clusters_by_likeness_the_largest_effect_first(workspace: Workspace) -> None:
    found = queue(workspace)
    assert found.total == 3
    house, room = found.clusters
    assert [one.content_id for one in house.contents] == [
        content_id(HOUSE % (2019, 2019)),
        content_id(HOUSE % (2021, 2021)),
    ]
    assert [(one.entries, len(one.contents)) for one in (house, room)] == [(5, 2), (2, 1)]
    first = house.contents[0]
    assert (first.expression, first.entries) == ("LicenseRef-unknown", 3)
    assert first.place.endswith("/one LICENSE")
    assert first.text.startswith("The house licence, 2019.")


def test_what_is_decided_waits_no_more(workspace: Workspace) -> None:
    decided = Decision("room", (content_id(ROOM),), "MIT", "Ada", dt.date(2026, 1, 1), "read")
    found = queue(workspace, [decided])
    assert (found.total, len(found.clusters)) == (2, 1)


def test_the_commands(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    review = ["licences", "review", "-w", str(workspace.path)]
    assert main([*review, "--limit", "1", "--lines", "1"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("3 contents wait, in 2 clusters\n\n1. 5 entries rest on 2 contents\n")
    assert "   found: LicenseRef-unknown (unrecognised, score 0.00)\n   | The house licence, 2019." in told
    assert told.endswith("1 more clusters; see --limit\n")

    file = tmp_path / "decisions.toml"
    ids = [content_id(HOUSE % (year, year)) for year in (2019, 2021)]
    words = ["--reviewer", "Ada", "--reason", "read", "--decisions", str(file), "--expression"]
    assert main(["licences", "decide", f"swh:1:cnt:{ids[0]}", ids[1], *words, "mit"]) == 0
    assert read_decisions(file) == [
        Decision(ids[0][:12], tuple(ids), "MIT", "Ada", dt.date(1970, 1, 2), "read")
    ]
    before = file.read_bytes()
    assert main(["licences", "decide", ids[0], "--id", "again", *words, "MIT"]) == 2
    assert "again" in capsys.readouterr().err
    assert main(["licences", "decide", "123", *words, "MIT"]) == 2
    assert file.read_bytes() == before

    assert main([*review, "--decisions", str(file), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["total"], [one["entries"] for one in told["clusters"]]) == (1, [2])
    assert told["clusters"][0]["contents"][0]["content_id"] == content_id(ROOM)


def test_the_nearest_text_stands_beside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = text_of("MIT")
    assert known is not None
    edited = known.replace(
        "free of charge", "for a cup of tea, to be drunk by a person who may not be a teapot"
    )
    make(tmp_path / "w", recipe([f"dir:{write_files(tmp_path / 'a', {'LICENSE': edited.encode()})}"]))
    review = ["licences", "review", "-w", str(tmp_path / "w")]
    assert main(review) == 0
    told = capsys.readouterr().out
    assert "nearest: MIT (alike 0." in told
    assert (
        "\n   - free\n" in told and "\n   + tea, to be drunk by a person who may not be a teapot,\n" in told
    )
    assert " words ...]" in told
    assert main([*review, "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["clusters"]
    assert one["nearest"]["id"] == "MIT" and 0.5 < one["nearest"]["likeness"] < 1


def waiting(number: int, entries: int, text: str) -> Waiting:
    return Waiting(f"{number:040x}", "LicenseRef-unknown", "unrecognised", 0.0, entries, "place", text)


@given(
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["a b c d e", "a b c d e f", "x y", "", "x y z"])))
)
def test_every_text_is_in_one_cluster(rows: list[tuple[int, str]]) -> None:
    texts = [waiting(number, entries, text) for number, (entries, text) in enumerate(rows)]
    texts.sort(key=lambda one: -one.entries)
    clusters = cluster(texts)
    assert sorted(one.content_id for c in clusters for one in c.contents) == sorted(
        one.content_id for one in texts
    )
    assert [one.entries for one in clusters] == sorted((one.entries for one in clusters), reverse=True)
    same = {c.contents[0].text for c in clusters}
    assert len(same) == len(clusters)


def test_the_year_and_case_do_not_matter() -> None:
    one, two = (
        waiting(1, 2, "Copyright 2019 the House of Ada"),
        waiting(2, 1, "copyright 2024 THE house of ada"),
    )
    assert cluster([one, two]) == [Cluster((one, two))]
