"""A reproducible corpus of real source: pinned packages from the user's indexes, and Python's own library.

    python benchmarks/corpus.py --out FOLDER [--size MB] [--replicas N] [--cache FOLDER]

Every package becomes one folder, so that each can be an origin of its own. ``--size`` takes the packages in
their order, which puts small ones of many languages first, and cuts the last one by a hash of its paths.
``--replicas`` writes the packages N times with different lines, for more source than the packages hold.
``corpus.json`` beside the folders states what is in and a digest over all of it: two corpora with one digest
hold the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gristmill.collect.archive import plain_path
from gristmill.collect.reader import Context, Limits
from gristmill.collect.sources import READERS, parse_source
from gristmill.collect.unpack import read_members
from gristmill.errors import GristmillError

PACKAGES = (
    "pypi:click==8.1.7", "npm:express@4.21.1", "pypi:flask==3.0.0", "pypi:flask==3.1.0", "pypi:unidecode==1.3.8",
    "pypi:jinja2==3.1.4", "pypi:psycopg2==2.9.10", "npm:lodash@4.17.21", "pypi:cffi==1.17.1",
    "pypi:jpype1==1.5.0", "npm:rxjs@7.8.1", "pypi:mutagen==1.47.0", "pypi:cryptography==43.0.3",
    "pypi:tornado==6.4.1", "pypi:scrapy==2.11.2", "pypi:protobuf==5.28.2", "pypi:pytest==8.3.3",
    "pypi:setuptools==75.1.0", "npm:webpack@5.95.0", "pypi:celery==5.4.0", "pypi:docutils==0.21.2",
    "pypi:networkx==3.3", "pypi:django==5.1.1", "pypi:django==5.0.9", "pypi:twisted==24.7.0", "pypi:lxml==5.3.0", "npm:typescript@5.6.3", "pypi:ujson==5.10.0",
    "pypi:sphinx==8.1.3", "npm:three@0.169.0", "pypi:orjson==3.10.12", "pypi:mercurial==6.8.2",
    "pypi:sqlalchemy==2.0.35", "pypi:sympy==1.13.3",
    "pypi:pandas==2.2.3", "pypi:ansible-core==2.17.4", "pypi:scikit-learn==1.5.2", "pypi:numpy==2.1.1",
    "pypi:grpcio==1.66.2", "pypi:scipy==1.14.1",
)  # fmt: skip
LIBRARY_LEFT_OUT = frozenset({"__pycache__", "site-packages", "ensurepip"})
LIBRARY_SUFFIXES = frozenset(
    {".py", ".pyi", ".txt", ".c", ".h", ".cfg", ".toml", ".json", ".rst", ".xml", ".css"}
)
COMMENTS: Mapping[str, tuple[bytes, bytes]] = {
    **dict.fromkeys((".py", ".pyx", ".pyi", ".sh", ".toml", ".cfg", ".yml", ".yaml", ".rb", ".cmake"), (b"# ", b"")),
    **dict.fromkeys((".c", ".h", ".cc", ".cpp", ".hpp", ".css", ".java", ".js", ".ts", ".rs", ".go"), (b"/* ", b" */")),
    **dict.fromkeys((".html", ".xml", ".md", ".svg"), (b"<!-- ", b" -->")),
}  # fmt: skip
LIGHT_EVERY, DENSE_EVERY = 400, 3
"""lines between edits: files edited lightly stay near duplicates, the others become files of their own"""
COMPRESSION_RATIO = 10_000


@dataclass(frozen=True)
class File:
    """One file of a package: its plain path and bytes."""

    path: str
    data: bytes


@dataclass(frozen=True)
class Corpus:
    """A corpus on disk: one folder a package, files and bytes in all, and the digest of paths and bytes."""

    root: Path
    folders: tuple[str, ...]
    files: int
    bytes: int
    digest: str


def make_corpus(out: Path, cache: Path, size: int, replicas: int = 1) -> Corpus:
    """Write a corpus of ``size`` bytes a replica (0: all packages) into ``out``, or find it there finished."""
    wanted = {"size": size, "replicas": replicas}
    marker = out / "corpus.json"
    if marker.exists():
        stated = json.loads(marker.read_text())
        if stated["wanted"] == wanted:
            return Corpus(out, tuple(stated["folders"]), stated["files"], stated["bytes"], stated["digest"])
        shutil.rmtree(out)
    out.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    folders: list[str] = []
    files = total = 0
    for name, package in cut(read_packages(cache), size):
        for replica in range(replicas):
            folder = f"{name}+{replica:02d}" if replica else name
            folders.append(folder)
            for file in package:
                data = edit(file, replica) if replica else file.data
                target = out / folder / file.path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
                digest.update(f"{folder}/{file.path}\0{len(data)}\0".encode())
                digest.update(hashlib.sha256(data).digest())
                files, total = files + 1, total + len(data)
    corpus = Corpus(out, tuple(folders), files, total, digest.hexdigest())
    stated = {"wanted": wanted, "folders": folders, "files": files, "bytes": total, "digest": corpus.digest}
    marker.write_text(json.dumps(stated, indent=1) + "\n")
    return corpus


def read_packages(cache: Path) -> Iterator[tuple[str, list[File]]]:
    """Every package that can be had, and last Python's own library; what cannot be had is named on stderr."""
    context = Context(cache, Limits(max_compression_ratio=COMPRESSION_RATIO), None)
    for text in PACKAGES:
        source = parse_source(text, Path())
        try:
            state = READERS[source.scheme].resolve(source, context)
            members = list(read_members(state.local, context.limits))
        except GristmillError as error:
            print(f"left out: {text}: {error}", file=sys.stderr)
            continue
        found: dict[str, bytes] = {}
        for member in members:
            path = plain_path(member.name, context.limits)
            if path is not None and member.data is not None and member.link is None:
                found[path.decode(errors="replace")] = member.data
        name = text.partition(":")[2].replace("==", "-").replace("@", "-")
        yield name, [File(path, data) for path, data in sorted(_without_clashes(found).items())]
    yield (
        f"python-{sys.version_info.major}.{sys.version_info.minor}",
        sorted(_library(), key=lambda f: f.path),
    )


