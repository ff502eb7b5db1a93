"""The comparison with the peers as Markdown and as a picture."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Mapping
from itertools import chain
from pathlib import Path

Figures = dict[str, float]
_MARKED = re.compile(r"(?<=<!-- peers -->\n).*(?=<!-- /peers -->)", re.DOTALL)
_LINE, _LEFT, _WIDTH = 26, 110, 640
_BARS = _WIDTH - _LEFT - 80


def table(results: Mapping[str, Figures]) -> str:
    """Markdown, a row a figure."""
    names = list(dict.fromkeys(chain.from_iterable(results.values())))
    lines = ["| figure | " + " | ".join(results) + " |", "| --- |" + " ---: |" * len(results)]
    for name in names:
        cells = [_cell(figures.get(name)) for figures in results.values()]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.3g}" if value < 100 else f"{value:,.0f}"


def section(
    machine: str, passages: int, results: Mapping[str, Figures], failed: Mapping[str, str]
) -> str:
    """What stands between the marks in README.md."""
    asked = max((int(figures["questions"]) for figures in results.values()), default=0)
    fewer = [
        f"{name} {figures['questions']:,.0f}"
        for name, figures in results.items()
        if figures["questions"] < asked
    ]
    parts = [f"{machine}, one run, {passages:,} passages.", table(results)]
    if fewer:
        parts.append(
            f"Asked fewer than {asked:,} within the time that each system has for its questions: "
            f"{', '.join(fewer)}. Their recall compares with the others' of the first questions."
        )
    parts.extend(f"{name} failed: `{line}`" for name, line in failed.items())
    parts.append("![Median time of a question](peers.svg)")
    return "\n\n".join(parts) + "\n"


def write_section(readme: Path, text: str) -> None:
    """Replace what stands between the marks. Raises ValueError where there are none."""
    before = readme.read_text(encoding="utf-8")
    if not _MARKED.search(before):
        raise ValueError(f"{readme}: no marks <!-- peers --> and <!-- /peers -->")
    readme.write_text(_MARKED.sub(lambda _: text, before), encoding="utf-8")


def picture(results: Mapping[str, Figures]) -> str:
    """An SVG: the median milliseconds of a question, a bar a system, on a logarithmic scale."""
    spent = {name: figures["p50 ms"] for name, figures in results.items()}
    low = 10 ** math.floor(math.log10(min(spent.values())))
    decades = max(1, math.ceil(math.log10(max(spent.values()) / low)))
    height = _LINE * (len(spent) + 2)
    body = ""
    for decade in range(decades + 1):
        x = _LEFT + _BARS * decade / decades
        body += f'<path d="M{x:.0f},8V{height - 28}" stroke="#ddd"/>'
        body += (
            f'<text x="{x:.0f}" y="{height - 12}" text-anchor="middle">{low * 10**decade:g}</text>'
        )
    for line, (name, value) in enumerate(spent.items()):
        y, width = 10 + _LINE * line, _BARS * math.log10(value / low) / decades
        colour = "#1f6feb" if name == "wenyuan" else "#8b949e"
        body += f'<rect x="{_LEFT}" y="{y}" width="{width:.1f}" height="18" fill="{colour}"/>'
        body += f'<text x="{_LEFT - 8}" y="{y + 14}" text-anchor="end">{html.escape(name)}</text>'
        body += f'<text x="{_LEFT + width + 6:.1f}" y="{y + 14}">{_cell(value)} ms</text>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        'font-family="sans-serif" font-size="13"><title>Median time of a question in milliseconds, '
        f'logarithmic</title><rect width="{_WIDTH}" height="{height}" fill="#fff"/>{body}</svg>\n'
    )
