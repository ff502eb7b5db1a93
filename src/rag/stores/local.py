"""The store on one machine: SQLite for documents, tantivy for terms, FAISS for vectors."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from rag.errors import DamagedIndexError, IncompatibleIndexError
from rag.protocols import (
    Candidates,
    FileRecord,
    IndexedDocument,
    ListedDocument,
    StoreStats,
    Vectors,
)
from rag.stores import terms, vectors
from rag.stores.catalogue import CatalogueReader, CatalogueWriter
from rag.stores.generations import (
    FORMAT,
    Generations,
    Manifest,
    Recipe,
    describe_files,
    opening,
    storage_errors,
    verify_files,
)
from rag.types import Chunk, Document, DocumentInfo

_DOCUMENTS = "documents.sqlite"
_VECTORS = "vectors.faiss"
_TERMS = "terms"
_OPEN_ATTEMPTS = 3


class LocalStore:
    """One generation, opened for reading: it stays as it is while newer ones are published."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        verify_files(path, manifest)
        self._manifest = manifest
        self._name = path.name
        with opening(path):
            self._terms = terms.TermsReader(path / _TERMS)
            self._vectors = vectors.open_index(path / _VECTORS, mapped=True)
            self._catalogue = CatalogueReader(path / _DOCUMENTS)

    def search(self, query_terms: Sequence[str], vector: Vectors, *, limit: int) -> Candidates:
        """As `PassageStore.search`."""
        return Candidates(
            lexical=self._terms.search(query_terms, limit=limit),
            dense=vectors.search(self._vectors, vector, limit=limit),
        )

    def document_frequencies(self, query_terms: Sequence[str]) -> list[int]:
        return self._terms.frequencies(query_terms)

    def passages(self, keys: Sequence[int]) -> Mapping[int, tuple[Chunk, DocumentInfo]]:
        return self._catalogue.passages(keys)

    def document(self, document_id: str) -> Document | None:
        return self._catalogue.document(document_id)

    def documents(self) -> Iterator[tuple[DocumentInfo, int]]:
        return self._catalogue.documents()

    def listing(
        self, *, search: str = "", limit: int = 50, offset: int = 0
    ) -> tuple[Sequence[ListedDocument], int]:
        return self._catalogue.listing(search, limit, offset)

    def files(self) -> Mapping[str, FileRecord]:
        return self._catalogue.files()

    def stats(self) -> StoreStats:
        return StoreStats(self._manifest.documents, self._manifest.chunks, self._name)

    def close(self) -> None:
        self._catalogue.close()


class LocalWriter:
    """The next generation while it is being built; `LocalBackend.update` makes one."""

    def __init__(
        self,
        generations: Generations,
        base: tuple[Path, Manifest] | None,
        recipe: Recipe,
        path: Path,
    ) -> None:
        self._generations = generations
        self._recipe = recipe
        self._known = {} if base is None else dict(base[1].files)
        self._path = path
        self.committed = False
        if base is not None:
            shutil.copyfile(base[0] / _DOCUMENTS, self._path / _DOCUMENTS)
            terms.clone(base[0] / _TERMS, self._path / _TERMS)
        self._catalogue = CatalogueWriter(
            self._path / _DOCUMENTS, next_key=base[1].next_key if base else 1
        )
        self._terms = terms.TermsWriter(self._path / _TERMS, create=base is None)
        self._vectors = (
            vectors.new_index(recipe.dimensions)
            if base is None
            else vectors.open_index(base[0] / _VECTORS, mapped=False)
        )

    def files(self) -> Mapping[str, FileRecord]:
        with storage_errors(self._generations.root):
            return self._catalogue.files()

    def start_file(self, source: str) -> None:
        self.remove_file(source)
        self.finish_file(source, "")

    def finish_file(self, source: str, sha256: str) -> None:
        with storage_errors(self._generations.root):
            self._catalogue.put_file(source, sha256)

    def add(self, source: str, documents: Iterable[IndexedDocument]) -> None:
        """As `StoreWriter.add`."""
        with storage_errors(self._generations.root):
            for item in documents:
                self._add(item, source)

    def _add(self, item: IndexedDocument, source: str) -> None:
        known = self._catalogue.key_of(item.document.info.id)
        if known is not None:
            self._catalogue.add_origin(source, known)
            return
        document, keys = self._catalogue.add(item.document, item.chunks, source)
        self._terms.add(document, zip(keys, item.terms, strict=True))
        vectors.add(self._vectors, keys, item.vectors)

    def remove_file(self, source: str) -> int:
        with storage_errors(self._generations.root):
            orphans = self._catalogue.remove_file(source)
            for document in orphans:
                self._remove(document)
        return len(orphans)

    def remove_document(self, document_id: str) -> bool:
        with storage_errors(self._generations.root):
            document = self._catalogue.key_of(document_id)
            if document is not None:
                self._remove(document)
        return document is not None

    def _remove(self, document: int) -> None:
        self._terms.remove(document)
        vectors.remove(self._vectors, self._catalogue.remove_document(document))

    def commit(self) -> StoreStats:
        """Flush, describe and publish. Raises StorageError and leaves the old state in use."""
        with storage_errors(self._generations.root):
            documents, chunks = self._catalogue.counts()
            self._catalogue.close()
            self._terms.commit()
            vectors.save_index(self._vectors, self._path / _VECTORS)
            manifest = Manifest(
                format=FORMAT,
                recipe=self._recipe,
                documents=documents,
                chunks=chunks,
                next_key=self._catalogue.next_key,
                files=describe_files(self._path, self._known),
            )
            self._generations.publish(self._path, manifest)
        self.committed = True
        return StoreStats(documents, chunks, self._path.name)

    def discard(self) -> None:
        """Throw the unfinished generation away.

        One that was interrupted after it had been published is in use and stays.
        """
        with suppress(sqlite3.Error):  # a full disk, say; what matters has been raised already
            self._catalogue.close()
        if self._generations.published(self._path):
            return
        for _ in range(40):  # tantivy's threads may still be writing a file into it
            shutil.rmtree(self._path, ignore_errors=True)
            if not self._path.exists():
                break
            time.sleep(0.05)


