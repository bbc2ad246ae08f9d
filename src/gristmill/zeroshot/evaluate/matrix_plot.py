"""A table of counts as a small SVG picture: rows and columns with names, each cell coloured by its share of the row."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

MOST = 80
"""Rows and columns that can be read."""
NAME_LETTERS = 28
LETTER = 6.2
"""Width of a letter of 11 pixels, about."""
TOP, EDGE, SCALE, FOOT = 58, 16, 12, 66
"""Height of the titles, outer margin, width of the colour scale's steps, and space below the table, in pixels."""
STEPS = 11
PALE, DEEP = (247, 251, 255), (8, 48, 107)
"""Colours of a share of 0 and of 1."""
STYLE = (
    "text{font:11px sans-serif;fill:#222}.title{font-size:14px;font-weight:bold}.middle{text-anchor:middle}"
    ".end{text-anchor:end}.light{fill:#fff}.frame{fill:none;stroke:#555}.hit{fill:none;stroke:#d1495b}"
)


def plot_matrix(
    rows: Sequence[str],
    columns: Sequence[str],
    counts: Sequence[Sequence[int]],
    *,
    title: str,
    note: str = "",
    row_title: str = "true label",
    column_title: str = "found label",
) -> str:
    """An SVG document of a table of counts [rows, columns].

    Names are cut to 28 letters, the whole one is the tooltip. The diagonal is framed where rows and columns have the
    same names. Nothing in a name means anything to SVG. The same values give the same bytes.
    Raises: ValueError for more than ``MOST`` + 1 rows or columns (see ``fold``), or counts that do not fit.
    """
    if len(rows) != len(counts) or any(len(row) != len(columns) for row in counts):
        raise ValueError(f"{len(counts)} rows of counts for {len(rows)} rows and {len(columns)} columns")
    if not rows or not columns or max(len(rows), len(columns)) > MOST + 1:
        raise ValueError(f"{len(rows)} rows by {len(columns)} columns: 1 to {MOST + 1} can be drawn")
    most = max(len(rows), len(columns))
    side = 46 if most <= 8 else 34 if most <= 24 else 24 if most <= 50 else 20
    left = EDGE + 22 + int(LETTER * max(len(_name(name)) for name in rows))
    # Slanted names need this much height, and to the right of the last column this much width.
    slant = int(0.71 * LETTER * max(len(_name(name)) for name in columns)) + 14
    top = TOP + slant
    right, bottom = left + side * len(columns), top + side * len(rows)
    width = max(right + slant, left + SCALE * STEPS + 150, int(7.5 * len(title[:120])) + 2 * EDGE) + EDGE
    height = bottom + FOOT
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
            f' viewBox="0 0 {width} {height}" role="img">'
        ),
        f"<title>{_shown(title, 120)}</title><style>{STYLE}</style>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text class="title" x="{EDGE}" y="24">{_shown(title, 120)}</text>',
        f'<text x="{EDGE}" y="42">{_shown(note, 160)}</text>',
        f'<text class="end" x="{left - 8}" y="{top - 8}">{_shown(row_title, 40)} \u2193'
        f" {_shown(column_title, 40)} \u2192</text>"
        if left > LETTER * (len(row_title) + len(column_title) + 5)
        else f'<text x="{EDGE}" y="{TOP}">{_shown(row_title, 40)} \u2193 {_shown(column_title, 40)} \u2192</text>',
    ]
    for place, name in enumerate(columns):
        x, y = left + side * (place + 0.5), top - 6
        parts.append(
            f'<text transform="rotate(-45 {x:g} {y})" x="{x:g}" y="{y}">'
            f"<title>{_shown(name, 1000)}</title>{_shown(_name(name), NAME_LETTERS)}</text>"
        )
    for place, (name, values) in enumerate(zip(rows, counts, strict=True)):
        y = top + side * place
        parts.append(
            f'<text class="end" x="{left - 6}" y="{y + side / 2 + 4:g}">'
            f"<title>{_shown(name, 1000)}</title>{_shown(_name(name), NAME_LETTERS)}</text>"
        )
        total = max(sum(values), 1)
        for column, count in enumerate(values):
            parts += _cell(left + side * column, y, side, count, count / total)
    parts.append(f'<rect class="frame" x="{left}" y="{top}" width="{right - left}" height="{bottom - top}"/>')
    if list(rows) == list(columns):
        parts += [
            f'<rect class="hit" x="{left + side * n + 0.5}" y="{top + side * n + 0.5}" width="{side - 1}"'
            f' height="{side - 1}"/>'
            for n in range(len(rows))
        ]
    return "\n".join([*parts, *_scale(left, bottom + 22), "</svg>"]) + "\n"


