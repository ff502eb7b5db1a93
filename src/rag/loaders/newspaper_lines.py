"""From the lines of a newspaper page to its blocks: paragraphs, headings and bylines.

In a column of print a line runs to the margin unless its paragraph ends there. So a line that
stops short without an end mark is no body text: it is a heading. And a line that reaches the
margin without an end mark goes on in the next line, whatever stands between: the end of the
column (an empty line), an opening quotation mark, or a heading that got in the way.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from rag.loaders.newspaper_bylines import as_byline, split_trailing_byline

# Widths are counted in full-width characters; a narrower column than 8 can't be told from verse.
_NARROWEST, _WIDEST = 8.0, 46.0
# A first line is indented by two, and punctuation that may not begin a line moves one or so.
_SLACK = 3.5
_FIRST_LINE = 0.79
_SAMPLE = 200_000
_ENDED = re.compile(r"[。！？!?…][”’」』）)》】\"']*$")
_END_OF_BLOCK = re.compile(r"[。！？!?…：:][”’」』）)》】\"']*$")
_INNER = re.compile(r"[，。；：！？、]")
# The end mark of an agency, a remark in brackets, whose picture it is.
_NOTE = re.compile(r"[(（【〔].*[)）】〕]|.*[/／ \u3000](?:摄|攝|图|圖|摄影|攝影)|.*(?:供图|供圖)")
_TWO_PARTS = re.compile(r"[\u4e00-\u9fff”」》][ \u3000]+[\u4e00-\u9fff“「《]")
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


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, heading or byline; nothing in it but the characters of its lines.

    `widths` are those of a paragraph's inner lines; `shape` has the lengths of a heading's lines;
    a `label` is a decorative heading, too short to be a title; `author` is a byline's.
    """

    kind: Literal["paragraph", "heading", "byline"]
    text: str
    widths: tuple[float, ...] = ()
    shape: tuple[int, ...] = ()
    label: bool = False
    author: str | None = None


def width_of(text: str) -> float:
    """The width in full-width characters; beyond any column, about."""
    if len(text) > 3 * _WIDEST:
        return float(len(text))
    return sum(1.0 if char > "\u2000" else 0.5 for char in text)


def ends_sentence(text: str) -> bool:
    """Whether `text` ends with the end of a sentence."""
    return _ENDED.search(text) is not None


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
    inner = sum(1 for line in lines if _INNER.search(line.text[:-1]))
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
        _NARROWEST <= line.width <= _WIDEST
        and last.isalnum()
        and _chinese(line.text)
        and (after.width >= line.width - _SLACK or after.ended)
        and after.width <= line.width + _SLACK
    )


def _chinese(text: str) -> bool:
    return 2 * sum(1 for char in text if "\u3400" <= char <= "\u9fff") > len(text)


def blocks_of(text: str) -> list[Block]:
    """The blocks of a page, in their order.

    A heading that stands inside a sentence comes before the paragraph it interrupted.
    """
    return list(_Reader(lines_of(text)).blocks())


