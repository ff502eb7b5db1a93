"""From a query to hits: search, fusion, reprints, reranking."""

from rag.retrieval.hybrid import HybridRetriever

__all__ = ["HybridRetriever"]
