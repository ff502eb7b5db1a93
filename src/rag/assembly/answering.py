"""The parts that answer a question, and the assistant they make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag.answering import EvidenceFinder, Judge, QuestionAnalyser, Rewriter
from rag.assembly.bundled import bundled_confidence, bundled_lexicon, place_list, segment
from rag.assembly.models import embedder_of, reading_of, reranker_of
from rag.assembly.stores import backend_of
from rag.assembly.writers import Writer, writer_of
from rag.assistant import Assistant
from rag.config import Settings
from rag.protocols import Embedder, PassageStore, StoreBackend
from rag.retrieval import HybridRetriever

if TYPE_CHECKING:
    from rag.evaluation import System


def assistant_of(settings: Settings) -> Assistant:
    """Open the index for questions. Raises ModelError, IndexUnusableError."""
    embedder = embedder_of(settings)
    return assistant_over(
        settings, embedder, backend_of(settings, embedder), writer_of(settings, embedder)
    )


def assistant_over(
    settings: Settings, embedder: Embedder, backend: StoreBackend, writer: Writer
) -> Assistant:
    """The assistant over the backend's newest state. Raises ModelError, IndexUnusableError."""
    store = backend.open()
    analyser = analyser_of(store)
    return Assistant(
        store=store,
        retriever=retriever_of(settings, embedder, store),
        analyser=analyser,
        rewriter=writer.rewriter(Rewriter(analyser)),
        judge=judge_of(settings, embedder, store),
        generator=writer.generator,
        top_k=settings.retrieval.top_k,
    )


def analyser_of(store: PassageStore) -> QuestionAnalyser:
    """What weighs a question's words by how rare they are in these articles."""
    return QuestionAnalyser(segment, store.document_frequencies, store.stats().chunks, place_list())


def judge_of(settings: Settings, embedder: Embedder, store: PassageStore) -> Judge:
    """What decides whether these articles answer a question. Raises ModelError."""
    return Judge(
        EvidenceFinder(embedder, segment, place_list()),
        store.document,
        confidence=bundled_confidence(),
        threshold=settings.answering.threshold,
        reading=reading_of(settings),
    )


def retriever_of(settings: Settings, embedder: Embedder, store: PassageStore) -> HybridRetriever:
    """The search, as configured. Raises ModelError."""
    retrieval = settings.retrieval
    return HybridRetriever(
        store,
        embedder,
        candidates=retrieval.candidates,
        dense_weight=retrieval.dense_weight,
        adaptive=retrieval.adaptive,
        reranker=reranker_of(settings),
        rerank_top=retrieval.rerank_top,
        # Other models have learnt more English than a list of words.
        lexicon=bundled_lexicon() if settings.embedding.model == "default" else None,
    )


def system_of(settings: Settings) -> System:
    """What `rag eval` measures. Raises ModelError, IndexUnusableError."""
    from rag.evaluation import System, fingerprint_of

    embedder = embedder_of(settings)
    backend = backend_of(settings, embedder)
    answering = settings.answering.model_copy(update={"threshold": 0.0})
    unbarred = settings.model_copy(update={"answering": answering})
    store = backend.open()
    writer = writer_of(settings, embedder)
    return System(
        assistant=assistant_over(settings, embedder, backend, writer),
        # A language model's answers are too dear to ask for what won't be shown.
        unbarred=assistant_over(unbarred, embedder, backend, writer)
        if settings.generator.backend == "extractive"
        else None,
        retriever=retriever_of(settings, embedder, store),
        places=place_list(),
        fingerprint=fingerprint_of(settings, embedder, store, reranker_of(settings)),
    )
