"""Configuration -> parts; the only package that names concrete classes.

Heavy imports stand inside the functions that need them: asking a question must not pay for
building an index, nor for a page.
"""

from rag.assembly.answering import analyser_of, assistant_of, judge_of, retriever_of, system_of
from rag.assembly.bundled import (
    bundled_confidence,
    bundled_lexicon,
    place_list,
    reader_folder,
    segment,
)
from rag.assembly.keys import key_of
from rag.assembly.live import LiveAssistant
from rag.assembly.models import bundled_embedder, embedder_of, reading_of, reranker_of
from rag.assembly.stores import backend_of, indexer_of, milvus_of, preparer_of, recipe_of
from rag.assembly.writers import endpoint_of, writer_of

__all__ = [
    "LiveAssistant",
    "analyser_of",
    "assistant_of",
    "backend_of",
    "bundled_confidence",
    "bundled_embedder",
    "bundled_lexicon",
    "embedder_of",
    "endpoint_of",
    "indexer_of",
    "judge_of",
    "key_of",
    "milvus_of",
    "place_list",
    "preparer_of",
    "reader_folder",
    "reading_of",
    "recipe_of",
    "reranker_of",
    "retriever_of",
    "segment",
    "system_of",
    "writer_of",
]
