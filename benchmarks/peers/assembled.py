"""The mill's steps as one assembles them from well-known tools today; see benchmarks/README.md.

    python assembled.py CORPUS OUTPUT WORKERS

Read, SHA-1 exact duplicates; enry for language and flags; detect-secrets on every text file;
licenseclassifier on files named like licences; datatrove's MinHash in its four stages; Parquet. All steps
run in WORKERS processes where the tool can. The last line of stdout is JSON: seconds of each step, and counts.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import re
import resource
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import enry
import pyarrow as pa
import pyarrow.parquet as pq
from datatrove.executor.local import LocalPipelineExecutor
from datatrove.pipeline.dedup import (
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.readers import ParquetReader
from datatrove.pipeline.writers import ParquetWriter
from datatrove.utils.word_tokenizers import WordTokenizer
from detect_secrets.core.scan import get_plugins, scan_file
from detect_secrets.settings import default_settings
from licenseclassifier import identify_license

LICENCE_NAME = re.compile(r"(un)?licen[cs]e|copying|notice|copyright", re.IGNORECASE)
TOOLS = ("datatrove", "detect-secrets", "enry-python", "licenseclassifier")
CONFIG = MinhashConfig(n_grams=5)
BATCH = 32
FILE_SECONDS = 20.0
"""CPU seconds after which detect-secrets gives a file up: on some long lines its patterns take minutes"""
_settings = ExitStack()


class RegexTokenizer(WordTokenizer):
    """Words by one regular expression: on code three times as fast as datatrove's English default (spaCy)."""

    def word_tokenize(self, text: str) -> list[str]:
        return re.findall(r"\w+", text)

    def sent_tokenize(self, text: str) -> list[str]:
        return [text]

    def span_tokenize(self, text: str) -> list[tuple[int, int]]:
        return [(0, len(text))]


class _GivenUpError(Exception):
    """A file has taken too long."""


class Steps:
    """Wall and CPU seconds of each step, this process and its ended children."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        wall, cpu = time.perf_counter(), _cpu()
        yield
        self.rows.append({"step": name, "wall": time.perf_counter() - wall, "cpu": _cpu() - cpu})


def read_hash(path: str) -> str:
    """SHA-1 of a file."""
    return hashlib.sha1(Path(path).read_bytes(), usedforsecurity=False).hexdigest()


def prepare() -> None:
    """Set detect-secrets up once a process, for as long as it lives: all its plugins and default filters."""
    _settings.enter_context(default_settings())
    signal.signal(signal.SIGPROF, _give_up)


def _give_up(*_: object) -> None:
    raise _GivenUpError


def annotate(paths: tuple[str, str]) -> dict[str, Any]:
    """Language, flags, licences and number of findings of one file; ``paths``: on disk, in the corpus."""
    path, name = paths
    data = Path(path).read_bytes()
    row: dict[str, Any] = {
        "id": name,
        "binary": enry.is_binary(data),
        "language": enry.get_language(name, data),
        "vendored": enry.is_vendor(name),
        "generated": enry.is_generated(name, data),
        "test": enry.is_test(name),
        "documentation": enry.is_documentation(name),
        "licences": "",
        "secrets": 0,
        "given_up": False,
        "text": "",
    }
    if not row["binary"]:
        row["text"] = data.decode("utf-8", "replace")
        if not get_plugins():  # it would find nothing, and fast
            raise RuntimeError("detect-secrets has lost its plugins: nothing would be measured")
        try:
            signal.setitimer(signal.ITIMER_PROF, FILE_SECONDS)
            row["secrets"] = sum(1 for _ in scan_file(path))
        except _GivenUpError:
            row["given_up"] = True
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        if LICENCE_NAME.search(Path(name).name):
            row["licences"] = " ".join(sorted({match.id for match in identify_license(row["text"])}))
    return row


def main() -> None:
    """Run all steps and print what they took and found."""
    corpus, output, workers = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    steps = Steps()
    with steps.step("read, SHA-1, exact duplicates"), multiprocessing.Pool(workers) as pool:
        paths = sorted(str(path) for path in corpus.rglob("*") if path.is_file() and path.parent != corpus)
        hashes = pool.map(read_hash, paths, BATCH)
        unique = dict(zip(reversed(hashes), reversed(paths), strict=True))  # the first path of each stays
        pool.close()
        pool.join()
    kept = sorted(unique.values())
    with steps.step("enry, detect-secrets, licenseclassifier, write"):
        secrets, given_up = _annotate_all(kept, corpus, output, workers)
    with steps.step("datatrove MinHash (signatures, buckets, clusters, filter)"):
        _near_duplicates(output, workers)
    left = sum(pq.read_metadata(path).num_rows for path in (output / "kept").glob("*.parquet"))
    texts = sum(pq.read_metadata(path).num_rows for path in (output / "texts").glob("*.parquet"))
    print(
        json.dumps(
            {
                "steps": steps.rows,
                "files": len(paths),
                "exact": len(paths) - len(kept),
                "near": texts - left,
                "kept": left,
                "secrets": secrets,
                "given_up": given_up,
                "versions": ", ".join(f"{tool} {version(tool)}" for tool in TOOLS),
            }
        )
    )


def _annotate_all(kept: list[str], corpus: Path, output: Path, workers: int) -> tuple[int, int]:
    """Annotate every unique file and write a Parquet file of texts a worker; returns findings, files given up."""
    folder = output / "texts"
    folder.mkdir(parents=True)
    pairs = [(path, os.path.relpath(path, corpus)) for path in kept]
    # Not forked: enry brings Go's runtime, which has lost its threads in a fork and then waits for them for ever.
    with multiprocessing.get_context("spawn").Pool(workers, prepare) as pool:
        rows = [row for row in pool.imap(annotate, pairs, BATCH) if not row["binary"]]
        pool.close()
        pool.join()
    each = -(-len(rows) // workers)
    for number in range(workers):
        part = pa.Table.from_pylist(rows[number * each : (number + 1) * each])
        pq.write_table(part, folder / f"{number:05d}.parquet", compression="zstd")
    return sum(row["secrets"] for row in rows), sum(row["given_up"] for row in rows)


def _near_duplicates(output: Path, workers: int) -> None:
    logs, signatures = str(output / "logs"), str(output / "signatures")
    buckets, clusters = str(output / "buckets"), str(output / "clusters")
    reader = ParquetReader(str(output / "texts"), text_key="text", id_key="id")
    for number, (tasks, pipeline) in enumerate(
        [
            (workers, [reader, MinhashDedupSignature(signatures, CONFIG, RegexTokenizer())]),
            (CONFIG.num_buckets, [MinhashDedupBuckets(signatures, buckets, config=CONFIG)]),
            (1, [MinhashDedupCluster(buckets, clusters, config=CONFIG)]),
            (workers, [reader, MinhashDedupFilter(clusters), ParquetWriter(str(output / "kept"))]),
        ]
    ):
        LocalPipelineExecutor(
            pipeline,
            tasks=tasks,
            workers=min(tasks, workers),
            logging_dir=f"{logs}/{number}",
            start_method="fork",  # children of this process, so that their CPU seconds are counted
        ).run()


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    main()
