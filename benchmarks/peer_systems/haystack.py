"""Haystack: BM25 and embedding retrieval in memory joined by reciprocal rank fusion.

The store's own pattern cuts Chinese a character at a time.
"""

from collections.abc import Sequence

from haystack import Document, Pipeline
from haystack.components.joiners import DocumentJoiner
from haystack.components.retrievers import InMemoryBM25Retriever, InMemoryEmbeddingRetriever
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack_integrations.components.embedders.sentence_transformers import (
    SentenceTransformersDocumentEmbedder,
    SentenceTransformersTextEmbedder,
)

from benchmarks.peer_systems import Ask

K = 20


def build(texts: Sequence[str], model: str) -> Ask:
    """The pipeline of its guide to hybrid retrieval, without a ranker."""
    store = InMemoryDocumentStore(embedding_similarity_function="dot_product")
    store.write_documents(embedded(texts, model))
    return hybrid(InMemoryEmbeddingRetriever(store, top_k=K), store, model)


def embedded(texts: Sequence[str], model: str) -> list[Document]:
    """The texts as documents with their vectors."""
    encoder = SentenceTransformersDocumentEmbedder(model=model, progress_bar=False)
    encoder.warm_up()
    documents = [Document(content=text, meta={"key": key}) for key, text in enumerate(texts)]
    found: list[Document] = encoder.run(documents)["documents"]
    return found


def hybrid(dense: object, store: InMemoryDocumentStore, model: str) -> Ask:
    """A retriever of vectors beside BM25 over `store`."""
    pipeline = Pipeline()
    pipeline.add_component(
        "encoder", SentenceTransformersTextEmbedder(model=model, progress_bar=False)
    )
    pipeline.add_component("dense", dense)
    pipeline.add_component("words", InMemoryBM25Retriever(store, top_k=K))
    pipeline.add_component("both", DocumentJoiner(join_mode="reciprocal_rank_fusion", top_k=K))
    pipeline.connect("encoder.embedding", "dense.query_embedding")
    pipeline.connect("dense", "both")
    pipeline.connect("words", "both")

    def ask(question: str, k: int) -> list[int]:
        found = pipeline.run({"encoder": {"text": question}, "words": {"query": question}})
        return [int(document.meta["key"]) for document in found["both"]["documents"][:k]]

    return ask
