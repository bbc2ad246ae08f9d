"""How well and how fast secrets are found, beside other tools: tables to standard output.

    python benchmarks/findings.py SOURCE_FOLDER... --fixtures gitleaks=CLONE kingfisher=CLONE detect-secrets=CLONE credsweeper=CLONE

Three measurements. *Made*: secrets drawn by a seed stand in forms of our own within files of real source, which has next to
none; what is found beside them counts as false. *Fixtures*: what other tools test themselves with, read from the user's
clones; each is its own tool's home game. *Source*: speed, and findings a MB of real source.

Peers run if they are installed: detect-secrets and kingfisher as Python packages, gitleaks as a program (``--gitleaks``).
Values that our model was trained with are not among these: forms and files are others.
"""

from __future__ import annotations

import argparse
import bisect
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa

import findings_sets as sets
from findings_sets import Case
from gristmill.annotate.findings import kingfisher as detector
from gristmill.annotate.findings import patterns
from gristmill.annotate.findings.sensitivity import THRESHOLDS

SEED = 11
MADE = 2000
MOST_BYTES = 30_000_000
BATCH = 256
SECRETS = ("key", "password")
Span = tuple[int, int]
# Spans of secrets in each text; a tool that tells lines only gives whole lines.
Tool = Callable[[list[bytes]], list[list[Span]]]


def ours(least: float) -> Tool:
    """Our rules from a score on."""

    def find(texts: list[bytes]) -> list[list[Span]]:
        found: list[list[Span]] = [[] for _ in texts]
        for start in range(0, len(texts), BATCH):
            for row, hit in patterns.find(pa.array(texts[start : start + BATCH], pa.binary())):
                if hit.score >= least and hit.type in SECRETS:
                    found[start + row].append((hit.start, hit.end))
        return found

    return find


def kingfisher(texts: list[bytes]) -> list[list[Span]]:
    """Kingfisher's rules at its medium confidence."""
    found: list[list[Span]] = [[] for _ in texts]
    for row, hit in detector.find(pa.array(texts, pa.binary())):
        if hit.score >= detector.SCORES["medium"]:
            found[row].append((hit.start, hit.end))
    return found


def detect_secrets(texts: list[bytes]) -> list[list[Span]]:
    """All plugins of detect-secrets with their default filters, on files."""
    from detect_secrets.core.scan import scan_file  # type: ignore[import-not-found]  # a peer
    from detect_secrets.settings import default_settings  # type: ignore[import-not-found]  # a peer

    found = []
    with tempfile.TemporaryDirectory() as folder, default_settings():
        path = Path(folder) / "text.txt"
        for text in texts:
            path.write_bytes(text)
            found.append([_line(text, one.line_number) for one in scan_file(str(path))])
    return found


def gitleaks(program: str) -> Tool:
    """All texts as files of a folder, in one run."""

    def find(texts: list[bytes]) -> list[list[Span]]:
        found: list[list[Span]] = [[] for _ in texts]
        with tempfile.TemporaryDirectory() as name:
            folder, report = Path(name) / "texts", Path(name) / "report.json"
            folder.mkdir()
            for number, text in enumerate(texts):
                (folder / f"{number}.txt").write_bytes(text)
            words = [
                program,
                "dir",
                str(folder),
                "--no-banner",
                "--exit-code",
                "0",
                "-f",
                "json",
                "-r",
                str(report),
            ]
            subprocess.run(words, check=True, capture_output=True)
            for one in json.loads(report.read_text("utf-8")):
                number = int(Path(one["File"]).stem)
                found[number].append(_line(texts[number], one["StartLine"]))
        return found

    return find


def _line(text: bytes, number: int) -> Span:
    lines = text.split(b"\n")
    start = sum(len(one) + 1 for one in lines[: number - 1])
    return start, start + len(lines[number - 1]) if number <= len(lines) else start


def read_source(folders: list[Path], most: int) -> list[bytes]:
    """Texts of real source, in an order drawn by the seed."""
    paths = sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())
    texts: list[bytes] = []
    size = 0
    for path in random.Random(SEED).sample(paths, len(paths)):
        if path.is_symlink() or not 200 < path.stat().st_size < 500_000:
            continue
        text = path.read_bytes()
        if b"\0" not in text[:8000]:
            texts.append(text)
            size += len(text)
        if size > most:
            break
    return texts


def make(source: list[bytes], count: int) -> list[tuple[bytes, Span]]:
    """Files of real source, each with one made secret on lines of its own, and where that stands."""
    dice = random.Random(SEED)
    words = [word.decode() for word in sorted({word for text in source[:300] for word in text[:4000].split() if word.isalpha() and 4 <= len(word) <= 8 and word.isascii()})]  # fmt: skip
    made = []
    for text in [source[number % len(source)] for number in range(count)]:
        password = dice.random() < 0.4
        value = sets.drawn_password(words, dice) if password else sets.drawn_secret(dice)
        name = dice.choice(("password", "passwd", "pwd", "db_password") if password else ("token", "api_key", "secret", "access_key"))  # fmt: skip
        entry = sets.filled(dice.choice(sets.ASSIGNED), dice.choice(sets.HOLDERS), name, value).encode()
        at = text.find(b"\n", dice.randrange(len(text))) + 1
        start = at + entry.index(value.encode())
        made.append((text[:at] + entry + b"\n" + text[at:], (start, start + len(value.encode()))))
    return made


