"""Reports for the tests of documents: one with every case in it."""

from __future__ import annotations

import datetime as dt
import hashlib

from gristmill.collect import swhid
from gristmill.scan.report import File, Licence, Report
from gristmill.scan.walk import Unread
from gristmill.spdx import classes

CREATED = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


def file(path: str, expression: str | None, scope: str | None = "file", *, read: bool = True) -> File:
    data = path.encode()
    return File(
        path,
        len(data),
        swhid.content_id(data) if read else "0" * 40,
        hashlib.sha1(data).hexdigest() if read else "",
        hashlib.sha256(data).hexdigest() if read else "",
        Licence(
            expression, classes.classify(expression), scope, (f"{path}: spdx-tag 1.00",) if scope else ()
        ),
        (expression,) if expression and scope == "file" else (),
    )


def report() -> Report:
    files = (
        file("COPYING", "MIT OR LicenseRef-House"),
        file("a b/ü.c", "GPL-2.0-only WITH AdditionRef-extra"),
        file("gone", "MIT", "directory", read=False),
        file("plain.txt", None, None),
        file("z.c", "MIT", "directory"),
    )
    whole = Licence("MIT OR LicenseRef-House", "permissive", "directory", ("COPYING: spdx-tag 1.00",))
    unread = (Unread("gone", "Permission denied"), Unread("", "folder 'x' cannot be read"))
    return Report(
        "it", "swh:1:dir:" + "1" * 40, whole, files, unread, {"LicenseRef-House": "Our house, our rules."}
    )


def empty() -> Report:
    return Report("it", "swh:1:dir:" + "1" * 40, Licence(None, "none", None, ()), (), (), {})
