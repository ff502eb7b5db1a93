"""Wenyuan: its own indexer over a JSON Lines file, its own retriever as configured by default."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peer_systems import Ask
from rag.assembly import backend_of, embedder_of, indexer_of, retriever_of
from rag.config import EmbeddingSettings, IndexSettings, Settings


def build(texts: Sequence[str], model: str) -> Ask:
    """Index on disk, each text an article of its own, and compact, as `rag index` does."""
    folder = Path(tempfile.mkdtemp(prefix="peers-"))
    articles = folder / "articles.jsonl"
    with articles.open("w", encoding="utf-8") as file:
        for key, text in enumerate(texts):
            file.write(json.dumps({"id": str(key), "text": text}, ensure_ascii=False) + "\n")
    settings = Settings(
        index=IndexSettings(dir=folder / "index"), embedding=EmbeddingSettings(model=model)
    )
    indexer = indexer_of(settings)
    indexer.index([articles])
    indexer.compact(lambda: None)
    embedder = embedder_of(settings)
    retriever = retriever_of(settings, embedder, backend_of(settings, embedder).open())

    def ask(question: str, k: int) -> list[int]:
        return [int(hit.document.id) for hit in retriever.retrieve(question, top_k=k)]

    return ask
