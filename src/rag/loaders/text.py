"""Plain text; text copied out of a newspaper page is repaired and split into its articles."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rag.loaders.cleaning import clean_body, first_line_title, no_text
from rag.loaders.encoding import read_text
from rag.loaders.newspaper import Article, repair
from rag.loaders.newspaper_lines import looks_broken
from rag.loaders.registry import Context
from rag.types import Document, DocumentInfo, content_id

_SLICE = 1_000_000


class TextLoader:
    """Reads `.txt` in any usual encoding."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def load(self, path: Path, *, source: str) -> Iterator[Document]:
        text = clean_body(read_text(path, source=source, report=self._context.report))
        if not text.strip():
            raise no_text(source)
        seen: set[str] = set()
        for article in self._articles(text):
            title = article.title or first_line_title(article.text, path)
            identifier = content_id(title, article.text)
            if identifier in seen:  # the same article twice in one file
                continue
            seen.add(identifier)
            info = DocumentInfo(
                id=identifier,
                title=title,
                source=source,
                author=article.author,
            )
            yield Document(info, article.text, headings=article.headings)

    def _articles(self, text: str) -> Iterator[Article]:
        """The articles of a page; hundreds of pages in one file are repaired slice by slice."""
        start = 0
        while len(text) - start > _SLICE and looks_broken(text):
            self._context.progress()
            end = text.rfind("\n\n", start, start + _SLICE)
            end = end if end > start else start + _SLICE
            yield from (article for article in repair(text[start:end]) if article.text.strip())
            start = end
        yield from repair(text[start:])
