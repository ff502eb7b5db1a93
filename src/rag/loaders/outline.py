"""A text that is being put together from headings and paragraphs."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile

from rag.loaders.cleaning import clean_body
from rag.text import CELLS
from rag.types import Heading


class Outline:
    """Collects blocks; `headings` always mark their lines in `text`, in order."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._headings: list[Heading] = []

    @property
    def text(self) -> str:
        return "".join(self._parts)

    @property
    def headings(self) -> tuple[Heading, ...]:
        return tuple(self._headings)

    @property
    def length(self) -> int:
        """The length of `text` so far."""
        return self._length

    @property
    def blocks(self) -> int:
        """How many blocks there are so far."""
        return (len(self._parts) + 1) // 2

    @property
    def title(self) -> str:
        """The first heading of the first level; empty when there is none."""
        text = self.text
        return next((text[h.start : h.end] for h in self._headings if h.level == 1), "")

    @property
    def opening_title(self) -> str:
        """The title, where the text begins with it: in some formats sections are level 1, too."""
        return self.title if self.text.startswith(self.title) else ""

    def add(self, block: str, *, tight: bool = False) -> None:
        """Append a block, after an empty line or, when `tight`, after a line break."""
        block = clean_body(block)
        if block.strip():
            self._append(block, "\n" if tight else "\n\n")

    def add_heading(self, line: str, *, level: int) -> None:
        """Append a heading as a line of its own."""
        line = " ".join(clean_body(line).split())
        if line:
            self._append(line, "\n\n")
            self._headings.append(Heading(self._length - len(line), self._length, level))

    def add_rows(self, rows: Iterable[Iterable[str]]) -> None:
        """Append a table: a line for each row, its cells joined by CELLS.

        What stands alone in a row before all others is its caption, and a line without cells.
        """
        table = [[" ".join(cell.split()) for cell in row] for row in rows]
        table = [row for row in table if any(row)]
        captions = takewhile(lambda row: row[0] and not any(row[1:]), table)
        lines = [row[0] for row in captions]
        lines += [CELLS.join(row) for row in table[len(lines) :]]
        self.add("\n".join(lines))

    def _append(self, block: str, separator: str) -> None:
        if self._parts:
            self._parts.append(separator)
            self._length += len(separator)
        self._parts.append(block)
        self._length += len(block)
