"""The full texts of the licences on the SPDX list.

``scripts/build_licence_data.py`` packs them; NOTICE says from whose data. SPDX exceptions, and licences that
are not on the list (``LicenseRef-...``), have no text here.
"""

from __future__ import annotations

import json
import lzma
from functools import lru_cache
from importlib import resources
from typing import Any, cast

NAME = "licence_texts.json.xz"


@lru_cache(maxsize=1)
def _data() -> dict[str, Any]:
    packed = resources.files("gristmill.spdx").joinpath(f"data/{NAME}").read_bytes()
    return cast("dict[str, Any]", json.loads(lzma.decompress(packed)))


def text_of(identifier: str) -> str | None:
    """The text of a licence, lines ended by a line feed; None if the SPDX list has none.

    Args:
        identifier: an SPDX id in normal form; ``X+`` has the text of ``X``.
    """
    found = _data()["texts"].get(identifier.removesuffix("+"))
    return None if found is None else str(found)


def source() -> str:
    """Package and version that the texts come from."""
    return str(_data()["source"])
