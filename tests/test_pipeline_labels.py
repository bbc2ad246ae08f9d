"""Whole builds with label sets: what is labelled, what a rule makes of it, and what a change costs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tiny_models import make_checkpoint

from gristmill.annotate import label_stages
from gristmill.cli import main
from gristmill.collect.swhid import content_id
from gristmill.release.verify import verify
from gristmill.zeroshot import ZeroShotClassifier
from mill import (
    MIT,
    commit,
    dropped,
    functions,
    hashes,
    kept,
    make,
    recipe,
    recipe_text,
    table,
    task_rows,
    tasks,
    write_files,
)

CRASH = b"# Tool\n\nThe new driver crashes on resume and the screen stays black.\n"
PROXY = b"How do I install the package behind a proxy?\n"
SPORT = b"This text is about politics, sport or the economy.\n"
GUIDE = b"# A guide\n\nPlease add an option to export the report as a table.\n"
LABELS = ("sport", "a bug report")


def label_set(**values: Any) -> str:
    values = {"name": "topic", "model": "model", "labels": list(LABELS), "engine": "numpy"} | values
    return "[[annotate.labels]]\n" + "".join(
        f"{key} = {json.dumps(value)}\n" for key, value in values.items()
    )


def rule(**values: Any) -> str:
    values = {"set": "topic", "label": "sport"} | values
    return "[[policy.labels]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model and two origins; ``one`` has a README that a file of code repeats byte for byte."""
    folder = tmp_path_factory.mktemp("labels")
    make_checkpoint(folder / "model", "bert")
    commit(
        folder / "one",
        {
            "LICENSE": MIT, "README.md": CRASH, "src/same.md": CRASH, "sub/README": PROXY, "docs/guide.md": GUIDE,
            "src/a.py": functions([1]), "empty/README": b" \n",
        },
    )  # fmt: skip
    write_files(
        folder / "two", {"LICENSE": MIT, "lib/readme.txt": SPORT, "lib/b.py": functions([2]), "bin.dat": b"\0" * 9}
    )  # fmt: skip
    write_files(folder / "three", {"LICENSE": MIT, "c.py": functions([3])})
    return folder


def sources(base: Path, *names: str) -> list[str]:
    return [f"git:{base}/{name}" if name == "one" else f"dir:{base}/{name}" for name in names]


ALL = ("one", "two", "three")
KEEP_COPIES = "[policy.duplicates]\nexact = false\nnear = false\n"


@pytest.fixture(scope="module")
def scores(base: Path) -> dict[bytes, float]:
    """The score of the first label for each text, as the classifier gives it."""
    with ZeroShotClassifier.from_pretrained(base / "model", engine="numpy") as classifier:
        found = {}
        for text in (CRASH, PROXY, SPORT, GUIDE):
            result = classifier(text.decode(), list(LABELS), multi_label=True)
            found[text] = round(dict(zip(result["labels"], result["scores"], strict=True))["sport"], 4)
    assert len(set(found.values())) == len(found)
    return found


def between(scores: dict[bytes, float], one: bytes, other: bytes) -> float:
    return (scores[one] + scores[other]) / 2


def labelled(workspace: Path) -> dict[tuple[str, str, str], float]:
    return {(row["content_id"], row["set"], row["label"]): row["score"] for row in table(workspace, "labels")}


def test_a_rule_on_the_text_of_a_file(base: Path, scores: dict[bytes, float], tmp_path: Path) -> None:
    low, high = sorted((CRASH, SPORT), key=scores.__getitem__)
    text = label_set() + rule(above=between(scores, low, high)) + KEEP_COPIES
    built = make(tmp_path / "w", recipe(sources(base, *ALL), text), base=base)
    found = labelled(tmp_path / "w")
    assert {key[0] for key in found} == {content_id(one) for one in (CRASH, PROXY, SPORT)}
    for one in (CRASH, PROXY, SPORT):
        assert found[content_id(one), "topic", "sport"] == scores[one]
    places = {CRASH: "one/README.md", SPORT: "two/lib/readme.txt"}
    reason = dropped(built)[places[low]]
    assert (reason["reason"], len(reason["reasons"])) == ("label", 1)
    bound = between(scores, low, high)
    assert reason["reasons"][0] == {
        "reason": "label", "rule": "policy.labels.above", "evidence": f"topic: sport {scores[low]} <= {bound}",
    }  # fmt: skip
    assert places[high] in kept(built)
    # The same bytes under a name that is no README, and files without a text of the kind, are not spoken of.
    assert {"one/src/same.md", "one/src/a.py", "one/docs/guide.md", "three/c.py"} <= set(kept(built))
    assert {"label"} == {row["reason"] for place, row in dropped(built).items() if place.endswith(("README.md", "readme.txt"))}  # fmt: skip
    assert verify(built.released.folder).problems == ()
    facts = {(row["origin_name"], row["path"]): row["labels"] for row in table(tmp_path / "w", "facts")}
    assert facts["two", "lib/readme.txt"] == [
        {"set": "topic", "label": "sport", "scope": "file", "score": scores[SPORT]}
    ]
    assert facts["two", "lib/b.py"] is None
    assert facts["one", "src/same.md"] is None


