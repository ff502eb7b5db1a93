"""The seams. Each is small, and each has one contract suite that every implementation passes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rag.types import Chunk, Document, DocumentInfo

Vectors = NDArray[np.float32]


class Loader(Protocol):
    """Reads one kind of file."""

    def load(self, path: Path, *, source: str) -> Iterator[Document]:
        """Yield the documents of `path`; `source` is what people see as its name.

        Raises LoadError, naming `source`, when the file or one of its records can't be read;
        the documents yielded before stay valid.
        """
        ...


class Embedder(Protocol):
    """Turns text into unit vectors whose dot product is the similarity.

    `id` names the model; `fingerprint` changes whenever its weights do.
    """

    @property
    def id(self) -> str: ...

    @property
    def fingerprint(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Shape `(len(texts), dimensions)`, float32, rows of length 1 (0 for an empty text)."""
        ...

    def embed_query(self, text: str) -> Vectors:
        """Shape `(dimensions,)`, float32, length 1 (0 for an empty text)."""
        ...


class Reranker(Protocol):
    """Judges passages with the question before it: slower than vectors, and better.

    `id` names the model; `fingerprint` changes whenever its weights do. Safe to use from several
    threads.
    """

    @property
    def id(self) -> str: ...

    @property
    def fingerprint(self) -> str: ...

    def scores(self, query: str, passages: Sequence[str]) -> Sequence[float]:
        """One finite number for each passage, higher is better, in the model's own measure.

        Comparable within one call. The same input gives the same numbers, always.
        """
        ...


@dataclass(frozen=True, slots=True)
class ReadSpan:
    """A span that answers a question: `text == passages[passage][start:end]`, always.

    `probability` is the reader's own, uncalibrated, that of no answer in these passages
    included; `margin` is how much better the span scores than no answer, in log odds.
    """

    passage: int
    start: int
    end: int
    text: str
    probability: float
    margin: float


class Reader(Protocol):
    """Finds the exact answer inside passages. The same input gives the same spans, always."""

    @property
    def id(self) -> str: ...

    def room(self, question: str) -> int:
        """How much text is read beside `question`, in `length`'s measure; the rest is left out."""
        ...

    def length(self, text: str) -> int:
        """How much of that room a text takes."""
        ...

    def read(self, question: str, passages: Sequence[str]) -> Sequence[ReadSpan]:
        """The best spans, best first; they may overlap. None where there is nothing to read."""
        ...


@dataclass(frozen=True, slots=True)
class IndexedDocument:
    """A document ready to be stored: its chunks, their search terms and their vectors.

    `terms[i]` are the terms of `chunks[i]`, pre-cut and joined by single spaces;
    `vectors` has shape `(len(chunks), dimensions)`.
    """

    document: Document
    chunks: Sequence[Chunk]
    terms: Sequence[str]
    vectors: Vectors


@dataclass(frozen=True, slots=True)
class Candidate:
    """A chunk one search found. `key` is the store's own number for it, `score` that search's."""

    key: int
    score: float


@dataclass(frozen=True, slots=True)
class Candidates:
    """What the two searches found, each best first."""

    lexical: Sequence[Candidate]
    dense: Sequence[Candidate]


@dataclass(frozen=True, slots=True)
class StoreStats:
    """Counts, and the name of the state that a reader sees."""

    documents: int
    chunks: int
    snapshot: str


@dataclass(frozen=True, slots=True)
class ListedDocument:
    """A document in a list: `indexed_at` is ISO 8601 in UTC."""

    info: DocumentInfo
    chunks: int
    indexed_at: str


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file the index knows: `source` is its name for people, `sha256` of its bytes."""

    source: str
    sha256: str
    documents: int


class PassageStore(Protocol):
    """Read access to one state of an index. Safe to use from several threads."""

    def search(self, terms: Sequence[str], vector: Vectors, *, limit: int) -> Candidates:
        """The best `limit` chunks by BM25 over `terms` and by dot product with `vector`."""
        ...

    def document_frequencies(self, terms: Sequence[str]) -> Sequence[int]:
        """In how many chunks each term stands."""
        ...

    def passages(self, keys: Sequence[int]) -> Mapping[int, tuple[Chunk, DocumentInfo]]:
        """The chunks with these keys; unknown keys are left out."""
        ...

    def document(self, document_id: str) -> Document | None:
        """The whole document, None when it isn't in the index."""
        ...

    def documents(self) -> Iterator[tuple[DocumentInfo, int]]:
        """Every document with its number of chunks, by source, then in file order."""
        ...

    def listing(
        self, *, search: str = "", limit: int = 50, offset: int = 0
    ) -> tuple[Sequence[ListedDocument], int]:
        """One page, in that order, of the documents whose title or source holds `search`.

        The second value is how many there are on all pages.
        """
        ...

    def files(self) -> Mapping[str, FileRecord]:
        """The files this index was built from, by source."""
        ...

    def stats(self) -> StoreStats: ...

    def verify(self) -> None:
        """Return once everything is known to be as it was written. Raises DamagedIndexError."""
        ...

    def close(self) -> None: ...


class StoreWriter(Protocol):
    """One update of an index: all of it becomes visible at `commit`, or none of it does."""

    def files(self) -> Mapping[str, FileRecord]:
        """The files known so far, this update's changes included."""
        ...

    def start_file(self, source: str) -> None:
        """Drop what came from `source` before; `add` then fills it anew."""
        ...

    def add(self, source: str, documents: Iterable[IndexedDocument]) -> None:
        """Add documents that came from `source`.

        A document whose id is already there is kept as it is and belongs to both files.
        """
        ...

    def finish_file(self, source: str, sha256: str) -> None:
        """Note the hash of a file that has been read; an empty one makes the next run read it."""
        ...

    def remove_file(self, source: str) -> int:
        """Forget a file; the number of documents that went with it."""
        ...

    def remove_document(self, document_id: str) -> bool:
        """Take one document out; False when it isn't there."""
        ...

    def commit(self) -> StoreStats:
        """Make the update visible. Raises StorageError and leaves the old state when it can't."""
        ...


class StoreBackend(Protocol):
    """Opens a store for reading or for one update."""

    def snapshot(self) -> str:
        """The name of the state that `open` would open now; cheap. Raises IndexUnusableError."""
        ...

    def open(self) -> PassageStore:
        """Raises IndexUnusableError."""
        ...

    def update(self, *, rebuild: bool = False) -> AbstractContextManager[StoreWriter]:
        """One update at a time; what isn't committed when it ends is discarded.

        Raises IndexBusyError, StorageError.
        """
        ...

    def compact(self, starting: Callable[[], None] = lambda: None) -> bool:
        """Bring what updates have left into the form that is fastest, if that is worth its time.

        What the index holds stays the same and readers go on. Calls `starting` before what may
        take minutes; whether there was anything to do. Raises IndexBusyError, StorageError,
        IndexUnusableError.
        """
        ...
