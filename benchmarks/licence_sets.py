"""Test sets for ``licences.py``: texts with the licences they state, made from data packages."""

from __future__ import annotations

import json
import random
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gristmill.spdx import expressions, filenames, statements

COMMON = (
    "MIT", "Apache-2.0", "BSD-3-Clause", "BSD-2-Clause", "ISC", "GPL-2.0-only", "GPL-3.0-only", "LGPL-2.1-only",
    "LGPL-3.0-only", "AGPL-3.0-only", "MPL-2.0", "MPL-1.1", "EPL-1.0", "EPL-2.0", "CDDL-1.0", "BSL-1.0", "Zlib",
    "Unlicense", "CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-3.0", "Artistic-2.0", "Artistic-1.0", "WTFPL",
    "0BSD", "BSD-4-Clause", "NCSA", "PostgreSQL", "Python-2.0", "OFL-1.1", "EUPL-1.2", "MS-PL", "AFL-3.0",
    "OSL-3.0", "PHP-3.01", "Ruby", "X11", "MIT-0", "UPL-1.0",
)  # fmt: skip
MOST_JOINED = 120
RARE = 120
LEAST_LETTERS = 400
NAMES = ("Jane Roe", "The Foo Project Authors", "ACME Corporation", "Max Mustermann <max@example.org>")


class Case(NamedTuple):
    """A text, the file name it goes by, and the ids that it states (see ``folded``)."""

    name: str
    text: bytes
    expected: frozenset[str]


def folded(ids: Iterator[str] | frozenset[str] | set[str]) -> frozenset[str]:
    """Ids without "only" and "or later", which a licence's text leaves open."""
    return frozenset(re.sub(r"(?:-only|-or-later|\+)$", "", one) for one in ids)


def ids_of(expression: str) -> frozenset[str]:
    """The licences and exceptions in an expression, folded."""
    words = set(re.findall(r"[^\s()]+", expression)) - {"AND", "OR", "WITH"}
    return folded(words)


def spdx_texts(package: Path) -> dict[str, str]:
    """Id -> text of the npm package spdx-license-list, without deprecated ids."""
    texts = {}
    with tarfile.open(package) as archive:
        for member in archive:
            match = re.fullmatch(r"package/licenses/(.+)\.json", member.name)
            file = archive.extractfile(member) if match else None
            if match and file and expressions.normalise(match[1]) == match[1]:
                texts[match[1]] = json.loads(file.read())["licenseText"]
    return texts


def whole(texts: dict[str, str]) -> list[Case]:
    """Every text as it is; of equal texts, one case with either id right is not told apart: the first stays."""
    seen: dict[str, str] = {}
    for identifier, text in sorted(texts.items()):
        seen.setdefault(" ".join(text.split()), identifier)
    return [Case("LICENSE", texts[one].encode(), folded({one})) for one in seen.values()]


def filled(text: str, pick: random.Random) -> str:
    """Placeholders replaced, a copyright line on top."""
    holder = pick.choice(NAMES)
    text = re.sub(r"<(?:year|yyyy|date)>|\[(?:year|yyyy)\]", "2019", text, flags=re.IGNORECASE)
    text = re.sub(
        r"<(?:owner|copyright holders?|name of (?:author|copyright owner)|organization)>|\[(?:fullname|name of copyright owner)\]",
        holder,
        text,
        flags=re.IGNORECASE,
    )
    return f"Copyright (c) 2017-2021 {holder}\n\n{text}"


def rewrapped(text: str, pick: random.Random) -> str:
    """Every paragraph broken at another width."""
    width = pick.choice((48, 60, 66, 100, 10**9))
    return "\n\n".join(_wrap(part.split(), width) for part in re.split(r"\n\s*\n", text))


def _wrap(words: list[str], width: int) -> str:
    lines, line = [], ""
    for word in words:
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return "\n".join([*lines, line])


def marked(text: str, pick: random.Random) -> str:
    """As Markdown: a heading, emphasis, bullets, quoted code."""
    first, _, rest = text.partition("\n")
    rest = re.sub(r'"([^"\n]{1,40})"', r"**\1**", rest)
    return f"# {first}\n{rest}" if pick.random() < 0.7 else f"{first}\n{rest}".replace("\n", "\n> ")


def untitled(text: str, pick: random.Random) -> str:
    """Without its first lines if they are short: the title."""
    lines = text.splitlines()
    while len(lines) > 3 and len(lines[0].split()) < 8:
        del lines[0]
    return "\n".join(lines)


