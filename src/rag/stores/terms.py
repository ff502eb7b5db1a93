"""Search terms in tantivy: BM25 (k1 1.2, b 0.75) over pre-cut text.

Terms come joined by spaces and are split at spaces again; queries are built from terms, so no
user's string is ever parsed as a query language.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from tantivy import Document, Index, Occur, Query, SchemaBuilder, TextAnalyzerBuilder, Tokenizer

from rag.protocols import Candidate

_HEAP_BYTES = 128 * 1024 * 1024
_REMOVAL_ATTEMPTS = 5


def _open(path: Path, *, create: bool) -> Index:
    builder = SchemaBuilder()
    builder.add_text_field("terms", tokenizer_name="terms", index_option="freq")
    builder.add_integer_field("key", fast=True)
    builder.add_integer_field("document", indexed=True)
    index = Index(builder.build(), path=str(path)) if create else Index.open(str(path))
    index.register_tokenizer("terms", TextAnalyzerBuilder(Tokenizer.whitespace()).build())
    return index


@contextmanager
def _lockable(path: Path) -> Iterator[Path]:
    """`path`, or a folder of links to its files where `path` itself can't be written.

    tantivy makes a lock file beside an index even to open it for reading; once it is open, its
    files are mapped and the links aren't needed any more.
    """
    if os.access(path, os.W_OK):
        yield path
        return
    folder = Path(mkdtemp(prefix="rag-terms-"))
    try:
        for file in path.absolute().iterdir():
            if not file.name.endswith(".lock"):
                (folder / file.name).symlink_to(file)
        yield folder
    finally:
        for _ in range(_REMOVAL_ATTEMPTS):
            shutil.rmtree(folder, ignore_errors=True)
            if not folder.exists():
                break
            time.sleep(0.01)  # tantivy's watcher, as it ends, may just have made a lock file


@contextmanager
def _panics_raised() -> Iterator[None]:
    """Of most damage tantivy says that it panicked, which is no `Exception`: raise ValueError."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # pyo3 has no name to import
            raise
        raise ValueError(f"tantivy: {error}") from None


class TermsReader:
    """One committed state of the terms. Every method raises ValueError for damaged files."""

    def __init__(self, path: Path) -> None:
        with _panics_raised(), _lockable(path) as folder:
            self._index = _open(folder, create=False)
            # A generation never changes: no thread need look for changes twice a second.
            self._index.config_reader(reload_policy="manual")
            self._searcher = self._index.searcher()

    def search(self, terms: Sequence[str], *, limit: int) -> list[Candidate]:
        """The best `limit` chunks by BM25 over the distinct `terms`."""
        if not terms or not limit:
            return []
        schema = self._index.schema
        parts = [
            (Occur.Should, Query.term_query(schema, "terms", term, "freq"))
            for term in dict.fromkeys(terms)
        ]
        with _panics_raised():
            found = self._searcher.search(Query.boolean_query(parts), limit, count=False).hits
            keys = self._searcher.fast_field_values("key", [address for _, address in found])
        return [
            Candidate(key=int(key), score=float(score))
            for (score, _), key in zip(found, keys, strict=True)
        ]

    def frequencies(self, terms: Sequence[str]) -> list[int]:
        """In how many chunks each term stands."""
        with _panics_raised():
            return [self._searcher.doc_freq("terms", term) for term in terms]


class TermsWriter:
    """Adds and deletes; nothing is visible before `commit`."""

    def __init__(self, path: Path, *, create: bool) -> None:
        path.mkdir(exist_ok=True)
        self._index = _open(path, create=create)
        # One thread keeps the order of the segments, and so of equal scores, the same every time.
        self._writer = self._index.writer(heap_size=_HEAP_BYTES, num_threads=1)

    def add(self, document: int, rows: Iterable[tuple[int, str]]) -> None:
        """Add `(key, terms joined by spaces)` rows that belong to `document`."""
        for key, terms in rows:
            self._writer.add_document(Document(terms=terms, key=key, document=document))

    def remove(self, document: int) -> None:
        """Delete every chunk of `document` that was added before."""
        self._writer.delete_documents_by_term("document", document)

    def commit(self) -> None:
        """Write everything; the writer can't be used afterwards.

        tantivy never changes a file it has written, it replaces them: they can be hard links.
        """
        self._writer.commit()
        self._writer.garbage_collect_files()
        self._writer.wait_merging_threads()
