"""The text of PDF pages: in reading order, without running heads, with lines put together."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rag.loaders.cleaning import clean_body
from rag.loaders.newspaper_lines import ends_sentence
from rag.loaders.pdf_order import Box, in_reading_order, lines_of_part, xy_cut

if TYPE_CHECKING:
    import pypdfium2 as pdfium

# A page with fewer characters and an image on it is a scan (with, perhaps, a stamp).
_SCAN_CHARACTERS = 8
_PIXELS = 16_000_000

Ocr = Callable[["pdfium.PdfPage"], str]


def page_text(page: pdfium.PdfPage) -> str:
    """The text of a page; its own order is kept unless it jumps between columns."""
    layer = page.get_textpage()
    try:
        rectangles = [_box(layer.get_rect(i)) for i in range(layer.count_rects())]
        if in_reading_order(rectangles):
            return clean_body(layer.get_text_range(errors="replace"))
        parts = xy_cut(_pieces(layer))
        return clean_body("\n\n".join("\n".join(lines_of_part(part)) for part in parts))
    finally:
        layer.close()


def _box(corners: tuple[float, float, float, float], text: str = "") -> Box:
    left, bottom, right, top = corners
    return Box(left, bottom, right, top, text)


def _pieces(layer: pdfium.PdfTextPage) -> list[Box]:
    """Runs of characters that stand on one line without a gap, in the file's order."""
    runs: list[list[Box]] = []
    text = layer.get_text_range(errors="replace")
    if len(text) != layer.count_chars():  # characters outside the BMP count twice there
        text = "".join(
            layer.get_text_range(i, 1, errors="replace")[:1] or " "
            for i in range(layer.count_chars())
        )
    for at, char in enumerate(text):
        if char.isspace() or char in "\x00\x02\ufffe":
            continue
        box = _box(layer.get_charbox(at, loose=True), char)
        if runs and _adjoins(runs[-1][-1], box):
            runs[-1].append(box)
        else:
            runs.append([box])
    return [_whole(run) for run in runs]


def _adjoins(box: Box, after: Box) -> bool:
    height = max(box.height, after.height, 0.1)
    level = abs((box.top + box.bottom) - (after.top + after.bottom)) < height
    return level and -0.5 * height < after.left - box.right < 0.9 * height


def _whole(run: Sequence[Box]) -> Box:
    text = run[0].text
    for i in range(1, len(run)):
        gap = run[i].left - run[i - 1].right
        narrow = run[i].text.isascii() or run[i - 1].text.isascii()
        text += (" " if narrow and gap > 0.15 * run[i].height else "") + run[i].text
    return Box(
        min(box.left for box in run),
        min(box.bottom for box in run),
        max(box.right for box in run),
        max(box.top for box in run),
        text,
    )


def is_scan(page: pdfium.PdfPage, text: str) -> bool:
    """Whether what can be read on the page is in a picture."""
    import pypdfium2.raw as raw

    if len("".join(text.split())) >= _SCAN_CHARACTERS:
        return False
    return any(True for _ in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=3))


def recogniser() -> Ocr | None:
    """Reads the text in a page's picture; None where the extra isn't installed."""
    try:
        from rapidocr import RapidOCR
    except ImportError:
        return None
    engine = RapidOCR()

    def read(page: pdfium.PdfPage) -> str:
        width, height = page.get_size()
        # 200 dots to the inch, but never more pixels than a large scan has.
        scale = min(200 / 72, (_PIXELS / max(width * height, 1.0)) ** 0.5)
        found = engine(page.render(scale=scale).to_numpy())
        if found.txts is None or found.boxes is None:
            return ""
        boxes = [
            Box(
                float(min(x for x, _ in corners)),
                -float(max(y for _, y in corners)),
                float(max(x for x, _ in corners)),
                -float(min(y for _, y in corners)),
                text,
            )
            for corners, text in zip(found.boxes, found.txts, strict=True)
        ]
        return clean_body("\n\n".join("\n".join(lines_of_part(part)) for part in xy_cut(boxes)))

    return read


_DIGITS = re.compile(r"\d+")


def without_running_heads(pages: Sequence[str]) -> list[str]:
    """The pages without the lines that most of them have at their top or bottom.

    Lines count as the same when they differ in figures only, so page numbers go, too; sentences
    never do. With fewer than four pages there is no evidence, and all lines stay.
    """
    if len(pages) < 4:
        return list(pages)
    split = [page.split("\n") for page in pages]
    for edge in (0, 0, -1, -1):  # a running head may have two lines
        seen = Counter(_DIGITS.sub("#", lines[edge].strip()) for lines in split if lines)
        repeated = {
            line
            for line, count in seen.items()
            if line and count >= 0.6 * len(pages) and not ends_sentence(line)
        }
        for lines in split:
            if len(lines) > 1 and _DIGITS.sub("#", lines[edge].strip()) in repeated:
                del lines[edge]
                while len(lines) > 1 and not lines[edge].strip():
                    del lines[edge]
    return ["\n".join(lines) for lines in split]


_STARTS_ANEW = re.compile(r"\s*(?:[-*•●■▪◦]|\(?\d{1,3}[.)]\s|\(?[a-z]\)\s)")


def unwrapped(text: str) -> str:
    """Text in words and spaces with its lines joined to paragraphs.

    A line goes on in the next one when it reaches about as far as the longest do, unless the
    next one starts an item of a list.
    """
    lines = text.split("\n")
    lengths = sorted(len(line) for line in lines if line.strip())
    if not lengths:
        return text
    margin = 0.75 * lengths[int(0.9 * (len(lengths) - 1))]
    result: list[str] = []
    before = ""
    for line in lines:
        goes_on = bool(before.strip() and line.strip()) and len(before) >= max(margin, 30)
        if goes_on and not _STARTS_ANEW.match(line):
            result[-1] = _together(result[-1], line.strip())
        else:
            result.append(line)
        before = line
    return "\n".join(result)


def _together(text: str, line: str) -> str:
    if re.search(r"[a-z]-$", text) and line[0].islower():
        return text[:-1] + line
    return f"{text} {line}"
