from __future__ import annotations

import json

from scanned import empty, file, report

from gristmill.scan.policy import make
from gristmill.scan.report import refused_by, summary, to_json


def test_the_summary_counts_the_most_frequent_first() -> None:
    files = [file("a", "MIT"), file("b", "Zlib"), file("c", "MIT"), file("d", None, None)]
    assert summary(files) == [("MIT", "permissive", 2), (None, "none", 1), ("Zlib", "permissive", 1)]


def test_the_json_has_the_documented_keys() -> None:
    told = json.loads(to_json(report()))
    assert told["schema"] == "gristmill-licence-scan/1"
    assert list(told) == [
        "schema",
        "tool",
        "name",
        "swhid",
        "licence",
        "summary",
        "files",
        "unread",
        "policy",
    ]
    assert told["policy"] is None
    assert told["unread"] == [
        {"path": "gone", "why": "Permission denied"},
        {"path": None, "why": "folder 'x' cannot be read"},
    ]
    assert sum(row["files"] for row in told["summary"]) == len(told["files"]) == 5
    read, gone = told["files"][0], told["files"][2]
    assert read["path"] == "COPYING"
    assert read["swhid"].startswith("swh:1:cnt:")
    assert (read["expression"], read["class"], read["scope"]) == (
        "MIT OR LicenseRef-House",
        "permissive",
        "file",
    )
    assert read["evidence"] == ["COPYING: spdx-tag 1.00"]
    assert read["stated"] == ["MIT OR LicenseRef-House"]
    assert (gone["swhid"], gone["sha1"], gone["sha256"]) == (None, None, None)


def test_the_json_tells_what_a_policy_refuses() -> None:
    policy = make(["permissive"], [])
    told = json.loads(to_json(report(), policy))["policy"]
    assert told == {
        "allow": ["permissive"],
        "deny": [],
        "met": False,
        "refused": ["a b/ü.c", "plain.txt"],
    }
    assert [one.path for one in refused_by(policy, report().files)] == told["refused"]
    assert json.loads(to_json(empty(), policy))["policy"]["met"] is True
