"""What a trained model says of its training: data sets with licences and counts, recipe, cost."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from training.examples import NliPair, Task
from training.held_out import held_out
from training.loop import Settings
from training.network import BASE, BASE_DIGEST
from training.pairs import training_texts
from training.sets.files import PACKAGES

SETS = {
    "snli_subsets": ("SNLI, random samples of train", "CC-BY-SA-4.0", "https://github.com/nyu-mll/CNLI-generalization"),
    "snli_cat": ("SNLI, sample of train", "CC-BY-SA-4.0", "https://github.com/academic-repository/cat"),
    "cad_nli": (
        "Counterfactually augmented SNLI", "Apache-2.0 AND CC-BY-SA-4.0",
        "https://github.com/acmi-lab/counterfactually-augmented-data",
    ),
    "mnli_hw2": ("MultiNLI, sample of train", "OANC terms, CC-BY-3.0, CC-BY-SA-3.0", "https://github.com/tp823/HW2-NLP"),
    "mnli_llmsknow": (
        "MultiNLI, sample of train", "OANC terms, CC-BY-3.0, CC-BY-SA-3.0",
        "https://github.com/technion-cs-nlp/LLMsKnow",
    ),
    "conjnli_adversarial": (
        "ConjNLI, automatic part", "MIT; premises CC-BY-SA", "https://github.com/swarnaHub/ConjNLI",
    ),
    "cls_clinc150": ("CLINC150", "CC-BY-3.0", "https://github.com/clinc/oos-eval"),
    "cls_hwu64": ("HWU64", "CC-BY-4.0", "https://github.com/xliuhw/NLU-Evaluation-Data"),
    "cls_goemotions": ("GoEmotions", "Apache-2.0; data CC-BY-4.0", "https://github.com/RhiM1/GoEmotions-pytorch"),
    "cls_dbpedia14": ("DBpedia 14, sample of train", "CC-BY-SA-3.0", "https://github.com/KEAML-JLU/DeepTextClustering"),
    "cls_github_topics": ("GitHub topics", "CC-BY-4.0", "https://github.com/github/explore"),
    "cls_awesome_lists": (
        "Seven awesome lists", "MIT, CC-BY-4.0, CC0-1.0, CC-BY-SA-3.0", "https://github.com/sindresorhus/awesome",
    ),
    "cls_commit_types": ("Subjects of commits of three projects", "Apache-2.0", "https://github.com/ibis-project/ibis"),
    "cls_code_comments": (
        "Code comment classification (NLBSE 2023)", "CC0-1.0",
        "https://github.com/nlbse2023/code-comment-classification",
    ),
    "files": (
        f"Files of {len(PACKAGES)} source packages, labelled by path", ", ".join(sorted({*PACKAGES.values()})),
        "training/sets/files.py",
    ),
}  # fmt: skip
"""Title, licence and place of each data set; their papers stand in the data folder's SOURCE.md files."""


def data_digest(data: Path) -> str:
    """``sha256:`` and the digest of the files that are read, and of which packages are."""
    total = hashlib.sha256()
    names = [name for name in (*SETS, "snli_dev") if name != "files"]
    for name in sorted(names):
        for file in sorted((data / name).rglob("*")):
            if file.is_file() and file.name != "SOURCE.md":
                digest = hashlib.sha256(file.read_bytes()).hexdigest()
                total.update(f"{file.relative_to(data).as_posix()} {digest}\n".encode())
    for package in sorted(PACKAGES):
        total.update(f"{package}\n".encode())
    return f"sha256:{total.hexdigest()}"


def record(
    data: Path,
    pairs: Sequence[NliPair],
    rows: Mapping[str, int],
    tasks: Sequence[Task],
    settings: Settings,
    compute: Mapping[str, object],
    beside: Mapping[str, object],
) -> dict[str, object]:
    """The record that ``gristmill model-card`` reads.

    Args:
        pairs: The NLI pairs that were trained on.
        rows: By NLI set the pairs that it holds.
        compute: Hours, steps and device.
        beside: What else the recipe tells: how an earlier run was made, and what share of the later one is in the mean.
    """
    used = Counter(pair.source for pair in pairs)
    texts: Counter[str] = Counter()
    read: Counter[str] = Counter()
    for task in tasks:
        chosen, everything = len(training_texts(task)), len(task.texts)
        texts[task.source] = max(texts[task.source], chosen)
        read[task.source] = max(read[task.source], everything)
    sets = []
    for name, (title, licence, url) in SETS.items():
        nli = name in used
        sets.append(
            {
                "name": name,
                "title": title,
                "licence": licence,
                "url": url,
                "kind": "nli" if nli else "classification",
                "rows": rows[name] if nli else read[name],
                "used": used[name] if nli else texts[name],
            }
        )
    return {
        "format": 1,
        "base_model": {"name": BASE, "licence": "Apache-2.0", "digest": f"sha256:{BASE_DIGEST}"},
        "data": {"digest": data_digest(data), "sets": sets},
        "recipe": {**{name: value for name, value in asdict(settings).items() if name != "seed"}, **beside},
        "seed": settings.seed,
        "compute": dict(compute),
        "command": "make train",
        "held_out": [f"{task.name}: {len(held_out(task))} labels" for task in tasks if held_out(task)],
    }
