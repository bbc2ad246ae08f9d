"""The dataset card: README.md with the YAML front matter that the Hugging Face Hub reads.

Everything in it follows from the manifest, the statistics and the words of the recipe, so that equal
releases give equal cards. Text from outside (names, URLs, reasons, expressions) is quoted before it goes
into YAML, tables or code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gristmill.release.manifest import Manifest, write_aside
from gristmill.release.schema import (
    CARD,
    FILES,
    LICENCES,
    NOTICE,
    OWN_COLUMNS,
    STACK_V2_COLUMNS,
    STUBS,
    slug,
    type_name,
)
from gristmill.release.statistics import Statistics, funnel
from gristmill.tables import Column

LISTED_LICENCES = 50
LISTED_INPUTS = 50
LISTED_LANGUAGES = 200

_SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
    (100_000_000, "10M<n<100M"),
    (1_000_000_000, "100M<n<1B"),
    (10_000_000_000, "1B<n<10B"),
    (100_000_000_000, "10B<n<100B"),
    (1_000_000_000_000, "100B<n<1T"),
)


@dataclass(frozen=True)
class Words:
    """What the recipe says in words. Markdown is allowed in ``description`` and ``contact`` only.

    ``policy`` holds pairs of a rule's reason code and a sentence that explains it, in the recipe's order;
    ``privacy`` says how secrets and personal data were dealt with; ``contact`` how to ask to be left out.
    """

    description: str = ""
    policy: Sequence[tuple[str, str]] = ()
    privacy: str = ""
    contact: str = ""


def render_card(manifest: Manifest, statistics: Statistics, words: Words) -> str:
    """The text of README.md for a release."""
    parts = [
        _front_matter(manifest, statistics),
        _introduction(manifest, statistics, words),
        _how_to_load(statistics),
        _making(manifest, statistics, words),
        _columns(),
        _licences(manifest, statistics),
        _counts(statistics),
        _people(statistics, words),
        _sources(manifest),
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def write_card(folder: Path, card: str) -> Path:
    """Write README.md into a release folder. Returns its path."""
    return write_aside(folder / CARD, card.encode())


def quote_yaml(text: str) -> str:
    """A YAML 1.2 double-quoted scalar on one line, in printable ASCII.

    A JSON string is such a scalar but for characters outside ASCII, where YAML readers differ on which
    may stand bare and do not join surrogate pairs: those become eight-digit escapes.
    """
    bare = json.dumps(text, ensure_ascii=False)
    return re.sub(r"[^\x20-\x7e]", lambda match: f"\\U{ord(match.group()):08x}", bare)


def _front_matter(manifest: Manifest, statistics: Statistics) -> str:
    count = statistics.totals.kept
    size = next((name for limit, name in _SIZES if count < limit), "n>1T")
    lines = [
        "---",
        f"pretty_name: {quote_yaml(f'{manifest.name} {manifest.version}')}",
        "license: other",
        "license_name: per-file",
        "language:",
        "- code",
        "task_categories:",
        "- text-generation",
        "tags:",
        "- code",
        "- gristmill",
        "size_categories:",
        f"- {quote_yaml(size)}",
    ]
    # A configuration that matches no file is an error for the reader: an empty table gets none.
    configs: dict[str, str] = {"default": "data/**/*.parquet"} if count else {}
    for name in sorted({slug(row.language) for row in statistics.by_language}):
        configs[name] = f"data/{name}/*.parquet"
    if statistics.totals.dropped:
        configs["stubs"] = "stubs/*.parquet"
    lines += ["configs:"] if configs else []
    for name, pattern in configs.items():
        lines += [f"- config_name: {quote_yaml(name)}", "  data_files:", "  - split: train"]
        lines.append(f"    path: {quote_yaml(pattern)}")
    return "\n".join([*lines, "---"])


def _introduction(manifest: Manifest, statistics: Statistics, words: Words) -> str:
    totals = statistics.totals
    text = f"# {_plain(manifest.name)} {_plain(manifest.version)}\n\n"
    if words.description.strip():
        text += f"{words.description.strip()}\n\n"
    return text + (
        f"{totals.kept:,} files of source code in {totals.languages:,} languages from {totals.origins:,} origins, "
        f"{_size(totals.released_bytes)} of text. Each file comes with its provenance (SWHID, ISO/IEC 18670), the "
        f"licence that applies to it and the evidence for that. The {totals.dropped:,} entries that were left out "
        f"are listed in `stubs/` with their reasons.\n\n"
        f"| | |\n| --- | --- |\n"
        f"| Made with | Gristmill {_plain(manifest.gristmill_version)} |\n"
        f"| Recipe | SHA-256 `{manifest.recipe_sha256}` |\n"
        f"| Contents of the release | logical hash `{manifest.logical_sha256}` |\n\n"
        f"`manifest.json` lists every shard with its size and hashes."
    )


def _how_to_load(statistics: Statistics) -> str:
    named = [row.language for row in statistics.by_language if row.language is not None]
    example = slug(named[0]) if named else "unknown"
    text = f"""
## How to load it

Put the path of the folder, or its name on the Hub, in place of `RELEASE`.

```python
from datasets import load_dataset

everything = load_dataset("RELEASE", split="train", streaming=True)
one_language = load_dataset("RELEASE", "{example}", split="train", streaming=True)
print(next(iter(one_language))["content"])
```

With DuckDB and with pandas, in the folder itself:

```python
import duckdb

print(duckdb.sql("SELECT language, count(*) AS files FROM 'data/**/*.parquet' GROUP BY ALL ORDER BY ALL"))
```

