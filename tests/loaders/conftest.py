"""What the loaders' tests share: one way to load a file in this very process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from rag.errors import LoadError
from rag.loaders.registry import LOADERS, Context
from rag.types import Document

SHARED = Path(__file__).parents[3] / "shared"


@dataclass(frozen=True, slots=True)
class Loaded:
    documents: list[Document]
    reports: list[LoadError]

    @property
    def document(self) -> Document:
        (document,) = self.documents
        return document


Load = Callable[..., Loaded]


@pytest.fixture
def load() -> Load:
    def run(path: Path, *, ocr: bool = True, unpacked_bytes: int = 1 << 30) -> Loaded:
        reports: list[LoadError] = []
        context = Context(reports.append, ocr=ocr, unpacked_bytes=unpacked_bytes)
        loader = LOADERS[path.suffix](context)
        return Loaded(list(loader.load(path, source=f"docs/{path.name}")), reports)

    return run


@pytest.fixture
def newspaper_page() -> str:
    path = SHARED / "corpus" / "newspaper-longquanyi-qionglai.txt"
    if not path.exists():
        pytest.skip(f"needs {path}")
    return path.read_text(encoding="utf-8")
