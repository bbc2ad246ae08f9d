"""Measure whole builds: stage by stage, against assembled peers, after a small change, under a memory limit.

    python benchmarks/pipeline.py stages|peers|incremental|memory [options]

Each result is printed and appended to RESULTS.md. CPU seconds are the measure: wall time depends on what
else runs.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from corpus import Corpus, File, edit, make_corpus
from gristmill.settings import parse_bytes
from measure import Run, floor, report, run, table

ASSEMBLED = Path(__file__).resolve().parent / "peers" / "assembled.py"
CHANGE_SEED = 20_240_229


@dataclass(frozen=True)
class Build:
    """One build: the run, and what its report says of each stage and of its rows."""

    run: Run
    stages: dict[str, dict[str, float]]
    rows: dict[str, int]


def stages(options: argparse.Namespace) -> None:
    """Every stage of a full build in a fresh workspace, and the floor in the same run."""
    corpus = _corpus(options, options.size or 300)
    least = floor(corpus.root)
    build = _build(corpus, options, _fresh(options, "stages"), "1.0.0")
    megabytes = corpus.bytes / 1e6
    rows = [
        [
            name,
            round(stage["tasks"]),
            stage["wall_seconds"],
            stage["cpu_seconds"],
            f"{stage['cpu_seconds'] / build.run.cpu:.1%}",
            _rate(megabytes, stage["cpu_seconds"]),
            _rate(stage["cpu_seconds"], least),
        ]
        for name, stage in build.stages.items()
    ]
    outside = _outside(build)
    rows.append(["outside tasks", "", "", outside, f"{outside / build.run.cpu:.1%}", "", outside / least])
    rows.append(
        ["**whole build**", "", build.run.wall, build.run.cpu, "100%", megabytes / build.run.cpu, build.run.cpu / least]
    )  # fmt: skip
    header = ["stage", "tasks", "wall s", "CPU s", "of CPU", "MB/s a core", "x floor"]
    report(
        "Stages of a full build",
        [
            _describe(corpus, build),
            table(header, rows),
            (
                f"Floor (read all, SHA-1 and SHA-256 once): {least:.2f} CPU s, {megabytes / least:.0f} MB/s a core; "
                f"it is {least / build.run.cpu:.1%} of the build. {_memory(build.run)} Outside tasks: resolving "
                "sources, start-up of workers, statistics, manifest, card."
            ),
        ],
        options.results,
    )


def peers(options: argparse.Namespace) -> None:
    """The same corpus and cores: a build, and the steps that people assemble from well-known tools today."""
    corpus = _corpus(options, options.size or 12)
    build = _build(corpus, options, _fresh(options, "peers"), "1.0.0")
    output = _fresh(options, "peers-assembled")
    output.mkdir(parents=True)
    command = [str(options.peers_python), str(ASSEMBLED), str(corpus.root), str(output), f"{options.workers}"]
    other = run(command, options.work / "assembled.out")
    steps = json.loads(other.output.splitlines()[-1])
    megabytes = corpus.bytes / 1e6
    rows: list[list[object]] = [
        ["gristmill build", build.run.wall, build.run.cpu, megabytes / build.run.cpu, build.run.pss / 1e6],
        ["assembled peers", other.wall, other.cpu, megabytes / other.cpu, other.pss / 1e6],
        ["**ratio**", f"{other.wall / build.run.wall:.1f}x", f"{other.cpu / build.run.cpu:.1f}x", "", ""],
    ]
    header = ["", "wall s", "CPU s", "MB/s a core", "peak PSS MB"]
    report(
        "Against assembled peers",
        [
            _describe(corpus, build),
            table(header, rows),
            f"Steps of the peers (CPU s of all {options.workers} processes):",
            table(["step", "wall s", "CPU s"], [[s["step"], s["wall"], s["cpu"]] for s in steps["steps"]]),
            (
                f"Peers: {steps['versions']}. They kept {steps['kept']:,} of {steps['files']:,} files "
                f"({steps['exact']:,} exact and {steps['near']:,} near duplicates, {steps['secrets']:,} findings; "
                f"files that detect-secrets was stopped on after 20 CPU s: {steps['given_up']}); "
                f"the build kept {build.rows['kept']:,}."
            ),
        ],
        options.results,
    )


def incremental(options: argparse.Namespace) -> None:
    """A full build, the same again with nothing changed, and again after 1 % of the bytes have changed."""
    corpus = _corpus(options, options.size or 300, options.replicas or 1)
    scratch = options.work / "corpus-changing"
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(corpus.root, scratch)
    changing = Corpus(scratch, corpus.folders, corpus.files, corpus.bytes, corpus.digest)
    workspace = _fresh(options, "incremental")
    full = _build(changing, options, workspace, "1.0.0")
    same = _build(changing, options, workspace, "1.0.1")
    files, size, folders = change(changing, options.share)
    after = _build(changing, options, workspace, "1.0.2")
    header = ["stage", "full CPU s", "no change CPU s", "changed CPU s", "full wall s", "changed wall s"]
    none = {"cpu_seconds": 0.0, "wall_seconds": 0.0}
    rows = [
        [
            name,
            full.stages.get(name, none)["cpu_seconds"],
            same.stages.get(name, none)["cpu_seconds"],
            after.stages.get(name, none)["cpu_seconds"],
            full.stages.get(name, none)["wall_seconds"],
            after.stages.get(name, none)["wall_seconds"],
        ]
        for name in dict.fromkeys([*full.stages, *after.stages])
    ]
    rows.append(["outside tasks", *(round(_outside(one), 2) for one in (full, same, after)), "", ""])
    rows.append(["**whole build**", full.run.cpu, same.run.cpu, after.run.cpu, full.run.wall, after.run.wall])
    report(
        "A small change",
        [
            _describe(corpus, full),
            f"Changed: {files:,} files of {folders} packages, {size / corpus.bytes:.2%} of the bytes.",
            table(header, rows),
            (
                f"Share of a full build: CPU {after.run.cpu / full.run.cpu:.1%}, wall "
                f"{after.run.wall / full.run.wall:.1%}; with nothing changed CPU {same.run.cpu / full.run.cpu:.1%}, "
                f"wall {same.run.wall / full.run.wall:.1%}."
            ),
        ],
        options.results,
    )


def memory(options: argparse.Namespace) -> None:
    """Three gigabytes of source under a limit of one gigabyte."""
    size = options.size or 300
    corpus = _corpus(options, size, replicas=options.replicas or 10)
    options.memory = options.memory or "1GB"
    build = _build(corpus, options, _fresh(options, "memory"), "1.0.0", may_fail=True)
    kept = "kept" if build.run.pss <= parse_bytes(options.memory) else "NOT KEPT"
    rows = [
        [
            options.memory,
            corpus.bytes / 1e6,
            build.run.pss / 1e6,
            build.run.uss / 1e6,
            build.run.wall,
            build.run.cpu,
            corpus.bytes / 1e6 / build.run.cpu,
        ]
    ]
    header = ["limit", "source MB", "peak PSS MB", "peak USS MB", "wall s", "CPU s", "MB/s a core"]
    report(
        "A limit on memory",
        [_describe(corpus, build), table(header, rows), f"The limit was {kept}. {_ending(build)}"],
        options.results,
    )


def change(corpus: Corpus, share: float) -> tuple[int, int, int]:
    """Edit files until ``share`` of the bytes has changed, package by package; returns files, bytes, packages."""
    target = corpus.bytes * share
    order = list(corpus.folders)
    random.Random(CHANGE_SEED).shuffle(order)
    files = size = folders = 0
    for folder in order:
        if size >= target:
            break
        folders += 1
        for path in sorted(path for path in (corpus.root / folder).rglob("*") if path.is_file()):
            data = path.read_bytes()
            path.write_bytes(edit(File(path.relative_to(corpus.root / folder).as_posix(), data), CHANGE_SEED))
            files, size = files + 1, size + len(data)
            if size >= target:
                break
    return files, size, folders


def _corpus(options: argparse.Namespace, size: float, replicas: int = 1) -> Corpus:
    name = f"corpus-{size:g}" + (f"x{replicas}" if replicas > 1 else "")
    return make_corpus(options.work / name, options.work / "cache", round(size * 1e6), replicas)


def _fresh(options: argparse.Namespace, name: str) -> Path:
    workspace: Path = options.work / name
    shutil.rmtree(workspace, ignore_errors=True)
    return workspace


def _build(
    corpus: Corpus, options: argparse.Namespace, workspace: Path, version: str, *, may_fail: bool = False
) -> Build:
    recipe = options.work / f"{workspace.name}.toml"
    sources = ",\n".join(f"  {json.dumps(f'dir:{corpus.root / folder}')}" for folder in corpus.folders)
    recipe.write_text(
        f'[release]\nname = "bench"\nversion = "{version}"\n\n[collect]\nsources = [\n{sources},\n]\n\n'
        f"[annotate]\nfindings = {json.dumps(options.findings.split(','))}\n\n"
        '[policy.licences]\nallow = ["permissive", "restricted", "unknown", "none"]\n'
    )
    command = [sys.executable, "-m", "gristmill", "build", str(recipe), "-w", str(workspace), "-q"]
    command += ["--workers", str(options.workers)]
    if options.memory:
        command += ["--memory", options.memory]
    done = run(command, options.work / f"{workspace.name}.out", may_fail=may_fail)
    if done.failure:
        return Build(done, {}, {})
    last = json.loads((workspace / "runs" / "last.json").read_text())
    rows = {"entries": last["rows"]["entries"], "kept": last["rows"]["kept"], **last["rows"]["dropped"]}
    order = {name: number for number, name in enumerate(_order(workspace, last["stages"]))}
    ordered = dict(sorted(last["stages"].items(), key=lambda item: order[item[0]]))
    return Build(done, ordered, rows)


def _order(workspace: Path, names: Iterable[str]) -> list[str]:
    """Stages in the order in which their first tasks ended; those without tasks on disk come first."""
    ended = {
        name: min(
            (file.stat().st_mtime for file in (workspace / "stages" / name).glob("*/task.json")), default=0.0
        )
        for name in names
    }
    return sorted(ended, key=lambda name: ended[name])


def _ending(build: Build) -> str:
    """Whether the build ended well; of a failure the first line, without folders of this machine."""
    if not build.run.failure:
        return "The build ended well."
    line = re.sub(r"(?<!\w)/[^\s,:]+", lambda found: Path(found[0]).name, build.run.failure).splitlines()[0]
    return f"**The build failed**, {line}"


def _describe(corpus: Corpus, build: Build) -> str:
    source = (
        f"Corpus: {len(corpus.folders)} packages, {corpus.files:,} files, {corpus.bytes / 1e6:.1f} MB, digest "
        f"`{corpus.digest[:16]}`."
    )
    if not build.rows:
        return source
    dropped = ", ".join(f"{k} {v:,}" for k, v in build.rows.items() if k not in ("entries", "kept"))
    rows = build.rows
    return f"{source} Rows: {rows['entries']:,} in, {rows['kept']:,} kept; dropped: {dropped}."


def _outside(build: Build) -> float:
    """CPU seconds that no task accounts for."""
    return build.run.cpu - sum(stage["cpu_seconds"] for stage in build.stages.values())


def _memory(done: Run) -> str:
    return f"Peak memory: {done.pss / 1e6:,.0f} MB PSS, {done.uss / 1e6:,.0f} MB USS."


def _rate(amount: float, seconds: float) -> str:
    return f"{amount / seconds:,.1f}" if seconds else ""


def main() -> None:
    """Run one benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = {"stages": stages, "peers": peers, "incremental": incremental, "memory": memory}
    parser.add_argument("benchmark", choices=commands)
    parser.add_argument(
        "--work", type=Path, default=Path("bench-workspace"), help="folder for everything made"
    )
    parser.add_argument("--size", type=float, default=0, help="MB of source (a replica)")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--memory", help="memory setting of the builds, for example 2GB")
    parser.add_argument("--findings", default="patterns", help="detectors, parted by commas")
    parser.add_argument("--share", type=float, default=0.01, help="incremental: share of the bytes to change")
    parser.add_argument(
        "--replicas", type=int, default=0, help="incremental, memory: how many times the source (1, 10)"
    )
    parser.add_argument(
        "--peers-python", type=Path, default=Path("bench-peers/bin/python"), help="peers: their Python"
    )
    parser.add_argument("--results", type=Path, default=Path(__file__).resolve().parent / "RESULTS.md")
    options = parser.parse_args()
    options.work = options.work.resolve()
    options.work.mkdir(parents=True, exist_ok=True)
    commands[options.benchmark](options)


if __name__ == "__main__":
    main()
