"""The models that the settings name: embedder, reader, reranker."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial

from rag.answering import Reading
from rag.assembly.bundled import READER, reader_folder, segment
from rag.config import Settings
from rag.embedders import AUTO, open_embedder
from rag.protocols import Embedder, Reader, Reranker


@lru_cache(maxsize=1)
def bundled_embedder() -> Embedder:
    """The model of the package, opened once for search, gate and reader. Raises ModelError."""
    return open_embedder("default")


def embedder_of(settings: Settings) -> Embedder:
    """Open the configured model. Raises ModelError."""
    default = settings.embedding.model == "default"
    return bundled_embedder() if default else opener_of(settings)()


def opener_of(settings: Settings, *, processes: int | None = None) -> Callable[[], Embedder]:
    """What opens the configured model, here or, pickled, on another machine."""
    embedding = settings.embedding
    return partial(
        open_embedder,
        embedding.model,
        device=embedding.device or None,
        batch_size=embedding.batch_size,
        processes=embedding.processes if processes is None else processes,
        query_prompt=None if embedding.query_prompt == AUTO else embedding.query_prompt,
        passage_prompt=None if embedding.passage_prompt == AUTO else embedding.passage_prompt,
    )


def reading_of(settings: Settings) -> Reading | None:
    """What reads with the configured model; None for the rules alone. Raises ModelError."""
    name = settings.answering.reader
    if name == "rules":
        return None
    return Reading(_reader(name), whole=name in ("default", READER))


@lru_cache(maxsize=2)
def _reader(name: str) -> Reader:
    """Opened once: every new state of the index is read with it."""
    if name in ("default", READER):
        from rag.answering.neural_reader import NeuralReader

        return NeuralReader(reader_folder(), segment, bundled_embedder().embed_passages)
    from rag.answering.transformer_reader import TransformerReader

    return TransformerReader(name)


def reranker_of(settings: Settings) -> Reranker | None:
    """The configured reranker; None where there is none. Raises ModelError."""
    name = settings.retrieval.reranker
    return _reranker(name, settings.embedding.device or None) if name else None


@lru_cache(maxsize=1)
def _reranker(name: str, device: str | None) -> Reranker:
    """Opened once, as the reader."""
    from rag.retrieval.reranker import CrossEncoderReranker

    return CrossEncoderReranker(name, device=device)
