"""Plain text; text copied out of a newspaper page is repaired and split into its articles."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rag.loaders.cleaning import clean_body, first_line_title, no_text
from rag.loaders.encoding import read_text
from rag.loaders.newspaper import repair
from rag.loaders.registry import Context
from rag.types import Document, DocumentInfo, content_id


class TextLoader:
    """Reads `.txt` in any usual encoding."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def load(self, path: Path, *, source: str) -> Iterator[Document]:
        text = clean_body(read_text(path, source=source, report=self._context.report))
        if not text.strip():
            raise no_text(source)
        for article in repair(text):
            title = article.title or first_line_title(article.text, path)
            info = DocumentInfo(
                id=content_id(title, article.text),
                title=title,
                source=source,
                author=article.author,
            )
            yield Document(info, article.text, headings=article.headings)
