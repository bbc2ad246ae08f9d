"""The documentation is true: its commands and examples run, its links resolve, its tables are those of the code."""

from __future__ import annotations

import argparse
import ast
import importlib.util
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import get_args

import duckdb
import msgspec
import pyarrow as pa
import pytest

from gristmill.annotate import annotators
from gristmill.cli import COMMANDS, main, make_parser
from gristmill.collect import sources
from gristmill.decide.rules import REASONS, Rule
from gristmill.engine.shards import read_table
from gristmill.errors import RecipeError
from gristmill.recipe import Recipe, parse_recipe, recipe_template
from gristmill.workspace import open_workspace

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.glob("*.md"), *ROOT.glob("*.md")])
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]

# Keys that the template shows with an example, since their default is unset or empty.
EXAMPLES = {
    "release.name",
    "release.contact",
    "release.description",
    "collect.sources",
    "collect.metadata",
    "collect.visit_date",
    "policy.opt_out",
    "policy.licences.decisions",
    "annotate.labels.name",
    "annotate.labels.model",
    "annotate.labels.labels",
    "annotate.labels.revision",
    "annotate.labels.template",
    "policy.labels.set",
    "policy.labels.label",
    "policy.labels.above",
    "policy.labels.below",
}
LICENCES = {"click-8.1.7": "MIT", "click-8.1.8": "MIT", "unidecode": "GPL-2.0-or-later"}
STAND_INS = {
    "pypi:click==8.1.7": "dir:click-8.1.7",
    "pypi:click==8.1.8": "dir:click-8.1.8",
    "pypi:markupsafe==2.1.5": "dir:markupsafe",
    "pypi:unidecode==1.3.8": "dir:unidecode",
    "npm:lodash@4.17.21": "dir:lodash",
}


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and text of each fenced block of a page, in order."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def example(page: str, name: str) -> str:
    """The block after the comment that names it."""
    found = re.search(
        rf"<!-- example: {name} -->\n```python\n(.*?)^```$", (DOCS / page).read_text(), re.M | re.S
    )
    assert found, f"docs/{page} has no example {name}"
    return found[1]


def load(name: str, text: str) -> ModuleType:
    module = ModuleType(name)
    exec(compile(text, name, "exec", dont_inherit=True), module.__dict__)
    return module


def recipe_fields(kind: type[msgspec.Struct] = Recipe, section: str = "") -> dict[str, dict[str, object]]:
    """Every section of a recipe with its keys and their defaults (NODEFAULT for required ones)."""
    found: dict[str, dict[str, object]] = {}
    for field in msgspec.structs.fields(kind):
        name = f"{section}.{field.name}".lstrip(".")
        kinds = (field.type, *get_args(field.type))  # a section, or an array of them
        inner = [one for one in kinds if isinstance(one, type) and issubclass(one, msgspec.Struct)]
        if inner:
            found |= recipe_fields(inner[0], name)
        else:
            made = field.default_factory
            found.setdefault(section, {})[field.name] = field.default if made is msgspec.NODEFAULT else made()
    return found


def test_the_tables_page_is_what_the_script_makes() -> None:
    specification = importlib.util.spec_from_file_location("build_docs", ROOT / "scripts" / "build_docs.py")
    assert specification is not None and specification.loader is not None
    script = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(script)
    assert (DOCS / "tables.md").read_text() == script.tables_page(), "run: make docs"


def test_the_recipe_page_has_every_key_with_its_default() -> None:
    documented: dict[str, dict[str, str]] = {}
    section = ""
    for line in (DOCS / "recipe.md").read_text().splitlines():
        heading = re.match(r"## (.*)", line)
        if heading:
            section = heading[1].strip("[]") if heading[1].startswith("[") else ""
        row = re.match(r"\| `(\w+)` \| (.*?) \| (.*?) \| .+ \|$", line)
        if row and section:
            documented.setdefault(section, {})[row[1]] = row[3].strip("`")
    defaults = recipe_fields()
    assert {name: set(keys) for name, keys in documented.items()} == {
        name: set(keys) for name, keys in defaults.items()
    }
    for name, keys in defaults.items():
        for key, default in keys.items():
            stated = documented[name][key]
            if default is msgspec.NODEFAULT:
                assert stated == "required", f"{name}.{key}"
            elif default is None:
                assert stated == "unset", f"{name}.{key}"
            else:
                value = tomllib.loads(f"value = {stated}")["value"]
                assert value == (list(default) if isinstance(default, tuple) else default), f"{name}.{key}"


