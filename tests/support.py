"""Small deterministic parts for tests: an embedder that needs no model, articles, a store."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rag.chunking import Chunker
from rag.protocols import IndexedDocument, Vectors
from rag.stores import Recipe
from rag.text import ANALYSER_VERSION, analyse
from rag.types import Document, DocumentInfo, content_id

SHARED = Path(__file__).parents[2] / "shared"
NEWSPAPER = SHARED / "corpus" / "newspaper-longquanyi-qionglai.txt"


class HashingEmbedder:
    """Each search term adds a fixed pseudo-random direction: texts that share terms are close."""

    id = "hashing"
    fingerprint = "test"

    def __init__(self, dimensions: int = 64) -> None:
        self.dimensions = dimensions

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        rows = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for i, text in enumerate(texts):
            for term in analyse(text):
                seed = int.from_bytes(hashlib.sha256(term.encode()).digest()[:8], "big")
                rows[i] += np.random.default_rng(seed).standard_normal(self.dimensions)
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        unit: Vectors = np.divide(rows, norms, out=rows, where=norms > 0)
        return unit

    def embed_query(self, text: str) -> Vectors:
        row: Vectors = self.embed_passages([text])[0]
        return row


EMBEDDER = HashingEmbedder()
RECIPE = Recipe(
    embedder=EMBEDDER.id,
    fingerprint=EMBEDDER.fingerprint,
    dimensions=EMBEDDER.dimensions,
    analyser=ANALYSER_VERSION,
    chunking="400-80",
)


def article(text: str, *, title: str = "", source: str = "docs/a.md", **info: str) -> Document:
    return Document(DocumentInfo(content_id(title, text), title, source, **info), text)


def indexed(document: Document) -> IndexedDocument:
    chunks = Chunker(size=400, overlap=80).chunk(document)
    searched = [f"{chunk.context}\n{chunk.text}" for chunk in chunks]
    return IndexedDocument(
        document,
        chunks,
        [" ".join(analyse(text)) for text in searched],
        EMBEDDER.embed_passages(searched),
    )
