"""The index that the settings name, and what fills it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag.assembly.keys import secret_of
from rag.assembly.models import embedder_of, opener_of
from rag.config import Settings
from rag.errors import ConfigError
from rag.protocols import Embedder, StoreBackend
from rag.stores import LocalBackend, Recipe
from rag.text import ANALYSER_VERSION

if TYPE_CHECKING:
    from rag.indexing import Indexer
    from rag.preparing import Preparer
    from rag.stores.milvus import MilvusBackend

MILVUS_SIZE = 2000  # characters of a passage whose terms Milvus still keeps whole


def recipe_of(settings: Settings, embedder: Embedder) -> Recipe:
    """How these settings make an index."""
    chunking = settings.chunking
    return Recipe(
        embedder=embedder.id,
        fingerprint=embedder.fingerprint,
        dimensions=embedder.dimensions,
        analyser=ANALYSER_VERSION,
        chunking=f"{chunking.size}-{chunking.overlap}",
    )


def backend_of(settings: Settings, embedder: Embedder) -> StoreBackend:
    """The index, tied to this embedder and these chunk sizes. Raises ConfigError."""
    recipe = recipe_of(settings, embedder)
    if settings.store.backend == "local":
        return LocalBackend(settings.index.dir, recipe)
    return milvus_of(settings, recipe)


def milvus_of(settings: Settings, recipe: Recipe) -> MilvusBackend:
    """The index on the configured Milvus server, which isn't asked yet. Raises ConfigError."""
    from rag.stores.milvus import MilvusBackend
    from rag.stores.milvus_server import Address

    store, size = settings.store, settings.chunking.size
    if size > MILVUS_SIZE:
        raise ConfigError(
            f"chunking.size={size} is more than Milvus keeps; set it to {MILVUS_SIZE} or less",
            f"chunking.size={size} 超出 Milvus 的限制，请设为不大于 {MILVUS_SIZE}",
        )
    token = secret_of("store.token_env", store.token_env)
    return MilvusBackend(
        Address(store.uri, token, store.ca_file, store.timeout_s),
        recipe,
        root=settings.index.dir,
        alias=store.collection,
        index=store.vectors,
    )


def indexer_of(settings: Settings, *, workers: str = "") -> Indexer:
    """What `rag index` runs; `workers` names the Ray cluster that prepares the files.

    Raises ModelError, ConfigError.
    """
    from rag.indexing import Indexer

    embedder = embedder_of(settings)
    backend = backend_of(settings, embedder)
    return Indexer(backend=backend, preparer=preparer_of(settings, embedder, workers))


def preparer_of(settings: Settings, embedder: Embedder, workers: str = "") -> Preparer:
    """What reads, cuts and embeds files: this process, or a Ray cluster. Raises ConfigError."""
    from rag.chunking import Chunker
    from rag.loaders import Limits

    chunker = Chunker(size=settings.chunking.size, overlap=settings.chunking.overlap)
    limits = Limits(
        seconds=settings.loading.timeout_s, memory_bytes=settings.loading.memory_mb * 1024 * 1024
    )
    ocr = settings.loading.ocr
    if workers:
        from rag.preparing.cluster import RayPreparer

        # A worker has one CPU: more processes would only crowd it.
        opener = opener_of(settings, processes=0)
        return RayPreparer(
            workers,
            open_embedder=opener,
            embedder=embedder,
            chunker=chunker,
            limits=limits,
            ocr=ocr,
        )
    from rag.preparing import LocalPreparer

    return LocalPreparer(embedder=embedder, chunker=chunker, limits=limits, ocr=ocr)
