"""From a query to hits: search, fusion, reprints, reranking."""

from rag.retrieval.hybrid import HybridRetriever
from rag.retrieval.lexicon import Lexicon

__all__ = ["HybridRetriever", "Lexicon"]