def commented(text: str, pick: random.Random) -> str:
    """As a comment of a source file, with some code behind."""
    mark = pick.choice(("// ", " * ", "# ", ";; ", "-- ", "dnl ", "REM "))
    body = "".join(f"{mark}{line}\n" for line in text.splitlines())
    head = "/*\n" if mark == " * " else ""
    return f"{head}{body}{' */' if head else ''}\nint main(void) {{ return compute(1, 2); }}\n"


def noisy(text: str, pick: random.Random) -> str:
    """One word in fifty misspelled, dropped or doubled."""
    words = re.split(r"(\s+)", text)
    for i in range(0, len(words), 2):
        if pick.random() < 0.02 and len(words[i]) > 3:
            words[i] = pick.choice((words[i][:-1], "", f"{words[i]} {words[i]}", "xyz"))
    return "".join(words)


PERTURBATIONS = (filled, rewrapped, marked, untitled, commented, noisy)


def perturbed(texts: dict[str, str], ids: list[str], every: bool, seed: int) -> list[Case]:
    """Each text in every way, or each in one way by turns."""
    cases = []
    for number, identifier in enumerate(ids):
        if identifier not in texts:
            continue
        ways = PERTURBATIONS if every else (PERTURBATIONS[number % len(PERTURBATIONS)],)
        for way in ways:
            pick = random.Random(f"{seed}/{identifier}/{way.__name__}")
            cases.append(Case("LICENSE", way(texts[identifier], pick).encode(), folded({identifier})))
    return cases


def rare(texts: dict[str, str], seed: int) -> list[str]:
    """Ids that are not common ones."""
    rest = sorted(set(texts) - set(COMMON))
    return random.Random(seed).sample(rest, RARE)


def dual(texts: dict[str, str], seed: int) -> list[Case]:
    """Two texts in one file, with words between as people write them."""
    pick = random.Random(seed)
    pairs = [
        ("MIT", "Apache-2.0"),
        ("BSD-3-Clause", "MIT"),
        ("MPL-2.0", "GPL-3.0-only"),
        ("ISC", "BSD-2-Clause"),
    ]
    pairs += [tuple(pick.sample(("MIT", "Apache-2.0", "BSD-3-Clause", "Zlib", "MPL-2.0", "LGPL-2.1-only",
                                 "GPL-2.0-only", "EPL-2.0", "BSL-1.0", "Artistic-2.0", "ISC", "CC0-1.0"), 2))
              for _ in range(36)]  # fmt: skip
    between = (
        "\n\n" + "=" * 70 + "\n\n",
        "\n\n---\n\nOr, at your option:\n\n",
        "\n\nThe files below src/vendor come from another project and are under these terms:\n\n",
        "\n\n\n",
    )
    heads = ("", "You may choose either of the two licenses below.\n\n", "This work is dual licensed.\n\n")
    return [
        Case(
            "LICENSE",
            (pick.choice(heads) + texts[a] + pick.choice(between) + texts[b]).encode(),
            folded({a, b}),
        )
        for a, b in pairs
    ]


def joined(texts: dict[str, str], seed: int) -> list[Case]:
    """Two common texts in one file, the words of both edited here and there."""
    pick = random.Random(f"joined {seed}")
    pairs = [pick.sample(sorted(set(COMMON) & set(texts)), 2) for _ in range(MOST_JOINED)]
    return [
        Case(
            "LICENSE",
            f"{noisy(texts[one], pick)}\n\n{'-' * 30}\n\n{noisy(texts[other], pick)}".encode(),
            folded({one, other}),
        )
        for one, other in pairs
    ]


