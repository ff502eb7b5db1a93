"""CSV with a header row: the delimiter is found out, the columns go by English or Chinese names."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from rag.loaders.cleaning import clean_line, refusal
from rag.loaders.jsonl import stream_encoding
from rag.loaders.records import ALIASES, RecordReader
from rag.loaders.registry import Context
from rag.types import Document

_FIELD_LENGTH = 32 << 20
_DELIMITERS = ",\t;|，"


class CsvLoader:
    """Reads `.csv` with at least a column of text (text, content, 正文, 内容).

    A row that can't be used is reported, with the number of its last line; the others load.
    """

    def __init__(self, context: Context) -> None:
        self._context = context

    def load(self, path: Path, *, source: str) -> Iterator[Document]:
        encoding = stream_encoding(path, source=source)
        csv.field_size_limit(_FIELD_LENGTH)
        reader = RecordReader(source, self._context.report)
        with path.open(encoding=encoding, errors="replace", newline="") as stream:
            first = stream.readline(1 << 16)
            delimiter = max(_DELIMITERS, key=first.count)
            columns = _columns(next(csv.reader([first], delimiter=delimiter), []))
            if "text" not in columns:
                raise refusal(
                    source,
                    'has no column named "text" (or 正文) in its first line; add a header row',
                    "的首行没有名为 text（或 正文）的列；请添加表头",
                )
            rows = csv.reader((line.replace("\0", "") for line in stream), delimiter=delimiter)
            for number, row in self._rows(rows, source):
                document = reader.document(dict(zip(columns, row, strict=False)), line=number)
                if document is not None:
                    yield document
        reader.finish()

    def _rows(self, rows: Iterator[list[str]], source: str) -> Iterator[tuple[int, list[str]]]:
        line = 1
        try:
            for row in rows:
                line = 1 + getattr(rows, "line_num", line)
                self._context.progress()
                if any(map(str.strip, row)):
                    yield line, row
        except csv.Error as error:
            raise refusal(
                source,
                f"can't be read as CSV past line {line} ({error}); check its quotation marks",
                f"第 {line} 行之后无法按 CSV 读取（{error}）；请检查引号是否成对",
            ) from error


def _columns(header: list[str]) -> list[str]:
    """Our names for the header's columns; a name used twice counts once, others stay as given."""
    names: list[str] = []
    for cell in header:
        name = ALIASES.get(clean_line(cell).lower(), "")
        names.append(name if name and name not in names else f"column {len(names)}")
    return names
