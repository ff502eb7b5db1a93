"""From a query to hits: search, fusion, reprints."""

from rag.retrieval.hybrid import HybridRetriever

__all__ = ["HybridRetriever"]
