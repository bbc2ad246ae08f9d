"""Bad input, as the issue lists it: a clear error or a recorded skip, an exit code, nothing lost."""

from __future__ import annotations

import io
import os
import resource
import signal
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from gristmill.cli import main
from gristmill.release.verify import verify
from gristmill.workspace import lock, open_workspace
from mill import (
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
    run_cli,
    table,
    write_files,
)

GOOD = {"LICENSE": MIT, "good.py": MIT + b"def good(value):\n    return value\n"}


@pytest.fixture
def good(tmp_path: Path) -> str:
    """A source that is sound, to stand beside the bad one."""
    return f"dir:{write_files(tmp_path / 'good', GOOD)}"


def only_good_is_in(tmp_path: Path, good: str, bad: str, says: str) -> None:
    """The bad source is left out with a message, the good one is in, and alone the bad one is an error."""
    built = make(tmp_path / "w", recipe([bad, good]))
    (failure,) = built.failures
    assert failure.source == bad
    assert says in failure.message
    assert not failure.stale
    assert "good/good.py" in kept(built)
    assert verify(built.released.folder).ok


def failing(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, *options: str) -> str:
    """The one line that a build which fails prints; its exit code is 1."""
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    capsys.readouterr()
    assert main(["build", str(path), "-w", str(tmp_path / "w"), "-q", *options]) == 1
    said = capsys.readouterr().err
    assert said.startswith("gristmill: ")
    assert "Traceback" not in said
    return said


# ------------------------------------------------------------------------------------------------ origins


