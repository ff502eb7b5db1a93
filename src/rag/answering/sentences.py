"""The sentences of a passage as evidence; a row of a table is one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rag.answering.tables import Cell, Row, columns_of
from rag.text import CELLS, Span, fold, fold_passage, sentence_spans
from rag.types import Chunk, Hit


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
    spans = sentence_spans(text)
    rows = [CELLS in text[start:end] for start, end in spans]
    first = fold_passage(columns_of(hit))
    head: Span | None = None
    offset, before = hit.chunk.start, 0
    for i, (start, end) in enumerate(spans):
        piece = text[start:end]
        own = folded[start:end] if aligned else fold(piece)
        if "\n\n" in text[before:start]:
            first, head = "", None  # the next of two tables
        before = end
        begins = rows[i] and not first
        if begins:
            first, head = own, (offset + start, offset + end)
        elif not rows[i]:
            first, head = "", None
        row = Row.of(own, first) if rows[i] else None
        yield Sentence(
            hit=hit,
            start=offset + start,
            end=offset + end,
            text=piece,
            folded=own,
            row=row,
            head=None if begins or row is None or row.is_form else head,
        )


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
