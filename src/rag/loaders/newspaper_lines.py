"""The lines of a text, and whether a newspaper column has broken them."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

# Widths are counted in full-width characters; a narrower column than 8 can't be told from verse.
_NARROWEST, WIDEST = 8.0, 46.0
# A first line is indented by two, and punctuation that may not begin a line moves one or so.
SLACK = 3.5
_SAMPLE = 200_000
_ENDED = re.compile(r"[。！？!?…][”’」』）)》】\"']*$")
_INNER = re.compile(r"[，。；：！？、]")
_LIST_ITEM = re.compile(
    r"\s*(?:[-*•·●○◆■□#>|]|\d{1,3}[.、)）]\s|[(（]?[一二三四五六七八九十]{1,3}[)）、])"
)


@dataclass(frozen=True, slots=True)
class Line:
    """A line without the white space around it; `gap`: an empty line stands before it."""

    text: str
    width: float
    gap: bool
    indented: bool

    @property
    def ended(self) -> bool:
        """Whether a sentence ends with it."""
        return ends_sentence(self.text)


def width_of(text: str) -> float:
    """The width in full-width characters; beyond any column, about."""
    if len(text) > 3 * WIDEST:
        return float(len(text))
    return sum(1.0 if char > "\u2000" else 0.5 for char in text)


def ends_sentence(text: str) -> bool:
    """Whether `text` ends with the end of a sentence."""
    return _ENDED.search(text) is not None


def punctuated(text: str) -> bool:
    """Whether `text` has punctuation of running text in it."""
    return _INNER.search(text) is not None


def lines_of(text: str) -> list[Line]:
    """The lines that aren't empty."""
    lines: list[Line] = []
    gap = False
    for raw in text.split("\n"):
        stripped = raw.strip()
        if stripped:
            lines.append(Line(stripped, width_of(stripped), gap, raw[0] in " \u3000\t"))
        gap = not stripped
    return lines


def looks_broken(text: str, *, at_least: int = 4) -> bool:
    """Whether `text` is prose whose lines were broken by a column and not by its author.

    Three things together tell: most lines stop without any punctuation, at the width of their
    neighbours, and sentences end inside lines. Verse and lists have their punctuation at line
    ends, code and tables have little of it, English isn't set in columns this narrow.
    """
    lines = lines_of(text[:_SAMPLE])
    if len(lines) <= at_least:
        return False
    joints = sum(_runs_on(line, after) for line, after in itertools.pairwise(lines))
    inner = sum(1 for line in lines if punctuated(line.text[:-1]))
    listed = sum(1 for line in lines if _LIST_ITEM.match(line.text))
    return (
        joints >= at_least
        and joints >= (0.45 if at_least > 1 else 0.3) * len(lines)
        and inner >= 0.4 * len(lines)
        and listed <= 0.2 * len(lines)
    )


def _runs_on(line: Line, after: Line) -> bool:
    """Whether `line` breaks off in mid-sentence at a margin that `after` keeps, too."""
    last = line.text[-1]
    return (
        _NARROWEST <= line.width <= WIDEST
        and last.isalnum()
        and _chinese(line.text)
        and (after.width >= line.width - SLACK or after.ended)
        and after.width <= line.width + SLACK
    )


def _chinese(text: str) -> bool:
    return 2 * sum(1 for char in text if "\u3400" <= char <= "\u9fff") > len(text)


def decorative(text: str) -> str:
    """What a line says whose every character is printed three times or more; else empty.

    Ornamental titles are drawn in layers (outline, shadow, fill), and each layer leaves its
    characters in the text: 甲甲甲乙乙乙 for 甲乙. One character alone (哈哈哈) is laughter.
    """
    text = "".join(text.split())
    if len(text) < 6 or text[0] != text[1]:
        return ""
    runs = [match.group() for match in re.finditer(r"(.)\1*", text)]
    times = len(runs[0]) if runs else 0
    same = times >= 3 and len(runs) >= 2 and all(len(run) == times for run in runs)
    return "".join(run[0] for run in runs) if same and _chinese(text) else ""
