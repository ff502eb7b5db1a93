"""The order in which the pieces of a page are read; geometry only.

Coordinates are those of PDF: y grows upwards.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Box:
    """A piece of a line: its text and where it stands."""

    left: float
    bottom: float
    right: float
    top: float
    text: str = ""

    @property
    def height(self) -> float:
        return self.top - self.bottom

    @property
    def width(self) -> float:
        return self.right - self.left


def in_reading_order(boxes: Sequence[Box]) -> bool:
    """Whether the order given is to be kept: it flows about as well as any.

    A page whose columns were drawn in a shuffled order jumps at every other line. Vertical text
    flows by other rules and always counts as being in order.
    """
    if len(boxes) < 4 or vertical(boxes):
        return True
    cut = [box for part in xy_cut(boxes) for box in part]
    return jumps(boxes) <= 1.5 * jumps(cut) + 3


def vertical(boxes: Sequence[Box]) -> bool:
    """Whether the text runs from top to bottom: most pieces are no wider than they are high."""
    return bool(boxes) and median(box.width / max(box.height, 0.1) for box in boxes) < 1.3


def jumps(boxes: Sequence[Box]) -> int:
    """How often the next piece is neither right of the one before nor just below it."""
    return sum(not _follows(box, after) for box, after in itertools.pairwise(boxes))


def _follows(box: Box, after: Box) -> bool:
    height = max(box.height, after.height)
    if _same_line(box, after):
        return -height < after.left - box.right < 2 * height
    overlap = min(box.right, after.right) - max(box.left, after.left)
    below = box.bottom - after.top
    return overlap > 0.5 * min(box.width, after.width) and -0.5 * height < below < 3 * height


def _same_line(box: Box, other: Box) -> bool:
    overlap = min(box.top, other.top) - max(box.bottom, other.bottom)
    return overlap > 0.5 * min(box.height, other.height)


def xy_cut(boxes: Sequence[Box]) -> list[list[Box]]:
    """The parts of a page in reading order, each from top to bottom.

    Recursive XY-cut (Nagy and Seth, 1984): cut along the gutters between columns where there are
    any, else below the topmost of the widest white bands, which sets a headline apart from the
    columns that it spans.
    """
    done: list[list[Box]] = []
    waiting = [list(boxes)]
    while waiting:
        part = waiting.pop()
        pieces = _columns(part) or _bands(part)
        if pieces:
            waiting.extend(reversed(pieces))
        elif part:
            done.append(sorted(part, key=lambda box: (-box.top, box.left)))
    return _gathered(done)


def _gathered(parts: Sequence[list[Box]]) -> list[list[Box]]:
    """Bands of one column, which peeling has parted, put together again."""
    result: list[list[Box]] = []
    for part in parts:
        if result and _follows(result[-1][-1], part[0]):
            result[-1].extend(part)
        else:
            result.append(part)
    return result


def _columns(boxes: Sequence[Box]) -> list[list[Box]]:
    if len(boxes) < 2:
        return []
    gutter = 0.6 * median(box.height for box in boxes)
    pieces: list[list[Box]] = []
    edge = float("-inf")
    for box in sorted(boxes, key=lambda box: box.left):
        if not pieces or box.left - edge >= gutter:
            pieces.append([])
        pieces[-1].append(box)
        edge = max(edge, box.right)
    return pieces if len(pieces) > 1 else []


def _bands(boxes: Sequence[Box]) -> list[list[Box]]:
    """Two bands, parted at the topmost gap that is about as wide as the widest."""
    ordered = sorted(boxes, key=lambda box: -box.top)
    gaps: list[tuple[float, int]] = []
    edge = float("inf")
    for at, box in enumerate(ordered):
        if at and box.top < edge:
            gaps.append((edge - box.top, at))
        edge = min(edge, box.bottom)
    if not gaps:
        return []
    widest = max(gap for gap, _ in gaps)
    at = next(at for gap, at in gaps if gap >= 0.9 * widest)
    return [ordered[:at], ordered[at:]]


def lines_of_part(boxes: Sequence[Box]) -> list[str]:
    """The lines of one part: pieces that stand side by side are one line."""
    rows: list[list[Box]] = []
    for box in boxes:
        if rows and _same_line(rows[-1][-1], box):
            rows[-1].append(box)
        else:
            rows.append([box])
    return [_row(sorted(row, key=lambda box: box.left)) for row in rows]


def _row(row: Sequence[Box]) -> str:
    text = row[0].text
    for box, after in itertools.pairwise(row):
        apart = after.left - box.right > 0.25 * after.height
        text += (" " if apart else "") + after.text
    return text
