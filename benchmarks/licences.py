"""How well and how fast licences are found, beside other tools: tables to standard output.

    npm pack spdx-license-list@6.12.0
    python benchmarks/licences.py spdx-license-list-6.12.0.tgz --packages node_modules .venv/lib/python3.11/site-packages

Peers run if they are installed: licenseclassifier on every case, scancode-toolkit (with pluggy < 1.7) on a few
of each set. The texts of the first sets are in our index, as they are in the peers'; "real" and "no licence" are not. The
second table has ratios of files a CPU second on the very same cases, the third what the first answer of a process takes.
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import licence_sets as sets
from gristmill.annotate import licences
from gristmill.spdx import expressions
from licence_sets import Case

SEED = 7
MOST_WITHOUT = 600
EACH_OF_MIX = 15
LEAST_SECONDS = 0.5
TEXT = "Permission is hereby granted, free of charge, to any person obtaining a copy"
FIRST = {
    "ours": f"from gristmill.annotate import licences\nlicences.find(b{TEXT!r}, ['LICENSE'])",
    "licenseclassifier": f"from licenseclassifier import identify_license\nlist(identify_license({TEXT!r}))",
    "scancode": (
        "import tempfile, pathlib\nfrom scancode.api import get_licenses\n"
        f"path = pathlib.Path(tempfile.mkdtemp()) / 'LICENSE'\npath.write_text({TEXT!r})\nget_licenses(str(path))"
    ),
}
PEAK = "\nprint([line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')][0])"
Answers = list[frozenset[str]]


def ours(cases: list[Case]) -> Answers:
    """What ``annotate`` states, but for references; LicenseRef-unknown is an abstention."""
    found = licences.find_all([(case.text, [case.name]) for case in cases])
    return [
        frozenset().union(*(sets.ids_of(one.expression) for one in matches if one.kind != "reference"))
        - {expressions.UNKNOWN}
        for matches in found
    ]


def licenseclassifier(cases: list[Case]) -> Answers:
    """The package's own threshold of coverage."""
    from licenseclassifier import identify_license  # type: ignore[import-not-found]  # a peer

    answers = []
    for case in cases:
        found = identify_license(case.text.decode("utf-8", "replace"))
        answers.append(frozenset().union(*(_ids(one.id) for one in found)))
    return answers


def scancode(cases: list[Case]) -> Answers:
    """The expression that it detects in a file of the case's name."""
    from scancode.api import get_licenses  # type: ignore[import-not-found]  # a peer

    answers = []
    with tempfile.TemporaryDirectory() as folder:
        for case in cases:
            path = Path(folder) / case.name
            path.write_bytes(case.text)
            answers.append(_ids(get_licenses(str(path))["detected_license_expression_spdx"] or ""))
    return answers


def _ids(expression: str) -> frozenset[str]:
    normal = expressions.normalise(expression) if expression else None
    return sets.ids_of(normal) if normal else frozenset()


def score(
    cases: list[Case], tool: Callable[[list[Case]], Answers], equal: dict[str, str]
) -> tuple[str, float]:
    """Cells (exact sets, all expected found, some wrong one in percent, files a second), and files a second."""
    started = time.process_time()
    answers = tool(cases)
    rate = len(cases) / (time.process_time() - started)
    pairs = [
        (_canonical(case.expected, equal), _canonical(found, equal))
        for case, found in zip(cases, answers, strict=True)
    ]
    shares = (
        sum(wanted == found for wanted, found in pairs),
        sum(wanted <= found for wanted, found in pairs),
        sum(bool(found - wanted) for wanted, found in pairs),
    )
    cells = " | ".join(f"{100 * share / len(cases):.1f}" for share in shares)
    return f"{len(cases)} | {cells} | {rate:,.1f}", rate


def our_rate(cases: list[Case]) -> float:
    """Files a second, of enough rounds that the clock can tell."""
    started, rounds = time.process_time(), 0
    while (seconds := time.process_time() - started) < LEAST_SECONDS:
        ours(cases)
        rounds += 1
    return rounds * len(cases) / seconds


def first_answers() -> None:
    """What a process takes from its start to its first answer, and how much memory it has at its peak."""
    sys.stdout.write(
        "\n| tool | CPU s to the first answer and the end | peak memory MB |\n" + "| --- " * 3 + "|\n"
    )
    sys.stdout.flush()
    for tool, code in FIRST.items():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        told = subprocess.run([sys.executable, "-c", code + PEAK], capture_output=True, text=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if told.returncode == 0:
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            sys.stdout.write(f"| {tool} | {cpu:.2f} | {int(told.stdout.split()[-1]) / 1000:,.0f} |\n")


def _canonical(ids: frozenset[str], equal: dict[str, str]) -> frozenset[str]:
    return frozenset(equal.get(one, one) for one in ids)


def same_texts(texts: dict[str, str]) -> dict[str, str]:
    """Id -> the first id that has the same text: which of them is meant, the text does not say."""
    first: dict[str, str] = {}
    equal = {}
    for identifier, text in sorted(texts.items()):
        (name,) = sets.folded({identifier})
        equal[name] = first.setdefault(" ".join(text.split()), name)
    return equal


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("spdx", type=Path)
    parser.add_argument("--packages", type=Path, nargs="*", default=[], help="folders of installed packages")
    parser.add_argument("--scancode", type=int, default=8, metavar="N", help="cases of each set for scancode")
    arguments = parser.parse_args()
    texts = sets.spdx_texts(arguments.spdx)
    chosen = {
        "SPDX texts": sets.whole(texts),
        "perturbed common": sets.perturbed(texts, list(sets.COMMON), True, SEED),
        "perturbed rare": sets.perturbed(texts, sets.rare(texts, SEED), False, SEED),
        "dual": sets.dual(texts, SEED),
        "joined and edited": sets.joined(texts, SEED),
        "SPDX tags": sets.tag_headers(),
        "prose headers": sets.prose_headers(),
        "real": sets.real(arguments.packages, texts),
        "no licence": sets.without_licence(arguments.packages, MOST_WITHOUT, SEED),
    }
    chosen["hard mix"] = sets.hard_mix(chosen, EACH_OF_MIX, SEED)
    equal = same_texts(texts)
    licences.find(b"MIT", ["LICENSE"])
    sys.stdout.write(
        "| set | tool | cases | exact % | all found % | wrong extra % | files/s |\n" + "| --- " * 7 + "|\n"
    )
    ratios: list[str] = []
    for name, cases in chosen.items():
        for tool in (ours, licenseclassifier, scancode):
            few = random.Random(SEED).sample(cases, min(arguments.scancode, len(cases)))
            some = few if tool is scancode else cases
            if not some:
                continue
            try:
                row, rate = score(some, tool, equal)
            except ImportError:
                continue
            if tool is not ours:
                ratios.append(f"| {name} | {tool.__name__} | {len(some)} | {our_rate(some) / rate:,.1f} |\n")
            sys.stdout.write(f"| {name} | {tool.__name__} | {row} |\n")
            sys.stdout.flush()
    if ratios:
        sys.stdout.write(
            "\n| set | peer | cases | ours over the peer |\n" + "| --- " * 4 + "|\n" + "".join(ratios)
        )
    first_answers()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
