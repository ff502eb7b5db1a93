"""LlamaIndex: FaissVectorStore and BM25Retriever (bm25s) joined by QueryFusionRetriever.

Its HuggingFaceEmbedding refuses static models (they have no greatest length), so the model is put
in as its guide to custom embeddings says.
"""

from collections.abc import Sequence

import faiss
from llama_index.core import Settings, StorageContext, VectorStoreIndex
from llama_index.core.embeddings import BaseEmbedding
from llama_index.core.llms import MockLLM
from llama_index.core.retrievers import QueryFusionRetriever
from llama_index.core.schema import TextNode
from llama_index.retrievers.bm25 import BM25Retriever
from llama_index.vector_stores.faiss import FaissVectorStore
from pydantic import PrivateAttr
from sentence_transformers import SentenceTransformer

from benchmarks.peer_systems import CHINESE, Ask

_K = 20


class _Static(BaseEmbedding):  # type: ignore[misc]  # the library isn't in this environment
    _model: SentenceTransformer = PrivateAttr()

    def __init__(self, folder: str) -> None:
        super().__init__(embed_batch_size=64)
        self._model = SentenceTransformer(folder)

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        rows: list[list[float]] = self._model.encode(texts, normalize_embeddings=True).tolist()
        return rows

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embeddings([query])[0]

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_query_embedding(query)


def build(texts: Sequence[str], model: str) -> Ask:
    """One query (num_queries=1 asks no language model), reciprocal rank fusion."""
    Settings.llm = MockLLM()
    encoder = _Static(model)
    size = len(encoder.get_text_embedding("热身"))
    nodes = [TextNode(text=text, id_=str(key)) for key, text in enumerate(texts)]
    store = FaissVectorStore(faiss_index=faiss.IndexFlatIP(size))
    context = StorageContext.from_defaults(vector_store=store)
    index = VectorStoreIndex(nodes, storage_context=context, embed_model=encoder)
    words = BM25Retriever.from_defaults(
        nodes=nodes, similarity_top_k=_K, token_pattern=CHINESE, skip_stemming=True
    )
    both = QueryFusionRetriever(
        [index.as_retriever(similarity_top_k=_K), words],
        similarity_top_k=_K, num_queries=1, mode="reciprocal_rerank", use_async=False,
    )  # fmt: skip

    def ask(question: str, k: int) -> list[int]:
        return [int(found.node.node_id) for found in both.retrieve(question)[:k]]

    return ask
