from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import partial
from io import BytesIO
from typing import Any
from urllib.parse import unquote, urlsplit

from planted import WANTED, password, token

from gristmill.secrets.detect import Commit, Document, Scan, detect
from gristmill.secrets.report import lines, to_json
from gristmill.secrets.sarif import to_sarif

PATHS = ("a b/c:d.py", "100%#?.py", "é😀.py", "x\\xff~")
COMMIT = Commit("c" * 40, "2024-01-02T03:04:05+01:00")


def made() -> Scan:
    return detect(
        [
            Document(
                path, partial(BytesIO, f"\n😀 '{token(n)}'\npassword = '{password(n)}'".encode()), COMMIT
            )
            for n, path in enumerate(PATHS)
        ],
        WANTED,
    )


def values(scan: Scan) -> list[str]:
    return [*map(token, range(len(PATHS))), *map(password, range(len(PATHS)))]


def test_nothing_tells_a_value_and_all_is_the_same_each_time() -> None:
    scan = made()
    assert len(scan.findings) == 2 * len(PATHS)
    for text in (to_json(scan, 0), to_sarif(scan), "\n".join(lines(scan, 0))):
        assert not [value for value in values(scan) if value in text]
    assert to_json(scan, 3) == to_json(made(), 3)
    assert to_sarif(scan) == to_sarif(made())


def test_reports_of_findings_hold_none_themselves() -> None:
    scan = made()
    wanted = replace(WANTED, thresholds=dict.fromkeys(WANTED.thresholds, 0.3))
    texts = (to_json(scan, 0), to_sarif(scan), "\n".join(lines(scan, 0)))
    reports = [Document(str(number), partial(BytesIO, text.encode())) for number, text in enumerate(texts)]
    assert detect(reports, wanted).findings == []


def test_a_rule_of_several_types_says_so() -> None:
    text = f"api_key = '{password(1)}{password(2)}'\npassword = '{password(3)}'\n"
    scan = detect([Document("a", partial(BytesIO, text.encode()))], WANTED)
    (rule,) = json.loads(to_sarif(scan))["runs"][0]["tool"]["driver"]["rules"]
    assert rule["shortDescription"]["text"] == "What looks like key or password: rule assignment"
    assert rule["properties"]["tags"] == ["security", "key", "password"]


def test_json() -> None:
    scan = made()
    scan.unread.append(("b", "No such file"))
    document = json.loads(to_json(scan, 3))
    assert document["schema"] == "gristmill-secret-scan/1"
    assert (document["documents"], document["known"], document["allowed"]) == (4, 3, 0)
    assert document["unread"] == [{"path": "b", "why": "No such file"}]
    first = next(one for one in document["findings"] if one["path"] == PATHS[0] and one["type"] == "key")
    assert (first["line"], first["column"], first["end_column"]) == (2, 5, 31)
    assert (first["start"], first["end"]) == (7, 33)
    assert first["commit"] == {"id": COMMIT.id, "author_date": COMMIT.author_date}
    assert re.fullmatch("[0-9a-f]{32}", first["fingerprint"])


def test_lines() -> None:
    scan = made()
    scan.allowed = 1
    told = list(lines(scan, 2))
    assert told[0].startswith(
        f"{scan.findings[0].path}:2:5: key (gitlab-token, 0.95) since cccccccccccc of 2024"
    )
    assert told[0].endswith(scan.findings[0].fingerprint)
    assert told[-2:] == [
        "findings: 4 key, 4 password; contents read: 4, of them binary: 0",
        "not told: 2 in the baseline, 1 allowed",
    ]
    assert list(lines(Scan(), 0)) == ["findings: none; contents read: 0, of them binary: 0"]


# What the schema of SARIF 2.1.0 requires, allows and bounds, for the objects that are written here.
REQUIRED = {
    "log": {"version", "runs"},
    "run": {"tool"},
    "tool": {"driver"},
    "driver": {"name"},
    "rule": {"id"},
    "result": {"message"},
    "invocation": {"executionSuccessful"},
    "notification": {"message"},
}
ALLOWED = {
    "log": {"$schema", "version", "runs", "inlineExternalProperties", "properties"},
    "run": {"tool", "invocations", "results", "columnKind", "automationDetails", "properties"},
    "tool": {"driver", "extensions", "properties"},
    "driver": {"name", "version", "semanticVersion", "informationUri", "rules", "properties"},
    "rule": {
        "id",
        "name",
        "shortDescription",
        "fullDescription",
        "help",
        "defaultConfiguration",
        "properties",
    },
    "result": {
        *("ruleId", "ruleIndex", "kind", "level", "message", "locations", "partialFingerprints", "rank"),
        *("fingerprints", "suppressions", "baselineState", "properties"),
    },
    "invocation": {"executionSuccessful", "toolExecutionNotifications", "properties"},
    "notification": {"level", "message", "locations", "properties"},
}


def check(kind: str, value: dict[str, Any]) -> None:
    assert REQUIRED[kind] <= set(value) <= ALLOWED[kind], kind
    for key in ("message", "shortDescription", "help"):
        if key in value:
            assert value[key]["text"]


def test_sarif_is_what_the_schema_asks_for() -> None:
    scan = made()
    scan.unread.append(("b", "No such file"))
    log = json.loads(to_sarif(scan))
    check("log", log)
    assert log["version"] == "2.1.0"
    assert urlsplit(log["$schema"]).path.endswith("sarif-schema-2.1.0.json")
    (run,) = log["runs"]
    check("run", run)
    check("tool", run["tool"])
    check("driver", run["tool"]["driver"])
    assert run["columnKind"] == "utf16CodeUnits"
    rules = run["tool"]["driver"]["rules"]
    for rule in rules:
        check("rule", rule)
        assert len(set(rule["properties"]["tags"])) == len(rule["properties"]["tags"])
    assert len({rule["id"] for rule in rules}) == len(rules)
    for one in run["invocations"]:
        check("invocation", one)
        for notification in one["toolExecutionNotifications"]:
            check("notification", notification)
            assert notification["level"] == "warning"
    assert len(run["results"]) == len(scan.findings)
    for result, finding in zip(run["results"], scan.findings, strict=True):
        check("result", result)
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in {"note", "warning", "error"}
        assert 0 <= result["rank"] <= 100
        (place,) = result["locations"]
        region = place["physicalLocation"]["region"]
        assert min(region.values()) >= 1
        assert all(isinstance(number, int) for number in region.values())
        assert (region["startLine"], region["startColumn"]) < (region["endLine"], region["endColumn"])
        uri = place["physicalLocation"]["artifactLocation"]["uri"]
        # RFC 3986: a relative reference of plain ASCII, which gives the path back.
        assert re.fullmatch(r"(?:[A-Za-z0-9._~/-]|%[0-9A-F]{2})+", uri)
        assert unquote(uri) == finding.path
        assert result["partialFingerprints"] == {"gristmillSecret/v1": finding.fingerprint}


def test_sarif_of_nothing() -> None:
    (run,) = json.loads(to_sarif(Scan()))["runs"]
    assert run["results"] == []
    assert run["tool"]["driver"]["rules"] == []
