"""From the lines of a newspaper page to its blocks: paragraphs, headings and bylines.

In a column of print a line runs to the margin unless its paragraph ends there. So a line that
stops short without an end mark is no body text: it is a heading. And a line that reaches the
margin without an end mark goes on in the next line, whatever stands between: the end of the
column (an empty line), an opening quotation mark, or a heading that got in the way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from rag.loaders.newspaper_bylines import as_byline, split_trailing_byline
from rag.loaders.newspaper_lines import (
    SLACK,
    WIDEST,
    Line,
    decorative,
    ends_sentence,
    lines_of,
    punctuated,
    width_of,
)

# A paragraph's first line reaches at least this far, in shares of the line below it.
_FIRST_LINE = 0.79
_INDENT = 2.0
_END_OF_BLOCK = re.compile(r"[。！？!?…：:][”’」』）)》】\"']*$")
# The end mark of an agency, a remark in brackets, whose picture it is.
_NOTE = re.compile(r"[(（【〔].*[)）】〕]|.*[/／ \u3000](?:摄|攝|图|圖|摄影|攝影)|.*(?:供图|供圖)")
_TWO_PARTS = re.compile(r"[\u4e00-\u9fff”」》][ \u3000]+[\u4e00-\u9fff“「《]")


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


def joined(first: Block, second: Block) -> Block:
    """Two parts of one paragraph as one."""
    return replace(first, text=first.text + second.text)


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
        self._fresh = True  # nothing but headings since the page or the article began
        self._interrupting: list[Block] = []

    def blocks(self) -> Iterator[Block]:
        at = 0
        while at < len(self._lines):
            line = self._lines[at]
            author = as_byline(line.text)
            if author is not None and not self._goes_on_in(line):
                yield from self._close()
                yield Block("byline", line.text, author=author or None)
                self._fresh = True
                at += 1
            elif size := self._heading_at(at):
                yield from self._heading(self._lines[at : at + size])
                at += size
            else:
                if self._open and self._begins_paragraph(line):
                    yield from self._close()
                self._open.append(line)
                self._fresh = False
                at += 1
        yield from self._close()

    def _heading(self, lines: Sequence[Line]) -> Iterator[Block]:
        heading = _heading(lines)
        if self._open and not self._open[-1].ended:
            self._interrupting.append(heading)
        else:
            yield from self._close()
            yield heading

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
        short = last.width < self._column() - SLACK
        if short or (line.indented and self._indent_tells):
            return True
        # Where an empty line follows every line, it says nothing; an indented first line is short.
        spaced = len(self._open) > 1 and all(each.gap for each in self._open[-2:])
        return line.gap and (not spaced or line.ended or line.width < self._column() - 1.2)

    def _column(self) -> float:
        """The width of the open paragraph's column."""
        return max(line.width for line in self._open[-4:])

    def _column_ahead(self, at: int) -> float:
        """The width of the column of line `at`: of the running text below it, else above it."""
        if self._open:
            self._last_column = self._column()
        lines = self._lines[at : at + 5]
        running = [line.width for line in lines[1:] if punctuated(line.text[:-1])]
        return max(running) if running else self._last_column or max(x.width for x in lines)

    def _heading_at(self, at: int) -> int:
        """The number of lines of the heading that begins here; 0 for body text."""
        if decorative(self._lines[at].text):
            return 1
        size = self._bare_lines(at)
        if size > 3:
            return 0
        if self._open and not self._open[-1].ended:
            return size if size and self._stops_short(at, size) else 0
        if size:
            return size if self._stands_apart(at, size) else 0
        return int(self._is_sentence_like_title(at))

    def _bare_lines(self, at: int) -> int:
        """How many lines from here, up to a gap, have no punctuation that headings lack."""
        size = 0
        for line in self._lines[at : at + 5]:
            if size and (line.gap or decorative(line.text)):
                break
            if line.width > WIDEST or not _bare(line.text) or as_byline(line.text) is not None:
                # The body may follow its heading without a gap, in longer lines.
                return size if size and self._lines[at + size - 1].width < line.width else 0
            if size and self._widens(at, size, line):
                break
            size += 1
        return size

    def _widens(self, at: int, size: int, line: Line) -> bool:
        """Whether the body, in a wider column, begins with `line`, without punctuation so far."""
        following = self._lines[at + size + 1 : at + size + 2]
        return (
            line.width > max(each.width for each in self._lines[at : at + size]) + SLACK
            and bool(following)
            and not following[0].gap
            and abs(following[0].width - line.width) <= SLACK
        )

    def _stops_short(self, at: int, size: int) -> bool:
        """Inside a sentence: only lines that stop short of the margin and stand apart."""
        lines, after = self._lines[at : at + size], self._lines[at + size : at + size + 1]
        if lines[-1].ended:
            return False  # the sentence ends here
        narrow = max(line.width for line in lines) < self._column() - SLACK
        return narrow and lines[0].gap and (not after or after[0].gap)

    def _stands_apart(self, at: int, size: int) -> bool:
        """Between paragraphs: before a gap or before wider lines, unlike the lines of a column."""
        lines = self._lines[at : at + size]
        if self._ends_or_turns(at + size) or any(_TWO_PARTS.search(line.text) for line in lines):
            return True
        after = self._lines[at + size]
        if not after.gap:
            return _well_short(lines[-1], after)
        column = self._column_ahead(at)
        if size > 1:
            # Two lines of which the first fills the column, indented, are a short paragraph.
            return not (lines[-1].ended and abs(lines[0].width + _INDENT - column) < 1.2)
        return not (self._spaced(at) and lines[0].width >= column - SLACK)

    def _spaced(self, at: int) -> bool:
        """Whether an empty line stands between any two here, so that it says nothing."""
        following = self._lines[at + 1 : at + 3]
        return all(line.gap for line in following) and not following[0].ended

    def _is_sentence_like_title(self, at: int) -> bool:
        """A headline with a colon, a comma or an exclamation mark, by stricter evidence.

        It is one line that stands apart, at the beginning of an article or well short of the
        column below; with an end mark it is believed only at the beginning.
        """
        line = self._lines[at]
        if not (line.gap or self._fresh) or self._ends_or_turns(at + 1):
            return False
        if not _like_a_headline(line.text) or (line.ended and not self._fresh):
            return False
        after = self._lines[at + 1]
        if not after.gap:
            return _well_short(line, after)
        fills = self._column_ahead(at) - SLACK <= line.width <= self._column_ahead(at) + 1.0
        if self._fresh and not self._spaced(at):
            # The first line of a lead, alone at the end of its column, has commas, too.
            return not (fills and "，" in line.text)
        return not after.ended and line.width < self._column_ahead(at) - SLACK

    def _ends_or_turns(self, at: int) -> bool:
        """Whether the page ends at `at`, or a byline or an ornament stands there."""
        if at >= len(self._lines):
            return True
        text = self._lines[at].text
        return as_byline(text) is not None or bool(decorative(text))


def _well_short(line: Line, after: Line) -> bool:
    """Shorter than a paragraph's first line, which indentation and quotation marks shorten."""
    return line.width < min(after.width - SLACK, _FIRST_LINE * after.width)


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


def _like_a_headline(text: str) -> bool:
    """One clause or two, not broken off in the middle of one."""
    return (
        width_of(text) >= 5
        and not re.search(r"[。；;]|[，、：:,—·-]$|……", text)
        and len(re.findall("[，：:,]", text)) <= 2
        and text[0] not in "，、：！？”’）》(（[【"
        and not (ends_sentence(text) and text[-1] not in "！？!?")
    )


def _heading(lines: Sequence[Line]) -> Block:
    plain = decorative(lines[0].text)
    text = plain or " ".join(line.text for line in lines)
    if _NOTE.fullmatch(text):
        return Block("paragraph", text)
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
