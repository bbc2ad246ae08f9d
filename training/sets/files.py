"""What a file of a repository is for, and in which language it is written: weak labels by path.

No public set labels whole files. Here source packages under permissive licences, pinned to a version, are read through
the mill's own collectors from the package indexes that this machine is configured for (nothing in them is run), and a
file's path says what it is: what stands in ``tests/`` are tests. The text shown is the beginning of the file, never its
path.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from gristmill.collect.archive import plain_path
from gristmill.collect.reader import Context, Limits
from gristmill.collect.sources import READERS, parse_source
from gristmill.collect.unpack import read_members
from training.examples import LabelledText, Task

PACKAGES = {
    "pypi:celery==5.4.0": "BSD-3-Clause",
    "pypi:cffi==1.17.1": "MIT",
    "pypi:click==8.1.7": "BSD-3-Clause",
    "pypi:cryptography==43.0.3": "Apache-2.0 OR BSD-3-Clause",
    "pypi:django==5.1.1": "BSD-3-Clause",
    "pypi:flask==3.1.0": "BSD-3-Clause",
    "pypi:grpcio==1.66.2": "Apache-2.0",
    "pypi:jinja2==3.1.4": "BSD-3-Clause",
    "pypi:networkx==3.3": "BSD-3-Clause",
    "pypi:numpy==2.1.1": "BSD-3-Clause",
    "pypi:pandas==2.2.3": "BSD-3-Clause",
    "pypi:protobuf==5.28.2": "BSD-3-Clause",
    "pypi:pytest==8.3.3": "MIT",
    "pypi:scikit-learn==1.5.2": "BSD-3-Clause",
    "pypi:scipy==1.14.1": "BSD-3-Clause",
    "pypi:scrapy==2.11.2": "BSD-3-Clause",
    "pypi:setuptools==75.1.0": "MIT",
    "pypi:sphinx==8.1.3": "BSD-2-Clause",
    "pypi:sqlalchemy==2.0.35": "MIT",
    "pypi:sympy==1.13.3": "BSD-3-Clause",
    "pypi:tornado==6.4.1": "Apache-2.0",
    "pypi:twisted==24.7.0": "MIT",
    "npm:express@4.21.1": "MIT",
    "npm:lodash@4.17.21": "MIT",
    "npm:rxjs@7.8.1": "Apache-2.0",
    "npm:three@0.169.0": "MIT",
    "npm:webpack@5.95.0": "MIT",
}
"""The packages and the licences that they state."""

A_PACKAGE = 60
"""Files of one label that are taken of one package, at most."""
LETTERS = 600
"""How much of a file is shown."""

TEMPLATES = (
    "This file contains {}.",
    "This file is {}.",
    "The content of this file is {}.",
    "This code is {}.",
)
LANGUAGE_TEMPLATES = ("This code is written in {}.", "This is {} code.", "The programming language is {}.")

_KINDS = {
    "tests": ("tests", "unit tests", "test code"),
    "documentation": ("documentation", "a documentation page"),
    "example": ("example code", "an example"),
    "tutorial": ("a tutorial", "step-by-step instructions"),
    "configuration": ("configuration", "settings"),
    "build script": ("build script", "build configuration", "compiling the project"),
    "changelog": ("a changelog", "release notes", "list of changes"),
    "readme": ("a readme", "introduction to the project"),
    "licence": ("a licence", "licence text", "legal text"),
    "source code": ("source code of a library", "implementation code"),
    "benchmark": ("a benchmark", "performance measurement"),
    "header": ("C header file", "declarations"),
    "template": ("HTML template", "web page template"),
    "translation": ("translations of messages", "localisation"),
    "data": ("data", "test data"),
}
_LANGUAGES = {
    ".py": "Python", ".js": "JavaScript", ".ts": "TypeScript", ".c": "C", ".h": "C", ".cc": "C++", ".cpp": "C++",
    ".hpp": "C++", ".html": "HTML", ".css": "CSS", ".rst": "reStructuredText", ".md": "Markdown", ".json": "JSON",
    ".yml": "YAML", ".yaml": "YAML", ".toml": "TOML", ".sh": "shell script", ".pyx": "Cython", ".f": "Fortran",
    ".f90": "Fortran", ".rs": "Rust", ".sql": "SQL", ".po": "gettext catalogue", ".rb": "Ruby", ".cmake": "CMake",
    ".glsl": "GLSL", ".xml": "XML",
}  # fmt: skip

_RULES = (
    ("licence", r"(^|/)(licen[cs]e|copying|notice)[^/]*$"),
    ("changelog", r"(^|/)(change(s|log)|history|news|release[_-]?notes?|whatsnew)[^/]*(/[^/]*)?\.(rst|md|txt)$"),
    ("readme", r"(^|/)readme[^/]*$"),
    ("translation", r"\.po$"),
    ("tutorial", r"(^|/)tutorials?/.*\.(rst|md|txt|py)$|(^|/)intro/tutorial[^/]*$"),
    ("benchmark", r"(^|/)(asv_)?bench(mark)?(s|es|ing)?/.*\.(py|js|c|cc|cpp)$"),
    ("tests", r"(^|/)(tests?|testing|unit_tests)/.*\.(py|js|ts|c|cc|cpp|rs)$|(^|/)test_[^/]*\.py$"),
    ("data", r"(^|/)(tests?|data|fixtures)/.*\.(csv|json|txt|xml|dat)$"),
    ("example", r"(^|/)examples?/.*\.(py|js|c|cc|cpp|ipynb)$"),
    ("build script", r"(^|/)(setup\.py|meson\.build|makefile|cmakelists\.txt|build[^/]*\.(py|sh|rs))$|\.cmake$"),
    ("configuration", r"(^|/)(setup\.cfg|tox\.ini|pyproject\.toml|\.[a-z][^/]*rc|[^/]*\.ya?ml|[^/]*\.cfg|[^/]*\.ini)$"),
    ("documentation", r"(^|/)docs?/.*\.(rst|md|txt)$"),
    ("template", r"templates?/.*\.html$"),
    ("header", r"\.(h|hpp)$"),
    ("source code", r"\.(py|js|ts|c|cc|cpp|pyx|rs)$"),
)  # fmt: skip
_PATTERNS = [(kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in _RULES]
_KIN = {
    "tests": ("source code", "example", "benchmark"),
    "documentation": ("tutorial", "readme", "changelog"),
    "example": ("tests", "source code", "tutorial"),
    "tutorial": ("documentation", "example"),
    "configuration": ("build script", "data"),
    "build script": ("configuration", "source code"),
    "changelog": ("documentation", "readme"),
    "readme": ("documentation", "changelog"),
    "source code": ("tests", "example"),
    "benchmark": ("tests", "source code"),
    "header": ("source code",),
}


def read_tasks(cache: Path) -> list[Task]:
    """What files are for, and their languages.

    Args:
        cache: Folder for the packages that are downloaded.

    Raises: GristmillError if a package cannot be had.
    """
    kinds: list[LabelledText] = []
    languages: list[LabelledText] = []
    for package in PACKAGES:
        counts: defaultdict[str, int] = defaultdict(int)
        for path, text in _files(package, cache):
            kind = next((kind for kind, pattern in _PATTERNS if pattern.search(path)), None)
            language = _LANGUAGES.get(Path(path).suffix.lower())
            if kind and counts[kind] < A_PACKAGE:
                counts[kind] += 1
                kinds.append(LabelledText(text, (kind,)))
            if language and counts["=" + language] < A_PACKAGE:
                counts["=" + language] += 1
                languages.append(LabelledText(text, (language,)))
    names = {name: (name,) for name in sorted({*_LANGUAGES.values()})}
    return [
        Task("files", "files", kinds, _KINDS, TEMPLATES, _KIN, quota=1500, cap=400),
        Task("languages", "files", languages, names, LANGUAGE_TEMPLATES, quota=600, cap=150),
    ]


def _files(package: str, cache: Path) -> Iterator[tuple[str, str]]:
    """Paths inside the package and the beginnings of its files of text, in an order that is as good as any."""
    context = Context(cache, Limits(), None)
    source = parse_source(package, Path())
    state = READERS[source.scheme].resolve(source, context)
    found: list[tuple[bytes, str, str]] = []
    for member in read_members(state.local, context.limits):
        path = plain_path(member.name, context.limits)
        if path is None or not member.data or member.link is not None or b"\0" in member.data[:8000]:
            continue
        text = member.data[: 4 * LETTERS].decode("utf-8", "replace")
        text = _beginning(text)
        if len(text.split()) >= 8 and "\ufffd" not in text:
            name = path.decode("utf-8", "replace").partition("/")[2]
            found.append((hashlib.sha256(package.encode() + path).digest(), name, text))
    for _, name, text in sorted(found):
        yield name, text


def _beginning(text: str) -> str:
    """The first letters; of a file that begins with a notice of copyright, those behind it."""
    lines = text.splitlines()
    if (
        any("copyright" in line.lower() or "license" in line.lower() for line in lines[:6])
        and len(lines) > 20
    ):
        for number, line in enumerate(lines):
            if number > 3 and (not line.strip() or line.strip() in ("*/", '"""')):
                lines = lines[number:]
                break
    return "\n".join(lines).strip()[:LETTERS]


if __name__ == "__main__":
    for task in read_tasks(Path(sys.argv[1])):
        print(task.name, len(task.texts))