def test_the_template_has_every_key_with_its_default() -> None:
    lines = [re.sub(r"^# (?=[a-z_]+ = |\[\[)", "", line) for line in recipe_template().splitlines()]
    values = tomllib.loads("\n".join(lines))
    parse_recipe("\n".join(lines))
    sections = recipe_fields()
    for name, keys in sections.items():
        section = values
        for part in name.split("."):
            inner = section[part]
            section = inner[0] if isinstance(inner, list) else inner
        plain = {key for key in section if f"{name}.{key}" not in sections}
        assert plain == set(keys), name
        for key, default in keys.items():
            if f"{name}.{key}" not in EXAMPLES:
                assert section[key] == (list(default) if isinstance(default, tuple) else default), (
                    f"{name}.{key}"
                )


def actions_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    found = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(found[0].choices) if found else {}


def test_every_command_is_documented_with_its_options() -> None:
    page = (DOCS / "commands.md").read_text()
    commands = actions_of(make_parser())
    assert set(commands) == set(COMMANDS)
    parsers = dict(commands)
    for name, parser in commands.items():  # a command of several actions has a heading for each
        parsers |= {f"{name} {action}": inner for action, inner in actions_of(parser).items()}
    for name, parser in parsers.items():
        section = re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", page, re.M | re.S)
        assert section, name
        actual = {option for action in parser._actions for option in action.option_strings} - {"-h", "--help"}
        rows = "\n".join(re.findall(r"^\| (`-[^|]*) \|", section[1], re.M))
        assert set(re.findall(r"(?<![\w-])--?[a-z]+(?:-[a-z]+)*", rows)) == actual, name


def test_every_reason_is_documented() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", (DOCS / "concepts.md").read_text(), re.M)
    assert [row for row in rows if row[0] in REASONS] == list(REASONS.items())


