"""Changes to a catalogue, all of them in its recent part, and the merging of its parts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from rag.protocols import FileRecord
from rag.stores.catalogue import SCHEMA, UNCHANGING, VIEWS, connect, files_of, removed_chunks
from rag.types import Chunk, Document

_TABLES = ("documents", "chunks", "files", "origins")


class CatalogueWriter:
    """Changes a catalogue that no reader has open yet."""

    def __init__(self, path: Path, base: Path | None, *, next_key: int) -> None:
        new = not path.exists()
        self._connection = connect(path, base)
        # The generation isn't published before everything is flushed, so a crash can't hurt it.
        self._connection.execute("PRAGMA main.journal_mode = OFF")
        self._connection.execute("PRAGMA main.synchronous = OFF")
        if new:
            self._connection.executescript(SCHEMA.format(part="main"))
        self._connection.executescript(VIEWS)
        self._connection.execute("BEGIN")
        self.next_key = next_key
        self._now = datetime.now(UTC).isoformat(timespec="seconds")
        self._closed = False

    def close(self) -> None:
        """Write what is open and close; harmless when it was closed before."""
        if self._closed:
            return
        self._closed = True
        try:
            self._connection.execute("COMMIT")
        finally:
            self._connection.close()

    def files(self) -> dict[str, FileRecord]:
        return files_of(self._connection)

    def count_removed(self) -> int:
        """How many of the base's chunks are gone."""
        return len(removed_chunks(self._connection))

    def put_file(self, source: str, sha256: str) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO main.files VALUES (?, ?)", (source, sha256)
        )

    def key_of(self, document_id: str) -> int | None:
        """The number of a document; None when there is none with this id."""
        row = self._connection.execute(
            "SELECT key FROM documents WHERE id = ?", (document_id,)
        ).fetchone()
        return None if row is None else int(row[0])

    def add_origin(self, source: str, document: int) -> None:
        """Note that `source` carries this document."""
        self._connection.execute(
            "INSERT INTO main.origins SELECT ?1, ?2 WHERE NOT EXISTS "
            "(SELECT 1 FROM origins WHERE source = ?1 AND document = ?2)",
            (source, document),
        )

    def add(self, document: Document, chunks: Sequence[Chunk], source: str) -> tuple[int, range]:
        """Store a new document; its number and the keys of its chunks."""
        info = document.info
        key = self.next_key
        chunk_keys = range(key + 1, key + 1 + len(chunks))
        self.next_key = key + 1 + len(chunks)
        pages = _json([(page.number, page.start, page.end) for page in document.pages])
        headings = _json([(h.start, h.end, h.level) for h in document.headings])
        self._connection.execute(
            "INSERT INTO main.documents VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
            (
                key, info.id, info.title, info.source, info.date, info.author, info.publisher,
                info.url, document.text, pages, headings, self._now,
            ),
        )  # fmt: skip
        self._connection.executemany(
            "INSERT INTO main.chunks VALUES (?,?,?,?,?,?,?)",
            [
                (chunk_key, key, chunk.id, chunk.start, chunk.end, chunk.context, chunk.page)
                for chunk_key, chunk in zip(chunk_keys, chunks, strict=True)
            ],
        )
        self.add_origin(source, key)
        return key, chunk_keys

    def remove_file(self, source: str) -> list[int]:
        """Forget a file; the numbers of the documents that no other file carries."""
        execute = self._connection.execute
        carried = [row[0] for row in self._of_file(source)]
        execute("DELETE FROM main.origins WHERE source = ?", (source,))
        execute("DELETE FROM main.files WHERE source = ?", (source,))
        execute("INSERT OR IGNORE INTO main.replaced VALUES (?)", (source,))
        orphans = []
        for document in carried:
            other = execute(
                "SELECT MIN(source) FROM origins WHERE document = ?", (document,)
            ).fetchone()[0]
            if other is None:
                orphans.append(document)
            else:  # the document stays and is now shown under the file that still carries it
                self._move(document, other)
        return orphans

    def _move(self, document: int, source: str) -> None:
        execute = self._connection.execute
        if execute("SELECT 1 FROM main.documents WHERE key = ?", (document,)).fetchone() is None:
            execute(
                "INSERT INTO main.documents SELECT * FROM base.documents WHERE key = ?", (document,)
            )
            execute("INSERT INTO main.hidden VALUES (?)", (-document,))
        execute("UPDATE main.documents SET source = ? WHERE key = ?", (source, document))

    def _of_file(self, source: str) -> Iterable[tuple[int]]:
        return self._connection.execute(
            "SELECT document FROM origins WHERE source = ?", (source,)
        ).fetchall()

    def remove_document(self, document: int) -> list[int]:
        """Delete a document; the keys its chunks had."""
        execute = self._connection.execute
        keys = [row[0] for row in execute("SELECT key FROM chunks WHERE document = ?", (document,))]
        execute("DELETE FROM main.chunks WHERE document = ?", (document,))
        execute("DELETE FROM main.origins WHERE document = ?", (document,))
        execute("DELETE FROM main.documents WHERE key = ?", (document,))
        execute("DELETE FROM main.hidden WHERE document = ?", (-document,))
        execute(
            "INSERT OR IGNORE INTO main.hidden SELECT key FROM base.documents WHERE key = ?",
            (document,),
        )
        return keys


def _json(values: Sequence[tuple[int, int, int]]) -> str:
    return json.dumps(values) if values else "[]"  # mostly: plain text has neither


def merge(path: Path, base: Path | None, target: Path) -> None:
    """Write what a recent part and its base show together as one new part."""
    with closing(connect(path, base, options=UNCHANGING)) as connection:
        connection.executescript(VIEWS)
        connection.execute("ATTACH ? AS merged", (target.absolute().as_uri(),))
        connection.execute("PRAGMA merged.journal_mode = OFF")
        connection.execute("PRAGMA merged.synchronous = OFF")
        connection.executescript(SCHEMA.format(part="merged"))
        connection.execute("BEGIN")
        for table in _TABLES:  # in the order of their keys, which fills pages best
            connection.execute(f"INSERT INTO merged.{table} SELECT * FROM {table} ORDER BY 1, 2")
        connection.execute("CREATE INDEX merged.documents_source ON documents (source, key)")
        connection.execute("COMMIT")
