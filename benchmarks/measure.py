"""What every benchmark needs: a command's time and peak memory, the floor, and tables for RESULTS.md."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import psutil

import gristmill

RESULTS = Path(__file__).resolve().parent / "RESULTS.md"
SAMPLE_SECONDS = 0.05
LIBRARIES = ("pyarrow", "duckdb", "numpy", "enry-python", "license-expression")


@dataclass(frozen=True)
class Run:
    """A command that has ended.

    Wall and CPU seconds (of the process and all its children), peak memory in bytes summed over the tree at
    one moment: proportional (PSS: shared pages shared out) and unique (USS); ``output`` is its stdout,
    ``failure`` what it wrote last to stderr if it failed, else empty.
    """

    wall: float
    cpu: float
    pss: int
    uss: int
    output: str
    failure: str = ""


def run(
    command: Sequence[str], output: Path, *, sample: float = SAMPLE_SECONDS, may_fail: bool = False
) -> Run:
    """Run a command, sampling the memory of its process tree; its stdout goes to the file ``output``.

    A Python program keeps its compiled modules, as every installation does, also where the environment says not to:
    else each of its processes would compile them anew. Raises SystemExit with what it wrote last to stderr if it
    fails, unless it ``may_fail``.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    errors = output.with_suffix(".err")
    started = time.perf_counter()
    with output.open("wb") as stdout, errors.open("wb") as stderr:
        process = subprocess.Popen(command, stdout=stdout, stderr=stderr, env=environment)
        sampler = _Sampler(process.pid, sample)
        sampler.start()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - started
    sampler.stop()
    failure = ""
    if process.returncode:
        tail = errors.read_text(errors="replace")[-3000:]
        failure = f"exit {process.returncode}: {tail}"
        if not may_fail:
            raise SystemExit(f"{' '.join(command)}: {failure}")
    text = output.read_text(errors="replace")
    return Run(wall, usage.ru_utime + usage.ru_stime, sampler.pss, sampler.uss, text, failure)


class _Sampler(threading.Thread):
    """Samples the memory of a process and all its descendants until it is stopped."""

    def __init__(self, pid: int, every: float) -> None:
        super().__init__(daemon=True)
        self.pss = self.uss = 0
        self._root = psutil.Process(pid)
        self._every = every
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(self._every):
            pss = uss = 0
            with suppress(psutil.Error):
                for process in (self._root, *self._root.children(recursive=True)):
                    with suppress(psutil.Error):
                        used = process.memory_full_info()
                        pss, uss = pss + used.pss, uss + used.uss
            self.pss, self.uss = max(self.pss, pss), max(self.uss, uss)

    def stop(self) -> None:
        self._ended.set()
        self.join()


def floor(folder: Path) -> float:
    """CPU seconds to read every file below a folder once and hash it with SHA-1 and SHA-256."""
    started = time.process_time()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        data = path.read_bytes()
        hashlib.sha1(data, usedforsecurity=False).hexdigest()
        hashlib.sha256(data).hexdigest()
    return time.process_time() - started


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; the first column is text, the others are numbers."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def report(title: str, sections: Sequence[str], results: Path = RESULTS) -> None:
    """Print a result and append it to RESULTS.md with the date, the machine, the command and the versions."""
    head = [
        f"## {title}, {dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC",
        f"Machine: {machine()}. Load before: {_load_before:.1f}.",
        f"Command: `python benchmarks/{Path(sys.argv[0]).name} {' '.join(_shown(sys.argv[1:]))}`",
        f"Versions: {versions()}.",
    ]
    text = "\n\n".join([*head, *sections]) + "\n"
    print(text)
    opening = "" if results.exists() else "# Results\n\nAppended by `benchmarks/pipeline.py`, newest last.\n"
    with results.open("a", encoding="utf-8") as file:
        file.write(f"{opening}\n{text}")


def machine() -> str:
    """Cores, memory and processor of this machine."""
    model = platform.processor() or platform.machine()
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    memory = psutil.virtual_memory().total / 2**30
    return f"{len(os.sched_getaffinity(0))} cores, {memory:.0f} GiB memory, {model}, {platform.system()}"


def versions() -> str:
    """Versions of Gristmill and what it stands on."""
    return (
        f"gristmill {gristmill.__version__} (commit {_commit()}), Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    )


def _commit() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    with suppress(OSError, subprocess.CalledProcessError):
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()
    return "unknown"


def _shown(arguments: Sequence[str]) -> list[str]:
    """Arguments without the folders of this machine."""
    return [Path(text).name if text.startswith(("/", "~")) else text for text in arguments]


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.2f}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


_load_before = os.getloadavg()[0]
