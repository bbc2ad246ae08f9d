"""Reduce the Blue Oak Council list to the small file that ``gristmill.spdx.classes`` reads.

Usage, with the npm client's own registry configuration::

    npm pack @blueoak/list@15 && tar xzf blueoak-list-15.*.tgz
    python scripts/build_spdx_data.py package src/gristmill/spdx/data/blue_oak.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def reduce_list(package: Path) -> dict[str, object]:
    """The ratings in an unpacked ``@blueoak/list`` package, with their source and version.

    Raises:
        ValueError: the package is another one, or rates an id twice.
    """
    about = json.loads((package / "package.json").read_text(encoding="utf-8"))
    if about["name"] != "@blueoak/list" or about["license"] != "CC0-1.0":
        raise ValueError(f"{package}: expected @blueoak/list under CC0-1.0, found {about['name']}")
    ratings: dict[str, str] = {}
    for group in json.loads((package / "index.json").read_text(encoding="utf-8")):
        for licence in group["licenses"]:
            if licence["id"] in ratings:
                raise ValueError(f"{package}: {licence['id']} is rated twice")
            ratings[licence["id"]] = group["name"]
    return {
        "source": f"npm package {about['name']}, Blue Oak Council",
        "version": about["version"],
        "licence": about["license"],
        "ratings": dict(sorted(ratings.items())),
    }


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        sys.stderr.write(f"usage: build_spdx_data.py PACKAGE OUTPUT (got {len(arguments)} arguments)\n")
        return 2
    package, output = map(Path, arguments)
    output.write_text(json.dumps(reduce_list(package), indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