def test_the_error_in_the_quick_start_is_the_one_that_is_raised() -> None:
    text = '[release]\nname = "x"\n[collect]\nsources = ["git:."]\n[policy.quality]\nmax_linez = 3\n'
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text, "recipe.toml")
    assert f"gristmill: {caught.value}\n" in (DOCS / "quick-start.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_internal_links_resolve(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.is_relative_to(ROOT), target
        assert file.exists(), f"{target} leads nowhere"
        if anchor:
            assert anchor in anchors(file), f"{target}: {file.name} has no such heading"


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_python_blocks_compile(page: Path) -> None:
    for language, text in blocks(page):
        if language == "python":
            ast.parse(text)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with small stand-ins for the packages of the quick start."""
    monkeypatch.chdir(tmp_path)
    functions = [f"def rule_{i}(value, other_{i}):\n    return value + other_{i} * {i}\n" for i in range(60)]
    core = "\n".join(functions)
    changed = "\n".join(
        [*functions[:54], *(f"class Case{i}:\n    field_{i} = 'text {i}'\n" for i in range(4))]
    )
    files = {
        "click-8.1.7/src/click/core.py": core,
        "click-8.1.8/src/click/core.py": changed,
        "markupsafe/_native.py": "def escape(text):\n    return text.replace('&', '&amp;')\n",
        "unidecode/ChangeLog": "first version\n",
        "lodash/isArray.js": "var isArray = Array.isArray;\nmodule.exports = isArray;\n",
    }
    for stand_in in STAND_INS.values():
        name = stand_in.removeprefix("dir:")
        manifest = f'[project]\nname = "{name}"\nlicense = "{LICENCES.get(name, "BSD-3-Clause")}"\n'
        files[f"{name}/pyproject.toml"] = manifest
    for path, text in files.items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text)
    return tmp_path


@pytest.mark.parametrize("name", ["README.md", "docs/quick-start.md"])
def test_the_quick_start_runs(workplace: Path, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    ran = dict.fromkeys(("toml", "sh", "python", "sql"), 0)
    for language, text in blocks(ROOT / name):
        if language == "toml":
            parse_recipe(text)
            Path("recipe.toml").write_text(re.sub(r'"((?:pypi|npm):[^"]+)"', _stand_in, text))
        elif language == "sh":
            for line in text.splitlines():
                program, *arguments = shlex.split(line)
                assert program == "gristmill"
                extra = ["--workers", "1"] if arguments[0] == "build" else []
                assert main([*arguments, *extra]) == 0, line
        elif language == "python":
            exec(compile(text, name, "exec", dont_inherit=True), {"__name__": "__main__"})
        elif language == "sql":
            assert duckdb.sql(text).fetchall()
        if language in ran:
            ran[language] += 1
    assert all(ran.values()), ran
    told = capfd.readouterr().out
    assert "near_duplicate: nearly the same file is kept" in told
    assert "first-corpus-1.0.0: ok" in told
    if name != "README.md":
        assert "unidecode: 2 entries: 2 licence" in told
        kept = [int(number) for number in re.findall(r"^kept +(\d+)", told, re.M)]
        assert kept[1] == kept[0] + 1  # the stricter threshold keeps the other version of core.py
        assert "first-corpus-1.1.0 []" in told


def _stand_in(match: re.Match[str]) -> str:
    return f'"{STAND_INS[match[1]]}"'


def test_the_annotator_and_the_reader_of_extending_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    reminders = load("reminders", example("extending.md", "annotator"))
    entry = eval(
        example("extending.md", "annotator-entry"),
        {"reminders": reminders, "Annotator": annotators.Annotator},
    )
    monkeypatch.setattr(annotators, "CONTENT_ANNOTATORS", (*annotators.CONTENT_ANNOTATORS, entry))
    monkeypatch.setattr(annotators, "ALL", {**annotators.ALL, entry.name: entry})
    reader = load("single_file", example("extending.md", "reader"))
    monkeypatch.setattr(sources, "READERS", {**sources.READERS, "file": reader})
    for module in ("gristmill.collect.run", "gristmill.collect.stages"):
        monkeypatch.setattr(f"{module}.READERS", sources.READERS)
    monkeypatch.setattr(sources, "LOCAL_SCHEMES", (*sources.LOCAL_SCHEMES, "file"))

    Path("notes.py").write_text("# TODO: mend, FIXME\nTODOS = 1  # not one\n")
    Path("r.toml").write_text('[release]\nname = "r"\n[collect]\nsources = ["file:notes.py"]\n')
    assert main(["build", "r.toml", "--workers", "1", "-q"]) == 0
    catalogue = open_workspace(Path("workspace"), create=False).read_catalogue()
    table = read_table(catalogue["reminders"], reminders.TABLE.schema)
    assert table["reminders"].to_pylist() == [2]
    (told,) = read_table(catalogue["facts"], pa.schema([])).to_pylist()
    assert (told["path"], told["kind"], told["content_id"]) == (
        "notes.py",
        "file",
        table["content_id"][0].as_py(),
    )


def test_the_rule_of_extending_is_one() -> None:
    rule = eval(example("extending.md", "rule"), {"Rule": Rule})
    found = duckdb.sql(
        f"SELECT {rule.evidence} FROM (VALUES (20), (21), (NULL)) AS facts(reminders) WHERE {rule.condition}"
    ).fetchall()
    assert found == [("21 reminders",)]


def test_the_example_of_engine_runs(tmp_path: Path) -> None:
    script = tmp_path / "words.py"
    script.write_text(example("engine.md", "engine"))
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    counts = {row["word"]: row["count"] for row in ast.literal_eval(done.stdout)}
    assert counts == {"a": 3, "bee": 3, "sees": 2, "sea": 1}
