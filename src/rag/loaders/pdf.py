"""Placeholder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rag.loaders.registry import Context
from rag.types import Document


class PdfLoader:
    """Reads `.pdf`."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def load(self, path: Path, *, source: str) -> Iterator[Document]:
        yield from ()
