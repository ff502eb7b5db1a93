"""One generation of the local store, opened for reading."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rag.errors import DamagedIndexError
from rag.protocols import Candidates, FileRecord, ListedDocument, StoreStats, Vectors
from rag.stores import terms, vectors
from rag.stores.catalogue import CatalogueReader
from rag.stores.generations import DOCUMENTS, TERMS, VECTORS, Manifest, base_of, opening
from rag.stores.verification import Verification
from rag.types import Chunk, Document, DocumentInfo


class LocalStore:
    """One generation, opened for reading: it stays as it is while newer ones are published.

    Every method raises DamagedIndexError once a file turns out to be damaged.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self._path = path
        self._manifest = manifest
        self._verification = Verification(path, manifest)
        with self._opening():
            self._terms = terms.TermsReader(path / TERMS)
            self._catalogue = CatalogueReader(path / DOCUMENTS, base_of(path, manifest, DOCUMENTS))
            self._vectors = vectors.VectorsReader(
                path / VECTORS,
                base_of(path, manifest, VECTORS),
                removed=self._catalogue.removed(),
            )

    @contextmanager
    def _reading(self) -> Iterator[None]:
        self._verification.refuse_damage()
        with self._opening():
            yield

    @contextmanager
    def _opening(self) -> Iterator[None]:
        try:
            with opening(self._path):
                yield
        except DamagedIndexError:
            self._verification.wait()  # it says which file has changed
            raise

    def search(self, query_terms: Sequence[str], vector: Vectors, *, limit: int) -> Candidates:
        """As `PassageStore.search`."""
        with self._reading():
            return Candidates(
                lexical=self._terms.search(query_terms, limit=limit),
                dense=self._vectors.search(vector, limit=limit),
            )

    def document_frequencies(self, query_terms: Sequence[str]) -> list[int]:
        with self._reading():
            return self._terms.frequencies(query_terms)

    def passages(self, keys: Sequence[int]) -> Mapping[int, tuple[Chunk, DocumentInfo]]:
        with self._reading():
            return self._catalogue.passages(keys)

    def document(self, document_id: str) -> Document | None:
        with self._reading():
            return self._catalogue.document(document_id)

    def documents(self) -> Iterator[tuple[DocumentInfo, int]]:
        with self._reading():
            yield from self._catalogue.documents()

    def listing(
        self, *, search: str = "", limit: int = 50, offset: int = 0
    ) -> tuple[Sequence[ListedDocument], int]:
        with self._reading():
            return self._catalogue.listing(search, limit, offset)

    def files(self) -> Mapping[str, FileRecord]:
        with self._reading():
            return self._catalogue.files()

    def stats(self) -> StoreStats:
        return StoreStats(self._manifest.documents, self._manifest.chunks, self._path.name)

    def verify(self) -> None:
        """Wait until every byte of this generation has been read. Raises DamagedIndexError."""
        self._verification.wait()

    def close(self) -> None:
        self._verification.stop()
        self._catalogue.close()
