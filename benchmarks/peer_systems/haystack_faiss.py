"""Haystack as in `haystack`, its vectors in its FAISS store.

That store has no word search, so BM25 stays in memory, over the same documents.
"""

from collections.abc import Sequence

from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack_integrations.components.retrievers.faiss import FAISSEmbeddingRetriever
from haystack_integrations.document_stores.faiss import FAISSDocumentStore

from benchmarks.peer_systems import Ask
from benchmarks.peer_systems.haystack import K, embedded, hybrid


def build(texts: Sequence[str], model: str) -> Ask:
    """Its flat index (Euclidean, of unit vectors the same order)."""
    documents = embedded(texts, model)
    words = InMemoryDocumentStore()
    words.write_documents(documents)
    vectors = FAISSDocumentStore(embedding_dim=len(documents[0].embedding or ()))
    vectors.write_documents(documents)
    return hybrid(FAISSEmbeddingRetriever(document_store=vectors, top_k=K), words, model)
