"""JSON Lines: a record a line, read as a stream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from rag.loaders.cleaning import refusal
from rag.loaders.encoding import detect, refuse_binary
from rag.loaders.records import RecordReader
from rag.loaders.registry import Context
from rag.types import Document

_SAMPLE = 64_000
# A longer line is no article; reading it whole would let one line take the memory.
_LINE_LENGTH = 32 << 20


class JsonLinesLoader:
    """Reads `.jsonl` with the keys id, title, date, text, url, author, source.

    A line that can't be used is reported, with its number, and the others still load.
    """

    def __init__(self, context: Context) -> None:
        self._context = context

    def load(self, path: Path, *, source: str) -> Iterator[Document]:
        reader = RecordReader(source, self._context.report)
        for number, line in _lines(path, stream_encoding(path, source=source)):
            if len(line) >= _LINE_LENGTH:
                reader.refuse(
                    number,
                    "is longer than 32 million characters; split it",
                    "超过 3200 万个字符；请拆分",
                )
            elif not line.isspace():
                self._context.progress()
                document = _document(line, number, reader)
                if document is not None:
                    yield document
        reader.finish()


def stream_encoding(path: Path, *, source: str) -> str:
    """The encoding of a large file, from its beginning. Raises LoadError for binary content."""
    with path.open("rb") as stream:
        sample = stream.read(_SAMPLE)
    refuse_binary(sample, source=source)
    encoding = detect(sample)
    if not encoding:
        raise refusal(
            source,
            "holds binary data, not records; save it as UTF-8 text",
            "中是二进制数据而不是记录；请另存为 UTF-8 文本",
        )
    return encoding


def _lines(path: Path, encoding: str) -> Iterator[tuple[int, str]]:
    """Numbered lines; one that is too long comes cut, once, and its rest is passed over."""
    with path.open(encoding=encoding, errors="replace", newline="\n") as stream:
        number, inside = 0, False
        while line := stream.readline(_LINE_LENGTH):
            if not inside:
                number += 1
                yield number, line
            inside = not line.endswith("\n")


def _document(line: str, number: int, reader: RecordReader) -> Document | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        reader.refuse(
            number, "is no valid JSON; mend or remove the line", "不是有效的 JSON；请修正或删除该行"
        )
        return None
    return reader.document(record, line=number)