```python
import pandas as pd

table = pd.read_parquet("data/{example}", columns=["path", "language", "licence_expression"])
print(table.head())
```
"""
    if not statistics.totals.kept:
        return "## How to load it\n\nThis release holds no files, only stubs: `stubs/*.parquet`."
    return text


def _making(manifest: Manifest, statistics: Statistics, words: Words) -> str:
    steps = funnel(statistics, [reason for reason, _ in words.policy])
    text = "## How it was made\n\n" + _table(
        ("step", "entries", "left"),
        (
            (_code(s.label) if 0 < i < len(steps) - 1 else s.label, f"{s.entries:,}", f"{s.left:,}")
            for i, s in enumerate(steps)
        ),
    )
    text += "\n\nAn entry is a path in one origin. It counts once, under the first rule that left it out."
    if words.policy:
        rules = _table(("reason", "rule"), ((_code(reason), _plain(rule)) for reason, rule in words.policy))
        text += f"\n\n### Policy\n\n{rules}"
    tools = _table(("tool", "version"), ((_plain(k), _plain(v)) for k, v in sorted(manifest.tools.items())))
    fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", manifest.recipe)), default=0))
    return text + (
        f"\n\n### Tools\n\n{tools}\n\n### Recipe\n\nIn its canonical form, of which the digest is taken:\n\n"
        f"{fence}text\n{manifest.recipe.rstrip()}\n{fence}"
    )


def _columns() -> str:
    def rows(columns: Iterable[Column]) -> Iterable[tuple[str, ...]]:
        return (
            (f"`{c.name}`", f"`{type_name(c.type)}`", "yes" if c.nullable else "", _plain(c.doc))
            for c in columns
        )

    head = ("column", "type", "null", "meaning")
    return (
        f"## Columns\n\n{FILES.doc.split(':')[0]}, in `data/`. These columns have the names and meanings of The "
        f"Stack v2:\n\n{_table(head, rows(STACK_V2_COLUMNS))}\n\nThese are added:\n\n"
        f"{_table(head, rows(OWN_COLUMNS))}\n\n{STUBS.doc.split(':')[0]}, in `stubs/`:\n\n"
        f"{_table(head, rows(STUBS.columns))}"
    )


def _licences(manifest: Manifest, statistics: Statistics) -> str:
    licences = statistics.by_licence
    listed = licences[:LISTED_LICENCES]
    rows = (
        (
            _code(c.licence_expression) if c.licence_expression else "none found",
            _plain(c.license_type),
            f"{c.files:,}",
            _size(c.bytes),
        )
        for c in listed
    )
    text = (
        "## Licences\n\nThe release as a whole has no licence of its own: each file stays under the licence in "
        "`licence_expression` (SPDX), found as `licence_evidence` says, and whoever uses a file must keep to it, "
        "its duty to name the authors included.\n\n" + _table(("expression", "class", "files", "size"), rows)
    )
    text += _more(len(licences) - len(listed), "expressions")
    if NOTICE in {file.path for file in manifest.files}:
        text += (
            f"\n\n`{NOTICE}` names every origin with the revision and licences of its files, and has the texts of "
            f"the licences. `{LICENCES}` says what each licence asks, as far as that is known, and which of them "
            f"may not be combined in one work."
        )
    return text


def _counts(statistics: Statistics) -> str:
    languages = statistics.by_language[:LISTED_LANGUAGES]
    by_language = _table(
        ("language", "configuration", "files", "size"),
        (
            (_plain(c.language or "unknown"), f"`{slug(c.language)}`", f"{c.files:,}", _size(c.bytes))
            for c in languages
        ),
    )
    spread = _table(
        ("occurrences", "files"),
        (
            (str(c.least) if c.least == c.most else f"{c.least:,} to {c.most:,}", f"{c.files:,}")
            for c in statistics.occurrences
        ),
    )
    return (
        f"## Statistics\n\n{by_language}{_more(len(statistics.by_language) - len(languages), 'languages')}\n\n"
        f"In how many entries the content of a file stood before duplicates were removed:\n\n{spread}\n\n"
        f"`statistics.json` has these and more as data."
    )


def _people(statistics: Statistics, words: Words) -> str:
    totals = statistics.totals
    text = (
        f"## Secrets and personal data\n\n{totals.redactions:,} places in {totals.redacted_files:,} files were "
        f"replaced; the column `redactions` counts them. Detectors miss some and hit too much: treat the text as "
        f"data that may still hold secrets and personal data, and do not try to find or contact people by it."
    )
    if words.privacy.strip():
        text += f"\n\n{_plain(words.privacy)}"
    if words.contact.strip():
        text += f"\n\n## Asking to be left out\n\n{words.contact.strip()}"
    return text


def _sources(manifest: Manifest) -> str:
    listed = manifest.inputs[:LISTED_INPUTS]
    rows = ((_code(i.origin_url), _plain(i.kind), _code(i.anchor or i.snapshot or i.state)) for i in listed)
    text = f"## Sources\n\n{_table(('origin', 'kind', 'state'), rows)}"
    more = len(manifest.inputs) - len(listed)
    return text + _more(more, "visits") + ("\n\n`manifest.json` lists all of them." if more else "")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _more(count: int, what: str) -> str:
    return f"\n\nand {count:,} more {what}." if count > 0 else ""


def _plain(text: str) -> str:
    """Text on one line in which Markdown and HTML mean nothing."""
    return re.sub(r"([\\`*_\[\]<>|#&~!])", r"\\\1", " ".join(text.split()))


def _code(text: str) -> str:
    """Text as inline code in a table: on one line, with no backtick or bar that would end it."""
    return f"`{' '.join(text.split()).replace('`', chr(39)).replace('|', '/') or ' '}`"


def _size(count: int) -> str:
    """A number of bytes in words, in powers of 1000."""
    size = float(count)
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if size < 1000:
            return f"{count} bytes" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} PB"
