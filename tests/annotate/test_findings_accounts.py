from __future__ import annotations

import base64
import random

import pyarrow as pa
import pytest

from gristmill.annotate.findings import patterns


def found(text: str) -> list[tuple[str, str, bool]]:
    data = text.encode()
    hits = patterns.find(pa.array([data], pa.binary()))
    return [
        (hit.rule, data[hit.start : hit.end].decode(), hit.score >= 0.5)
        for _, hit in hits
        if hit.type == "username"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "/home/{}/src/x.c",
        '"/Users/{}/Library"',
        "file:///home/{}/x",
        "--prefix=/home/{}/local",
        "/export/home/{}/x",
        "C:\\Users\\{}\\AppData",
        "C:\\\\Users\\\\{}\\\\AppData",
        "c:/Users/{}/x",
        "D:\\Users\\{}",
        "PATH=$PATH:/home/{}/bin",
        "\n/home/{}/x\n",
    ],
)
@pytest.mark.parametrize("name", ["alindqvist", "ada.l", "Ada", "zoë"])
def test_home_folders(text: str, name: str) -> None:
    assert found(text.format(name)) == [("home-folder", name, True)]


@pytest.mark.parametrize(
    "name",
    [
        "runner",
        "ubuntu",
        "root",
        "user",
        "username",
        "me",
        "you",
        "vagrant",
        "jenkins",
        "circleci",
        "travis",
        "node",
        "app",
        "builder",
        "git",
        "shared",
        "Public",
        "default",
        "ec2-user",
        "jovyan",
        "$USER",
        "${USER}",
        "%USERNAME%",
        "<user>",
        "{user}",
        "*",
        "user1",
        "YourName",
        "my-user-name",
    ],
)
@pytest.mark.parametrize("text", ["/home/{}/x", "/Users/{}/x", "C:\\Users\\{}\\x", "see ~{}/x"])
def test_accounts_of_services_and_stand_ins(text: str, name: str) -> None:
    assert found(text.format(name)) == []


@pytest.mark.parametrize(
    "text",
    [
        "https://firm.de/home/alindqvist/x",
        "app.get('/users/alindqvist/x')",
        "import x from '../home/alindqvist/x'",
        "${ROOT}/home/alindqvist/x",
        "\\Users\\alindqvist\\x",
        "a~b/c x ~ alindqvist/x 1~2/3",
        "/homes/alindqvist /userspace/x",
    ],
)
def test_what_is_no_home_folder(text: str) -> None:
    assert found(text) == []


def test_routes_and_cited_pages_are_leads() -> None:
    assert found("href='/home/alindqvist'") == [("home-folder", "alindqvist", False)]
    assert found("# http://www.firm.de/~alindqvist/x") == [("home-tilde", "alindqvist", False)]


def key(kind: str, size: int) -> str:
    return f"{kind} AAAA{base64.b64encode(random.Random(size).randbytes(size)).decode()}"


@pytest.mark.parametrize(
    "public",
    [key("ssh-" + "ed25519", 48), key("ssh-" + "rsa", 276), key("ecdsa-" + "sha2-nistp256", 100)],
)
@pytest.mark.parametrize("comment", ["ada@laptop", "ada-l@build-7.local", "alindqvist"])
@pytest.mark.parametrize("frame", ["{} {}\n", "'{} {}'", "no-pty {} {}", "host {} {}\n"])
def test_comments_of_public_keys(frame: str, public: str, comment: str) -> None:
    assert ("ssh-key-comment", comment, True) in found(frame.format(public, comment))


def test_a_key_without_a_comment_or_of_nobody() -> None:
    public = key("ssh-" + "ed25519", 48)
    for text in (public, public + "\nada@laptop", public + " root@laptop", public + " user@host.example"):
        assert found(text) == []


@pytest.mark.parametrize(
    ("text", "owner"),
    [
        ("# TODO(alindqvist): x", ["alindqvist"]),
        ("// FIXME(ada) x", ["ada"]),
        ("TODO(@ada-l)", ["@ada-l"]),
        ("TODO(gh-123) TODO(b/123) TODO(#5) TODO(v2) TODO(python3) TODO(team) TODO() TODO(x y)", []),
        ("mytodo(ada)", []),
    ],
)
def test_owners_of_tasks_are_leads(text: str, owner: list[str]) -> None:
    assert found(text) == [("task-owner", name, False) for name in owner]


def test_tags_are_no_accounts() -> None:
    assert found("/home/<USERNAME>/x C:\\Users\\<USERNAME>\\x TODO(<USERNAME>) ~<USERNAME>/") == []
