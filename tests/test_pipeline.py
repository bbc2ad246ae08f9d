"""The mill end to end, on a small real corpus: what goes in, what comes out, and that it is the same again."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest

from gristmill.engine.progress import Progress
from gristmill.pipeline import Built, build
from gristmill.release.verify import verify
from gristmill.settings import make_settings
from gristmill.workspace import open_workspace
from mill import (
    GPL,
    MIT,
    commit,
    dropped,
    functions,
    git,
    hashes,
    kept,
    make,
    recipe,
    recipe_text,
    rows,
    run_cli,
    table,
    tar,
    task_rows,
    tasks,
    write_files,
)

SECRET = "AKIA" + "Z7QX3M5LBWT2RKPD"
MAIL = "jane.roe@corp-mail.org"
ADDRESS = "81.2.69.142"
LEAKY = (
    MIT
    + f'AWS_KEY = "{SECRET}"\nCONTACT = "{MAIL}"\nHOST = "{ADDRESS}"\n\n\ndef connect(host):\n    return host\n'.encode()
)
UTF16 = (MIT.decode() + "GRUSS = 'Grüße aus Köln'\nwert = 1\n" * 3).encode("utf-16")
LATIN = MIT + ("# Ein Satz, der über die Straße führt und größer wird.\nwert = 1\n" * 5).encode("latin-1")

FIRST = functions(range(60))
SECOND = functions([*range(100, 106), *range(6, 60)])  # 0.8 to FIRST
THIRD = functions([*range(100, 106), *range(6, 30), *range(200, 206), *range(36, 60)])  # 0.8 to SECOND only
SHARED = b"def shared(value):\n    return value\n"
CONTESTED = b"def contested(value):\n    return value\n"


@dataclass(frozen=True)
class Corpus:
    """Folders of the sources, the sources, and a finished build of them."""

    folder: Path
    sources: list[str]
    workspace: Path
    built: Built


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("corpus")
    commit(folder / "omega", {"LICENSE": GPL, "old.py": CONTESTED}, date="2010-01-01T00:00:00+0000")
    commit(
        folder / "alpha",
        {
            "LICENSE": MIT,
            "src/first.py": FIRST,
            "src/shared.py": SHARED,
            "src/contested.py": CONTESTED,
            "src/leaky.py": LEAKY,
            "src/utf16.py": UTF16,
            "src/latin.py": LATIN,
            "src/blob.bin": bytes(range(256)) * 8,
        },
    )
    (folder / "alpha/link.py").symlink_to("src/first.py")
    commit(
        folder / "alpha", {"docs/readme.md": b"# Alpha\n\nWords about alpha.\n"}, "2020-02-02T00:00:00+0000"
    )
    write_files(
        folder / "beta",
        {"LICENSE": MIT, "lib/second.py": SECOND, "lib/third.py": THIRD, "lib/shared.py": SHARED},
    )
    tar(folder / "gamma-1.0.tar.gz", {"gamma-1.0/COPYING": GPL, "gamma-1.0/shared.py": SHARED})
    sources = [
        f"git:{folder}/alpha",
        f"git:{folder}/omega",
        f"dir:{folder}/beta",
        f"archive:{folder}/gamma-1.0.tar.gz",
    ]
    workspace = folder / "workspace"
    return Corpus(folder, sources, workspace, make(workspace, recipe(sources)))


def reason(built: Built, place: str) -> str:
    return str(dropped(built)[place]["reason"])


# ------------------------------------------------------------------------------------------ what comes out


def test_contents_and_directories_are_gits(corpus: Corpus) -> None:
    alpha = corpus.folder / "alpha"
    expected = {}
    for line in git(alpha, "ls-tree", "-r", "-l", "HEAD").splitlines():
        mode, _, object_id, size, path = line.split(maxsplit=4)
        expected[path] = (mode, object_id, int(size))
    head = git(alpha, "rev-parse", "HEAD").strip()
    entries = [row for row in table(corpus.workspace, "entries") if row["anchor"] == f"swh:1:rev:{head}"]
    assert {e["path"]: (f"{e['perms']:06o}", e["content_id"], e["length"]) for e in entries} == expected
    assert {e["directory_id"] for e in entries} == {git(alpha, "rev-parse", "HEAD^{tree}").strip()}
    trees = git(alpha, "ls-tree", "-r", "-t", "HEAD").splitlines()
    directories = {line.split()[2] for line in trees if line.split()[1] == "tree"}
    assert directories < {row["directory_id"] for row in table(corpus.workspace, "directories")}
    assert table(corpus.workspace, "contents")
    for row in table(corpus.workspace, "contents"):
        hashed = git(alpha, "hash-object", "--stdin", data=row["data"]).strip()
        assert hashed == row["content_id"]


def test_the_tree_of_a_folder_is_what_git_would_write(corpus: Corpus, tmp_path: Path) -> None:
    copy = write_files(tmp_path / "copy", {"x": b""})
    (copy / "x").unlink()
    git(copy, "init", "-q")
    git(copy, f"--work-tree={corpus.folder / 'beta'}", "add", "-A", "-f")
    tree = git(copy, "write-tree").strip()
    beta = [row for row in table(corpus.workspace, "entries") if row["path"] == "lib/third.py"]
    assert [row["anchor"] for row in beta] == [f"swh:1:dir:{tree}"]


def test_rows_in_are_rows_out(corpus: Corpus) -> None:
    entries = table(corpus.workspace, "entries")
    data, stubs = rows(corpus.built, "data"), rows(corpus.built, "stubs")
    assert len(entries) == len(data) + len(stubs) == corpus.built.released.manifest.totals.entries
    places = [(row["origin_url"], row["anchor"], row["path"]) for row in [*data, *stubs]]
    assert len(set(places)) == len(places)
    assert {row["reason"] for row in stubs} >= {
        "binary",
        "symlink",
        "licence",
        "exact_duplicate",
        "near_duplicate",
    }


def test_verify_passes(corpus: Corpus) -> None:
    report = verify(corpus.built.released.folder)
    assert report.problems == ()
    assert report.rows == corpus.built.released.manifest.totals.entries


def test_one_survivor_of_exact_duplicates_and_all_occurrences(corpus: Corpus) -> None:
    """The order of survivors: permissive before others, dated (git) before undated (folder, archive)."""
    identifier = kept(corpus.built)["alpha/src/shared.py"]["content_id"]
    everywhere = [e for e in table(corpus.workspace, "entries") if e["content_id"] == identifier]
    assert len(everywhere) == 3
    assert kept(corpus.built)["alpha/src/shared.py"]["occurrences"] == 3
    assert reason(corpus.built, "beta/lib/shared.py") == "exact_duplicate"
    assert "alpha" in dropped(corpus.built)["beta/lib/shared.py"]["reasons"][0]["evidence"]


def words(text: bytes) -> set[tuple[bytes, ...]]:
    """Word 5-shingles as their documentation defines them, written anew."""
    found = re.findall(rb"[A-Za-z0-9_\x80-\xff]+", text)
    lowered = [word.lower() for word in found]
    return {tuple(lowered[at : at + 5]) for at in range(len(lowered) - 4)}


def test_near_duplicates_go_only_for_a_kept_file_that_is_alike(corpus: Corpus) -> None:
    released = {row["content_id"]: row["content"].encode() for row in rows(corpus.built, "data")}
    bodies = {row["content_id"]: row["data"] for row in table(corpus.workspace, "contents")}
    gone = [row for row in rows(corpus.built, "stubs") if row["reason"] == "near_duplicate"]
    assert [row["path"] for row in gone] == ["/lib/second.py"]
    for row in gone:
        ours, theirs = words(bodies[row["content_id"]]), words(released[row["cluster_id"]])
        jaccard = len(ours & theirs) / len(ours | theirs)
        assert jaccard >= 0.7
        assert row["similarity"] == pytest.approx(jaccard, abs=1e-12)
    # THIRD is alike to SECOND, which went, and not to FIRST, which stayed: no chain may remove it.
    assert len(words(SECOND) & words(THIRD)) / len(words(SECOND) | words(THIRD)) >= 0.7
    assert len(words(FIRST) & words(THIRD)) / len(words(FIRST) | words(THIRD)) < 0.7
    assert "beta/lib/third.py" in kept(corpus.built)
    first = kept(corpus.built)["alpha/src/first.py"]
    assert (first["cluster_id"], first["cluster_size"]) == (first["content_id"], 2)


def test_no_two_kept_files_are_near_duplicates(corpus: Corpus) -> None:
    sets = [words(row["content"].encode()) for row in rows(corpus.built, "data")]
    sets = [one for one in sets if len(one) >= 10]
    assert len(sets) >= 3
    for number, one in enumerate(sets):
        for other in sets[:number]:
            assert len(one & other) / len(one | other) < 0.7


@pytest.mark.parametrize(
    ("conflict", "shared", "contested"),
    [("earliest", True, False), ("any", True, True), ("all", False, False)],
)
def test_one_content_under_two_licences(corpus: Corpus, conflict: str, shared: bool, contested: bool) -> None:
    """SHARED is MIT first and GPL in an undated archive; CONTESTED is GPL first and MIT later."""
    more = f'[policy.licences]\nconflict = "{conflict}"'
    built = make(corpus.workspace, recipe(corpus.sources, more, f"conflict-{conflict}"))
    assert reason(built, "omega/old.py") == "licence"
    for place, stays in (("alpha/src/shared.py", shared), ("alpha/src/contested.py", contested)):
        assert (place in kept(built)) is stays
        if not stays:
            assert reason(built, place) == "licence_conflict"


def test_opt_out_by_repository_path_and_content(corpus: Corpus, tmp_path: Path) -> None:
    identifier = kept(corpus.built)["beta/lib/third.py"]["content_id"]
    (tmp_path / "out.txt").write_text(
        f"# asked to be out\n\ncontent:swh:1:cnt:{identifier}\npath:src/l*.py\n"
    )
    more = '[policy]\nopt_out = ["repository:omega", "@out.txt"]'
    built = make(corpus.workspace, recipe(corpus.sources, more, "opt-out"), base=tmp_path)
    out = {place for place, row in dropped(built).items() if row["reason"] == "opt_out"}
    assert out == {
        "omega/LICENSE", "omega/old.py", "beta/lib/third.py", "alpha/src/leaky.py", "alpha/src/latin.py",
    }  # fmt: skip
    evidence = {row["path"]: row["reasons"][0]["evidence"] for row in dropped(built).values()}
    assert evidence["/old.py"] == "repository:omega"
    assert evidence["/src/leaky.py"] == "path:src/l*.py"


def test_opt_out_of_a_content_moves_no_copy_into_its_place(corpus: Corpus) -> None:
    identifier = kept(corpus.built)["alpha/src/shared.py"]["content_id"]
    more = f'[policy]\nopt_out = ["content:{identifier}"]'
    built = make(corpus.workspace, recipe(corpus.sources, more, "opt-out-content"))
    assert identifier not in {row["content_id"] for row in rows(built, "data")}


def test_opt_out_by_account(tmp_path: Path) -> None:
    """The account is a part of a forge's URL; a file URL names a machine's folder and no account."""
    commit(tmp_path / "ann/tool", {"LICENSE": MIT, "a.py": SHARED})
    more = '[policy]\nopt_out = ["account:ann"]'
    built = make(tmp_path / "w", recipe([f"git:{tmp_path}/ann/tool"], more))
    assert "tool/a.py" in kept(built)
    more = '[policy]\nopt_out = ["repository:ann/tool"]'
    assert reason(make(tmp_path / "w", recipe([f"git:{tmp_path}/ann/tool"], more)), "tool/a.py") == "opt_out"


def test_history(tmp_path: Path) -> None:
    gone = MIT + b"def gone(value):\n    return value\n"
    commit(tmp_path / "repo", {"LICENSE": MIT, "gone.py": gone, "stays.py": SHARED})
    (tmp_path / "repo/gone.py").unlink()
    commit(tmp_path / "repo", {}, "2021-01-01T00:00:00+0000")
    source = f"git:{tmp_path}/repo#history=all"
    head = make(tmp_path / "w", recipe([source], name="head"))
    assert "repo/stays.py" in kept(head)
    assert reason(head, "repo/gone.py") == "history"
    whole = make(tmp_path / "w", recipe([source], '[policy]\nhistory = "all"', "whole"))
    assert {"repo/stays.py", "repo/gone.py"} <= set(kept(whole))
    assert len(table(tmp_path / "w", "revisions")) == 2
    assert verify(whole.released.folder).ok


# ------------------------------------------------------------------------------------------------- privacy


def everything(path: Path) -> str:
    """Every value of a Parquet file as text."""
    return repr(pq.ParquetFile(path).read().to_pylist())


def test_secrets_are_in_no_byte_but_the_contents(corpus: Corpus) -> None:
    row = kept(corpus.built)["alpha/src/leaky.py"]
    assert "<KEY>" in row["content"]
    assert "<EMAIL>" in row["content"]
    assert row["redactions"] == 3
    assert row["original_sha256"] != row["released_sha256"]
    assert kept(corpus.built)["alpha/src/first.py"]["redactions"] == 0
    for path in corpus.built.released.folder.rglob("*"):
        text = everything(path) if path.suffix == ".parquet" else path.read_text() if path.is_file() else ""
        assert SECRET not in text
        assert MAIL not in text
        assert ADDRESS not in text
    holders = set()
    for path in (corpus.workspace / "stages").rglob("*.parquet"):
        text = everything(path)
        if SECRET in text or MAIL in text or ADDRESS in text:
            holders.add(f"{path.parent.parent.name}/{path.name}")
    assert holders == {"fetch/contents.parquet"}


def test_people_are_pseudonyms_unless_the_recipe_keeps_them(corpus: Corpus, tmp_path: Path) -> None:
    authors = {row["author"] for row in table(corpus.workspace, "revisions")}
    assert len(authors) == 1
    names = re.compile("Ada|Cid|mill.example")
    for path in (corpus.workspace / "stages").rglob("*.parquet"):
        if path.name != "contents.parquet":
            assert not names.search(everything(path)), path
    make(tmp_path / "w", recipe(corpus.sources[1:2], 'people = "keep"'))
    assert [row["author"] for row in table(tmp_path / "w", "revisions")] == ["Ada Author <ada@mill.example>"]


def test_other_encodings_are_released_as_utf_8(corpus: Corpus) -> None:
    utf16, latin = kept(corpus.built)["alpha/src/utf16.py"], kept(corpus.built)["alpha/src/latin.py"]
    assert "Grüße aus Köln" in utf16["content"]
    assert utf16["src_encoding"].startswith("utf-16")
    assert latin["content"] == LATIN.decode("latin-1")
    assert latin["src_encoding"] not in ("utf-8", "ascii")
    assert latin["length_bytes"] == len(LATIN)


# --------------------------------------------------------------------------------------- the same, again


def test_a_second_build_does_nothing_new(corpus: Corpus) -> None:
    make(corpus.workspace, recipe(corpus.sources))
    before, release = tasks(corpus.workspace), hashes(corpus.built.released.folder)
    stamps = {path: path.stat().st_mtime_ns for path in corpus.built.released.folder.rglob("*")}
    built = make(corpus.workspace, recipe(corpus.sources))
    assert tasks(corpus.workspace) == before
    assert hashes(built.released.folder) == release
    assert stamps == {path: path.stat().st_mtime_ns for path in built.released.folder.rglob("*")}


@pytest.mark.parametrize(
    ("engine", "workers"),
    [
        pytest.param("local", 1, id="one-worker"),
        pytest.param("local", 2, id="two-workers", marks=pytest.mark.slow),
        pytest.param("ray", 2, id="ray", marks=[pytest.mark.ray, pytest.mark.slow]),
    ],
)
def test_fresh_workspaces_give_the_same_bytes(
    corpus: Corpus, tmp_path: Path, engine: str, workers: int
) -> None:
    """The workspace's random key is another one, so it must not reach the release."""
    if engine == "ray":
        pytest.importorskip("ray", reason="the ray extra is not installed")
    built = make(tmp_path / "w", recipe(corpus.sources), engine=engine, workers=workers)
    expected = hashes(corpus.built.released.folder)
    assert {"README.md", "manifest.json", "statistics.json"} < set(expected)
    assert hashes(built.released.folder) == expected