def fold(
    names: Sequence[str], counts: Sequence[Sequence[int]], most: int = MOST
) -> tuple[list[str], list[list[int]], int]:
    """A square table small enough to draw: names, counts, and how many labels are folded.

    Those with most wrong answers, given or taken, stay, in their order; all others become one row and column.
    """
    size = len(names)
    if size <= most:
        return list(names), [list(row) for row in counts], 0
    wrong = [sum(counts[n]) + sum(row[n] for row in counts) - 2 * counts[n][n] for n in range(size)]
    kept = sorted(sorted(range(size), key=lambda n: (-wrong[n], n))[:most])
    place = dict.fromkeys(range(size), most) | {n: new for new, n in enumerate(kept)}
    folded = [[0] * (most + 1) for _ in range(most + 1)]
    for true, row in enumerate(counts):
        for found, count in enumerate(row):
            folded[place[true]][place[found]] += count
    return [*(names[n] for n in kept), f"({size - most} others)"], folded, size - most


def short(count: int) -> str:
    """A count in four letters at most, up to 10 ** 11."""
    for unit, size in (("", 1), ("k", 10**3), ("M", 10**6), ("G", 10**9)):
        if count < 1000 * size or unit == "G":
            value = count / size
            return f"{value:.1f}{unit}" if unit and value < 9.95 else f"{min(round(value), 999)}{unit}"
    raise AssertionError


def _cell(x: int, y: int, side: int, count: int, share: float) -> list[str]:
    # The square root shows a few per cent of confusion, which is what one looks for.
    depth = share**0.5
    parts = [f'<rect x="{x}" y="{y}" width="{side}" height="{side}" fill="{_colour(depth)}"/>']
    if count:
        size = f' style="font-size:{8 if side < 24 else 9}px"' if side < 34 else ""
        light = " light" if depth > 0.55 else ""
        parts.append(
            f'<text class="middle{light}" x="{x + side / 2:g}" y="{y + side / 2 + 4:g}"{size}>{short(count)}</text>'
        )
    return parts


def _scale(left: int, top: int) -> list[str]:
    parts = [
        f'<rect x="{left + SCALE * step}" y="{top}" width="{SCALE}" height="10"'
        f' fill="{_colour((step / (STEPS - 1)) ** 0.5)}"/>'
        for step in range(STEPS)
    ]
    ends = f'<text x="{left}" y="{top + 24}">0</text><text x="{left + SCALE * STEPS - 26}" y="{top + 24}">100 %</text>'
    return [*parts, ends, f'<text x="{left + SCALE * STEPS + 8}" y="{top + 10}">share of the row</text>']


def _colour(depth: float) -> str:
    mixed = (round(pale + (deep - pale) * depth) for pale, deep in zip(PALE, DEEP, strict=True))
    return "#" + "".join(f"{value:02x}" for value in mixed)


def _name(name: str) -> str:
    return name if len(name) <= NAME_LETTERS else name[: NAME_LETTERS - 1] + "\u2026"


def _shown(text: str, most: int) -> str:
    """The text's beginning with nothing in it that XML reads or refuses."""
    return escape("".join(letter if letter.isprintable() else "\ufffd" for letter in text[:most]))