def test_what_has_no_score_may_be_dropped(base: Path, tmp_path: Path) -> None:
    text = label_set() + rule(above=0, unlabelled="drop") + KEEP_COPIES
    built = make(tmp_path / "w", recipe(sources(base, *ALL), text), base=base)
    assert set(kept(built)) == {"one/README.md", "one/sub/README", "two/lib/readme.txt"}
    (evidence,) = dropped(built)["one/src/a.py"]["reasons"]
    assert evidence == {
        "reason": "label",
        "rule": "policy.labels.unlabelled",
        "evidence": "topic: sport: no score",
    }
    assert evidence in dropped(built)["one/empty/README"]["reasons"]


def test_the_readme_at_the_top_speaks_for_its_origin(
    base: Path, scores: dict[bytes, float], tmp_path: Path
) -> None:
    """CRASH stands above PROXY in ``one``, whose history has another README; ``three`` has none."""
    low, high = sorted((CRASH, SPORT), key=scores.__getitem__)
    names = {CRASH: "one", SPORT: "two"}
    commit(base / "old", {"LICENSE": MIT, "README.md": SPORT, "gone.py": functions([9])})
    (base / "old/gone.py").unlink()
    commit(base / "old", {"README.md": CRASH}, "2021-01-01T00:00:00+0000")
    text = (
        label_set()
        + rule(scope="origin", above=between(scores, low, high))
        + '[policy]\nhistory = "all"\n'
        + KEEP_COPIES
    )
    origins = [*sources(base, *ALL), f"git:{base}/old#history=all"]
    built = make(tmp_path / "w", recipe(origins, text), base=base)
    gone = {place for place, row in dropped(built).items() if row["reason"] == "label"}
    here = {place for place in {**kept(built), **dropped(built)} if place.startswith(f"{names[low]}/")}
    assert {f"{names[low]}/{path}" for path in ("LICENSE",)} <= here
    assert {place for place in gone if place.startswith(f"{names[low]}/")} >= here - {
        f"{names[low]}/LICENSE", f"{names[low]}/bin.dat", f"{names[low]}/empty/README",
    }  # fmt: skip
    assert not any(place.startswith((f"{names[high]}/", "three/")) for place in gone)
    # What only the history holds goes by the README of today.
    assert ("old/gone.py" in gone) == (scores[CRASH] == scores[low])
    facts = {(row["origin_name"], row["path"]): row["labels"] for row in table(tmp_path / "w", "facts")}
    assert facts["one", "sub/README"] == facts["one", "src/a.py"] == [
        {"set": "topic", "label": "sport", "scope": "origin", "score": scores[CRASH]}
    ]  # fmt: skip
    assert facts["three", "c.py"] is None


def test_the_kinds_of_texts(base: Path, tmp_path: Path) -> None:
    readmes = {CRASH, PROXY, SPORT}
    wanted = {
        "readme": readmes,
        "documentation": {*readmes, GUIDE, MIT},  # linguist counts licences as documentation
        "prose": {*readmes, GUIDE, MIT},
        "heads": {*readmes, GUIDE, MIT, functions([1]), functions([2]), functions([3])},
    }
    sets = "".join(label_set(name=kind, texts=kind) for kind in wanted)
    make(tmp_path / "w", recipe(sources(base, *ALL), sets), base=base)
    found = labelled(tmp_path / "w")
    for kind, texts in wanted.items():
        assert {key[0] for key in found if key[1] == kind} == {content_id(text) for text in texts}, kind


