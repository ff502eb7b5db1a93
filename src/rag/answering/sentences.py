"""The sentences of a passage as evidence; a row of a table is one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from rag.answering.tables import Cell, Row, columns_of
from rag.text import CELLS, Span, cell_spans, fold, fold_passage, sentence_spans
from rag.types import Chunk, Hit

_LONG_ROW = 300  # characters of a row beyond which its sentences are told apart


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a hit: a row of a table with the cell that was asked for, if one was.

    `head` are the offsets of the row that names the columns.
    """

    hit: Hit
    start: int
    end: int
    text: str
    folded: str
    row: Row | None = None
    cell: Cell | None = None
    head: Span | None = None

    @property
    def meaning(self) -> str:
        """What it says; of a row in which a cell was asked for, that cell with its headings."""
        if self.row is None or self.cell is None:
            return self.text
        return f"{self.row.key} {self.cell.heading} {self.cell.text}"


def sentences_of(hit: Hit) -> Iterator[Sentence]:
    """The sentences of a hit, in order."""
    text = hit.chunk.text
    folded = fold_passage(text)
    aligned = len(folded) == len(text)  # folding a chunk at once is cheaper, where it keeps offsets
    first = before = fold_passage(columns_of(hit))
    head: Span | None = None
    offset, at = hit.chunk.start, 0
    for (start, end), of_row in _pieces(text):
        own = folded[start:end] if aligned else fold(text[start:end])
        if not of_row or "\n\n" in text[at:start]:
            first, head = "", None  # the next of two tables
        at = end
        # Of a first row with merged cells the second has all the columns' names.
        uneven = before == first and len(cell_spans(own)) != len(cell_spans(first))
        begins = of_row == "whole" and (not first or uneven)
        if begins:
            first, head = own, (offset + start, offset + end)
        before = own
        row = Row.of(own, first) if of_row == "whole" else None
        yield Sentence(
            hit=hit,
            start=offset + start,
            end=offset + end,
            text=text[start:end],
            folded=own,
            row=row,
            head=None if begins or row is None or row.is_form else head,
        )


def _pieces(text: str) -> Iterator[tuple[Span, Literal["", "whole", "part"]]]:
    """The sentences of a text, and what of a row each is; a short row is in one piece."""
    last = -1
    for start, end in sentence_spans(text):
        left, right = text.rfind("\n", 0, start) + 1, text.find("\n", end)
        row = text[left : right if right >= 0 else None].rstrip()
        if CELLS not in row:
            yield (start, end), ""
        elif len(row) > _LONG_ROW:
            yield (start, end), "part"
        elif left != last:
            yield (start, left + len(row)), "whole"
        last = left


def is_heading(text: str, chunk: Chunk) -> bool:
    """Whether a sentence of a chunk is its title, a heading or the names of a table's columns.

    It names things and says nothing. Of two columns the first row mostly says something, too.
    """
    if text in chunk.context.split("\n"):
        return True
    if text.count(CELLS) < 2:
        return False
    before, _, after = chunk.text.partition(text)
    begins = CELLS not in before.rstrip(" ").removesuffix("\n").rpartition("\n")[2]
    return begins and CELLS in after.removeprefix("\n").partition("\n")[0]


__all__ = ["Sentence", "is_heading", "sentences_of"]
