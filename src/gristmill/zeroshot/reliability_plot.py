"""The reliability plot before and after calibration, as a small SVG file."""

from __future__ import annotations

from html import escape

from gristmill.zeroshot.reliability import Reliability

SIDE, LEFT, TOP, GAP, STRIP = 260, 52, 64, 56, 48
"""Of a panel's square, the margins, and the strip of counts below each square, in pixels."""
WIDTH = LEFT + 2 * SIDE + GAP + 20
HEIGHT = TOP + SIDE + STRIP + 52
STYLE = (
    "text{font:12px sans-serif;fill:#222}.title{font-size:14px;font-weight:bold}.middle{text-anchor:middle}"
    ".end{text-anchor:end}.right{fill:#3b6ea5}.gap{fill:#d1495b;fill-opacity:.45}.count{fill:#8a8f98}"
    ".frame{fill:none;stroke:#555}.ideal{stroke:#555;stroke-dasharray:4 3}"
)


def plot(before: Reliability, after: Reliability, title: str) -> str:
    """An SVG document: accuracy against score in bins, the gap to the diagonal in red, and below how many scores.

    Both must have as many bins. The same values give the same bytes.
    """
    # XML knows no control characters, escaped or not, and no lone surrogates.
    shown = "".join(letter if letter.isprintable() else "\ufffd" for letter in title[:120])
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}"'
            f' viewBox="0 0 {WIDTH} {HEIGHT}" role="img">'
        ),
        f"<title>{escape(shown)}</title><style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text class="title middle" x="{WIDTH / 2:g}" y="24">{escape(shown)}</text>',
    ]
    most = max(int(before.counts.max()), int(after.counts.max()), 1)
    for name, one, left in (("before", before, LEFT), ("after", after, LEFT + SIDE + GAP)):
        parts += _panel(name, one, left, most)
    parts += [_ticks_beside(LEFT), "</svg>"]
    return "\n".join(parts) + "\n"


def _panel(name: str, one: Reliability, left: int, most: int) -> list[str]:
    bottom, middle = TOP + SIDE, left + SIDE / 2
    below = bottom + 6 + STRIP
    parts = [
        (
            f'<text class="middle" x="{middle:g}" y="{TOP - 12}">{name}:'
            f" calibration error {100 * one.error:.1f} %</text>"
        )
    ]
    step = SIDE / len(one.counts)
    for place, count in enumerate(one.counts.tolist()):
        if not count:
            continue
        x = left + place * step
        share, score = float(one.accuracy[place]), float(one.confidence[place])
        low, high = sorted((share, score))
        parts += [
            _bar("right", x, step, bottom - share * SIDE, share * SIDE),
            _bar("gap", x, step, bottom - high * SIDE, (high - low) * SIDE),
            _bar("count", x, step, below - STRIP * count / most, STRIP * count / most),
        ]
    parts += [
        f'<line class="ideal" x1="{left}" y1="{bottom}" x2="{left + SIDE}" y2="{TOP}"/>',
        f'<rect class="frame" x="{left}" y="{TOP}" width="{SIDE}" height="{SIDE}"/>',
        *(
            f'<text class="middle" x="{left + SIDE * tick / 5:g}" y="{below + 16}">{tick / 5:g}</text>'
            for tick in range(6)
        ),
        f'<text class="middle" x="{middle:g}" y="{below + 34}">score ({int(one.counts.sum())} answers)</text>',
    ]
    return parts


def _bar(kind: str, x: float, width: float, y: float, height: float) -> str:
    return (
        f'<rect class="{kind}" x="{x + 0.5:.2f}" y="{y:.2f}" width="{width - 1:.2f}" height="{height:.2f}"/>'
    )


def _ticks_beside(left: int) -> str:
    ticks = [
        f'<text class="end" x="{left - 6}" y="{TOP + SIDE * (1 - tick / 5) + 4:g}">{tick / 5:g}</text>'
        for tick in range(6)
    ]
    middle = TOP + SIDE / 2
    name = (
        f'<text class="middle" transform="rotate(-90 14 {middle:g})" x="14" y="{middle:g}">share right</text>'
    )
    return "\n".join([*ticks, name])
