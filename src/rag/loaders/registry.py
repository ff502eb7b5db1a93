"""Which loader reads which kind of file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rag.errors import LoadError
from rag.protocols import Loader


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Context:
    """What a loader may tell while it reads, and what it may spend.

    `report` takes a problem that doesn't end the file (a bad record, a page without text);
    `progress` says that work is going on, so that a long file isn't mistaken for a hung one.
    """

    report: Callable[[LoadError], None]
    progress: Callable[[], None] = _nothing
    ocr: bool = True
    unpacked_bytes: int = 1 << 30


Builder = Callable[[Context], Loader]


def _text(context: Context) -> Loader:
    from rag.loaders.text import TextLoader

    return TextLoader(context)


def _markdown(context: Context) -> Loader:
    from rag.loaders.markdown import MarkdownLoader

    return MarkdownLoader(context)


def _html(context: Context) -> Loader:
    from rag.loaders.html import HtmlLoader

    return HtmlLoader(context)


def _pdf(context: Context) -> Loader:
    from rag.loaders.pdf import PdfLoader

    return PdfLoader(context)


def _docx(context: Context) -> Loader:
    from rag.loaders.docx import DocxLoader

    return DocxLoader(context)


def _jsonl(context: Context) -> Loader:
    from rag.loaders.jsonl import JsonLinesLoader

    return JsonLinesLoader(context)


def _csv(context: Context) -> Loader:
    from rag.loaders.csv import CsvLoader

    return CsvLoader(context)


LOADERS: Mapping[str, Builder] = {
    ".txt": _text,
    ".text": _text,
    ".md": _markdown,
    ".markdown": _markdown,
    ".html": _html,
    ".htm": _html,
    ".xhtml": _html,
    ".pdf": _pdf,
    ".docx": _docx,
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".csv": _csv,
    ".tsv": _csv,
}

EXTENSIONS = frozenset(LOADERS)
# Read record by record, so their size costs no memory.
STREAMED = frozenset({".jsonl", ".ndjson", ".csv", ".tsv"})