def test_a_small_build_loads_no_pandas_and_starts_no_workers(corpus: Corpus, tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(recipe_text(corpus.sources))
    script = (
        "import sys, multiprocessing.process as processes\n"
        "from gristmill import pipeline\n"
        "from gristmill.cli import main\n"
        "pipeline.ALONE_SECONDS = 600\n"
        "assert main(['build', 'recipe.toml', '-w', 'w', '-q', '--workers', '2', '--memory', '4GB']) == 0\n"
        "assert next(processes._process_counter) == 1, 'a worker was started'\n"
        "assert 'pandas' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    expected = hashes(corpus.built.released.folder)
    assert hashes(tmp_path / "w/releases/mill-1.0.0") == expected


def test_the_order_of_sources_does_not_matter(corpus: Corpus, tmp_path: Path) -> None:
    built = make(tmp_path / "w", recipe(corpus.sources[::-1]))
    ours, theirs = hashes(built.released.folder), hashes(corpus.built.released.folder)
    parts = [name for name in theirs if name.startswith(("data/", "stubs/"))]
    assert len(parts) >= 2
    assert {name: ours[name] for name in parts} == {name: theirs[name] for name in parts}
    assert built.released.manifest.logical_sha256 == corpus.built.released.manifest.logical_sha256


def test_a_new_commit_reads_and_annotates_only_what_is_new(tmp_path: Path) -> None:
    commit(tmp_path / "repo", {"LICENSE": MIT, **{f"m{n}.py": functions([n]) for n in range(20)}})
    make(tmp_path / "w", recipe([f"git:{tmp_path}/repo"]))
    before = tasks(tmp_path / "w")
    commit(
        tmp_path / "repo",
        {"m3.py": functions([3, 33]), "new.py": functions([77])},
        "2021-01-01T00:00:00+0000",
    )
    built = make(tmp_path / "w", recipe([f"git:{tmp_path}/repo"]))
    new = tasks(tmp_path / "w") - before
    for stage, output in (
        ("fetch", "contents"),
        ("text", "text"),
        ("signals", "signals"),
        ("names", "names"),
    ):
        assert sum(task_rows(tmp_path / "w", t, output) for t in new if t.startswith(f"{stage}/")) == 2
    assert {"repo/new.py", "repo/m3.py", "repo/m4.py"} <= set(kept(built))
    fresh = make(tmp_path / "fresh", recipe([f"git:{tmp_path}/repo"]))
    assert hashes(fresh.released.folder) == hashes(built.released.folder)


def test_a_change_of_policy_runs_decide_and_release_alone(corpus: Corpus) -> None:
    before = tasks(corpus.workspace)
    make(corpus.workspace, recipe(corpus.sources, "[policy.quality]\nmax_lines = 30", "short"))
    again = {task.split("/")[0] for task in tasks(corpus.workspace) - before}
    assert again
    assert not again & {"list", "fetch", "text", "signals", "findings", "signatures", "languages", "facts"}


@pytest.mark.slow
def test_kill_9_and_run_again(corpus: Corpus, tmp_path: Path) -> None:
    """Killed in three stages of the build, then finished: the bytes of a build that was never killed."""
    path = tmp_path / "recipe.toml"
    path.write_text(recipe_text(corpus.sources))
    workspace = tmp_path / "w"
    command = [sys.executable, "-m", "gristmill", "build", str(path), "-w", str(workspace), "--workers", "1"]
    killed = 0
    for stage in ("text", "facts", "write"):
        child = subprocess.Popen([*command, "-q"], stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not (workspace / "stages" / stage).exists() and time.monotonic() < deadline:
            if child.poll() is not None:
                break
            time.sleep(0.001)
        child.send_signal(signal.SIGKILL)
        killed += child.wait() == -signal.SIGKILL
    assert killed >= 2
    done = tasks(workspace)
    assert done
    assert not (workspace / "releases/mill-1.0.0").exists() or killed < 3
    finished = run_cli(*command[3:])
    assert finished.returncode == 0, finished.stderr
    assert done <= tasks(workspace)
    assert hashes(workspace / "releases/mill-1.0.0") == hashes(corpus.built.released.folder)
    assert not list(workspace.rglob("*.tmp"))


# ---------------------------------------------------------------------------------------------- metadata


def test_metadata_decides_who_survives(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_files(tmp_path / name, {"LICENSE": MIT, "a.py": SHARED})
    sources = [f"dir:{tmp_path}/one", f"dir:{tmp_path}/two"]
    plain = make(tmp_path / "w", recipe(sources))
    first, other = ("one", "two") if "one/a.py" in kept(plain) else ("two", "one")
    (tmp_path / "facts.csv").write_text(
        f"url,stars,created_at,licence\nfile://{tmp_path}/{other}/,17,2015-06-01,Apache-2.0\n"
    )
    before = tasks(tmp_path / "w")
    built = make(tmp_path / "w", recipe(sources, 'metadata = "facts.csv"'), base=tmp_path)
    row = kept(built)[f"{other}/a.py"]
    assert reason(built, f"{first}/a.py") == "exact_duplicate"
    assert row["star_events_count"] == 17
    assert row["gha_license_id"] == "Apache-2.0"
    assert row["gha_created_at"].isoformat() == "2015-06-01T00:00:00+00:00"
    assert not {t.split("/")[0] for t in tasks(tmp_path / "w") - before} & {"list", "fetch", "text"}


# ------------------------------------------------------------------------------------------ other readers


@pytest.mark.slow
def test_datasets_reads_the_release(corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    import datasets

    expected = {(row["origin_url"], row["path"]): row["content"] for row in rows(corpus.built, "data")}
    stream = datasets.load_dataset(str(corpus.built.released.folder), split="train", streaming=True)
    assert {(row["origin_url"], row["path"]): row["content"] for row in stream} == expected
    python = datasets.load_dataset(str(corpus.built.released.folder), "python", split="train", streaming=True)
    assert {row["language"] for row in python} == {"Python"}


def test_duckdb_and_pandas_read_the_release(corpus: Corpus) -> None:
    folder = corpus.built.released.folder
    total = duckdb.sql(f"SELECT count(*), sum(length(content)) FROM '{folder}/data/*/*.parquet'").fetchall()[
        0
    ]
    data = rows(corpus.built, "data")
    assert total == (len(data), sum(len(row["content"]) for row in data))
    frame = pd.concat(pd.read_parquet(path) for path in sorted(folder.glob("data/*/*.parquet")))
    assert sorted(frame["swhid"]) == sorted(row["swhid"] for row in data)
    assert frame["content"].map(len).sum() == total[1]


def test_languages_stand_in_their_folders_and_rows(corpus: Corpus) -> None:
    folder = corpus.built.released.folder
    for path in folder.glob("data/*/*.parquet"):
        languages: set[Any] = set(pq.ParquetFile(path).read(["language"])["language"].to_pylist())
        assert languages == {{"python": "Python", "markdown": "Markdown", "unknown": None}[path.parent.name]}


def test_a_misspelt_language_is_told(tmp_path: Path) -> None:
    write_files(tmp_path / "one", {"LICENSE": MIT, "a.py": SHARED})
    told: list[str] = []

    class Listening(Progress):
        def note(self, text: str) -> None:
            told.append(text)

    made = recipe([f"dir:{tmp_path}/one"], '[policy.languages]\nallow = ["python"]')
    workspace = open_workspace(tmp_path / "w")
    build(made, workspace, make_settings(workers=1), Listening(quiet=True), base=tmp_path)
    assert any("'python'; did you mean 'Python'?" in line for line in told)
    assert any("no file was kept" in line for line in told)
