"""Document -> chunks with exact offsets, cut where sentences end.

langchain-text-splitters does the cutting; this module gives it Chinese separators, keeps the
offsets, never lets a chunk cross a heading, and adds the context that search needs: title, heading,
and of a table that began in an earlier chunk the row that names its columns.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise

from langchain_text_splitters import RecursiveCharacterTextSplitter

from rag.text import Span, first_row, sentence_spans
from rag.types import Chunk, Document, content_id

# From the widest to the narrowest: paragraph, line, sentence, clause, word, character.
_SEPARATORS = [
    r"\n\s*\n",
    r"\n",
    r"(?:[。！？!?]+|…{2,})[”’」』）)]*",
    r"(?<=\w)\.\s",
    r"[；;]",
    r"[，,、：:]",
    r"\s",
    "",
]


class Chunker:
    """Cuts documents into chunks of at most `size` characters.

    Each chunk but a section's first begins with the last whole sentences of the one before it,
    up to `overlap` characters.
    """

    def __init__(self, *, size: int, overlap: int) -> None:
        self.id = f"recursive-{size}-{overlap}-tables"
        self._size = size
        self._overlap = overlap
        # Without an overlap of its own the splitter's pieces add up to the text again, which
        # makes the offsets exact even where the same words stand twice.
        self._splitter = RecursiveCharacterTextSplitter(
            separators=_SEPARATORS,
            is_separator_regex=True,
            keep_separator="end",
            chunk_size=size - overlap,
            chunk_overlap=0,
            strip_whitespace=False,
        )

    def chunk(self, document: Document) -> list[Chunk]:
        """The chunks, in text order; `text == document.text[start:end]` for each.

        Every character that isn't white space lies in a chunk. A document with a title and no
        text gives no chunk.
        """
        info = document.info
        chunks = []
        for section_start, section_end, heading in _sections(document):
            context = _context(info.title, document.heading_at(heading))
            for start, end in self._spans(document.text, section_start, section_end):
                chunks.append(
                    Chunk(
                        id=content_id(info.id, str(start), str(end)),
                        document_id=info.id,
                        start=start,
                        end=end,
                        text=document.text[start:end],
                        context=_joined(context, first_row(document.text, start)),
                        page=document.page_at(start),
                    )
                )
        return chunks

    def _spans(self, text: str, start: int, end: int) -> list[Span]:
        if end - start <= self._size:
            return list(_trimmed(text, start, end))
        spans: list[Span] = []
        begins = [start + first for first, _ in sentence_spans(text[start:end])]
        at = start
        for piece in self._splitter.split_text(text[start:end]):
            begin = self._reach_back(begins, at) if piece.strip() else at
            for span in _trimmed(text, begin, at + len(piece)):
                while spans and spans[-1][0] >= span[0]:
                    spans.pop()  # short enough to stand whole in the overlap of the next
                spans.append(span)
            at += len(piece)
        return spans

    def _reach_back(self, begins: Sequence[int], at: int) -> int:
        """The start of the first sentence that fits whole into the overlap before `at`."""
        first = bisect_left(begins, at - self._overlap)
        return min(begins[first], at) if first < len(begins) else at


def _sections(document: Document) -> Iterator[tuple[int, int, int]]:
    """The text from each heading to the next, and where its last heading stands.

    A heading without text of its own joins what follows it.
    """
    cuts = [(0, 0)]
    body = 0  # where the text after the last heading begins
    for heading in document.headings:
        if document.text[body : heading.start].strip():
            cuts.append((heading.start, heading.start))
        else:
            cuts[-1] = (cuts[-1][0], heading.start)
        body = heading.end
    cuts.append((len(document.text), 0))
    for (start, heading_start), (end, _) in pairwise(cuts):
        if document.text[start:end].strip():
            yield start, end, heading_start


def _context(title: str, heading: str) -> str:
    return title if heading == title else _joined(title, heading)


def _joined(*lines: str) -> str:
    return "\n".join(filter(None, lines))


def _trimmed(text: str, start: int, end: int) -> Iterator[Span]:
    piece = text[start:end]
    left = start + len(piece) - len(piece.lstrip())
    right = start + len(piece.rstrip())
    if left < right:
        yield left, right
