"""Load -> chunk -> embed: from files to documents that a store can take."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import numpy as np

from rag.chunking import Chunker
from rag.errors import LoadError
from rag.loaders import Batch, Limits, Problem, SourceFile, read
from rag.protocols import Embedder, IndexedDocument, Vectors
from rag.text import analyse
from rag.types import Document

# Enough to keep a batching embedder busy, little enough to bound memory (about 20 MB).
_FLUSH_CHARACTERS = 600_000
_EMBEDDED_AT_ONCE = 256  # passages between looks at whether somebody still waits for them


@dataclass(frozen=True, slots=True)
class Prepared:
    """Some documents of one file and the problems met since the last ones.

    `done` marks the last of the file; every file has exactly one.
    """

    file: SourceFile
    documents: tuple[IndexedDocument, ...]
    problems: tuple[Problem, ...]
    done: bool


class Preparer(Protocol):
    """Reads, cuts and embeds files; where it does so is its own affair."""

    def prepare(self, files: Sequence[SourceFile]) -> Generator[Prepared]:
        """Yield the documents of every file exactly once, file after file in the order given.

        A file that can't be read becomes a problem, and the others are still prepared. Raises
        RagError when none can be any more.
        """
        ...


class LocalPreparer:
    """Prepares in this process, a thread ahead of whoever stores; reading has its own process."""

    def __init__(
        self, *, embedder: Embedder, chunker: Chunker, limits: Limits, ocr: bool = True
    ) -> None:
        self._embedder = embedder
        self._chunker = chunker
        self._limits = limits
        self._ocr = ocr

    def prepare(self, files: Sequence[SourceFile]) -> Generator[Prepared]:
        """As `Preparer.prepare`. Raises LoadError when no reading process can be started."""
        stopped = threading.Event()
        ready: Future[list[Prepared]] | None = None
        with ThreadPoolExecutor(1, "prepare") as ahead:
            try:
                for batches in _flushes(read(files, limits=self._limits, ocr=self._ocr)):
                    next_ = ahead.submit(self.finish, batches, stopped)
                    if ready is not None:
                        yield from ready.result()
                    ready = next_
                if ready is not None:
                    yield from ready.result()
            finally:
                stopped.set()  # a transformer would take minutes for what nobody waits for

    def finish(
        self, batches: Sequence[Batch], stopped: threading.Event | None = None
    ) -> list[Prepared]:
        """Cut and embed what has been read. Raises InterruptedError soon after `stopped` is set."""
        documents = [document for batch in batches for document in batch.documents]
        ready = iter(indexed(documents, self._chunker, self._embedder, stopped))
        return [
            Prepared(
                batch.file, tuple(islice(ready, len(batch.documents))), batch.problems, batch.done
            )
            for batch in batches
        ]


def _flushes(batches: Iterable[Batch]) -> Iterator[list[Batch]]:
    waiting: list[Batch] = []
    characters = 0
    for batch in batches:
        waiting.append(batch)
        characters += sum(len(document.text) for document in batch.documents)
        if characters >= _FLUSH_CHARACTERS:
            yield waiting
            waiting, characters = [], 0
    if waiting:
        yield waiting


def indexed(
    documents: Sequence[Document],
    chunker: Chunker,
    embedder: Embedder,
    stopped: threading.Event | None = None,
) -> list[IndexedDocument]:
    """The documents with their chunks, terms and vectors, in order.

    Raises InterruptedError soon after `stopped` is set.
    """
    cut = [chunker.chunk(document) for document in documents]
    searched = [
        f"{chunk.context}\n{chunk.text}" if chunk.context else chunk.text
        for chunks in cut
        for chunk in chunks
    ]
    vectors = _embedded(searched, embedder, stopped)
    items = []
    at = 0
    for document, chunks in zip(documents, cut, strict=True):
        end = at + len(chunks)
        terms = [" ".join(analyse(text)) for text in searched[at:end]]
        items.append(IndexedDocument(document, chunks, terms, vectors[at:end]))
        at = end
    return items


def _embedded(texts: Sequence[str], embedder: Embedder, stopped: threading.Event | None) -> Vectors:
    parts = []
    for at in range(0, max(1, len(texts)), _EMBEDDED_AT_ONCE):
        if stopped is not None and stopped.is_set():
            raise InterruptedError("nobody waits for these vectors any more")
        parts.append(embedder.embed_passages(texts[at : at + _EMBEDDED_AT_ONCE]))
    return np.concatenate(parts)


def unreadable(source: str, error: OSError) -> Problem:
    """The problem of a file whose bytes the system doesn't give."""
    return Problem(
        source,
        LoadError(
            f"{source}: can't be read ({error.strerror}); check its permissions",
            f"{source}：无法读取（{error.strerror}），请检查文件权限",
        ),
    )