def test_a_second_build_labels_what_is_new(base: Path, tmp_path: Path) -> None:
    work = tmp_path / "w"
    other = label_set(name="other", labels=["politics", "economy"], multi_label=False)
    make(work, recipe(sources(base, "one"), label_set() + other), base=base)
    first = tasks(work)

    def new(stage: str = "labels") -> set[str]:
        return {task for task in tasks(work) - first if task.startswith(f"{stage}/")}

    make(work, recipe(sources(base, "one"), label_set() + other), base=base)
    make(work, recipe(sources(base, "one"), label_set() + rule(above=0.5) + other), base=base)
    assert new() == set()  # the same again, and another policy
    make(
        work,
        recipe(sources(base, "one"), label_set(template="It is {}.") + other + rule(above=0.4)),
        base=base,
    )
    (changed,) = new()
    assert task_rows(work, changed, "labels") == 2 * len(LABELS)
    first = tasks(work)
    make(work, recipe(sources(base, *ALL), label_set() + other), base=base)
    assert sorted(task_rows(work, task, "labels") for task in new()) == [2, 2]  # SPORT, by each set


def test_nothing_is_labelled_for_another_build_of_the_workspace(base: Path, tmp_path: Path) -> None:
    work = tmp_path / "w"
    make(work, recipe(sources(base, "one"), label_set()), base=base)
    make(work, recipe(sources(base, "two"), label_set(name="fresh")), base=base)
    assert {(key[0], key[1]) for key in labelled(work)} == {(content_id(SPORT), "fresh")}


def test_workers_and_other_builds_change_nothing(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = label_set(texts="heads") + rule(above=0.3) + rule(label="a bug report", below=0.9)
    made = recipe(sources(base, *ALL), text)
    one = make(tmp_path / "one", made, base=base)
    monkeypatch.setattr(label_stages, "TASK_TEXTS", 3)
    many = make(tmp_path / "many", made, base=base, workers=2)
    make(tmp_path / "used", recipe(sources(base, "two"), text.replace("heads", "prose")), base=base)
    used = make(tmp_path / "used", made, base=base)
    assert hashes(one.released.folder) == hashes(many.released.folder) == hashes(used.released.folder)
    assert labelled(tmp_path / "one") == labelled(tmp_path / "many")
    assert any(row["reason"] == "label" for row in dropped(one).values())


def test_the_release_states_what_was_taken(base: Path, tmp_path: Path) -> None:
    built = make(tmp_path / "w", recipe(sources(base, "two"), label_set(engine="auto")), base=base)
    manifest = built.released.manifest
    (stated,) = json.loads(manifest.recipe)["annotate"]["labels"]
    assert stated["revision"].startswith("sha256:")
    assert (stated["template"], stated["model"]) == ("This example is {}.", "model")
    assert stated["engine"] in ("numpy", "openvino", "torch")
    assert manifest.tools["annotator labels"] == "1"
    assert {"tokenizers", "safetensors"} < set(manifest.tools)
    plain = make(tmp_path / "v", recipe(sources(base, "two"))).released.manifest
    assert not {"annotator labels", "tokenizers"} & set(plain.tools)
    assert labelled(tmp_path / "v") == {}


def test_explain_tells_the_score(
    base: Path, scores: dict[bytes, float], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "recipe.toml"
    text = label_set(model=str(base / "model")) + rule(above=1)
    path.write_text(recipe_text(sources(base, "two"), text))
    workspace = ["--workspace", str(tmp_path / "w")]
    assert main(["build", str(path), "--workers", "1", *workspace]) == 0
    assert "labels topic: " in capfd.readouterr().err
    assert main(["explain", "lib/readme.txt", *workspace]) == 0
    told = capfd.readouterr().out
    assert "because   label: a label has not the score that the policy asks for" in told
    assert f"topic: sport {scores[SPORT]} <= 1.0  [policy.labels.above]" in told
    query = 'SELECT "set", label, score, model, revision, template FROM labels ORDER BY label DESC'
    assert main(["query", query, "--format", "json", *workspace]) == 0
    rows = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [(row["set"], row["label"]) for row in rows] == [("topic", label) for label in LABELS]
    assert rows[0]["score"] == scores[SPORT]


def test_a_missing_model_stops_the_build_before_it_begins(
    base: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(recipe_text(sources(base, "two"), label_set(model="./nowhere")))
    assert main(["build", str(path), "--workspace", str(tmp_path / "w")]) != 0
    assert "annotate.labels 'topic': " in capfd.readouterr().err
    assert not (tmp_path / "w").exists()