TAGS = (
    "MIT", "Apache-2.0", "GPL-2.0-only", "GPL-2.0-or-later WITH Classpath-exception-2.0", "MIT OR Apache-2.0",
    "BSD-3-Clause AND ISC", "(LGPL-2.1-only OR MPL-1.1) AND MIT", "GPL-2.0 WITH Linux-syscall-note", "0BSD",
    "AGPL-3.0-or-later", "EPL-2.0 OR GPL-2.0-or-later WITH Classpath-exception-2.0", "BSL-1.0", "CC0-1.0", "gpl-2.0+",
    "Unlicense",
)  # fmt: skip
# Our own words for what people put above their code; none is copied from a rule.
PROSE = (
    ("Apache-2.0", "Copyright 2019 ACME\n\nLicensed under the Apache License, Version 2.0 (the \"License\"); you may not use this\nfile except in compliance with the License. You may obtain a copy of the License at\n\n  http://www.apache.org/licenses/LICENSE-2.0"),
    ("Apache-2.0", "Use of this file is subject to the Apache License 2.0; see LICENSE."),
    ("Apache-2.0", "This module is released under the terms of the Apache 2.0 license."),
    ("GPL-2.0-only", "This program is free software; you can redistribute it and/or modify it\nunder the terms of the GNU General Public License version 2 as published\nby the Free Software Foundation."),
    ("GPL-2.0-or-later", "frobnicate is free software: you may redistribute it and/or modify it under the terms of\nthe GNU General Public License as published by the Free Software Foundation, either\nversion 2 of the License, or (at your option) any later version."),
    ("GPL-3.0-or-later", "This file is part of Frobnicate.\n\nFrobnicate is free software: you can redistribute it and/or modify\nit under the terms of the GNU General Public License as published by\nthe Free Software Foundation, either version 3 of the License, or\n(at your option) any later version."),
    ("GPL-3.0-only", "Licensed under the GPLv3. See COPYING for the full text."),
    ("LGPL-2.1-or-later", "This library is free software; you can redistribute it and/or\nmodify it under the terms of the GNU Lesser General Public\nLicense as published by the Free Software Foundation; either\nversion 2.1 of the License, or (at your option) any later version."),
    ("LGPL-3.0-only", "Distributed under the GNU Lesser General Public License, version 3."),
    ("AGPL-3.0-or-later", "you can redistribute it and/or modify it under the terms of the GNU Affero General Public License\nas published by the Free Software Foundation, either version 3 of the License, or any later version."),
    ("MPL-2.0", "This Source Code Form is subject to the terms of the Mozilla Public\nLicense, v. 2.0. If a copy of the MPL was not distributed with this\nfile, You can obtain one at https://mozilla.org/MPL/2.0/."),
    ("EPL-2.0", "This program and the accompanying materials are made available under the\nterms of the Eclipse Public License 2.0 which is available at\nhttps://www.eclipse.org/legal/epl-2.0/"),
    ("MIT", "Released under the MIT license."),
    ("MIT", "Licensed under the MIT License, see the file LICENSE at the root of this repository."),
    ("MIT", "This code is MIT-licensed, have fun. https://opensource.org/licenses/MIT"),
    ("BSD-3-Clause", "Use, modification and distribution are under the 3-clause BSD license."),
    ("BSD-2-Clause", "Distributed under the terms of the Simplified BSD License."),
    ("BSL-1.0", "Distributed under the Boost Software License, Version 1.0.\n(See accompanying file LICENSE_1_0.txt or copy at\nhttp://www.boost.org/LICENSE_1_0.txt)"),
    ("ISC", "Permission to use, copy, modify, and/or distribute this software for any\npurpose with or without fee is hereby granted, provided that the above\ncopyright notice and this permission notice appear in all copies.\n\nTHE SOFTWARE IS PROVIDED \"AS IS\" AND THE AUTHOR DISCLAIMS ALL WARRANTIES\nWITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF\nMERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR\nANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES\nWHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN\nACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF\nOR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE."),
    ("CC0-1.0", "To the extent possible under law, the author has waived all copyright and related rights\nto this file under CC0 1.0 Universal: https://creativecommons.org/publicdomain/zero/1.0/"),
    ("MIT OR Apache-2.0", "Licensed under either of the Apache License, Version 2.0 or the MIT license, at your option."),
    ("MIT OR GPL-2.0-only", "Dual licensed under the MIT or GPL Version 2 licenses."),
    ("Artistic-2.0", "This module may be used under the Artistic License 2.0."),
    ("Zlib", "This file is distributed under the zlib license; see LICENSE.zlib."),
)  # fmt: skip
_MARKS = (("// ", "", ""), ("# ", "", ""), (" * ", "/*\n", " */\n"), ("-- ", "", ""), ("; ", "", ""))


def _header(text: str, number: int) -> bytes:
    mark, head, tail = _MARKS[number % len(_MARKS)]
    body = "".join(f"{mark}{line}\n" for line in text.splitlines())
    return f"{head}{body}{tail}\nint value = 3;\n".encode()


def tag_headers() -> list[Case]:
    """SPDX-License-Identifier in comments of every kind."""
    return [
        Case("a.c", _header(f"Copyright 2020 ACME\nSPDX-License-Identifier: {one}", i), ids_of(expressions.normalise(one) or one))
        for i, one in enumerate(TAGS * 3)
    ]  # fmt: skip


def prose_headers() -> list[Case]:
    """Notices above code."""
    return [
        Case("a.c", _header(text, i + turn), ids_of(expression))
        for turn in range(3)
        for i, (expression, text) in enumerate(PROSE)
    ]