class _Reader:
    """Goes through the lines once, with at most one paragraph open."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = list(_with_bylines_apart(lines))
        indented = sum(line.indented for line in self._lines)
        # Where every line is indented, indentation doesn't begin paragraphs.
        self._indent_tells = 2 * indented < len(self._lines)
        self._open: list[Line] = []
        self._last_column = 0.0
        self._interrupting: list[Block] = []

    def blocks(self) -> Iterator[Block]:
        at = 0
        while at < len(self._lines):
            line = self._lines[at]
            author = as_byline(line.text)
            if author is not None and not self._goes_on_in(line):
                yield from self._close()
                yield Block("byline", line.text, author=author or None)
                at += 1
                continue
            size = self._heading_at(at)
            if size:
                heading = _heading(self._lines[at : at + size])
                if _NOTE.fullmatch(heading.text):
                    heading = Block("paragraph", heading.text)
                if self._open and not self._open[-1].ended:
                    self._interrupting.append(heading)
                else:
                    yield from self._close()
                    yield heading
                at += size
                continue
            if self._open and self._begins_paragraph(line):
                yield from self._close()
            self._open.append(line)
            at += 1
        yield from self._close()

    def _close(self) -> Iterator[Block]:
        yield from self._interrupting
        self._interrupting = []
        if self._open:
            yield _paragraph(self._open)
            self._last_column = self._column()
            self._open = []

    def _goes_on_in(self, line: Line) -> bool:
        """Whether a sentence simply runs on in `line`, such as 记者 at the end of a narrow one."""
        return bool(self._open) and not self._open[-1].ended and not line.gap

    def _begins_paragraph(self, line: Line) -> bool:
        last = self._open[-1]
        if not _END_OF_BLOCK.search(last.text):
            return False
        if last.text[-1] in "：:" and not line.gap:
            return False
        short = last.width < self._column() - _SLACK
        if short or (line.indented and self._indent_tells):
            return True
        # Where an empty line follows every line, it says nothing; an indented first line is short.
        spaced = len(self._open) > 1 and all(each.gap for each in self._open[-2:])
        return line.gap and (not spaced or line.ended or line.width < self._column() - 1.2)

    def _column(self) -> float:
        """The width of the open paragraph's column."""
        return max(line.width for line in self._open[-4:])

    def _heading_at(self, at: int) -> int:
        """The number of lines of the heading that begins here; 0 for body text."""
        if decorative(self._lines[at].text):
            return 1
        size = self._bare_lines(at)
        if not size or size > 3:
            return 0
        before = self._open[-1] if self._open else None
        if before is not None:
            self._last_column = self._column()
        after = self._lines[at + size] if at + size < len(self._lines) else None
        if before is not None and not before.ended:
            return size if self._stops_short(at, size, after) else 0
        return size if self._stands_apart(at, size, after) else 0

    def _bare_lines(self, at: int) -> int:
        """How many lines from here, up to a gap, have no punctuation that headings lack."""
        size = 0
        for line in self._lines[at : at + 5]:
            if size and (line.gap or decorative(line.text)):
                break
            if line.width > _WIDEST or not _bare(line.text) or as_byline(line.text) is not None:
                # The body may follow its heading without a gap, in longer lines.
                return size if size and self._lines[at + size - 1].width < line.width else 0
            if size and self._widens(at, size, line):
                break
            size += 1
            if size > 3:
                break
        return size

    def _widens(self, at: int, size: int, line: Line) -> bool:
        """Whether the body, in a wider column, begins with `line`, without punctuation so far."""
        following = self._lines[at + size + 1 : at + size + 2]
        return (
            line.width > max(each.width for each in self._lines[at : at + size]) + _SLACK
            and bool(following)
            and not following[0].gap
            and abs(following[0].width - line.width) <= _SLACK
        )

    def _stops_short(self, at: int, size: int, after: Line | None) -> bool:
        """Inside a sentence: only lines that stop short of the margin and stand apart."""
        lines = self._lines[at : at + size]
        if lines[-1].ended:
            return False  # the sentence ends here
        narrow = max(line.width for line in lines) < self._column() - _SLACK
        return narrow and lines[0].gap and (after is None or after.gap)

    def _stands_apart(self, at: int, size: int, after: Line | None) -> bool:
        """Between paragraphs: before a gap or before wider lines, unlike the lines of a column."""
        lines = self._lines[at : at + size]
        if after is None or as_byline(after.text) is not None or decorative(after.text):
            return True
        if any(_TWO_PARTS.search(line.text) for line in lines):
            return True
        width = lines[-1].width
        if not after.gap:
            # A paragraph's first line is indented, and quotation marks may cost it a little more.
            return width < min(after.width - _SLACK, _FIRST_LINE * after.width)
        column = self._last_column or max(each.width for each in self._lines[at : at + 5])
        if size > 1:
            # Two lines of which the first fills the column, indented, are a short paragraph.
            return not (lines[-1].ended and abs(lines[0].width + 2.0 - column) < 1.2)
        # In a page with an empty line between any two, this may be the first line of a paragraph.
        next_after = self._lines[at + 2] if at + 2 < len(self._lines) else None
        spaced = next_after is not None and next_after.gap and not after.ended
        return not (spaced and width >= column - _SLACK)


def _with_bylines_apart(lines: Sequence[Line]) -> Iterator[Line]:
    for line in lines:
        body, byline = split_trailing_byline(line.text)
        if body:
            yield Line(body, width_of(body), line.gap, line.indented)
        if byline:
            yield Line(byline, width_of(byline), not body and line.gap, False)


def _bare(text: str) -> bool:
    """Without the punctuation of running text; a heading may well have quotation marks."""
    return (
        not re.search(r"[。，；：,;]|[、—-]$|……$", text) and text[0] not in "，。、；：！？”’）》"
    )


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


def _heading(lines: Sequence[Line]) -> Block:
    plain = decorative(lines[0].text)
    text = plain or " ".join(line.text for line in lines)
    shape = tuple(len("".join(line.text.split())) for line in lines)
    return Block("heading", text, shape=shape, label=bool(plain) or len(text) <= 4)


_LATIN_JOINT = re.compile(r"[A-Za-z.,;:)%] (?:[A-Za-z(])")
_FILLING = re.compile(r"(?<=[\u3000-\u9fff“”‘’]) +(?=\d)|(?<=\d) +(?=[\u3000-\u9fff“”‘’])")


def _paragraph(lines: Sequence[Line]) -> Block:
    text = lines[0].text
    for line in lines[1:]:
        spaced = _LATIN_JOINT.fullmatch(f"{text[-1]} {line.text[0]}")
        text += f" {line.text}" if spaced else line.text
    # The first line is short of the margin by its indentation, the last by chance.
    widths = tuple(line.width for line in lines[1:-1])
    # Spaces around figures are how a line was filled up, not how it was written.
    return Block("paragraph", _FILLING.sub("", text), widths=widths)


def joined(first: Block, second: Block) -> Block:
    """Two parts of one paragraph as one."""
    return replace(first, text=first.text + second.text)
