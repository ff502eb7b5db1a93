"""LangChain: FAISS and BM25 (jieba) joined by EnsembleRetriever with equal weights."""

from collections.abc import Sequence

import jieba
from langchain_classic.retrievers import EnsembleRetriever
from langchain_community.retrievers import BM25Retriever
from langchain_community.vectorstores import FAISS
from langchain_core.documents import Document
from langchain_huggingface import HuggingFaceEmbeddings

from benchmarks.peer_systems import Ask

_K = 20


def build(texts: Sequence[str], model: str) -> Ask:
    """Both retrievers over the same documents."""
    documents = [Document(text, metadata={"key": key}) for key, text in enumerate(texts)]
    words = BM25Retriever.from_documents(documents, preprocess_func=jieba.lcut, k=_K)
    dense = FAISS.from_documents(documents, HuggingFaceEmbeddings(model_name=model))
    both = EnsembleRetriever(
        retrievers=[words, dense.as_retriever(search_kwargs={"k": _K})], weights=[0.5, 0.5]
    )

    def ask(question: str, k: int) -> list[int]:
        return [int(found.metadata["key"]) for found in both.invoke(question)[:k]]

    return ask