def score_made(made: list[tuple[bytes, Span]], tool: Tool) -> tuple[float, float]:
    """Precision and recall."""
    hit = false = 0
    for (_, span), found in zip(made, tool([text for text, _ in made]), strict=True):
        right = [one for one in found if one[0] < span[1] and span[0] < one[1]]
        hit += bool(right)
        false += len(found) - len(right)
    return hit / max(1, hit + false), hit / len(made)


def score_cases(cases: list[Case], tool: Tool) -> tuple[float, float, float]:
    """Precision, recall, share of the negatives in which something is found."""
    found = [bool(one) for one in tool([case.text.encode() for case in cases])]
    right = sum(case.secret and hit for case, hit in zip(cases, found, strict=True))
    wrong = sum(hit and not case.secret for case, hit in zip(cases, found, strict=True))
    positives = sum(case.secret for case in cases)
    return right / max(1, right + wrong), right / max(1, positives), wrong / max(1, len(cases) - positives)


def score_lines(files: list[tuple[str, bytes, list[tuple[int, str]]]], tool: Tool) -> tuple[float, float]:
    """Precision and recall by lines."""
    right = wrong = wanted = 0
    for (_, text, expected), found in zip(files, tool([text for _, text, _ in files]), strict=True):
        starts = [0]
        for line in text.split(b"\n"):
            starts.append(starts[-1] + len(line) + 1)
        lines = {line for line, _ in expected}
        touched = [
            range(bisect.bisect_right(starts, a), bisect.bisect_right(starts, max(a, b - 1)) + 1)
            for a, b in found
        ]
        wanted += len(lines)
        right += len(lines & {line for one in touched for line in one})
        wrong += sum(lines.isdisjoint(one) for one in touched)
    return right / max(1, right + wrong), right / max(1, wanted)


def tools(program: str | None) -> Iterator[tuple[str, Tool]]:
    """Those that are there."""
    for level, least in THRESHOLDS.items():
        yield f"ours, {level}", ours(least)
    for name, package, tool in (
        ("kingfisher", "kingfisher_sdk", kingfisher),
        ("detect-secrets", "detect_secrets", detect_secrets),
    ):
        try:
            __import__(package)
        except ImportError:
            continue
        yield name, tool
    if program:
        yield "gitleaks", gitleaks(program)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+", help="real source")
    parser.add_argument("--fixtures", nargs="*", default=[], metavar="TOOL=CLONE")
    parser.add_argument("--gitleaks", metavar="PROGRAM")
    options = parser.parse_args()
    clones = {name: Path(path) for name, _, path in (one.partition("=") for one in options.fixtures)}
    source = read_source(options.folders, MOST_BYTES)
    made = make(source, MADE)
    cases: dict[str, list[Case]] = {}
    if "gitleaks" in clones:
        cases["gitleaks"] = list(sets.gitleaks(clones["gitleaks"], SEED))
    if "kingfisher" in clones:
        cases["kingfisher"] = list(sets.kingfisher(clones["kingfisher"]))
    if "detect-secrets" in clones:
        cases["detect-secrets"] = list(sets.detect_secrets(clones["detect-secrets"]))
    lines = list(sets.credsweeper(clones["credsweeper"])) if "credsweeper" in clones else []
    write = sys.stdout.write
    write("| tool | set | precision % | recall % | negatives hit % |\n" + "| --- " * 5 + "|\n")
    for name, tool in tools(options.gitleaks):
        precision, recall = score_made(made, tool)
        write(f"| {name} | made, {len(made):,} files | {100 * precision:.1f} | {100 * recall:.1f} | |\n")
        for one, some in cases.items():
            precision, recall, false = score_cases(some, tool)
            write(
                f"| {name} | {one}, {len(some):,} cases | {100 * precision:.1f} | {100 * recall:.1f} | {100 * false:.1f} |\n"
            )
        if lines:
            precision, recall = score_lines(lines, tool)
            write(
                f"| {name} | credsweeper, {sum(len(one[2]) for one in lines):,} lines | {100 * precision:.1f} | {100 * recall:.1f} | |\n"
            )
        sys.stdout.flush()
    size = sum(map(len, source)) / 1e6
    write(f"\n| tool | MB a CPU second | findings a MB of source |\n{'| --- ' * 3}|\n")
    for name, tool in tools(None):
        part = source if name.startswith("ours") else source[: max(1, len(source) // 20)]
        before, megabytes = time.process_time(), sum(map(len, part)) / 1e6
        total = sum(len(spans) for spans in tool(part))
        write(f"| {name} | {megabytes / (time.process_time() - before):.1f} | {total / megabytes:.2f} |\n")
    write(f"\nsource: {len(source):,} files, {size:.1f} MB\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
