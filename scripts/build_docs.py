"""Write docs/tables.md from the schemas: the output of ``gristmill tables`` under a heading.

Usage: ``python scripts/build_docs.py`` (or ``make docs``).
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
from pathlib import Path

from gristmill.cli import tables

TABLES = Path(__file__).resolve().parent.parent / "docs" / "tables.md"
HEAD = """# Tables

Made by `scripts/build_docs.py` from the schemas; `gristmill tables` prints the same. Identifiers are lower-case
hexadecimal object ids, as Software Heritage and git use them. Tables join by key, never by the order of rows.

`facts` joins what the tables before it say of each entry. `files` and `stubs` are the tables of a
[release](releases.md); the others are views of `gristmill query`, and so are these.

"""


def tables_page() -> str:
    """The text of docs/tables.md."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        tables.run(argparse.Namespace(name=[]))
    return HEAD + text.getvalue().rstrip("\n") + "\n"


def main() -> int:
    """Write the page."""
    TABLES.write_text(tables_page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