class LocalBackend:
    """An index folder that belongs to one recipe (embedder, analyser, chunking)."""

    def __init__(self, root: Path, recipe: Recipe) -> None:
        self._generations = Generations(root)
        self._recipe = recipe

    def snapshot(self) -> str:
        """The name of the generation in use: one small read. Raises IndexUnusableError."""
        return self._generations.current().name

    def open(self) -> LocalStore:
        """Open the generation in use.

        Raises NoIndexError, DamagedIndexError, and IncompatibleIndexError when it was built by
        another embedder or analyser.
        """
        for attempt in range(_OPEN_ATTEMPTS):
            path = self._generations.current()
            try:
                manifest = self._generations.manifest(path)
                self._check(manifest.recipe)
                return LocalStore(path, manifest)
            except DamagedIndexError:
                # Two updates may have passed since CURRENT was read, and its files be gone.
                if attempt == _OPEN_ATTEMPTS - 1 or self._generations.current() == path:
                    raise
        raise AssertionError("unreachable")

    def _check(self, built: Recipe) -> None:
        wanted = self._recipe
        if (built.embedder, built.fingerprint) != (wanted.embedder, wanted.fingerprint):
            raise IncompatibleIndexError(
                f"{self._generations.root}: the index was built with the embedding model "
                f"{built.embedder} ({built.fingerprint}) and the configuration names "
                f"{wanted.embedder} ({wanted.fingerprint}); set embedding.model back or run: "
                "rag index",
                f"{self._generations.root}：索引由向量模型 {built.embedder}（{built.fingerprint}）"
                f"建立，而当前配置为 {wanted.embedder}（{wanted.fingerprint}）；"
                "请改回 embedding.model，或运行：rag index",
            )
        if built.analyser != wanted.analyser:
            raise IncompatibleIndexError(
                f"{self._generations.root}: the index was cut into terms by {built.analyser} and "
                f"this version uses {wanted.analyser}; run: rag index",
                f"{self._generations.root}：索引的切词方式为 {built.analyser}，"
                f"本版本为 {wanted.analyser}，请运行：rag index",
            )

    @contextmanager
    def update(self, *, rebuild: bool = False) -> Iterator[LocalWriter]:
        """One update under the writer's lock, on top of the present state.

        Starts from nothing when `rebuild`, when there is no index or when it was made by another
        recipe. Raises IndexBusyError, StorageError, and DamagedIndexError when the present state
        can't be built upon. What isn't committed is discarded.
        """
        with self._generations.writing():
            base = None if rebuild else self._base()
            with storage_errors(self._generations.root):
                self._generations.clear(keep={self._generations.named()})
                writer = self._begin(base)
            try:
                yield writer
            finally:
                if not writer.committed:
                    writer.discard()

    def _begin(self, base: tuple[Path, Manifest] | None) -> LocalWriter:
        path = self._generations.begin()
        try:
            return LocalWriter(self._generations, base, self._recipe, path)
        except BaseException:  # a disk that is full already isn't left fuller
            shutil.rmtree(path, ignore_errors=True)
            raise

    def _base(self) -> tuple[Path, Manifest] | None:
        if not self._generations.pointer.exists():
            return None
        path = self._generations.current()
        try:
            manifest = self._generations.manifest(path)
        except IncompatibleIndexError:
            return None
        if manifest.recipe != self._recipe:
            return None
        verify_files(path, manifest)
        return path, manifest