def test_one_bad_origin_and_exit_codes(tmp_path: Path, good: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(recipe_text([f"git:{tmp_path}/nowhere", good]))
    arguments = ["build", str(path), "-w", str(tmp_path / "w")]
    assert main(arguments) == 0
    captured = capsys.readouterr()
    assert "nowhere" in captured.err
    assert "left out" in captured.err
    assert "good" not in captured.err
    assert main([*arguments, "--strict"]) == 3
    assert main(["status", "-w", str(tmp_path / "w")]) == 0
    assert "nowhere" in capsys.readouterr().out


def test_no_origin_can_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = failing(tmp_path, capsys, recipe_text([f"git:{tmp_path}/nowhere", f"dir:{tmp_path}/nor-here"]))
    assert "no source could be read" in said
    assert "nowhere" in said
    assert "nor-here" in said
    assert not list((tmp_path / "w/releases").iterdir())


def test_empty_repository(tmp_path: Path, good: str) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    git(empty, "init", "-q")
    only_good_is_in(tmp_path, good, f"git:{empty}", "no commits")


def test_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    built = make(tmp_path / "w", recipe([f"dir:{tmp_path}/empty"]))
    assert built.released.manifest.totals.entries == 0
    assert verify(built.released.folder).ok


def test_no_head(tmp_path: Path, good: str) -> None:
    commit(tmp_path / "repo", GOOD)
    (tmp_path / "repo/.git/HEAD").unlink()
    only_good_is_in(tmp_path, good, f"git:{tmp_path}/repo", "repo")


def test_head_that_names_no_branch(tmp_path: Path, good: str) -> None:
    commit(tmp_path / "repo", {**GOOD, "own.py": functions([1])})
    git(tmp_path / "repo", "symbolic-ref", "HEAD", "refs/heads/gone")
    only_good_is_in(tmp_path, good, f"git:{tmp_path}/repo", "HEAD")
    built = make(tmp_path / "w2", recipe([f"git:{tmp_path}/repo#ref=main"]))
    assert "repo/own.py" in kept(built)


def test_truncated_pack(tmp_path: Path, good: str) -> None:
    """What of the pack can still be read may be in; what cannot is recorded; the good source is whole."""
    random = np.random.default_rng(1)
    noise = {f"n{n}.bin": random.bytes(20_000) for n in range(10)}
    commit(tmp_path / "repo", {**noise, "LICENSE": MIT, "own.py": functions([1])})
    git(tmp_path / "repo", "repack", "-adq")
    (pack,) = (tmp_path / "repo/.git/objects/pack").glob("*.pack")
    pack.chmod(0o644)
    os.truncate(pack, pack.stat().st_size * 6 // 10)
    built = make(tmp_path / "w", recipe([f"git:{tmp_path}/repo", good]))
    assert "good/good.py" in kept(built)
    assert verify(built.released.folder).ok
    if built.failures:
        assert "repo" in built.failures[0].message
    else:
        lost = [row for row in dropped(built).values() if row["reason"] == "not_read"]
        assert lost
        assert {row["status"] for row in table(tmp_path / "w", "visits")} == {"full", "partial"}


def test_a_source_that_broke_keeps_its_last_good_state(tmp_path: Path, good: str) -> None:
    commit(tmp_path / "repo", {"LICENSE": MIT, "own.py": functions([1])})
    sources = [f"git:{tmp_path}/repo", good]
    first = make(tmp_path / "w", recipe(sources))
    git(tmp_path / "repo", "symbolic-ref", "HEAD", "refs/heads/gone")
    again = make(tmp_path / "w", recipe(sources))
    assert [failure.stale for failure in again.failures] == [True]
    assert hashes(again.released.folder) == hashes(first.released.folder)


# ------------------------------------------------------------------------------------------ sizes and paths


# Runs gristmill and prints the peak of its memory in KiB. A child begins with its parent's peak, and that of the
# tests' own process may be large, so a small process stands between.
PEAK = """
import resource, subprocess, sys
done = subprocess.run([sys.executable, "-m", "gristmill", *sys.argv[1:]])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(done.returncode)
"""


@pytest.mark.slow
def test_a_file_of_2_gigabytes(tmp_path: Path, good: str) -> None:
    (tmp_path / "good/huge.py").touch()
    os.truncate(tmp_path / "good/huge.py", 2 << 30)
    path = tmp_path / "recipe.toml"
    path.write_text(recipe_text([good]))
    done = subprocess.run(
        [sys.executable, "-c", PEAK, "build", path, "-w", tmp_path / "w", "-q", "--workers", "1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) < 900_000
    (entry,) = [row for row in table(tmp_path / "w", "entries") if row["path"] == "huge.py"]
    assert (entry["skipped"], entry["length"]) == ("too_large", 2 << 30)
    (stub,) = [row for row in table(tmp_path / "w", "verdicts") if row["path"] == "huge.py"]
    assert (stub["kept"], stub["reason"]) == (False, "not_read")
    assert "good.py" in {row["path"] for row in table(tmp_path / "w", "verdicts") if row["kept"]}


@pytest.mark.slow
def test_200_000_files_in_one_folder(tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    repo.mkdir()
    git(repo, "init", "-q", "-b", "main")
    blob = git(repo, "hash-object", "-w", "--stdin", data=GOOD["good.py"]).strip()
    lines = "".join(f"100644 blob {blob}\tf{number:06d}.py\n" for number in range(200_000))
    tree = git(repo, "mktree", data=lines.encode()).strip()
    head = git(repo, "commit-tree", tree, "-m", "many").strip()
    git(repo, "update-ref", "refs/heads/main", head)
    built = make(tmp_path / "w", recipe([f"git:{repo}"]))
    totals = built.released.manifest.totals
    assert (totals.entries, totals.kept) == (200_000, 1)
    assert list(kept(built)) == ["repo/f000000.py"]
    (entry,) = {row["directory_id"] for row in table(tmp_path / "w", "entries")}
    assert entry == tree


def test_a_path_of_4000_bytes(tmp_path: Path) -> None:
    """At the limit a path goes through whole; beyond it is recorded or its origin refused, never cut."""
    long = "/".join(["d" * 199] * 19 + ["f" * 196 + ".py"])
    assert len(long) == 3999
    repo = tmp_path / "repo"
    repo.mkdir()
    git(repo, "init", "-q", "-b", "main")
    body = GOOD["good.py"].decode()
    stream = (
        "commit refs/heads/main\ncommitter A <a@mill.example> 1700000000 +0000\ndata 1\nx\n"
        f"M 100644 inline {long}\ndata {len(body)}\n{body}\nM 100644 inline LICENSE\ndata {len(MIT)}\n{MIT.decode()}\n"
    )
    git(repo, "fast-import", "--quiet", data=stream.encode())
    built = make(tmp_path / "w", recipe([f"git:{repo}"]))
    assert f"repo/{long}" in kept(built)
    assert verify(built.released.folder).ok


# -------------------------------------------------------------------------------------------------- archives


def test_zip_bomb(tmp_path: Path, good: str) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as bomb:
        for number in range(40):
            bomb.writestr(f"zeros{number}.txt", bytes(5_000_000))
    assert (tmp_path / "bomb.zip").stat().st_size < 400_000
    only_good_is_in(tmp_path, good, f"archive:{tmp_path}/bomb.zip", "bomb.zip")


def test_tar_that_leads_out(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "out.tar", "w") as archive:
        for name in ("../escaped.py", "/etc/escaped.py", "inside.py", "LICENSE"):
            member = tarfile.TarInfo(name)
            data = MIT if name == "LICENSE" else GOOD["good.py"] + name.encode()
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    built = make(tmp_path / "w", recipe([f"archive:{tmp_path}/out.tar"]))
    assert set(kept(built)) >= {"out.tar/inside.py"}
    refused = [row for row in table(tmp_path / "w", "entries") if row["skipped"] == "hostile_path"]
    assert len(refused) == 2
    assert not any(row["path"].startswith("/") or ".." in row["path"].split("/") for row in refused)
    assert {row["reason"] for row in dropped(built).values() if "escaped" in row["path"]} == {"not_read"}
    assert not list(tmp_path.rglob("escaped*"))


# ------------------------------------------------------------------------------------------------- encodings


def test_files_that_lie_about_their_encoding(tmp_path: Path) -> None:
    body = "# -*- coding: utf-8 -*-\n# Größe und Straße, schöne Grüße aus dem Süden\nwert = 1\n" * 4
    files = {
        "LICENSE": MIT,
        "latin.py": body.encode("latin-1"),
        "cut.py": "# -*- coding: ascii -*-\nname = 'Grüße'\n".encode()[:-4] + b"\xc3",
        "wide.xml": (
            '<?xml version="1.0" encoding="utf-8"?>\n<a>' + "Straße und Größe\n" * 9 + "</a>\n"
        ).encode("utf-16"),
    }
    built = make(tmp_path / "w", recipe([f"dir:{write_files(tmp_path / 'd', files)}"]))
    found = {**kept(built), **dropped(built)}
    assert len(found) == len(files)
    assert kept(built)["d/latin.py"]["content"] == body
    for row in kept(built).values():
        row["content"].encode("utf-8", "strict")
    assert verify(built.released.folder).ok


# --------------------------------------------------------------------------------------- recipe, workspace, disk


def test_a_typo_in_the_recipe(tmp_path: Path, good: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = failing(tmp_path, capsys, recipe_text([good], "[policy.quality]\nmax_linse = 3"))
    assert "recipe.toml: unknown key policy.quality.max_linse; did you mean policy.quality.max_lines?" in said
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize(
    ("more", "says"),
    [('metadata = "none.csv"', "none.csv"), ('[policy]\nopt_out = ["@none.txt"]', "none.txt")],
)
def test_a_missing_list_file_is_told_before_any_work(
    tmp_path: Path, good: str, capsys: pytest.CaptureFixture[str], more: str, says: str
) -> None:
    assert says in failing(tmp_path, capsys, recipe_text([good], more))
    assert not (tmp_path / "w").exists()


def test_two_builds_at_once(tmp_path: Path, good: str, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = open_workspace(tmp_path / "w")
    with lock(workspace):
        said = failing(tmp_path, capsys, recipe_text([good]))
        assert f"another build (process {os.getpid()}) is running here" in said
        assert not list(workspace.stages.iterdir())
    assert main(["build", str(tmp_path / "recipe.toml"), "-w", str(tmp_path / "w"), "-q"]) == 0


def test_a_workspace_of_another_layout(tmp_path: Path, good: str, capsys: pytest.CaptureFixture[str]) -> None:
    open_workspace(tmp_path / "w")
    (tmp_path / "w/workspace.json").write_text('{"layout": 99}\n')
    assert "layout 99" in failing(tmp_path, capsys, recipe_text([good]))


@pytest.mark.parametrize(
    ("stage", "file", "changed"),
    [
        ("fetch", "contents.parquet", '[annotate]\nfindings = ["patterns", "kingfisher"]'),
        ("facts", "facts.parquet", "[policy.quality]\nmax_lines = 7"),
    ],
)
def test_a_damaged_file_of_a_stage(
    tmp_path: Path, good: str, capsys: pytest.CaptureFixture[str], stage: str, file: str, changed: str
) -> None:
    """It is named with the mend, and the mend works, whether Arrow or the SQL engine meets it."""
    make(tmp_path / "w", recipe([good]))
    (path,) = (tmp_path / "w/stages" / stage).glob(f"*/{file}")
    path.write_bytes(path.read_bytes()[:-30] + b"x" * 30)
    said = failing(tmp_path, capsys, recipe_text([good], changed, "other"))
    assert str(path) in said
    assert "remove its folder and run the build again" in said
    for part in path.parent.iterdir():
        part.unlink()
    path.parent.rmdir()
    assert "good/good.py" in kept(make(tmp_path / "w", recipe([good], changed, "other")))


def test_a_stage_that_was_removed_is_made_again_whole(tmp_path: Path, good: str) -> None:
    """The pairs that a removed run of the names stage listed are listed again, not lost."""
    other = f"dir:{write_files(tmp_path / 'other', {'LICENSE': MIT, 'other.py': functions([1])})}"
    make(tmp_path / "w", recipe([good]))
    (first,) = (tmp_path / "w/stages/names").glob("*")
    expected = hashes(make(tmp_path / "w", recipe([good, other])).released.folder)
    for stage in (
        "names",
        "facts",
        "reasons",
        "survivors",
        "decisions",
        "verdicts",
        "languages",
        "licence_matches",
    ):
        for folder in (tmp_path / "w/stages" / stage).glob("*"):
            if stage != "names" or folder == first:
                for path in folder.iterdir():
                    path.unlink()
                folder.rmdir()
    again = make(tmp_path / "w", recipe([good, other]))
    assert {"good/good.py", "other/other.py"} <= set(kept(again))
    assert hashes(again.released.folder) == expected


def limited(size: int) -> Any:
    """What makes the next process meet a full disk: no file may grow beyond this many bytes."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


@pytest.mark.slow
def test_a_full_disk(tmp_path: Path) -> None:
    """Wherever the disk is full, the build says so, leaves nothing half-written, and goes on once there is room."""
    random = np.random.default_rng(7)
    files = {f"f{n}.py": MIT + random.bytes(30_000).hex().encode() for n in range(20)}
    write_files(tmp_path / "d", {"LICENSE": MIT, **files})
    path = tmp_path / "recipe.toml"
    path.write_text(recipe_text([f"dir:{tmp_path}/d"]))
    command = ("build", path, "-w", tmp_path / "w", "-q", "--workers", "1")
    for size in (10, 6_000, 200_000):
        done = run_cli(*command, preexec_fn=limited(size))
        assert done.returncode == 1, (size, done.stderr)
        assert done.stderr.startswith("gristmill: "), done.stderr
        assert "Traceback" not in done.stderr
        assert "too large" in done.stderr.lower() or "space" in done.stderr.lower()
        assert not list((tmp_path / "w").rglob("releases/*"))
        for written in (tmp_path / "w").glob("stages/*/[0-9a-f]*/*.parquet"):
            pq.read_table(written)
    assert run_cli(*command).returncode == 0
    fresh = make(tmp_path / "fresh", recipe([f"dir:{tmp_path}/d"]))
    assert hashes(tmp_path / "w/releases/mill-1.0.0") == hashes(fresh.released.folder)
    assert not list((tmp_path / "w").rglob("*.tmp"))
