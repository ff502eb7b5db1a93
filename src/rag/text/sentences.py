"""Where sentences begin and end, as offsets, in Chinese, English and mixtures."""

from __future__ import annotations

import re
from collections.abc import Iterator

Span = tuple[int, int]

_CLOSERS = "”’」』）)】》〉\"'"
# A sentence ends at Chinese end marks with any closing quotes, at an ellipsis before a new
# start, at a Western end mark before white space and a capital, digit or CJK, or at a line end.
_END = re.compile(
    rf"(?:[。！？!?；;]+|…{{2,}}(?![，。！？；、”’」』）)]))[{_CLOSERS}]*"
    rf"|(?<![A-Z])(?<!\b(?:Mr|Ms|Dr|St|No|vs|Co))(?<!\b(?:Mrs|etc|Inc|Ltd|e\.g|i\.e))\.[{_CLOSERS}]*(?=\s+[\"“'(]?[A-Z0-9\u3400-\u9fff])"
    r"|\n+"
)
_CLAUSE_END = re.compile(r"[，；;。]|——|(?<!\d)[,:：]|[,:：](?!\d)")


def sentence_spans(text: str) -> list[Span]:
    """Spans `(start, end)` of the sentences, trimmed, in order, without overlap.

    Everything but white space belongs to exactly one sentence. A line break ends a sentence,
    since loaders have already joined the lines that were broken in mid-sentence.
    """
    return list(_trimmed(text, _raw_spans(text)))


def _raw_spans(text: str) -> Iterator[Span]:
    start = 0
    for match in _END.finditer(text):
        if match.end() > start:
            yield start, match.end()
            start = match.end()
    if start < len(text):
        yield start, len(text)


def _trimmed(text: str, spans: Iterator[Span]) -> Iterator[Span]:
    for start, end in spans:
        piece = text[start:end]
        left = start + len(piece) - len(piece.lstrip())
        right = start + len(piece.rstrip())
        if left < right:
            yield left, right


def clause_spans(text: str, start: int, end: int) -> list[Span]:
    """The parts of `text[start:end]` between commas, semicolons and colons, in order.

    A comma or colon between digits belongs to a number or a time and parts nothing.
    """
    spans: list[Span] = []
    at = start
    for match in _CLAUSE_END.finditer(text[start:end]):
        spans.append((at, start + match.end()))
        at = start + match.end()
    if at < end:
        spans.append((at, end))
    return [span for span in spans if text[span[0] : span[1]].strip()]
