"""Tables as loaders write them: a line for each row, its cells joined by CELLS."""

from __future__ import annotations

from rag.text.sentences import Span

CELLS = " | "
_LONGEST = 300  # characters of a first row that names columns


def cell_spans(row: str) -> list[Span]:
    """Where the cells of a row stand in it, in order; one span for a line that is no row.

    An empty cell at either end is one, though the blank beyond its bar has been taken off.
    """
    left = 1 if row.startswith(CELLS.lstrip()) else 0
    padded = " " * left + row + (" " if row.endswith(CELLS.rstrip()) else "")
    spans: list[Span] = []
    start = -left
    for cell in padded.split(CELLS):
        spans.append((max(0, start), max(0, min(start + len(cell), len(row)))))
        start += len(cell) + len(CELLS)
    return spans


def first_row(text: str, start: int) -> str:
    """The row that names the columns of the table that goes on at `start`; empty where none does.

    That is the first row of as many cells as the one at `start`; where the table begins with the
    row at `start`, it is not told.
    """
    at = text.rfind("\n", 0, start) + 1
    end = text.find("\n", start)
    line = text[at : end if end >= 0 else None]
    width = len(cell_spans(line))
    row = ""
    while at and CELLS in line:
        before = text.rfind("\n", 0, at - 1) + 1
        line, at = text[before : at - 1], before
        row = line if CELLS in line and len(cell_spans(line)) == width else row
    return row if len(row) <= _LONGEST else ""
