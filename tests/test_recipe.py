"""The recipe: every mistake is named with its key and the mend, and the digest is of the meaning."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec
import pytest

from gristmill.errors import RecipeError
from gristmill.recipe import Recipe, load_recipe, parse_recipe, recipe_template

LEAST = '[release]\nname = "x"\n[collect]\nsources = ["dir:."]\n'
LABELS = LEAST + "[[annotate.labels]]\nname = 'topic'\nmodel = 'm'\nlabels = ['web', 'games']\n"
RULE = "[[policy.labels]]\nset = 'topic'\nlabel = 'web'\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[relase]\nname = "x"', "unknown key relase; did you mean release?"),
        (LEAST + "[policy.qality]\n", "unknown key policy.qality; did you mean policy.quality?"),
        (LEAST + "[policy.duplicates]\nnear_treshold = 0.5", "policy.duplicates.near_threshold?"),
        (LEAST + "sedd = 3", "unknown key collect.sedd"),
        (LEAST + "shard_bytes = 3", "did you mean release.shard_bytes?"),
        (LEAST + "qqqq = 3", "known keys here: max_content_bytes"),
        ('[release]\nname = "x"\nname = "y"', "not valid TOML"),
        ('[release]\nname = "x"\n', "missing required field `collect`"),
        ("release = 5\n[collect]\nsources = ['dir:.']", "release: Expected `object`, got `int`"),
        (LEAST + "max_content_bytes = 'many'", "collect.max_content_bytes: Expected `int`, got `str`"),
        (LEAST + 'people = "all"', "collect.people: Invalid enum value 'all'"),
        (LEAST + "max_content_bytes = 0", "collect.max_content_bytes must lie between"),
        (LEAST + "timeout_seconds = 0", "collect.timeout_seconds must be above 0"),
        (
            LEAST + "[policy.duplicates]\nnear_threshold = 1.5",
            "near_threshold = 1.5: must lie between 0 and 1",
        ),
        (LEAST + "[policy.duplicates]\nnear_threshold = nan", "must lie between 0 and 1"),
        (
            LEAST + '[policy.licences]\ndeny_expressions = ["not a licence"]',
            "deny_expressions: 'not a licence'",
        ),
        (
            LEAST + '[policy.licences]\nallow = ["permissive", "MITT"]',
            "policy.licences.allow: 'MITT' is not on the SPDX licence list; did you mean 'MIT'?",
        ),
        (LEAST + '[policy.licences]\nallow = ["blue-oak:best"]', "one of model, gold, silver, bronze, lead"),
        ('[release]\nname = "x"\n[collect]\nsources = []', "collect.sources is empty"),
        ('[release]\nname = "../x"\n[collect]\nsources = ["dir:."]', "release.name = '../x'"),
        ('[release]\nname = "x"\nversion = ".."\n[collect]\nsources = ["dir:."]', "release.version = '..'"),
        (
            LABELS + "[[policy.labels]]\nset = 'topik'\nlabel = 'web'\nabove = 0.5",
            "policy.labels.set = 'topik': no such label set; did you mean 'topic'?",
        ),
        (
            LEAST + "[[policy.labels]]\nset = 'topic'\nlabel = 'web'\nabove = 0.5",
            "[[annotate.labels]] defines none",
        ),
        (
            LABELS + "[[policy.labels]]\nset = 'topic'\nlabel = 'wep'\nabove = 0.5",
            "policy.labels.label = 'wep': not in the label set 'topic'; did you mean 'web'?",
        ),
        (
            LABELS + "[[policy.labels]]\nset = 'topic'\nlabel = 'qqqq'\nabove = 0.5",
            "there are: 'web', 'games'",
        ),
        (LABELS + RULE, "for 'topic', 'web' drops nothing; set above, below or unlabelled"),
        (LABELS + RULE + "above = 1.5", "policy.labels.above = 1.5: must lie between 0 and 1"),
        (LABELS + RULE + "below = nan", "policy.labels.below = nan: must lie between 0 and 1"),
        (LABELS + RULE + "abowe = 0.5", "unknown key policy.labels.abowe; did you mean policy.labels.above?"),
        (LABELS + RULE + "scope = 'repo'", "policy.labels[0].scope: Invalid enum value 'repo'"),
        (LABELS + "modle = 'm'", "unknown key annotate.labels.modle; did you mean annotate.labels.model?"),
        (LABELS + "max_characters = 0", "max_characters = 0 of 'topic': must lie between 1 and"),
        (LABELS + "texts = 'issues'", "annotate.labels[0].texts: Invalid enum value 'issues'"),
        (LABELS + LABELS.removeprefix(LEAST), "annotate.labels.name = 'topic' is there twice"),
        (LABELS.replace("'topic'", "' '"), "annotate.labels.name is empty"),
        (LABELS.replace("'web', 'games'", ""), "annotate.labels.labels of 'topic' is empty"),
        (LEAST + "[[annotate.labels]]\nname = 'x'", "missing required field `labels`"),
        ('[release]\nname = "x"\nshard_bytes = 5\n[collect]\nsources = ["dir:."]', "release.shard_bytes"),
    ],
)
def test_mistakes_are_named(text: str, says: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text, "my.toml")
    assert str(caught.value).startswith("my.toml: ")
    assert says in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"none\.toml: no such recipe; write one with: gristmill init"):
        load_recipe(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    with pytest.raises(RecipeError, match=r"latin\.toml: cannot be read"):
        load_recipe(tmp_path / "latin.toml")
    with pytest.raises(RecipeError, match="cannot be read"):
        load_recipe(tmp_path)


def test_the_digest_is_of_the_meaning() -> None:
    spelled = LEAST.replace('name = "x"', 'version = "1.0.0"  # the default\nname = "x"')
    assert parse_recipe(spelled).digest() == parse_recipe(LEAST).digest()
    assert parse_recipe(LEAST + "max_entries = 7").digest() != parse_recipe(LEAST).digest()


def test_the_canonical_form_reads_back() -> None:
    recipe = parse_recipe(LEAST + "visit_date = 2024-05-06T07:08:09Z\n[policy.quality]\ntests = 'drop'")
    assert msgspec.json.decode(recipe.canonical(), type=Recipe) == recipe


def test_the_template_states_every_key_with_its_default() -> None:
    recipe = parse_recipe(recipe_template())
    plain = parse_recipe(
        f"[release]\nname = {recipe.release.name!r}\n[collect]\nsources = {list(recipe.collect.sources)!r}\n"
    )
    assert recipe.policy == plain.policy
    assert recipe.annotate == plain.annotate
    assert recipe.release.redact == plain.release.redact
    text = recipe_template()
    for section in (Recipe, *(type(part) for part in (recipe.policy, recipe.collect, recipe.release,
                    recipe.policy.quality, recipe.policy.licences, recipe.policy.languages))):  # fmt: skip
        for name in section.__struct_fields__:
            assert name in text, f"{section.__name__}.{name} is not in the template"
    assert tomllib.loads(text)
