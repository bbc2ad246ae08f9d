"""Check what a release says of its licences, NOTICE and licences.json, against its rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb

from gristmill.errors import ReleaseError
from gristmill.release.licences import count_licences, read_licence_report
from gristmill.release.notice import OriginLicence, origin_lines, read_origin_lines
from gristmill.release.problems import BUILD, FETCH, Problem
from gristmill.release.schema import LICENCES, NOTICE
from gristmill.release.statistics import Statistics

_ORIGINS = """
    SELECT origin_url, anchor, licence_expression, count(*) AS files FROM files GROUP BY ALL"""


def named_origins(tables: duckdb.DuckDBPyConnection) -> list[str]:
    """The lines that NOTICE must have, from view ``files`` of ``statistics.open_tables``."""
    return list(origin_lines(OriginLicence(*row) for row in tables.execute(_ORIGINS).fetchall()))


def check_notice(folder: Path, lines: list[str]) -> Iterator[Problem]:
    """NOTICE has these lines on origins, and no others."""
    try:
        stated = read_origin_lines(folder)
    except ReleaseError as error:
        yield Problem(NOTICE, str(error), FETCH)
        return
    if stated != lines:
        wrong = sorted(set(stated) ^ set(lines))
        example = f", for example {wrong[0][:200]!r}" if wrong else ""
        yield Problem(NOTICE, f"does not name the origins and licences of the files{example}", BUILD)


def check_licences(folder: Path, counted: Statistics) -> Iterator[Problem]:
    """licences.json counts the files under each licence."""
    try:
        report = read_licence_report(folder)
        expected = count_licences(counted)
    except ReleaseError as error:
        yield Problem(LICENCES, str(error), FETCH)
        return
    without = sum(row.files for row in counted.by_licence if not row.licence_expression)
    found = [(row.licence, row.files, row.bytes) for row in report.licences]
    if found != expected or report.files_without_licence != without:
        yield Problem(LICENCES, "does not count the files under each licence that the shards hold", BUILD)
