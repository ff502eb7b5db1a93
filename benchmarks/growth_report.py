"""Growth as a picture, from `growth.json`.

python -m benchmarks.growth_report benchmarks/growth.json benchmarks/growth.svg
"""

from __future__ import annotations

import html
import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path

Figures = Mapping[str, float]
# What is drawn, in which unit, in which colour.
LINES = {
    "build CPU s": ("build, s of CPU", "#cf222e"),
    "disk MB": ("disk, MB", "#bc4c00"),
    "answer resident MiB": ("memory, MiB", "#8250df"),
    "retrieval p50 ms": ("retrieval p50, ms", "#1f6feb"),
    "update s": ("100 new articles, s", "#1a7f37"),
    "answer, default p50 ms": ("answer p50, ms", "#57606a"),
}
_LEFT, _TOP, _WIDTH, _HEIGHT = 50, 16, 360, 300
_GAP = 15  # pixels between two labels


def picture(columns: Mapping[int, Figures]) -> str:
    """An SVG: each figure as a multiple of its value at the least size, both axes logarithmic.

    The labels give the figures at the least and the greatest size. Raises KeyError where a figure
    is missing.
    """
    sizes = sorted(columns)
    first, last = columns[sizes[0]], columns[sizes[-1]]
    most = max(last[name] / first[name] for name in LINES)
    decades = max(1.0, 1.05 * math.log10(most))

    def x(size: int) -> float:
        return _LEFT + _WIDTH * math.log(size / sizes[0]) / math.log(sizes[-1] / sizes[0])

    def y(multiple: float) -> float:
        return _TOP + _HEIGHT * (1 - math.log10(multiple) / decades)

    body = ""
    for decade in range(math.floor(decades) + 1):
        at = y(10**decade)
        body += f'<path d="M{_LEFT},{at:.0f}h{_WIDTH}" stroke="#ddd"/>'
        body += f'<text x="{_LEFT - 8}" y="{at + 4:.0f}" text-anchor="end">×{10**decade}</text>'
    for size in sizes:
        body += f'<text x="{x(size):.0f}" y="{_TOP + _HEIGHT + 24}" text-anchor="middle">'
        body += f"{size:,}</text>"
    below = math.inf
    for name in sorted(LINES, key=lambda name: last[name] / first[name]):
        label, colour = LINES[name]
        points = " ".join(
            f"{x(size):.1f},{y(columns[size][name] / first[name]):.1f}" for size in sizes
        )
        below = min(below - _GAP, y(last[name] / first[name]) + 4)
        body += f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        body += f'<text x="{_LEFT + _WIDTH + 8}" y="{below:.0f}" fill="{colour}">'
        body += f"{html.escape(label)}: {first[name]:,.3g} → {last[name]:,.5g}</text>"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 680 {_TOP + _HEIGHT + 36}" '
        'role="img" font-family="sans-serif" font-size="12"><title>Growth with the number of '
        f"passages, as multiples of {sizes[0]:,} passages</title>"
        f'<rect width="100%" height="100%" fill="#fff"/>{body}</svg>\n'
    )


def main() -> None:
    """Draw the file named first into the one named second."""
    source, target = map(Path, sys.argv[1:3])
    columns = {int(size): figures for size, figures in json.loads(source.read_text()).items()}
    target.write_text(picture(columns), encoding="utf-8")


if __name__ == "__main__":
    main()
