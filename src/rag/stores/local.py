"""The store on one machine: SQLite for documents, tantivy for terms, FAISS for vectors."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rag.errors import DamagedIndexError, IncompatibleIndexError
from rag.protocols import FileRecord, IndexedDocument, StoreStats, Vectors
from rag.stores import terms, vectors
from rag.stores.catalogue_writer import CatalogueWriter
from rag.stores.compaction import compacted, is_due
from rag.stores.generations import (
    BASE,
    DOCUMENTS,
    FORMAT,
    TERMS,
    VECTORS,
    FileEntry,
    Generations,
    Manifest,
    Recipe,
    base_of,
    link_files,
    storage_errors,
)
from rag.stores.reader import LocalStore
from rag.stores.verification import check, describe_files, verify_files

_OPEN_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class _Before:
    """The generation an update starts from; `unread` are the files checked in part."""

    path: Path
    manifest: Manifest
    unread: Sequence[str]


class LocalWriter:
    """The next generation while it is being built; `LocalBackend.update` makes one."""

    def __init__(
        self, generations: Generations, before: _Before | None, recipe: Recipe, path: Path
    ) -> None:
        self._generations = generations
        self._recipe = recipe
        self._before = before
        self._path = path
        self.committed = False
        manifest = before.manifest if before else None
        self._documents = manifest.documents if manifest else 0
        self._chunks = manifest.chunks if manifest else 0
        self._removed: list[int] = []
        base = None
        if before is not None and manifest is not None:
            shutil.copyfile(before.path / DOCUMENTS, path / DOCUMENTS)
            link_files(before.path / TERMS, path / TERMS)
            base = base_of(path, manifest, DOCUMENTS)
            if base is not None:
                link_files(before.path / BASE, path / BASE)
        self._catalogue = CatalogueWriter(
            path / DOCUMENTS, base, next_key=manifest.next_key if manifest else 1
        )
        self._terms = terms.TermsWriter(path / TERMS, create=before is None)
        self._vectors = (
            vectors.new_index(recipe.dimensions)
            if before is None
            else vectors.open_index(before.path / VECTORS, mapped=False)
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
            added: list[int] = []
            rows: list[Vectors] = []
            for item in documents:
                if keys := self._add(item, source):
                    added.extend(keys)
                    rows.append(item.vectors)
            if rows:
                vectors.add(self._vectors, added, np.concatenate(rows))

    def _add(self, item: IndexedDocument, source: str) -> Sequence[int]:
        """The keys of a document's chunks; none where another file carries it, too."""
        known = self._catalogue.key_of(item.document.info.id)
        if known is not None:
            self._catalogue.add_origin(source, known)
            return ()
        document, keys = self._catalogue.add(item.document, item.chunks, source)
        self._terms.add(document, zip(keys, item.terms, strict=True))
        self._documents += 1
        self._chunks += len(keys)
        return keys

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
        keys = self._catalogue.remove_document(document)
        self._removed.extend(keys)
        self._documents -= 1
        self._chunks -= len(keys)

    def commit(self) -> StoreStats:
        """Flush, describe and publish. Raises StorageError and leaves the old state in use."""
        with storage_errors(self._generations.root):
            recent = self._catalogue.count_removed()
            self._catalogue.close()
            self._terms.commit()
            vectors.remove(self._vectors, self._removed)
            recent += self._vectors.ntotal
            vectors.save_index(self._vectors, self._path / VECTORS)
            manifest = Manifest(
                format=FORMAT,
                recipe=self._recipe,
                documents=self._documents,
                chunks=self._chunks,
                recent=recent,
                next_key=self._catalogue.next_key,
                files=self._described(),
            )
            self._generations.publish(self._path, manifest)
        self.committed = True
        return StoreStats(self._documents, self._chunks, self._path.name)

    def _described(self) -> Mapping[str, FileEntry]:
        """The files of the new generation, once what they were made from is known to be sound."""
        if self._before is None:
            return describe_files(self._path, None, {})
        known = self._before.manifest.files
        entries = describe_files(self._path, self._before.path, known)
        merged = [name for name in self._before.unread if entries.get(name) != known[name]]
        verify_files(self._before.path, self._before.manifest, merged)
        return entries

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
            before = None if rebuild else self._before()
            with storage_errors(self._generations.root):
                self._generations.clear(keep={self._generations.named()})
                writer = self._begin(before)
            try:
                yield writer
            finally:
                if not writer.committed:
                    writer.discard()

    def _begin(self, before: _Before | None) -> LocalWriter:
        path = self._generations.begin()
        try:
            return LocalWriter(self._generations, before, self._recipe, path)
        except BaseException:  # a disk that is full already isn't left fuller
            shutil.rmtree(path, ignore_errors=True)
            raise

    def compact(self, starting: Callable[[], None] = lambda: None) -> bool:
        """Merge what is recent into the base once that is worth it; whether it was.

        The articles stay as they are, readers go on. Calls `starting` before what may take
        minutes. Raises IndexBusyError, StorageError, DamagedIndexError and leaves the old state
        in use when it does.
        """
        if not self._due():  # without the lock: nobody is kept from writing for nothing
            return False
        with self._generations.writing():
            current = self._current()
            if current is None:
                return False
            before, manifest = current
            starting()
            verify_files(before, manifest)
            with storage_errors(self._generations.root):
                self._generations.clear(keep={before.name})
                path = self._generations.begin()
                try:
                    self._generations.publish(path, compacted(before, manifest, path))
                finally:
                    if not self._generations.published(path):
                        shutil.rmtree(path, ignore_errors=True)
        return True

    def _due(self) -> bool:
        current = self._current()
        return current is not None and is_due(current[1])

    def _before(self) -> _Before | None:
        current = self._current()
        return None if current is None else _Before(*current, check(*current, whole=TERMS))

    def _current(self) -> tuple[Path, Manifest] | None:
        """The generation that can be built upon, if there is one. Raises DamagedIndexError."""
        if not self._generations.pointer.exists():
            return None
        path = self._generations.current()
        try:
            manifest = self._generations.manifest(path)
        except IncompatibleIndexError:
            return None
        if manifest.recipe != self._recipe:
            return None
        return path, manifest
