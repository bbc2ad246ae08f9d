"""Readers of training data, on small files of the same form as the real ones."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path

import pytest

from training.examples import CONTRADICTION, ENTAILMENT, NEUTRAL
from training.sets import nli, software
from training.sets.files import PACKAGES, _beginning


def _packed(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()))


@pytest.mark.parametrize(
    ("stored", "natural"),
    [
        ("She ca n't , but he 'll try .", "She can't, but he'll try."),
        ("Is it ( really ) so ?", "Is it (really) so?"),
        ("`` Yes , '' he said .", '" Yes, " he said.'),
        ("nothing to mend", "nothing to mend"),
    ],
)
def test_spaces_of_a_tokeniser_are_taken_out(stored: str, natural: str) -> None:
    assert nli.untokenised(stored) == natural


def test_numbers_and_names_of_classes(tmp_path: Path) -> None:
    _packed(
        tmp_path / "snli_cat/train.csv.gz",
        "3\t3\tA dog runs.\tAn animal moves.\n2\t2\tA dog runs.\tIt sleeps.\n",
    )
    assert [pair.label for pair in nli._snli_cat(tmp_path / "snli_cat")] == [ENTAILMENT, CONTRADICTION]
    row = {"sentence1": "A", "sentence2": "B", "gold_label": "neutral"}
    _packed(tmp_path / "snli_subsets/a.jsonl.gz", json.dumps(row) + "\n")
    assert [pair.label for pair in nli._snli_subsets(tmp_path / "snli_subsets")] == [NEUTRAL]


def test_a_question_of_another_form_is_refused(tmp_path: Path) -> None:
    good = 'For the statement, ""A"", does the hypothesis ""B"" represent entailment, contradiction, or neutrality?'
    head = "Question,Answer,Origin\n"
    _packed(tmp_path / "mnli_train.csv.gz", f'{head}"{good}",neutral,mnli\n')
    (pair,) = nli._mnli_llmsknow(tmp_path)
    assert (pair.premise, pair.hypothesis, pair.label) == ("A", "B", NEUTRAL)
    _packed(tmp_path / "mnli_train.csv.gz", f'{head}"{good}",neutral,mnli\n"Is it so?",neutral,mnli\n')
    with pytest.raises(ValueError, match="row 3"):
        list(nli._mnli_llmsknow(tmp_path))


def test_descriptions_of_a_list_stand_under_its_deepest_heading(tmp_path: Path) -> None:
    _packed(
        tmp_path / "awesome-x.md.gz",
        "# Awesome X\n- [Audio](#audio)\n## Audio\n"
        "* [lib](https://a.example) - Plays music files from the disk. [MIT]\n"
        "* [short](https://a.example) - Too short\n"
        "## Libraries\n### Data - HTTP Clients\n"
        "- [acme/http](https://b.example) [[http](https://c.example)] - A client with retries and [TLS](https://d.example)"
        " [![CI](https://e.example/badge.svg)](https://e.example/workflows/ci)\n"
        "## Miscellaneous\n- [rest](https://f.example) - Everything that fits nowhere else at all.\n",
    )
    task = software._awesome_lists(tmp_path)
    assert [(text.text, text.labels) for text in task.texts] == [
        ("Plays music files from the disk.", ("audio",)),
        ("A client with retries and TLS", ("http clients",)),
    ]
    assert task.phrasings["http clients"][0] == "HTTP Clients"


def test_a_topic_does_not_name_itself(tmp_path: Path) -> None:
    page = (
        "---\ntopic: vue-x\ndisplay_name: VueX\naliases: vuex-store\nrelated: flux\n"
        "short_description: VueX is a store for apps. vuex-store rules them all.\n---\n"
        "The body of Vue X says quite a lot about VueX.\n"
    )
    other = "---\ntopic: flux\ndisplay_name: Flux\nshort_description: A pattern of data that flows one way.\n---\n"
    with tarfile.open(tmp_path / "topics_index_md.tar.gz", "w:gz") as archive:
        for name, text in (("vue-x", page), ("flux", other)):
            entry = tarfile.TarInfo(f"topics/{name}/index.md")
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    task = software._topics(tmp_path)
    assert [text.text for text in task.texts if text.labels == ("vue-x",)] == [
        "it is a store for apps. it rules them all.",
        "The body of it says quite a lot about it.",
    ]
    assert task.kin["vue-x"] == ("flux",)


def test_the_type_is_taken_off_a_commit(tmp_path: Path) -> None:
    lines = "a\t2026-01-01\tfix(core)!: mend the reader of tables (#12)\nb\t2026-01-01\tunknown: not one of the types\n"
    _packed(tmp_path / "x_commits.tsv.gz", lines)
    (tmp_path / "y_commits.tsv").write_text("c\t2026-01-01\tdocs: say how it works\n", "utf-8")
    task = software._commits(tmp_path)
    assert sorted((text.text, text.labels) for text in task.texts) == [
        ("mend the reader of tables", ("fix",)),
        ("say how it works", ("docs",)),
    ]


def test_of_a_comment_what_it_is_not_is_a_hard_negative(tmp_path: Path) -> None:
    _packed(
        tmp_path / "java.csv.gz",
        "comment_sentence_id,class,comment_sentence,partition,instance_type,category\n"
        "1,A.java,use it in this way,0,1,usage\n1,A.java,use it in this way,0,0,summary\n",
    )
    (text,) = software._comments(tmp_path).texts
    assert (text.labels, text.near) == (("usage",), ("summary",))


def test_a_notice_at_the_head_of_a_file_is_passed_over() -> None:
    notice = "# Copyright someone\n" + "# licence line\n" * 5 + "\n" + "x = 1\n" * 30
    assert _beginning(notice).startswith("x = 1")
    assert _beginning("x = 1\ny = 2") == "x = 1\ny = 2"


def test_packages_are_pinned() -> None:
    assert all("==" in name or "@" in name.removeprefix("npm:") for name in PACKAGES)
