"""Labels and templates: what the pipeline takes is taken alike, and its traps are refused."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.errors import LabelError
from gristmill.zeroshot import labels as module
from gristmill.zeroshot.labels import check_single, parse_labels, parse_template, per_text

words = st.text(min_size=1).filter(str.strip)


def test_a_string_is_split_at_its_commas() -> None:
    assert parse_labels(" sport, , politics,economy ,") == ("sport", "politics", "economy")


def test_labels_of_a_list_are_taken_as_they_are() -> None:
    assert parse_labels([" sport, games", "{}", "a\0b", "\ud800"]) == (
        " sport, games",
        "{}",
        "a\0b",
        "\ud800",
    )


@pytest.mark.parametrize(
    "labels", [("b", "a"), iter(["b", "a"]), np.array(["b", "a"]), {"b": 1, "a": 2}.keys()], ids=type
)
def test_other_iterables_keep_their_order(labels: object) -> None:
    found = parse_labels(labels)
    assert found == ("b", "a")
    assert all(type(label) is str for label in found)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([], "no candidate labels"),
        ("", "no candidate labels"),
        (" , ", "no candidate labels"),
        (["a", ""], "candidate label 1 is empty"),
        (["a", " \n"], "candidate label 1 is empty"),
        (["a", 3], "candidate label 1 is 3, a int"),
        (["a", None], "a NoneType"),
        (["a", "b", "a"], "'a' is there twice"),
        ({"a", "b"}, "not set"),
        (frozenset({"a"}), "not frozenset"),
        (b"a,b", "not bytes"),
        (7, "not int"),
        (None, "not NoneType"),
    ],
)
def test_labels_that_cannot_be_used_are_refused(labels: object, message: str) -> None:
    with pytest.raises(LabelError, match=message):
        parse_labels(labels)


def test_there_is_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LABELS", 3)
    assert len(parse_labels("a,b,c")) == 3
    with pytest.raises(LabelError, match="4 candidate labels; at most 3"):
        parse_labels("a,b,c,d")


def test_one_label_alone_needs_multi_label() -> None:
    with pytest.raises(LabelError, match="multi_label=True"):
        check_single(["sport"], multi_label=False)
    check_single(["sport"], multi_label=True)
    check_single(["sport", "politics"], multi_label=False)


@given(words)
def test_a_template_is_filled_as_format_would(label: str) -> None:
    for template in ("This example is {}.", "{}", "{0} is {0}", "{{brace}} {}", "{}{{}}"):
        assert parse_template(template).fill(label) == template.format(label)


@pytest.mark.parametrize("label", ["{}", "{0}", "{{}}", "%s"])
def test_a_label_of_braces_is_a_label(label: str) -> None:
    assert parse_template("This example is {}.").fill(label) == f"This example is {label}."


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("This is it.", "no place for the label"),
        ("", "no place for the label"),
        ("This is {{}}.", "no place for the label"),
        ("{} is {}", r"several \{\}"),
        ("{} is {0}", r"several \{\}"),
        ("{label}", "nothing more"),
        ("{1}", "nothing more"),
        ("{0.__class__}", "nothing more"),
        ("{0[0]}", "nothing more"),
        ("{!r}", "nothing more"),
        ("{:>1000000000}", "nothing more"),
        ("{", "for a plain brace"),
        ("}", "for a plain brace"),
        (3, "must be a string"),
        ("{}" + "x" * 10_000, "10002 letters"),
    ],
)
def test_templates_that_cannot_be_used_are_refused(template: str, message: str) -> None:
    with pytest.raises(LabelError, match=message):
        parse_template(template)


def test_label_sets_are_told_from_labels() -> None:
    def sets() -> Iterator[list[str]]:
        yield ["a", "b"]

    assert per_text([["a", "b"], ("c",)])
    assert per_text(sets())
    assert not per_text(["a", "b"])
    assert not per_text("a,b")
    assert not per_text([])
    assert not per_text(np.array(["a", "b"]))


def test_a_mix_of_labels_and_label_sets_is_refused() -> None:
    with pytest.raises(LabelError, match="candidate label 1 is a list and candidate label 0 is not"):
        per_text(["a", ["b", "c"]])
