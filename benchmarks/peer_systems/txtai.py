"""txtai: one Embeddings with hybrid search (FAISS and BM25 over a terms index)."""

from collections.abc import Sequence

from txtai import Embeddings

from benchmarks.peer_systems import CHINESE, Ask


def build(texts: Sequence[str], model: str) -> Ask:
    """Both indexes at once, scores normalised as the hybrid default does."""
    scoring = {"method": "bm25", "terms": True, "normalize": True, "tokenizer": {"regexp": CHINESE}}
    index = Embeddings(path=model, method="sentence-transformers", dense=True, scoring=scoring)
    index.index(enumerate(texts))

    def ask(question: str, k: int) -> list[int]:
        return [int(key) for key, _ in index.search(question, k)]

    return ask