def _without_clashes(found: Mapping[str, bytes]) -> dict[str, bytes]:
    """Leave out a file whose path is another file's folder; ``.git`` folders are no source."""
    folders = {parent.as_posix() for path in found for parent in Path(path).parents}
    return {
        path: data for path, data in found.items() if path not in folders and ".git" not in Path(path).parts
    }


def _library() -> Iterator[File]:
    root = Path(sysconfig.get_path("stdlib"))
    for path in root.rglob("*"):
        inside = path.relative_to(root)
        if (
            not LIBRARY_LEFT_OUT.intersection(inside.parts)
            and path.suffix in LIBRARY_SUFFIXES
            and path.is_file()
        ):
            yield File(inside.as_posix(), path.read_bytes())


def cut(packages: Iterator[tuple[str, list[File]]], size: int) -> Iterator[tuple[str, list[File]]]:
    """Packages in order up to ``size`` bytes (0: all); of the last one the files with the least path hashes."""
    left = size
    for name, files in packages:
        whole = sum(len(file.data) for file in files)
        if size and whole > left:
            chosen = []
            for file in sorted(files, key=lambda file: hashlib.sha256(file.path.encode()).digest()):
                if left < len(file.data):
                    break
                chosen.append(file)
                left -= len(file.data)
            yield name, sorted(chosen, key=lambda file: file.path)
            return
        left -= whole
        yield name, files


def edit(file: File, seed: int) -> bytes:
    """The file with comments that name the seed put between lines, at places that path and seed decide.

    Half the files get one every few lines and are no near duplicates of the original, the others one in
    hundreds. A file that is not text gets the seed at its end.
    """
    if b"\0" in file.data[:8000]:
        return file.data + seed.to_bytes(4, "little")
    mark = hashlib.sha256(f"{file.path}\0{seed}".encode()).digest()
    every = DENSE_EVERY if mark[0] & 1 else LIGHT_EVERY
    before, after = COMMENTS.get(Path(file.path).suffix, (b"", b""))
    lines = file.data.splitlines(keepends=True)
    parts: list[bytes] = []
    copied = 0
    for line in range(mark[1] % min(every, max(len(lines), 1)), max(len(lines), 1), every):
        parts += lines[copied : line + 1]
        copied = line + 1
        if parts and not parts[-1].endswith(b"\n"):
            parts.append(b"\n")
        parts.append(before + f"edit {seed} at {mark[2:8].hex()} {line}".encode() + after + b"\n")
    return b"".join([*parts, *lines[copied:]])


def main() -> None:
    """Make a corpus and say what is in it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--size", type=float, default=0, help="MB a replica (default: all packages)")
    parser.add_argument("--replicas", type=int, default=1, help="how many times, each with other lines")
    parser.add_argument("--cache", type=Path, default=Path("bench-workspace/cache"), help="downloads")
    options = parser.parse_args()
    corpus = make_corpus(options.out, options.cache, round(options.size * 1e6), options.replicas)
    print(
        f"{len(corpus.folders)} packages, {corpus.files} files, {corpus.bytes / 1e6:.1f} MB, digest {corpus.digest}"
    )


if __name__ == "__main__":
    main()
