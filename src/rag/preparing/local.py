"""Load -> chunk -> embed: from files to documents that a store can take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from rag.chunking import Chunker
from rag.errors import LoadError
from rag.loaders import Batch, Limits, Problem, SourceFile, read
from rag.protocols import Embedder, IndexedDocument
from rag.text import analyse
from rag.types import Document

# Enough to keep a batching embedder busy, little enough to bound memory (about 20 MB).
_FLUSH_CHARACTERS = 600_000


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

    def prepare(self, files: Sequence[SourceFile]) -> Iterator[Prepared]:
        """Yield the documents of every file exactly once, file after file in the order given.

        A file that can't be read becomes a problem, and the others are still prepared. Raises
        RagError when none can be any more.
        """
        ...


class LocalPreparer:
    """Prepares in this process; only the reading has one of its own."""

    def __init__(
        self, *, embedder: Embedder, chunker: Chunker, limits: Limits, ocr: bool = True
    ) -> None:
        self._embedder = embedder
        self._chunker = chunker
        self._limits = limits
        self._ocr = ocr

    def prepare(self, files: Sequence[SourceFile]) -> Iterator[Prepared]:
        """As `Preparer.prepare`. Raises LoadError when no reading process can be started."""
        waiting: list[Batch] = []
        characters = 0
        for batch in read(files, limits=self._limits, ocr=self._ocr):
            waiting.append(batch)
            characters += sum(len(document.text) for document in batch.documents)
            if characters >= _FLUSH_CHARACTERS:
                yield from self.finish(waiting)
                waiting, characters = [], 0
        yield from self.finish(waiting)

    def finish(self, batches: Sequence[Batch]) -> Iterator[Prepared]:
        """Cut and embed what has been read, all of it in one call of the embedder."""
        documents = [document for batch in batches for document in batch.documents]
        ready = iter(indexed(documents, self._chunker, self._embedder))
        for batch in batches:
            mine = tuple(islice(ready, len(batch.documents)))
            yield Prepared(batch.file, mine, batch.problems, batch.done)


def indexed(
    documents: Sequence[Document], chunker: Chunker, embedder: Embedder
) -> list[IndexedDocument]:
    """The documents with their chunks, terms and vectors, in order."""
    cut = [chunker.chunk(document) for document in documents]
    searched = [
        f"{chunk.context}\n{chunk.text}" if chunk.context else chunk.text
        for chunks in cut
        for chunk in chunks
    ]
    vectors = embedder.embed_passages(searched)
    items = []
    at = 0
    for document, chunks in zip(documents, cut, strict=True):
        end = at + len(chunks)
        terms = [" ".join(analyse(text)) for text in searched[at:end]]
        items.append(IndexedDocument(document, chunks, terms, vectors[at:end]))
        at = end
    return items


def unreadable(source: str, error: OSError) -> Problem:
    """The problem of a file whose bytes the system doesn't give."""
    return Problem(
        source,
        LoadError(
            f"{source}: can't be read ({error.strerror}); check its permissions",
            f"{source}：无法读取（{error.strerror}），请检查文件权限",
        ),
    )