def real(folders: list[Path], texts: dict[str, str]) -> list[Case]:
    """Distinct licence files of installed npm and PyPI packages whose metadata declares SPDX ids.

    Metadata often names one licence of a file that holds several: what it names is completed by the licences whose whole
    text of the list stands in the file, word for word.
    """
    found: dict[str, Case] = {}
    for folder in folders:
        for case in (*_npm(folder), *_pypi(folder)):
            found.setdefault(" ".join(case.text.decode("utf-8", "replace").split()), case)
    pieces = {one: _pieces(text) for one, text in texts.items()}
    known = {one: parts for one, parts in pieces.items() if sum(map(len, parts)) >= LEAST_LETTERS}
    return [
        case._replace(expected=case.expected | _complete(_words(case.text.decode("utf-8", "replace")), known))
        for case in found.values()
    ]


def _complete(words: str, known: dict[str, list[str]]) -> frozenset[str]:
    """The licences of which every piece stands in a text, without those whose pieces another one's text holds."""
    there = {one: " ".join(parts) for one, parts in known.items() if all(part in words for part in parts)}
    largest = {
        one
        for one, text in there.items()
        if not any(text in other and text != other for other in there.values())
    }
    return folded(largest)


def _pieces(text: str) -> list[str]:
    """The words of a licence's text between what is filled in, without title and copyright lines."""
    lines = [line for line in text.splitlines() if not re.match(r"\s*copyright\b", line, re.IGNORECASE)]
    paragraphs = re.split(r"\n\s*\n", "\n".join(lines))
    body = "\n\n".join(paragraphs[1:] if len(paragraphs[0].split()) < 12 else paragraphs)
    return [words for words in map(_words, re.split(r"<[^<>]{1,80}>", body)) if words.count(" ") >= 4]


def _words(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


def _npm(folder: Path) -> Iterator[Case]:
    for manifest in sorted(folder.glob("**/package.json")):
        try:
            declared = json.loads(manifest.read_bytes()).get("license")
        except (ValueError, AttributeError):
            continue
        if isinstance(declared, str):
            yield from _labelled(declared, manifest.parent)


def _pypi(folder: Path) -> Iterator[Case]:
    for metadata in sorted(folder.glob("*.dist-info/METADATA")):
        head = metadata.read_text(encoding="utf-8", errors="replace").partition("\n\n")[0]
        field = re.search(r"^License-Expression: (.+)$", head, re.MULTILINE) or re.search(
            r"^License: (.+)$(?!\n )", head, re.MULTILINE
        )
        if field:
            yield from _labelled(field[1], metadata.parent)
            yield from _labelled(field[1], metadata.parent / "licenses")


def _labelled(declared: str, folder: Path) -> Iterator[Case]:
    """The one licence file of a folder with one declared licence."""
    expression = statements.interpret(declared)
    if expression is None or " " in expression or expression.startswith("LicenseRef"):
        return
    files = [
        path for path in sorted(folder.glob("*")) if path.is_file() and filenames.kind(path.name) == "licence"
    ]
    if len(files) == 1 and 100 < files[0].stat().st_size < 100_000:
        yield Case(files[0].name, files[0].read_bytes(), folded({expression}))


def hard_mix(sets: dict[str, list[Case]], each: int, seed: int) -> list[Case]:
    """Cases of the sets that no table of hashes answers: tags, prose, and texts that were edited or joined."""
    dice = random.Random(seed)
    hard = ("SPDX tags", "prose headers", "perturbed common", "perturbed rare", "dual", "joined and edited")
    return [case for name in hard for case in dice.sample(sets[name], min(each, len(sets[name])))]


def without_licence(folders: list[Path], most: int, seed: int) -> list[Case]:
    """Source files and pages that state no licence: none of the words by which a licence is stated stands in them."""
    words = re.compile(
        rb"licen[cs]|copyright|spdx|redistribut|permission|warrant|\bgpl|public domain|apache|mozilla|\bbsd\b|all rights|\(c\)",
        re.IGNORECASE,
    )
    paths = sorted(
        path
        for folder in folders
        for suffix in ("py", "js", "ts", "css", "md", "json", "h", "c", "txt", "html")
        for path in folder.glob(f"**/*.{suffix}")
    )
    cases = []
    for path in random.Random(seed).sample(paths, len(paths)):
        if len(cases) == most:
            break
        if path.is_file() and 50 < path.stat().st_size < 200_000 and filenames.kind(path.name) == "other":
            text = path.read_bytes()
            if not words.search(text):
                cases.append(Case(path.name, text, frozenset()))
    return cases
