"""Licences by the names that the Hugging Face Hub has for them."""

from __future__ import annotations

import re

HUB = frozenset((
    "afl-3.0", "agpl-3.0", "apache-2.0", "artistic-2.0", "bsd", "bsd-2-clause",
    "bsd-3-clause", "bsd-3-clause-clear", "bsl-1.0", "c-uda", "cc", "cc-by-2.0",
    "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0",
    "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cc-by-nd-4.0",
    "cc-by-sa-3.0", "cc-by-sa-4.0", "cc0-1.0", "cdla-permissive-1.0", "cdla-permissive-2.0", "cdla-sharing-1.0",
    "creativeml-openrail-m", "ecl-2.0", "epl-1.0", "epl-2.0", "etalab-2.0", "eupl-1.1",
    "eupl-1.2", "gfdl", "gpl", "gpl-2.0", "gpl-3.0", "isc",
    "lgpl", "lgpl-2.1", "lgpl-3.0", "llama2", "llama3", "mit",
    "mpl-2.0", "ms-pl", "ncsa", "odbl", "odc-by", "ofl-1.1",
    "openrail", "osl-3.0", "pddl", "postgresql", "unlicense", "wtfpl",
    "zlib",
))  # fmt: skip


def hub_licence(licence: str) -> dict[str, str]:
    """The front matter of a licence: the Hub's name for it, or ``other`` with a name made of the words given."""
    plain = re.sub(r"[\s_]+", "-", licence.strip().casefold())
    short = re.sub(r"-(only|or-later)$", "", plain)
    if short in HUB:
        return {"license": short}
    name = re.sub(r"[^a-z0-9.+]+", "-", plain).strip("-")[:80]
    return {"license": "other", "license_name": name or "other"}
